//! Bytes of the model: base64 in JSON.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{FromJson, Reader};

/// Bytes, which JSON holds as base64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Bytes);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl FromJson for Blob {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
        bytes
            .map(|bytes| Self(bytes.into()))
            .or_else(|| reader.wrong_type(value, "a Blob"))
    }
}
