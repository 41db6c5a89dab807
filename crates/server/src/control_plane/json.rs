//! What the resources' JSON bodies have in common.

use std::collections::BTreeMap;

use gatepost_model::request_context::iso_time;
use serde_json::Value;

/// A body without the members that are unset: AWS leaves them out.
pub(super) fn present(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    body
}

/// A map that AWS leaves out when it is empty.
pub(super) fn unless_empty<V>(map: &BTreeMap<String, V>) -> Option<&BTreeMap<String, V>> {
    (!map.is_empty()).then_some(map)
}

/// A timestamp, to the second: `2026-09-25T00:22:29Z`.
pub(super) fn timestamp(epoch_ms: u64) -> String {
    iso_time(epoch_ms - epoch_ms % 1000).replace(".000Z", "Z")
}
