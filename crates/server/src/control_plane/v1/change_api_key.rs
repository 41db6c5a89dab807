//! `CreateApiKey`, `UpdateApiKey`, `DeleteApiKey`.

use gatepost_gateway::{clock::now_ms, control::Change, gateway::Gateway, new_id::resource_id};
use gatepost_model::{
    ApiKeyId,
    secret::Secret,
    usage_plan::{API_KEY_VALUE_LENGTH, ApiKey},
};
use serde_json::Value;

use super::{api_key, patch::Patch};
use crate::{
    control_plane::{
        changes::{make, of_template},
        quota,
        rescue::ControlPlaneError,
    },
    shapes::apigateway::{CreateApiKeyRequest, DeleteApiKeyRequest, Op, UpdateApiKeyRequest},
};

const PATHS: &[&str] = &["/customerId", "/description", "/enabled", "/name"];

pub(super) fn create(
    gateway: &Gateway,
    request: CreateApiKeyRequest,
) -> Result<Value, ControlPlaneError> {
    // Without a value the key gets one as soon as it is served.
    let value = request.value.filter(|value| !value.is_empty());
    if let Some(value) = &value {
        check_value(gateway, value)?;
    }
    if request.stage_keys.is_some_and(|keys| !keys.is_empty()) {
        return Err(ControlPlaneError::BadRequest(
            "stageKeys are of REST APIs: name the stage in a usage plan".to_owned(),
        ));
    }
    let now = now_ms();
    let key = ApiKey {
        api_key_id: resource_id::<10>().into(),
        name: request.name.unwrap_or_default(),
        description: request.description,
        customer_id: request.customer_id,
        enabled: request.enabled.unwrap_or(false),
        value: value.map(Secret::new),
        tags: quota::tags(request.tags)?,
        created_at_ms: now,
        last_updated_at_ms: now,
    };
    let id = key.api_key_id.clone();
    make(
        gateway,
        |change| {
            // Asked again, now that nobody else changes anything.
            let is_taken = |other: &ApiKey| key.value.is_some() && other.value == key.value;
            let mut keys = change.made.plans.api_keys.iter();
            if keys.any(is_taken) {
                return Err(exists());
            }
            change.made.plans.api_keys.push(key);
            Ok(id)
        },
        |served, id| {
            let key = api_key::find(served.plans(), id.as_str())?;
            Ok(api_key::body(key, true))
        },
    )
}

fn exists() -> ControlPlaneError {
    ControlPlaneError::Conflict("API Key already exists".to_owned())
}

fn check_value(gateway: &Gateway, value: &str) -> Result<(), ControlPlaneError> {
    let (min, max) = (*API_KEY_VALUE_LENGTH.start(), *API_KEY_VALUE_LENGTH.end());
    let length = value.chars().count();
    if length < min {
        return Err(ControlPlaneError::BadRequest(format!(
            "API Key value should be at least {min} characters"
        )));
    }
    if length > max {
        return Err(ControlPlaneError::BadRequest(format!(
            "API Key value exceeds maximum size of {max} characters"
        )));
    }
    if gateway.usage_plans().key_of_value(value).is_some() {
        return Err(exists());
    }
    Ok(())
}

/// The key, if calls made it.
pub(super) fn find<'a>(
    change: &'a mut Change<'_>,
    id: &str,
) -> Result<&'a mut ApiKey, ControlPlaneError> {
    if change.declared.plans.api_key(id).is_some() {
        return Err(of_template("API key", id));
    }
    let mut keys = change.made.plans.api_keys.iter_mut();
    keys.find(|key| key.api_key_id.as_str() == id)
        .ok_or_else(api_key::not_found)
}

pub(super) fn update(
    gateway: &Gateway,
    request: UpdateApiKeyRequest,
) -> Result<Value, ControlPlaneError> {
    let patches = Patch::all(request.patch_operations)?;
    make(
        gateway,
        |change| {
            let key = find(change, &request.api_key)?;
            for patch in &patches {
                apply(key, patch)?;
            }
            key.last_updated_at_ms = now_ms();
            Ok(())
        },
        |served, ()| {
            let key = api_key::find(served.plans(), &request.api_key)?;
            Ok(api_key::body(key, false))
        },
    )
}

fn apply(key: &mut ApiKey, patch: &Patch) -> Result<(), ControlPlaneError> {
    match (patch.parts().0, &*patch.parts().1) {
        (Op::Replace, ["name"]) => patch.text().clone_into(&mut key.name),
        (Op::Replace, ["description"]) => key.description = patch.optional(),
        (Op::Replace, ["customerId"]) => key.customer_id = patch.optional(),
        (Op::Replace, ["enabled"]) => key.enabled = patch.parse()?,
        _ => return Err(patch.refuse(PATHS)),
    }
    Ok(())
}

pub(super) fn delete(
    gateway: &Gateway,
    request: &DeleteApiKeyRequest,
) -> Result<Value, ControlPlaneError> {
    let id = ApiKeyId::from(&*request.api_key);
    make(
        gateway,
        |change| {
            find(change, &request.api_key)?;
            let plans = &mut change.made.plans;
            plans.api_keys.retain(|key| key.api_key_id != id);
            for plan in &mut plans.usage_plans {
                plan.api_key_ids.retain(|of_plan| *of_plan != id);
            }
            Ok(())
        },
        |_, ()| Ok(Value::Null),
    )
}
