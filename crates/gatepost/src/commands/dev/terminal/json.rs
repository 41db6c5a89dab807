//! Events as JSON lines.

use gatepost_gateway::observe::Event;
use gatepost_model::{fault::FaultKind, route::RouteKey};
use serde_json::{Value, json};

use super::{Ready, Refusal, refusal};

/// Version of the shape of the JSON events.
const JSON_VERSION: u32 = 1;

/// The event that the app serves.
pub(super) fn ready(ready: &Ready) -> Value {
    let functions: Vec<Value> = ready
        .functions
        .iter()
        .map(|function| {
            json!({
                "name": function.name,
                "logicalId": function.logical_id,
                "arn": function.arn,
                "runtime": function.runtime,
            })
        })
        .collect();
    let outputs: serde_json::Map<String, Value> = ready
        .outputs
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let not_acted_on: serde_json::Map<String, Value> = ready
        .not_acted_on
        .iter()
        .map(|(kind, ids)| (kind.clone(), json!(ids)))
        .collect();
    json!({
        "event": "ready",
        "version": JSON_VERSION,
        "template": ready.template,
        "stackName": ready.stack_name,
        "port": ready.port,
        "httpUrl": ready.endpoint.http_base(),
        "httpsUrl": format!("https://{}", ready.endpoint.authority),
        "caBundle": ready.ca_bundle,
        "apis": apis(ready),
        "apiKeys": api_keys(ready),
        "functions": functions,
        "outputs": outputs,
        "notActedOn": not_acted_on,
        "notes": ready.notes,
    })
}

/// The keys, without their values: those are read from the control plane.
fn api_keys(ready: &Ready) -> Vec<Value> {
    let keys = ready.api_keys.iter();
    keys.map(|key| {
        json!({
            "id": key.api_key_id,
            "name": key.name,
            "enabled": key.enabled,
        })
    })
    .collect()
}

fn apis(ready: &Ready) -> Vec<Value> {
    ready
        .apis
        .iter()
        .map(|api| {
            let stages: Vec<Value> = api
                .stages
                .iter()
                .map(|(stage, url, callback_url)| {
                    json!({"stage": stage, "url": url, "callbackUrl": callback_url})
                })
                .collect();
            json!({
                "apiId": api.api_id,
                "name": api.name,
                "logicalId": api.logical_id,
                "stages": stages,
                "port": api.port,
            })
        })
        .collect()
}

/// The event that a change is served.
pub(super) fn reloaded(ready: &Ready) -> Value {
    json!({"event": "reloaded", "apis": apis(ready)})
}

/// Something that happened.
pub(super) fn event(event: &Event) -> Value {
    match event {
        Event::ConnectionOpened {
            api_id,
            stage,
            connection_id,
            source_ip,
        } => json!({
            "event": "opened", "apiId": api_id.as_str(), "stage": stage.as_str(),
            "connectionId": connection_id.to_string(), "sourceIp": source_ip,
        }),
        Event::ConnectionRefused {
            source_ip,
            status,
            detail,
            fault,
            request,
        } => json!({
            "event": "refused", "apiId": request.as_ref().map(|it| it.api_id.as_str()),
            "stage": request.as_ref().map(|it| it.stage.as_str()),
            "connectionId": request.as_ref().map(|it| it.connection_id.to_string()),
            "requestId": request.as_ref().map(|it| it.request_id.as_str()),
            "sourceIp": source_ip, "status": status, "detail": detail,
            "reason": fault.map(FaultKind::slug),
        }),
        Event::ConnectionClosed {
            api_id,
            connection_id,
            cause,
        } => {
            let (code, reason) = cause.disconnect_status();
            json!({
                "event": "closed", "apiId": api_id.as_str(),
                "connectionId": connection_id.to_string(), "cause": cause.slug(),
                "code": code, "reason": reason,
            })
        }
        Event::Request {
            connection_id,
            request_id,
            route_key,
            status,
            latency_ms,
            error,
        } => json!({
            "event": "request", "connectionId": connection_id.to_string(),
            "requestId": request_id.as_str(),
            "routeKey": route_key.as_ref().map(RouteKey::as_str),
            "status": status, "latencyMs": latency_ms, "error": error,
        }),
        Event::ManagementCall {
            method,
            connection_id,
            status,
            refused,
            caller,
        } => match refused.as_ref().map(refusal) {
            None => json!({
                "event": "connections", "method": method, "connectionId": connection_id,
                "status": status, "caller": caller,
            }),
            Some(Refusal::Denied { text }) => json!({
                "event": "connections", "method": method, "connectionId": connection_id,
                "status": status, "caller": caller, "text": text,
            }),
            Some(Refusal::Gone { slug, text, advice }) => json!({
                "event": "gone", "method": method, "connectionId": connection_id,
                "status": status, "reason": slug, "caller": caller,
                "text": format!("{text}. To mend it: {advice}."),
            }),
        },
        Event::FunctionLog {
            function,
            stream,
            timestamp_ms,
            message,
        } => json!({
            "event": "log", "function": function.as_str(), "stream": &**stream,
            "timestamp": timestamp_ms, "message": message,
        }),
        Event::Warning(text) => json!({"event": "warning", "text": text}),
    }
}
