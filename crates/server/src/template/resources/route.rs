//! `AWS::ApiGatewayV2::Route` and `AWS::ApiGatewayV2::RouteResponse`.

use std::collections::BTreeMap;

use gatepost_model::{
    IntegrationId,
    route::{Route, RouteAuthorization, RouteKey, RouteResponse},
};

use super::{
    ApiDraft, Declared, Reading, model,
    permission::{Call, Caller},
    request_parameters,
};
use crate::{admission::route as admission, template::properties::Properties};

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    match route(declared, reading, api) {
        Some(route) => {
            let target = route.target.as_ref();
            let integration = target.and_then(|target| api.definition.integration(target));
            let position = declared.resource.position;
            if let Some(integration) = integration {
                request_parameters::warn_of_empty(&route, integration, declared, reading);
                // Others than functions are no function's URI, and ask for no permission.
                if integration.credentials_arn.is_none() {
                    api.calls.push(Call {
                        position,
                        uri: integration.integration_uri.clone().unwrap_or_default(),
                        caller: Caller::Route(route.route_key.to_string()),
                    });
                }
            }
            api.route_positions.insert(route.route_id.clone(), position);
            api.definition.routes.push(route);
        }
        None => reading.mark_broken(declared),
    }
}

fn route(declared: &Declared<'_>, reading: &Reading<'_>, api: &ApiDraft) -> Option<Route> {
    let properties = declared.properties(
        &["ApiId", "RouteKey"],
        &[
            "ApiKeyRequired",
            "AuthorizationScopes",
            "AuthorizationType",
            "AuthorizerId",
            "ModelSelectionExpression",
            "OperationName",
            "RequestModels",
            "RequestParameters",
            "RouteResponseSelectionExpression",
            "Target",
        ],
        reading,
    )?;
    let key = properties.string("RouteKey")?;
    let route_key = properties.admitted("RouteKey", admission::route_key(&key))?;
    let others = &api.definition.routes;
    properties.admitted("RouteKey", admission::unique_key(&route_key, others))?;
    if properties.node("AuthorizationScopes").is_some() {
        properties.refuse("AuthorizationScopes", &admission::no_scopes());
    }
    let expression = properties.string("RouteResponseSelectionExpression");
    if expression
        .as_deref()
        .is_some_and(|expression| expression != "$default")
    {
        let message = "only `$default` as RouteResponseSelectionExpression sends replies";
        properties.warn(
            "RouteResponseSelectionExpression",
            message,
            "write $default",
        );
    }
    let (model_selection_expression, request_models) =
        model::of_route(&properties, &route_key, reading, api);
    Some(Route {
        route_id: declared.id.as_str().into(),
        authorization: authorization(&properties, &route_key, reading, api),
        api_key_required: api_key_required(&properties, &route_key),
        target: target(&properties, reading, api),
        model_selection_expression,
        request_models,
        request_parameters: request_parameters(&properties, &route_key),
        route_response_selection_expression: expression,
        route_responses: Vec::new(),
        operation_name: properties.string("OperationName"),
        route_key,
    })
}

/// A message carries no key, so it is that of its connection's handshake that counts.
fn api_key_required(properties: &Properties<'_>, route_key: &RouteKey) -> bool {
    let is_required = properties.boolean("ApiKeyRequired") == Some(true);
    if is_required && *route_key != RouteKey::Connect {
        let (message, mend) = match route_key {
            RouteKey::Disconnect => (
                "ApiKeyRequired of $disconnect has no effect".to_owned(),
                "remove it: the route always runs",
            ),
            _ => (
                format!(
                    "ApiKeyRequired of {route_key}: a message carries no API key, and AWS may \
                     refuse every one; here the key of the handshake counts"
                ),
                "set it on $connect, where clients present their key",
            ),
        };
        properties.warn("ApiKeyRequired", message, mend);
    }
    is_required
}

