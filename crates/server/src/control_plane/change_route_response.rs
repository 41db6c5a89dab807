//! `CreateRouteResponse`, `UpdateRouteResponse`, `DeleteRouteResponse`.

use std::collections::BTreeMap;

use gatepost_gateway::new_id::resource_id;
use gatepost_model::{
    api::ApiDefinition,
    route::{Route, RouteResponse},
};
use serde_json::Value;

use super::{
    change_route::{self, required},
    changes::Answer,
    patch::{replace, set},
    rescue::{ControlPlaneError, conflict},
    route_response,
};
use crate::{
    admission::route as admission,
    shapes::apigatewayv2::{
        CreateRouteResponseRequest, DeleteRouteResponseRequest, UpdateRouteResponseRequest,
    },
};

impl From<CreateRouteResponseRequest> for UpdateRouteResponseRequest {
    fn from(request: CreateRouteResponseRequest) -> Self {
        Self {
            api_id: request.api_id,
            model_selection_expression: request.model_selection_expression,
            response_models: request.response_models,
            response_parameters: request.response_parameters,
            route_id: request.route_id,
            route_response_id: String::new(),
            route_response_key: Some(request.route_response_key),
        }
    }
}

fn position(route: &Route, response_id: &str) -> Result<usize, ControlPlaneError> {
    let mut responses = route.route_responses.iter();
    responses
        .position(|known| route_response::id(known) == response_id)
        .ok_or_else(|| route_response::not_found(response_id))
}

pub(super) fn create(
    definition: &mut ApiDefinition,
    request: CreateRouteResponseRequest,
) -> Answer {
    let route = change_route::find(definition, &request.route_id)?;
    let mut created = RouteResponse {
        route_response_id: resource_id::<6>().into(),
        route_response_key: String::new(),
        model_selection_expression: None,
        response_models: BTreeMap::new(),
        response_parameters: BTreeMap::new(),
    };
    apply(&mut created, request.into(), route)?;
    let body = route_response::body(&created);
    route.route_responses.push(created);
    Ok(body)
}

pub(super) fn update(
    definition: &mut ApiDefinition,
    request: UpdateRouteResponseRequest,
) -> Answer {
    let route = change_route::find(definition, &request.route_id)?;
    let at = position(route, &request.route_response_id)?;
    let mut updated = route.route_responses[at].clone();
    apply(&mut updated, request, route)?;
    let body = route_response::body(&updated);
    route.route_responses[at] = updated;
    Ok(body)
}

/// Changes a route response of the route as is asked, and admits it.
fn apply(
    response: &mut RouteResponse,
    request: UpdateRouteResponseRequest,
    route: &Route,
) -> Result<(), ControlPlaneError> {
    replace(&mut response.route_response_key, request.route_response_key);
    set(
        &mut response.model_selection_expression,
        request.model_selection_expression,
    );
    replace(&mut response.response_models, request.response_models);
    let parameters = request.response_parameters.unwrap_or_default();
    response.response_parameters.extend(required(parameters));
    let key = &response.route_response_key;
    admission::route_response_key(key)?;
    let others = route.route_responses.iter();
    let others = others.filter(|other| other.route_response_id != response.route_response_id);
    admission::unique_response_key(key, others).map_err(conflict)
}

pub(super) fn delete(
    definition: &mut ApiDefinition,
    DeleteRouteResponseRequest {
        route_id,
        route_response_id,
        ..
    }: DeleteRouteResponseRequest,
) -> Answer {
    let route = change_route::find(definition, &route_id)?;
    let at = position(route, &route_response_id)?;
    route.route_responses.remove(at);
    Ok(Value::Null)
}
