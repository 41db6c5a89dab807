//! `CreateApi`, `UpdateApi`, `DeleteApi`.

use std::sync::Arc;

use gatepost_gateway::{
    clock::now_ms, control::ApiChangeError, gateway::Gateway, new_id::resource_id,
};
use gatepost_model::{
    ApiId,
    api::{Api, ApiDefinition, ApiKeySource, DEFAULT_API_KEY_SELECTION_EXPRESSION, IpAddressType},
};
use gatepost_wire::expression::selection::SelectionExpression;
use serde_json::Value;

use super::{
    api,
    changes::{Endpoint, of_template},
    patch::unless_empty,
    quota,
    rescue::{ControlPlaneError, bad_request},
};
use crate::shapes::apigatewayv2::{
    self as shapes, CreateApiRequest, DeleteApiRequest, ProtocolType, UpdateApiRequest,
};

impl From<ApiChangeError> for ControlPlaneError {
    fn from(error: ApiChangeError) -> Self {
        match error {
            ApiChangeError::NotFound(api_id) => Self::NotFound {
                resource: "API",
                id: api_id.to_string(),
            },
            ApiChangeError::OfTemplate(api_id) => of_template("API", api_id.as_str()),
            ApiChangeError::TooMany
            | ApiChangeError::NotServable(_)
            | ApiChangeError::DeploymentsTooLarge => bad_request(error.to_string()),
            ApiChangeError::NotKept(error) => error.into(),
        }
    }
}

pub(super) fn create(
    gateway: &Gateway,
    endpoint: Endpoint<'_>,
    request: CreateApiRequest,
) -> Result<Value, ControlPlaneError> {
    if request.protocol_type == ProtocolType::Http {
        return Err(bad_request(
            "Gatepost serves WebSocket APIs only: set ProtocolType to WEBSOCKET",
        ));
    }
    refuse_http_only(&[
        ("CorsConfiguration", request.cors_configuration.is_some()),
        ("CredentialsArn", request.credentials_arn.is_some()),
        ("RouteKey", request.route_key.is_some()),
        ("Target", request.target.is_some()),
    ])?;
    let Some(expression) = request.route_selection_expression.and_then(unless_empty) else {
        return Err(bad_request(
            "RouteSelectionExpression is required for WEBSOCKET protocol Apis.",
        ));
    };
    let key_expression = request
        .api_key_selection_expression
        .and_then(unless_empty)
        .unwrap_or_else(|| DEFAULT_API_KEY_SELECTION_EXPRESSION.to_owned());
    let definition = ApiDefinition {
        route_selection_expression: checked_selection(expression)?,
        api_key_selection_expression: checked_key_selection(key_expression)?,
        disable_execute_api_endpoint: request.disable_execute_api_endpoint.unwrap_or_default(),
        disable_schema_validation: request.disable_schema_validation.unwrap_or_default(),
        routes: Vec::new(),
        integrations: Vec::new(),
        authorizers: Vec::new(),
        models: Vec::new(),
    };
    let made = gateway.create_api(Api {
        api_id: ApiId::new(resource_id::<10>()),
        name: request.name,
        description: request.description.and_then(unless_empty),
        version: request.version.and_then(unless_empty),
        ip_address_type: request
            .ip_address_type
            .map(ip_address_type)
            .unwrap_or_default(),
        tags: quota::tags(request.tags)?,
        created_at_ms: now_ms(),
        definition: Arc::new(definition),
        deployments: Vec::new(),
        stages: Vec::new(),
    })?;
    Ok(api::body(&made, endpoint))
}

pub(super) fn update(
    gateway: &Gateway,
    endpoint: Endpoint<'_>,
    request: UpdateApiRequest,
) -> Result<Value, ControlPlaneError> {
    refuse_http_only(&[
        ("CorsConfiguration", request.cors_configuration.is_some()),
        ("CredentialsArn", is_given(request.credentials_arn.as_ref())),
        ("RouteKey", is_given(request.route_key.as_ref())),
        ("Target", is_given(request.target.as_ref())),
    ])?;
    if request.name.as_deref() == Some("") {
        return Err(bad_request("The name of an Api must not be empty."));
    }
    let expression = request.route_selection_expression.map(checked_selection);
    let key_expression = request
        .api_key_selection_expression
        .map(checked_key_selection);
    let (expression, key_expression) = (expression.transpose()?, key_expression.transpose()?);
    let (updated, ()) = gateway.change_api(&request.api_id, |api| {
        if let Some(name) = request.name {
            api.name = name;
        }
        if let Some(description) = request.description {
            api.description = unless_empty(description);
        }
        if let Some(version) = request.version {
            api.version = unless_empty(version);
        }
        if let Some(kind) = request.ip_address_type {
            api.ip_address_type = ip_address_type(kind);
        }
        let definition = Arc::make_mut(&mut api.definition);
        if let Some(expression) = expression {
            definition.route_selection_expression = expression;
        }
        if let Some(expression) = key_expression {
            definition.api_key_selection_expression = expression;
        }
        if let Some(is_disabled) = request.disable_execute_api_endpoint {
            definition.disable_execute_api_endpoint = is_disabled;
        }
        if let Some(is_disabled) = request.disable_schema_validation {
            definition.disable_schema_validation = is_disabled;
        }
        Ok::<_, ControlPlaneError>(())
    })?;
    Ok(api::body(&updated, endpoint))
}

pub(super) fn delete(
    gateway: &Gateway,
    request: &DeleteApiRequest,
) -> Result<Value, ControlPlaneError> {
    gateway.delete_api(&request.api_id)?;
    Ok(Value::Null)
}

fn is_given(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

/// Each member's name, and whether the request has it.
fn refuse_http_only(members: &[(&str, bool)]) -> Result<(), ControlPlaneError> {
    match members.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((name, _)) => Err(bad_request(format!(
            "{name} cannot be set for WEBSOCKET protocol Apis."
        ))),
    }
}

fn checked_selection(expression: String) -> Result<String, ControlPlaneError> {
    match SelectionExpression::parse(&expression) {
        Ok(_) => Ok(expression),
        Err(error) => Err(bad_request(format!(
            "Invalid RouteSelectionExpression: {error}"
        ))),
    }
}

fn checked_key_selection(expression: String) -> Result<String, ControlPlaneError> {
    match ApiKeySource::parse(&expression) {
        Some(_) => Ok(expression),
        None => Err(bad_request(format!(
            "Invalid ApiKeySelectionExpression {expression}: it must be \
             $request.header.x-api-key or $context.authorizer.usageIdentifierKey"
        ))),
    }
}

fn ip_address_type(kind: shapes::IpAddressType) -> IpAddressType {
    match kind {
        shapes::IpAddressType::Ipv4 => IpAddressType::Ipv4,
        shapes::IpAddressType::Dualstack => IpAddressType::Dualstack,
    }
}