fn authorization(
    properties: &Properties<'_>,
    route_key: &RouteKey,
    reading: &Reading<'_>,
    api: &ApiDraft,
) -> RouteAuthorization {
    let types = ["NONE", "AWS_IAM", "CUSTOM", "JWT"];
    let kind = properties.one_of("AuthorizationType", &types);
    let kind = kind.as_deref().unwrap_or("NONE");
    let has_authorizer = properties.node("AuthorizerId").is_some();
    let is_misplaced = kind != "NONE" && *route_key != RouteKey::Connect;
    if has_authorizer && kind != "CUSTOM" && !is_misplaced {
        properties.warn(
            "AuthorizerId",
            format!(
                "route {route_key} is NOT protected: it names an authorizer, but its \
                 AuthorizationType is {kind}, and so AWS does not ask it"
            ),
            "add `AuthorizationType: CUSTOM`",
        );
    }
    let authorizer_id = properties.string("AuthorizerId");
    if kind == "CUSTOM" && has_authorizer && authorizer_id.is_none() {
        // Its fault was told before.
        return RouteAuthorization::None;
    }
    let id = authorizer_id.as_deref();
    match admission::authorization(route_key, kind, id, &api.definition) {
        Ok(authorization) => authorization,
        Err(refused) if is_misplaced || id.is_none() => {
            properties.refuse("AuthorizationType", &refused);
            RouteAuthorization::None
        }
        Err(refused) => {
            let id = id.unwrap_or_default();
            reading.unless_broken(id, || properties.refuse("AuthorizerId", &refused));
            RouteAuthorization::Custom(id.into())
        }
    }
}

fn target(
    properties: &Properties<'_>,
    reading: &Reading<'_>,
    api: &ApiDraft,
) -> Option<IntegrationId> {
    if properties.node("Target").is_none() {
        let message = "the route has no Target, and so nothing handles it";
        properties.warn(
            "Target",
            message,
            "add `Target: integrations/{IntegrationId}`",
        );
        return None;
    }
    let target = properties.string("Target")?;
    let id = properties.admitted("Target", admission::target(&target))?;
    if let Err(refused) = admission::integration_of_target(&id, &api.definition) {
        reading.unless_broken(id.as_str(), || properties.refuse("Target", &refused));
    }
    Some(id)
}

fn request_parameters(properties: &Properties<'_>, route_key: &RouteKey) -> BTreeMap<String, bool> {
    let entries = properties.entries_of("RequestParameters");
    if !entries.is_empty() {
        let admitted = admission::may_have_request_parameters(route_key);
        properties.admitted("RequestParameters", admitted);
    }
    for entry in entries {
        if let Err(refused) = admission::request_parameter(&entry.key) {
            let diagnostics = properties.diagnostics;
            diagnostics.error(entry.position, refused.to_string(), refused.mend());
        }
    }
    constraints(properties, "RequestParameters")
}

/// `ParameterConstraints` by name: whether each is required.
fn constraints(properties: &Properties<'_>, name: &str) -> BTreeMap<String, bool> {
    let entries = properties.entries_of(name).iter();
    entries
        .map(|entry| {
            let constraints = Properties::new(
                name,
                &entry.value,
                entry.position,
                &[],
                &["Required"],
                properties.diagnostics,
            );
            let is_required = constraints.and_then(|constraints| constraints.boolean("Required"));
            (entry.key.clone(), is_required.unwrap_or(false))
        })
        .collect()
}

/// Reads a route response into its route.
pub(super) fn read_response(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    let Some(properties) = declared.properties(
        &["ApiId", "RouteId", "RouteResponseKey"],
        &[
            "ModelSelectionExpression",
            "ResponseModels",
            "ResponseParameters",
        ],
        reading,
    ) else {
        return;
    };
    let (Some(route_id), Some(key)) = (
        properties.string("RouteId"),
        properties.string("RouteResponseKey"),
    ) else {
        return;
    };
    properties.admitted("RouteResponseKey", admission::route_response_key(&key));
    let routes = &mut api.definition.routes;
    match routes
        .iter_mut()
        .find(|route| route.route_id.as_str() == route_id)
    {
        Some(route) => {
            let unique = admission::unique_response_key(&key, &route.route_responses);
            properties.admitted("RouteResponseKey", unique);
            route.route_responses.push(RouteResponse {
                route_response_id: declared.id.as_str().into(),
                route_response_key: key,
                model_selection_expression: properties.string("ModelSelectionExpression"),
                response_models: properties.string_map("ResponseModels"),
                response_parameters: constraints(&properties, "ResponseParameters"),
            });
        }
        None => reading.unless_broken(&route_id, || {
            let message = format!("Invalid Route identifier specified {route_id}");
            properties.error("RouteId", message, "name a route of the same API");
        }),
    }
}
