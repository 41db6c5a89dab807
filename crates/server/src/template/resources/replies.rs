//! Warns of routes whose replies never arrive: AWS accepts them, and nothing says why a client
//! hears nothing (data-plane spec 5.10).

use gatepost_model::route::{Route, RouteKey};

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
    let is_message = !matches!(key, RouteKey::Connect | RouteKey::Disconnect);
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
    let awaits = *key == RouteKey::Connect || is_message && route.is_two_way();
    if let Some(integration) = integration
        && awaits
        && !integration.integration_type.is_proxy()
        && integration.integration_responses.is_empty()
    {
        let effect = if is_message {
            "each message to it fails"
        } else {
            "nobody can connect"
        };
        let message = format!(
            "the {} integration of route {key} has no integration response, and so {effect}",
            integration.integration_type.as_str()
        );
        let mend = "add an AWS::ApiGatewayV2::IntegrationResponse with \
                    `IntegrationResponseKey: $default`";
        missing.push((message, mend));
    }
    missing
}
