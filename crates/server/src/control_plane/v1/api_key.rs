//! `GetApiKeys`, `GetApiKey`, `GetUsagePlanKeys`, `GetUsagePlanKey`.

use gatepost_model::{
    secret::Secret,
    usage_plan::{ApiKey, UsagePlans},
};
use serde_json::{Value, json};

use crate::control_plane::{
    json::{present, unless_empty},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(plans: &'a UsagePlans, id: &str) -> Result<&'a ApiKey, ControlPlaneError> {
    plans.api_key(id).ok_or_else(not_found)
}

pub(super) fn not_found() -> ControlPlaneError {
    ControlPlaneError::NotFoundUnnamed("API Key")
}

pub(super) fn id(key: &ApiKey) -> &str {
    key.api_key_id.as_str()
}

/// The key; with its value only for whoever asks for that.
pub(super) fn body(key: &ApiKey, with_value: bool) -> Value {
    present(json!({
        "createdDate": key.created_at_ms / 1000,
        "customerId": key.customer_id,
        "description": key.description,
        "enabled": key.enabled,
        "id": id(key),
        "lastUpdatedDate": key.last_updated_at_ms / 1000,
        "name": key.name,
        "stageKeys": [],
        "tags": unless_empty(&key.tags),
        "value": key.value.as_ref().filter(|_| with_value).map(Secret::reveal),
    }))
}

/// The key as a member of a plan, which AWS always shows with its value.
pub(super) fn usage_plan_key_body(key: &ApiKey) -> Value {
    present(json!({
        "id": id(key),
        "name": key.name,
        "type": "API_KEY",
        "value": key.value.as_ref().map(Secret::reveal),
    }))
}
