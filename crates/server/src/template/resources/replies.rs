//! Warns of routes whose replies never arrive: AWS accepts them, and nothing says why a client
//! hears nothing (data-plane spec 5.10).

use gatepost_gateway::deployed::ResponseKey;
use gatepost_model::{
    arn::lambda_function_of_uri,
    integration::{Integration, IntegrationResponse, IntegrationType},
    route::{Route, RouteKey},
};

use super::{ApiDraft, Reading};

/// Warns of two-way routes that lack a part, at the place of the route.
pub(super) fn warn_of_missing(api: &ApiDraft, reading: &Reading<'_>) {
    for route in &api.definition.routes {
        let Some(at) = api.route_positions.get(&route.route_id) else {
            continue;
        };
        for (message, mend) in missing_parts(api, route) {
            reading.diagnostics().warn(*at, message, mend);
        }
    }
}

/// What is missing, and the mend.
fn missing_parts(api: &ApiDraft, route: &Route) -> Vec<(String, &'static str)> {
    let mut missing = Vec::new();
    let key = &route.route_key;
    let has_expression = route.route_response_selection_expression.is_some();
    match (has_expression, route.route_responses.is_empty()) {
        (true, true) => missing.push((
            format!("route {key} sends no reply: it has no RouteResponse"),
            "add an AWS::ApiGatewayV2::RouteResponse with `RouteResponseKey: $default`",
        )),
        (false, false) => missing.push((
            format!("route {key} sends no reply: it has no RouteResponseSelectionExpression"),
            "add `RouteResponseSelectionExpression: $default`",
        )),
        _ => {}
    }
    let integration = route
        .target
        .as_ref()
        .and_then(|target| api.definition.integration(target));
    if let Some(integration) = integration {
        missing.extend(missing_response(route, integration));
    }
    missing
}

/// Whether a custom integration has an integration response for what succeeds. Where nobody waits
/// for the answer it may have none at all.
fn missing_response(route: &Route, integration: &Integration) -> Option<(String, &'static str)> {
    let (key, kind) = (&route.route_key, integration.integration_type);
    let responses = &integration.integration_responses;
    let is_connect = *key == RouteKey::Connect;
    let is_awaited = is_connect || route.is_two_way();
    if kind.is_proxy()
        || *key == RouteKey::Disconnect
        || responses.is_empty() && !is_awaited
        || responses
            .iter()
            .any(|response| is_for_success(response, integration))
    {
        return None;
    }
    let what = if responses.is_empty() {
        "no integration response"
    } else {
        "no integration response for success"
    };
    let effect = if is_connect {
        "nobody can connect"
    } else {
        "each message to it fails"
    };
    let kind = kind.as_str();
    Some((
        format!("the {kind} integration of route {key} has {what}, and so {effect}"),
        "add an AWS::ApiGatewayV2::IntegrationResponse with `IntegrationResponseKey: $default`",
    ))
}

/// Whether the response may be selected when nothing went wrong: a function then has no
/// `errorMessage`, everything else a status from 200 on.
fn is_for_success(response: &IntegrationResponse, integration: &Integration) -> bool {
    let uri = integration.integration_uri.as_deref().unwrap_or_default();
    let is_function = integration.integration_type == IntegrationType::Aws
        && lambda_function_of_uri(uri).is_some();
    match ResponseKey::parse(&response.integration_response_key) {
        // What is no key is told of where it stands.
        Ok(ResponseKey::Default) | Err(_) => true,
        Ok(key) => !is_function && (200..300).any(|status: u16| key.matches(&status.to_string())),
    }
}
