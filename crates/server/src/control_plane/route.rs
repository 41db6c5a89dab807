//! `GetRoutes`, `GetRoute`: of the API's current definition, which may not be deployed yet.

use std::collections::BTreeMap;

use gatepost_model::{
    api::Api,
    route::{Route, RouteAuthorization},
};
use serde_json::{Map, Value, json};

use super::{
    json::{present, unless_empty},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(api: &'a Api, route_id: &str) -> Result<&'a Route, ControlPlaneError> {
    api.definition
        .routes
        .iter()
        .find(|route| id(route) == route_id)
        .ok_or_else(|| not_found(route_id))
}

pub(super) fn not_found(route_id: &str) -> ControlPlaneError {
    ControlPlaneError::NotFound {
        resource: "Route",
        id: route_id.to_owned(),
    }
}

pub(super) fn id(route: &Route) -> &str {
    route.route_id.as_str()
}

/// A map of `ParameterConstraints`; `None` when it is empty.
pub(super) fn parameter_constraints(required: &BTreeMap<String, bool>) -> Option<Value> {
    let constraints: Map<String, Value> = required
        .iter()
        .map(|(name, required)| (name.clone(), json!({ "required": required })))
        .collect();
    (!constraints.is_empty()).then_some(Value::Object(constraints))
}

pub(super) fn body(route: &Route) -> Value {
    let (authorization_type, authorizer_id) = match &route.authorization {
        RouteAuthorization::None => ("NONE", None),
        RouteAuthorization::AwsIam => ("AWS_IAM", None),
        RouteAuthorization::Custom(authorizer_id) => ("CUSTOM", Some(authorizer_id.as_str())),
    };
    present(json!({
        "apiKeyRequired": route.api_key_required,
        "authorizationType": authorization_type,
        "authorizerId": authorizer_id,
        "modelSelectionExpression": route.model_selection_expression,
        "operationName": route.operation_name,
        "requestModels": unless_empty(&route.request_models),
        "requestParameters": parameter_constraints(&route.request_parameters),
        "routeId": route.route_id.as_str(),
        "routeKey": route.route_key.as_str(),
        "routeResponseSelectionExpression": route.route_response_selection_expression,
        "target": route.target.as_ref().map(|id| format!("integrations/{id}")),
    }))
}
