//! `GetRouteResponses`, `GetRouteResponse`.

use gatepost_model::route::{Route, RouteResponse};
use serde_json::{Value, json};

use super::{
    json::{present, unless_empty},
    rescue::ControlPlaneError,
    route::parameter_constraints,
};

pub(super) fn find<'a>(
    route: &'a Route,
    route_response_id: &str,
) -> Result<&'a RouteResponse, ControlPlaneError> {
    route
        .route_responses
        .iter()
        .find(|response| id(response) == route_response_id)
        .ok_or_else(|| not_found(route_response_id))
}

pub(super) fn not_found(route_response_id: &str) -> ControlPlaneError {
    ControlPlaneError::NotFound {
        resource: "RouteResponse",
        id: route_response_id.to_owned(),
    }
}

pub(super) fn id(response: &RouteResponse) -> &str {
    response.route_response_id.as_str()
}

pub(super) fn body(response: &RouteResponse) -> Value {
    present(json!({
        "modelSelectionExpression": response.model_selection_expression,
        "responseModels": unless_empty(&response.response_models),
        "responseParameters": parameter_constraints(&response.response_parameters),
        "routeResponseId": response.route_response_id.as_str(),
        "routeResponseKey": response.route_response_key,
    }))
}
