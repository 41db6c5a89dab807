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
use crate::template::properties::Properties;

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
    let route_key = match RouteKey::parse(&key) {
        Ok(route_key) => route_key,
        Err(error) => {
            properties.error("RouteKey", error.to_string(), "rename it");
            return None;
        }
    };
    let mut routes = api.definition.routes.iter();
    if routes.any(|route| route.route_key == route_key) {
        let message = format!("Route with key {key} already exists for this API");
        properties.error("RouteKey", message, "remove one of them");
        return None;
    }
    refuse(&properties);
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

fn refuse(properties: &Properties<'_>) {
    if properties.node("AuthorizationScopes").is_some() {
        let message = "AuthorizationScopes are for HTTP APIs only";
        properties.error("AuthorizationScopes", message, "remove it");
    }
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
    if kind != "NONE" && *route_key != RouteKey::Connect {
        let message = "Currently, authorization is restricted to the $connect route only";
        properties.error("AuthorizationType", message, "protect the $connect route");
        return RouteAuthorization::None;
    }
    if has_authorizer && kind != "CUSTOM" {
        properties.warn(
            "AuthorizerId",
            format!(
                "route {route_key} is NOT protected: it names an authorizer, but its \
                 AuthorizationType is {kind}, and so AWS does not ask it"
            ),
            "add `AuthorizationType: CUSTOM`",
        );
    }
    match kind {
        "AWS_IAM" => RouteAuthorization::AwsIam,
        "JWT" => {
            let message = "AuthorizationType JWT is not supported on WEBSOCKET protocol Apis";
            let mend = "use CUSTOM with a REQUEST authorizer that checks the token";
            properties.error("AuthorizationType", message, mend);
            RouteAuthorization::None
        }
        "CUSTOM" => custom(properties, reading, api),
        _ => RouteAuthorization::None,
    }
}

fn custom(
    properties: &Properties<'_>,
    reading: &Reading<'_>,
    api: &ApiDraft,
) -> RouteAuthorization {
    let Some(id) = properties.string("AuthorizerId") else {
        if properties.node("AuthorizerId").is_none() {
            let message = "AuthorizationType CUSTOM needs an AuthorizerId";
            properties.error("AuthorizationType", message, "add one");
        }
        return RouteAuthorization::None;
    };
    let mut authorizers = api.definition.authorizers.iter();
    if !authorizers.any(|authorizer| authorizer.authorizer_id.as_str() == id) {
        reading.unless_broken(&id, || {
            let message = "Invalid Authorizer identifier specified";
            properties.error(
                "AuthorizerId",
                message,
                "name an authorizer of the same API",
            );
        });
    }
    RouteAuthorization::Custom(id.into())
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
    let Some(id) = target.strip_prefix("integrations/") else {
        let mend = "write !Sub integrations/${Integration}";
        properties.error(
            "Target",
            format!("the Target `{target}` names no integration"),
            mend,
        );
        return None;
    };
    let mut integrations = api.definition.integrations.iter();
    if !integrations.any(|integration| integration.integration_id.as_str() == id) {
        reading.unless_broken(id, || {
            let message = format!("Invalid Integration identifier specified {id}");
            properties.error("Target", message, "name an integration of the same API");
        });
    }
    Some(id.into())
}

fn request_parameters(properties: &Properties<'_>, route_key: &RouteKey) -> BTreeMap<String, bool> {
    let entries = properties.entries_of("RequestParameters");
    if !entries.is_empty() && *route_key != RouteKey::Connect {
        let message = "Request parameters are only supported for the $connect route in WebSocket \
                       APIs.";
        properties.error(
            "RequestParameters",
            message,
            "move them to the $connect route",
        );
    }
    let sources = ["route.request.querystring.", "route.request.header."];
    for entry in entries {
        if !sources.iter().any(|source| is_below(&entry.key, source)) {
            properties.diagnostics.error(
                entry.position,
                format!("Invalid mapping expression specified: {}", entry.key),
                "name route.request.header.NAME or route.request.querystring.NAME",
            );
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

/// Whether `text` is `prefix` with a name behind it.
pub(super) fn is_below(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|name| {
        !name.is_empty()
            && name
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"._$-".contains(&c))
    })
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
    if key != "$default" {
        let message = format!("the route response key `{key}` is not supported");
        properties.error("RouteResponseKey", message, "write $default");
    }
    let routes = &mut api.definition.routes;
    match routes
        .iter_mut()
        .find(|route| route.route_id.as_str() == route_id)
    {
        Some(route) => route.route_responses.push(RouteResponse {
            route_response_id: declared.id.as_str().into(),
            route_response_key: key,
            model_selection_expression: properties.string("ModelSelectionExpression"),
            response_models: properties.string_map("ResponseModels"),
            response_parameters: constraints(&properties, "ResponseParameters"),
        }),
        None => reading.unless_broken(&route_id, || {
            let message = format!("Invalid Route identifier specified {route_id}");
            properties.error("RouteId", message, "name a route of the same API");
        }),
    }
}
