//! `GetAccount`.

use gatepost_model::throttle::ThrottleSettings;
use serde_json::{Value, json};

use super::usage_plan::throttle_body;
use crate::control_plane::json::present;

/// The account with the rates that are in force: AWS always has some, here `[limits]` sets them.
pub(super) fn body(throttle: ThrottleSettings) -> Value {
    let limit = throttle.limit().map(|limit| ThrottleSettings {
        rate_limit: Some(limit.rate),
        burst_limit: Some(limit.burst),
    });
    present(json!({
        "apiKeyVersion": "4",
        "features": ["UsagePlans"],
        "throttleSettings": limit.map(throttle_body),
    }))
}
