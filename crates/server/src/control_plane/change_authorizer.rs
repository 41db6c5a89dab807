//! `CreateAuthorizer`, `UpdateAuthorizer`, `DeleteAuthorizer`.

use gatepost_gateway::new_id::resource_id;
use gatepost_model::{api::ApiDefinition, authorizer::Authorizer, route::RouteAuthorization};
use serde_json::Value;

use super::{
    authorizer,
    changes::Answer,
    patch::{replace, set},
    rescue::ControlPlaneError,
};
use crate::{
    admission::{authorizer as admission, integration::function_uri},
    shapes::apigatewayv2::{
        CreateAuthorizerRequest, DeleteAuthorizerRequest, UpdateAuthorizerRequest,
    },
};

impl From<CreateAuthorizerRequest> for UpdateAuthorizerRequest {
    fn from(request: CreateAuthorizerRequest) -> Self {
        Self {
            api_id: request.api_id,
            authorizer_credentials_arn: request.authorizer_credentials_arn,
            authorizer_id: String::new(),
            authorizer_payload_format_version: request.authorizer_payload_format_version,
            authorizer_result_ttl_in_seconds: request.authorizer_result_ttl_in_seconds,
            authorizer_type: Some(request.authorizer_type),
            authorizer_uri: request.authorizer_uri,
            enable_simple_responses: request.enable_simple_responses,
            identity_source: request.identity_source,
            identity_validation_expression: request.identity_validation_expression,
            jwt_configuration: request.jwt_configuration,
            name: Some(request.name),
        }
    }
}

fn position(definition: &ApiDefinition, authorizer_id: &str) -> Result<usize, ControlPlaneError> {
    let mut authorizers = definition.authorizers.iter();
    authorizers
        .position(|known| authorizer::id(known) == authorizer_id)
        .ok_or_else(authorizer::not_found)
}

pub(super) fn create(definition: &mut ApiDefinition, request: CreateAuthorizerRequest) -> Answer {
    if request.authorizer_payload_format_version.is_some() {
        return Err(admission::not_for_web_socket_apis("AuthorizerPayloadFormatVersion").into());
    }
    let mut created = Authorizer {
        authorizer_id: resource_id::<6>().into(),
        name: String::new(),
        authorizer_uri: String::new(),
        identity_source: Vec::new(),
        credentials_arn: None,
        identity_validation_expression: None,
    };
    apply(&mut created, request.into(), definition)?;
    let body = authorizer::body(&created);
    definition.authorizers.push(created);
    Ok(body)
}

pub(super) fn update(definition: &mut ApiDefinition, request: UpdateAuthorizerRequest) -> Answer {
    let at = position(definition, &request.authorizer_id)?;
    let mut updated = definition.authorizers[at].clone();
    apply(&mut updated, request, definition)?;
    let body = authorizer::body(&updated);
    definition.authorizers[at] = updated;
    Ok(body)
}

/// Changes an authorizer as is asked, and admits it.
fn apply(
    authorizer: &mut Authorizer,
    request: UpdateAuthorizerRequest,
    definition: &ApiDefinition,
) -> Result<(), ControlPlaneError> {
    if let Some(kind) = request.authorizer_type {
        admission::authorizer_type(kind.as_str())?;
    }
    // Only an update may have an empty version, as captured from AWS.
    let version = request.authorizer_payload_format_version;
    let foreign = [
        (
            "AuthorizerPayloadFormatVersion",
            version.is_some_and(|version| !version.is_empty()),
        ),
        (
            "AuthorizerResultTtlInSeconds",
            request.authorizer_result_ttl_in_seconds.is_some(),
        ),
        (
            "EnableSimpleResponses",
            request.enable_simple_responses.is_some(),
        ),
        ("JwtConfiguration", request.jwt_configuration.is_some()),
    ];
    if let Some((member, _)) = foreign.into_iter().find(|(_, is_there)| *is_there) {
        return Err(admission::not_for_web_socket_apis(member).into());
    }
    set(
        &mut authorizer.credentials_arn,
        request.authorizer_credentials_arn,
    );
    replace(&mut authorizer.authorizer_uri, request.authorizer_uri);
    if let Some(mut sources) = request.identity_source {
        // An empty one asks for nothing.
        sources.retain(|source| !source.is_empty());
        authorizer.identity_source = sources;
    }
    if let Some(expression) = request.identity_validation_expression {
        admission::validation_expression(&expression)?;
        authorizer.identity_validation_expression = Some(expression);
    }
    replace(&mut authorizer.name, request.name);
    admit(authorizer, definition)
}

fn admit(authorizer: &Authorizer, definition: &ApiDefinition) -> Result<(), ControlPlaneError> {
    let others = definition.authorizers.iter();
    let others = others.filter(|other| other.authorizer_id != authorizer.authorizer_id);
    admission::unique_name(&authorizer.name, others)?;
    if authorizer.authorizer_uri.is_empty() {
        return Err(admission::uri_is_missing().into());
    }
    function_uri(&authorizer.authorizer_uri)?;
    if let Some(arn) = &authorizer.credentials_arn {
        admission::credentials_arn(arn)?;
    }
    for source in &authorizer.identity_source {
        admission::identity_source(source)?;
    }
    Ok(())
}

pub(super) fn delete(
    definition: &mut ApiDefinition,
    DeleteAuthorizerRequest { authorizer_id, .. }: DeleteAuthorizerRequest,
) -> Answer {
    let at = position(definition, &authorizer_id)?;
    let Authorizer {
        authorizer_id,
        name,
        ..
    } = &definition.authorizers[at];
    let asked = RouteAuthorization::Custom(authorizer_id.clone());
    let mut routes = definition.routes.iter();
    if let Some(route) = routes.find(|route| route.authorization == asked) {
        return Err(ControlPlaneError::Conflict(format!(
            "Cannot delete authorizer '{name}', is referenced in route: {}",
            route.route_key
        )));
    }
    definition.authorizers.remove(at);
    Ok(Value::Null)
}
