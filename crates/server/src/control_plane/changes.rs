//! What changes something: read, made under one lock, kept, then served.

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{
    control::Change, gateway::Gateway, store::ReadError, usage_plans::ServedPlans,
};
use gatepost_model::{ApiId, api::ApiDefinition};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::{
    change_api, change_authorizer, change_deployment, change_domain_name, change_integration,
    change_integration_response, change_model, change_route, change_route_response, change_stage,
    change_vpc_link, quota::Extent, rescue::ControlPlaneError, tags, uri, v1,
};
use crate::{
    auth::VerifiedRequest,
    server::Server,
    shapes::{FromInput, Input, Matched, OperationShape, apigateway, apigatewayv2},
};

/// An operation that changes something.
#[derive(Debug, Clone, Copy)]
enum Operation {
    /// Of `apigatewayv2`.
    V2(apigatewayv2::Operation),
    /// Of `apigateway`.
    V1(apigateway::Operation),
}

/// A request to change something, apart from the connection that it came over.
#[derive(Debug)]
pub(super) struct ChangeRequest {
    operation: Operation,
    path: Vec<(&'static str, String)>,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What a change gives: a body, or nothing.
pub(super) type Answer = Result<Value, ControlPlaneError>;

impl From<ReadError> for ControlPlaneError {
    fn from(error: ReadError) -> Self {
        Self::NotKept(error.to_string())
    }
}

impl Operation {
    fn find(
        method: &Method,
        segments: &[&str],
        query: &str,
    ) -> Option<(Self, Vec<(&'static str, String)>)> {
        if segments.first() == Some(&"v2") {
            match Matched::find(method, segments, query)? {
                Matched::Operation(operation, path) => Some((Self::V2(operation), path)),
                Matched::Other(_) => None,
            }
        } else {
            match Matched::find(method, segments, query)? {
                Matched::Operation(operation, path) => Some((Self::V1(operation), path)),
                Matched::Other(_) => None,
            }
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::V1(operation) => operation.status(),
            Self::V2(operation) => operation.status(),
        }
    }
}

impl ChangeRequest {
    /// The request, if it is to change something.
    pub(super) fn new(request: &VerifiedRequest<'_>) -> Option<Self> {
        let uri = &request.head.uri;
        let segments = uri::segments(uri.path()).ok()?;
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        if segments.contains(&"") {
            // As for what reads: no operation has such a path, and policies are asked about the path.
            return None;
        }
        let query = uri.query().unwrap_or_default();
        let (operation, path) = Operation::find(&request.head.method, &segments, query)?;
        Some(Self {
            operation,
            path,
            query: query.to_owned(),
            headers: request.head.headers.clone(),
            body: request.body.clone(),
        })
    }

    /// Makes the change; blocks until it is kept and served.
    pub(super) fn carry_out(
        &self,
        server: &Server,
    ) -> Result<(StatusCode, Value), ControlPlaneError> {
        let input = Input {
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        let body = match self.operation {
            Operation::V2(operation) => change_v2(operation, server, &input),
            Operation::V1(operation) => v1::change(operation, &server.gateway, &input),
        };
        let status = StatusCode::from_u16(self.operation.status()).unwrap_or(StatusCode::OK);
        body.map(|body| (status, body))
    }
}

/// The `ApiEndpoint` of an API.
pub(super) type Endpoint<'a> = &'a dyn Fn(&ApiId) -> String;

fn change_v2(operation: apigatewayv2::Operation, server: &Server, input: &Input<'_>) -> Answer {
    use apigatewayv2::Operation as V2;
    let gateway = &*server.gateway;
    let endpoint: Endpoint<'_> = &|api_id| server.api_endpoint(api_id);
    match operation {
        V2::CreateApi => change_api::create(gateway, endpoint, input.read()?),
        V2::UpdateApi => change_api::update(gateway, endpoint, input.read()?),
        V2::DeleteApi => change_api::delete(gateway, &input.read()?),
        V2::CreateDeployment => change_deployment::create(gateway, input.read()?),
        V2::UpdateDeployment => change_deployment::update(gateway, input.read()?),
        V2::DeleteDeployment => change_deployment::delete(gateway, &input.read()?),
        V2::CreateStage => change_stage::create(gateway, input.read()?),
        V2::UpdateStage => change_stage::update(gateway, input.read()?),
        V2::DeleteStage => change_stage::delete(gateway, &input.read()?),
        V2::DeleteRouteSettings => change_stage::delete_route_settings(gateway, &input.read()?),
        V2::DeleteAccessLogSettings => {
            change_stage::delete_access_log_settings(gateway, &input.read()?)
        }
        V2::CreateVpcLink => change_vpc_link::create(gateway, input.read()?),
        V2::UpdateVpcLink => change_vpc_link::update(gateway, input.read()?),
        V2::DeleteVpcLink => change_vpc_link::delete(gateway, &input.read()?),
        V2::CreateDomainName => change_domain_name::create(gateway, input.read()?),
        V2::UpdateDomainName => change_domain_name::update(gateway, &input.read()?),
        V2::DeleteDomainName => change_domain_name::delete(gateway, &input.read()?),
        V2::CreateApiMapping => change_domain_name::create_mapping(gateway, input.read()?),
        V2::UpdateApiMapping => change_domain_name::update_mapping(gateway, &input.read()?),
        V2::DeleteApiMapping => change_domain_name::delete_mapping(gateway, &input.read()?),
        V2::TagResource => tags::tag(gateway, input.read()?),
        V2::UntagResource => tags::untag(gateway, &input.read()?),
        V2::CreateRoute => define(gateway, input, change_route::create),
        V2::UpdateRoute => define(gateway, input, change_route::update),
        V2::DeleteRoute => define(gateway, input, change_route::delete),
        V2::DeleteRouteRequestParameter => {
            define(gateway, input, change_route::delete_request_parameter)
        }
        V2::CreateRouteResponse => define(gateway, input, change_route_response::create),
        V2::UpdateRouteResponse => define(gateway, input, change_route_response::update),
        V2::DeleteRouteResponse => define(gateway, input, change_route_response::delete),
        V2::CreateIntegration => define(gateway, input, change_integration::create),
        V2::UpdateIntegration => define(gateway, input, change_integration::update),
        V2::DeleteIntegration => define(gateway, input, change_integration::delete),
        V2::CreateIntegrationResponse => {
            define(gateway, input, change_integration_response::create)
        }
        V2::UpdateIntegrationResponse => {
            define(gateway, input, change_integration_response::update)
        }
        V2::DeleteIntegrationResponse => {
            define(gateway, input, change_integration_response::delete)
        }
        V2::CreateAuthorizer => define(gateway, input, change_authorizer::create),
        V2::UpdateAuthorizer => define(gateway, input, change_authorizer::update),
        V2::DeleteAuthorizer => define(gateway, input, change_authorizer::delete),
        V2::CreateModel => define(gateway, input, change_model::create),
        V2::UpdateModel => define(gateway, input, change_model::update),
        V2::DeleteModel => define(gateway, input, change_model::delete),
    }
}

/// Changes the definition of the API that the request is about.
fn define<R: FromInput>(
    gateway: &Gateway,
    input: &Input<'_>,
    change: impl FnOnce(&mut ApiDefinition, R) -> Answer,
) -> Answer {
    let request = input.read()?;
    let mut path = input.path.iter();
    let api_id = path.find(|(name, _)| *name == "apiId");
    let api_id = api_id.map_or("", |(_, api_id)| api_id.as_str());
    let (_, body) = gateway.change_api(api_id, |api| {
        let definition = Arc::make_mut(&mut api.definition);
        let before = Extent::of(definition);
        let body = change(definition, request)?;
        before.may_become(&Extent::of(definition))?;
        Ok::<_, ControlPlaneError>(body)
    })?;
    Ok(body)
}

/// Makes a change, then shows what it gave as it is served now.
pub(super) fn make<T>(
    gateway: &Gateway,
    change: impl FnOnce(&mut Change<'_>) -> Result<T, ControlPlaneError>,
    show: impl FnOnce(&ServedPlans, T) -> Answer,
) -> Answer {
    let result = gateway.change(change)?;
    show(&gateway.usage_plans(), result)
}

/// The error for what only the template changes.
pub(super) fn of_template(what: &str, id: &str) -> ControlPlaneError {
    ControlPlaneError::OfTemplate(format!(
        "the {what} {id} is the template's: change it there, and it is served at once"
    ))
}
