//! Timestamps as services write them. Both hold milliseconds since the epoch and show seconds.

use gatepost_model::request_context::iso_time;
use serde::{Serialize, Serializer};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{FromJson, Reader};

/// `2026-09-25T00:22:29Z`, as `apigatewayv2` writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsoTimestamp(pub u64);

/// Seconds since the epoch, as `apigateway` and `lambda` write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochTimestamp(pub u64);

impl Serialize for IsoTimestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = iso_time(self.0 - self.0 % 1000).replace(".000Z", "Z");
        serializer.serialize_str(&text)
    }
}

impl Serialize for EpochTimestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0 / 1000)
    }
}

impl FromJson for IsoTimestamp {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        let time = value
            .as_str()
            .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let ms = time.and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok());
        ms.map(Self)
            .or_else(|| reader.wrong_type(value, "a Timestamp"))
    }
}
