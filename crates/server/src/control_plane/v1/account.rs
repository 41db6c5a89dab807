//! `GetAccount`, `UpdateAccount`.

use gatepost_gateway::gateway::Gateway;
use gatepost_model::throttle::ThrottleSettings;
use serde_json::{Value, json};

use super::{patch::Patch, usage_plan::throttle_body};
use crate::{
    control_plane::{json::present, rescue::ControlPlaneError},
    shapes::apigateway::{Op, UpdateAccountRequest},
};

const PATHS: &[&str] = &["/cloudwatchRoleArn"];

/// The account with the rates that are in force: AWS always has some, here `[limits]` sets them.
pub(super) fn body(throttle: ThrottleSettings, cloudwatch_role_arn: Option<&str>) -> Value {
    let limit = throttle.limit().map(|limit| ThrottleSettings {
        rate_limit: Some(limit.rate),
        burst_limit: Some(limit.burst),
    });
    present(json!({
        "apiKeyVersion": "4",
        "cloudwatchRoleArn": cloudwatch_role_arn,
        "features": ["UsagePlans"],
        "throttleSettings": limit.map(throttle_body),
    }))
}

/// The role changes nothing here: execution logs need none.
pub(super) fn update(
    gateway: &Gateway,
    request: UpdateAccountRequest,
) -> Result<Value, ControlPlaneError> {
    let patches = Patch::all(request.patch_operations)?;
    let role = gateway.change(|change| {
        let role = &mut change.made.cloudwatch_role_arn;
        for patch in &patches {
            *role = match (patch.parts().0, &*patch.parts().1) {
                (Op::Replace | Op::Add, ["cloudwatchRoleArn"]) => patch.optional(),
                (Op::Remove, ["cloudwatchRoleArn"]) => None,
                _ => return Err(patch.refuse(PATHS)),
            };
            let is_role = |arn: &String| arn.starts_with("arn:") && arn.contains(":role/");
            if role.as_ref().is_some_and(|arn| !is_role(arn)) {
                return Err(ControlPlaneError::BadRequest("Invalid role ARN".to_owned()));
            }
        }
        Ok(role.clone())
    })?;
    Ok(body(gateway.limits().account_throttle, role.as_deref()))
}
