//! How asynchronous invocations are retried: `PutFunctionEventInvokeConfig` and its like.

use gatepost_gateway::clock::now_ms;
use gatepost_model::{FunctionName, function::LATEST, invocation::InvokeError};
use serde_json::{Value, json};

use super::{Answer, function::revision, page::page};
use crate::{
    lambda::{
        error_body,
        made::{AsyncConfig, MadeFunctions, named, unqualified},
    },
    shapes::lambda::{
        DeleteFunctionEventInvokeConfigRequest, DestinationConfig,
        GetFunctionEventInvokeConfigRequest, ListFunctionEventInvokeConfigsRequest,
        PutFunctionEventInvokeConfigRequest, UpdateFunctionEventInvokeConfigRequest,
    },
};

pub(super) fn put(
    functions: &MadeFunctions,
    request: PutFunctionEventInvokeConfigRequest,
) -> Answer {
    let (name, qualifier) = asked(&request.function_name, request.qualifier.as_deref())?;
    let mut config = AsyncConfig::default();
    fill(
        &mut config,
        request.maximum_retry_attempts,
        request.maximum_event_age_in_seconds,
        request.destination_config,
    );
    functions.change(&name, |function| {
        revision(functions, &name, function, Some(&qualifier))?;
        function
            .event_invoke_configs
            .insert(qualifier.clone(), config.clone());
        Ok(())
    })?;
    Ok(shown(functions, &name, &qualifier, &config))
}

pub(super) fn update(
    functions: &MadeFunctions,
    request: UpdateFunctionEventInvokeConfigRequest,
) -> Answer {
    let (name, qualifier) = asked(&request.function_name, request.qualifier.as_deref())?;
    let config = functions.change(&name, |function| {
        let config = function.event_invoke_configs.get_mut(&qualifier);
        let config = config.ok_or_else(|| none(functions, &name, &qualifier))?;
        fill(
            config,
            request.maximum_retry_attempts,
            request.maximum_event_age_in_seconds,
            request.destination_config,
        );
        Ok(config.clone())
    })?;
    Ok(shown(functions, &name, &qualifier, &config))
}

pub(super) fn get(
    functions: &MadeFunctions,
    request: &GetFunctionEventInvokeConfigRequest,
) -> Answer {
    let (name, qualifier) = asked(&request.function_name, request.qualifier.as_deref())?;
    let function = functions.get(&name)?;
    let config = function.event_invoke_configs.get(&qualifier);
    let config = config.ok_or_else(|| none(functions, &name, &qualifier))?;
    Ok(shown(functions, &name, &qualifier, config))
}

pub(super) fn delete(
    functions: &MadeFunctions,
    request: &DeleteFunctionEventInvokeConfigRequest,
) -> Answer {
    let (name, qualifier) = asked(&request.function_name, request.qualifier.as_deref())?;
    functions.change(&name, |function| {
        let removed = function.event_invoke_configs.remove(&qualifier);
        removed
            .map(drop)
            .ok_or_else(|| none(functions, &name, &qualifier))
    })?;
    Ok(Value::Null)
}

pub(super) fn list(
    functions: &MadeFunctions,
    request: &ListFunctionEventInvokeConfigsRequest,
) -> Answer {
    let name = unqualified(&request.function_name)?;
    let function = functions.get(&name)?;
    let key = |(qualifier, _): &(String, AsyncConfig)| qualifier.clone();
    let configs = function.event_invoke_configs;
    let (page, next) = page(configs, key, request.marker.as_deref(), request.max_items)?;
    let configs: Vec<Value> = page
        .iter()
        .map(|(qualifier, config)| shown(functions, &name, qualifier, config))
        .collect();
    Ok(json!({"FunctionEventInvokeConfigs": configs, "NextMarker": next}))
}

fn asked(function: &str, qualifier: Option<&str>) -> Result<(FunctionName, String), InvokeError> {
    let (name, qualifier) = named(function, qualifier)?;
    Ok((name, qualifier.unwrap_or_else(|| LATEST.to_owned())))
}

fn none(functions: &MadeFunctions, name: &FunctionName, qualifier: &str) -> InvokeError {
    let arn = functions.arn(name);
    error_body::not_found(format!(
        "The function {arn}:{qualifier} doesn't have an EventInvokeConfig"
    ))
}

fn fill(
    config: &mut AsyncConfig,
    retries: Option<i32>,
    age: Option<i32>,
    destinations: Option<DestinationConfig>,
) {
    if let Some(retries) = retries.and_then(|retries| u8::try_from(retries).ok()) {
        config.max_retry_attempts = Some(retries);
    }
    if let Some(age) = age.and_then(|age| u32::try_from(age).ok()) {
        config.max_event_age = Some(age);
    }
    if let Some(destinations) = destinations {
        config.on_success = destinations.on_success.and_then(|to| to.destination);
        config.on_failure = destinations.on_failure.and_then(|to| to.destination);
    }
    config.last_modified_ms = now_ms();
}

fn shown(
    functions: &MadeFunctions,
    name: &FunctionName,
    qualifier: &str,
    config: &AsyncConfig,
) -> Value {
    let destination = |arn: &Option<String>| match arn {
        Some(arn) => json!({"Destination": arn}),
        None => json!({}),
    };
    let mut shown = json!({
        "LastModified": config.last_modified_ms / 1000,
        "FunctionArn": format!("{}:{qualifier}", functions.arn(name)),
        "DestinationConfig": {
            "OnSuccess": destination(&config.on_success),
            "OnFailure": destination(&config.on_failure),
        },
    });
    if let Some(retries) = config.max_retry_attempts {
        shown["MaximumRetryAttempts"] = json!(retries);
    }
    if let Some(age) = config.max_event_age {
        shown["MaximumEventAgeInSeconds"] = json!(age);
    }
    shown
}
