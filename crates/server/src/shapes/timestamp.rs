//! Timestamps, as `apigatewayv2` has them.

use gatepost_model::request_context::iso_time;
use serde::{Serialize, Serializer};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{FromJson, Reader};

/// Milliseconds since the epoch; `2026-09-25T00:22:29Z` in JSON, which has whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub u64);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = iso_time(self.0 - self.0 % 1000).replace(".000Z", "Z");
        serializer.serialize_str(&text)
    }
}

impl FromJson for Timestamp {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        let time = value
            .as_str()
            .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let ms = time.and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok());
        ms.map(Self)
            .or_else(|| reader.wrong_type(value, "a Timestamp"))
    }
}
