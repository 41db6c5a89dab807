//! `CreateRoute`, `UpdateRoute`, `DeleteRoute`, `DeleteRouteRequestParameter`.

use std::collections::BTreeMap;

use gatepost_gateway::new_id::resource_id;
use gatepost_model::{
    api::ApiDefinition,
    route::{Route, RouteAuthorization},
};
use serde_json::Value;

use super::{
    changes::Answer,
    patch::{replace, set},
    rescue::{ControlPlaneError, conflict},
    route,
};
use crate::{
    admission::route as admission,
    shapes::apigatewayv2::{
        AuthorizationType, CreateRouteRequest, DeleteRouteRequest,
        DeleteRouteRequestParameterRequest, ParameterConstraints, UpdateRouteRequest,
    },
};

impl From<CreateRouteRequest> for UpdateRouteRequest {
    fn from(request: CreateRouteRequest) -> Self {
        Self {
            api_id: request.api_id,
            api_key_required: request.api_key_required,
            authorization_scopes: request.authorization_scopes,
            authorization_type: request.authorization_type,
            authorizer_id: request.authorizer_id,
            model_selection_expression: request.model_selection_expression,
            operation_name: request.operation_name,
            request_models: request.request_models,
            request_parameters: request.request_parameters,
            route_id: String::new(),
            route_key: None,
            route_response_selection_expression: request.route_response_selection_expression,
            target: request.target,
        }
    }
}

/// `ParameterConstraints` by name: whether each is required.
pub(super) fn required(
    constraints: BTreeMap<String, ParameterConstraints>,
) -> BTreeMap<String, bool> {
    let constraints = constraints.into_iter();
    constraints
        .map(|(name, constraints)| (name, constraints.required.unwrap_or(false)))
        .collect()
}

fn position(definition: &ApiDefinition, route_id: &str) -> Result<usize, ControlPlaneError> {
    let mut routes = definition.routes.iter();
    routes
        .position(|known| route::id(known) == route_id)
        .ok_or_else(|| route::not_found(route_id))
}

/// The route, to change it.
pub(super) fn find<'a>(
    definition: &'a mut ApiDefinition,
    route_id: &str,
) -> Result<&'a mut Route, ControlPlaneError> {
    let at = position(definition, route_id)?;
    Ok(&mut definition.routes[at])
}

pub(super) fn create(definition: &mut ApiDefinition, request: CreateRouteRequest) -> Answer {
    let mut created = Route {
        route_id: resource_id::<7>().into(),
        route_key: admission::route_key(&request.route_key)?,
        authorization: RouteAuthorization::None,
        api_key_required: false,
        target: None,
        model_selection_expression: None,
        request_models: BTreeMap::new(),
        request_parameters: BTreeMap::new(),
        route_response_selection_expression: None,
        route_responses: Vec::new(),
        operation_name: None,
    };
    apply(&mut created, request.into(), definition)?;
    let body = route::body(&created);
    definition.routes.push(created);
    Ok(body)
}

pub(super) fn update(definition: &mut ApiDefinition, request: UpdateRouteRequest) -> Answer {
    let at = position(definition, &request.route_id)?;
    let mut updated = definition.routes[at].clone();
    apply(&mut updated, request, definition)?;
    let body = route::body(&updated);
    definition.routes[at] = updated;
    Ok(body)
}

/// Changes a route as is asked, and admits it.
fn apply(
    route: &mut Route,
    request: UpdateRouteRequest,
    definition: &ApiDefinition,
) -> Result<(), ControlPlaneError> {
    if request
        .authorization_scopes
        .is_some_and(|scopes| !scopes.is_empty())
    {
        return Err(admission::no_scopes().into());
    }
    if let Some(key) = request.route_key {
        route.route_key = admission::route_key(&key)?;
    }
    let (mut kind, mut authorizer_id) = match &route.authorization {
        RouteAuthorization::None => ("NONE", None),
        RouteAuthorization::AwsIam => ("AWS_IAM", None),
        RouteAuthorization::Custom(id) => ("CUSTOM", Some(id.to_string())),
    };
    replace(
        &mut kind,
        request.authorization_type.map(AuthorizationType::as_str),
    );
    set(&mut authorizer_id, request.authorizer_id);
    let authorizer_id = authorizer_id.as_deref();
    route.authorization =
        admission::authorization(&route.route_key, kind, authorizer_id, definition)?;
    replace(&mut route.api_key_required, request.api_key_required);
    if let Some(target) = request.target {
        let target = Some(target).filter(|target| !target.is_empty());
        route.target = target
            .map(|target| admission::target(&target))
            .transpose()?;
    }
    set(
        &mut route.model_selection_expression,
        request.model_selection_expression,
    );
    set(&mut route.operation_name, request.operation_name);
    replace(&mut route.request_models, request.request_models);
    // They are removed by `DeleteRouteRequestParameter`.
    route
        .request_parameters
        .extend(required(request.request_parameters.unwrap_or_default()));
    set(
        &mut route.route_response_selection_expression,
        request.route_response_selection_expression,
    );
    admit(route, definition)
}

fn admit(route: &Route, definition: &ApiDefinition) -> Result<(), ControlPlaneError> {
    let others = definition.routes.iter();
    let others = others.filter(|other| other.route_id != route.route_id);
    admission::unique_key(&route.route_key, others).map_err(conflict)?;
    if let Some(target) = &route.target {
        admission::integration_of_target(target, definition)?;
    }
    if let Some(expression) = &route.model_selection_expression {
        admission::model_selection_expression(expression)?;
    }
    for name in route.request_models.values() {
        admission::request_model(name, definition, String::new)?;
    }
    if !route.request_parameters.is_empty() {
        admission::may_have_request_parameters(&route.route_key)?;
    }
    for key in route.request_parameters.keys() {
        admission::request_parameter(key)?;
    }
    Ok(())
}

pub(super) fn delete(
    definition: &mut ApiDefinition,
    DeleteRouteRequest { route_id, .. }: DeleteRouteRequest,
) -> Answer {
    let at = position(definition, &route_id)?;
    definition.routes.remove(at);
    Ok(Value::Null)
}

pub(super) fn delete_request_parameter(
    definition: &mut ApiDefinition,
    DeleteRouteRequestParameterRequest {
        route_id,
        request_parameter_key,
        ..
    }: DeleteRouteRequestParameterRequest,
) -> Answer {
    let route = find(definition, &route_id)?;
    match route.request_parameters.remove(&request_parameter_key) {
        Some(_) => Ok(Value::Null),
        None => Err(ControlPlaneError::NotFound {
            resource: "RequestParameter",
            id: request_parameter_key,
        }),
    }
}
