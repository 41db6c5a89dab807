//! The AWS APIs on the same port, told apart by credential scope, then `X-Amz-Target`, then path
//! (contract, "Endpoints"). What does not exist here yet answers `NotImplemented` with its name.
//!
//! Each takes a verified request, and authorizes what it asks by the service's own actions and ARNs.

mod rescue;

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::auth::AuthMode;
use gatepost_model::api::Api;
use gatepost_wire::sigv4::claimed_service;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, HeaderValue},
};
use serde_json::json;

use crate::{
    admin,
    auth::{IdentifiedRequest, VerifiedRequest},
    body::{BodyError, read_body},
    control_plane::{self, ControlPlane},
    lambda, logs, monitoring, respond,
    server::{Peer, Server},
    sts,
    target::Target,
};

/// The greatest body of an AWS API call, bytes: above Lambda's synchronous payload, so that Lambda
/// itself refuses what is larger.
const MAX_BODY_BYTES: usize = 7 * 1024 * 1024;

/// The greatest body with a function's code, bytes: a package of 50 MB in base64.
const MAX_CODE_BODY_BYTES: usize = 70_167_211;

/// The AWS service that a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// `apigatewayv2`.
    ApiGateway,
    /// `lambda`.
    Lambda,
    /// `logs`: CloudWatch Logs.
    Logs,
    /// `monitoring`: CloudWatch.
    Monitoring,
    /// `sts`.
    Sts,
    /// Another one, by its signing name or target prefix.
    Other(String),
}

impl Service {
    /// The service of a request; `None` when it is no AWS API call.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        let path = request.uri().path();
        if let Some(name) = claimed_service(request.uri(), request.headers()) {
            return match name.as_str() {
                "apigateway" => Some(Self::ApiGateway),
                "lambda" => Some(Self::Lambda),
                "logs" => Some(Self::Logs),
                "monitoring" => Some(Self::Monitoring),
                "sts" => Some(Self::Sts),
                // Only `@connections` and handshakes are signed so, and they are none of these.
                "execute-api" => None,
                _ => Some(Self::Other(name)),
            };
        }
        if let Some(target) = request.headers().get("x-amz-target") {
            let target = String::from_utf8_lossy(target.as_bytes());
            let prefix = target.split('.').next().unwrap_or_default();
            return Some(match prefix {
                logs::TARGET => Self::Logs,
                monitoring::TARGET => Self::Monitoring,
                other => Self::Other(other.to_owned()),
            });
        }
        if path.starts_with("/v2/") {
            Some(Self::ApiGateway)
        } else if ["/2015-03-31/", "/2014-11-13/", "/2021-11-15/"]
            .iter()
            .any(|version| path.starts_with(version))
        {
            Some(Self::Lambda)
        } else if request
            .uri()
            .query()
            .is_some_and(|query| query.contains("Action="))
        {
            Some(Self::Sts)
        } else {
            None
        }
    }

    /// The service in credential scopes.
    fn signing_name(&self) -> &str {
        match self {
            Self::ApiGateway => "apigateway",
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::Monitoring => "monitoring",
            Self::Sts => "sts",
            Self::Other(name) => name,
        }
    }
}

/// Answers an AWS API call.
pub async fn handle(
    server: &Arc<Server>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    if is_foreign_page(server, &request) {
        return respond::forbidden();
    }
    let Some(service) = Service::of(&request) else {
        return respond::forbidden();
    };
    let authority = Target::of(&request).authority;
    let (head, body) = request.into_parts();
    let code_operation = (service == Service::Lambda)
        .then(|| lambda::invoke_api::operation_with_code(&head))
        .flatten();
    let auth = &server.gateway.auth;
    // Before the body: who has no key need not send one.
    let identified =
        match IdentifiedRequest::new(auth, peer, head, authority, service.signing_name()) {
            Ok(identified) => identified,
            Err(error) => return respond::closing(rescue::refused(&service, &error)),
        };
    let (max_bytes, limit) = match code_operation {
        Some(operation) => (MAX_CODE_BODY_BYTES, (MAX_CODE_BODY_BYTES, operation)),
        None => (MAX_BODY_BYTES, (6_291_456, "InvokeFunction")),
    };
    let body = match read_body(body, max_bytes).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            let (bytes, operation) = limit;
            return respond::error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestTooLargeException",
                &format!(
                    "Request must be smaller than {bytes} bytes for the {operation} operation"
                ),
            );
        }
        Err(BodyError::Broken) => return respond::status(StatusCode::BAD_REQUEST),
    };
    match identified.verify(body) {
        Ok(request) => answer(server, &service, request).await,
        Err(error) => rescue::refused(&service, &error),
    }
}

async fn answer(
    server: &Arc<Server>,
    service: &Service,
    request: VerifiedRequest<'_>,
) -> Response<Full<Bytes>> {
    let gateway = &server.gateway;
    match service {
        Service::ApiGateway => {
            if let Some(changed) = control_plane::change(server, &request).await {
                return changed;
            }
            let role = gateway.cloudwatch_role_arn();
            let table = gateway.apis();
            let apis: Vec<Arc<Api>> = table
                .apis
                .values()
                .map(|api| Arc::clone(&api.api))
                .collect();
            let endpoint = |api_id: &gatepost_model::ApiId| server.api_endpoint(api_id);
            let control_plane = ControlPlane {
                apis: &apis,
                domain_names: &table.domain_names,
                endpoint: &endpoint,
                usage_plans: &gateway.usage_plans(),
                vpc_links: gateway.vpc_links(),
                client_certificates: &gateway.client_certificates(),
                cloudwatch_role_arn: role.as_deref().map(String::as_str),
                account_throttle: gateway.limits().account_throttle,
            };
            control_plane.handle(&request)
        }
        Service::Lambda => {
            lambda::invoke_api::handle(&server.made_functions, gateway.lambda(), request).await
        }
        Service::Sts => sts::handle(&request).map(Full::new),
        Service::Monitoring => monitoring::handle(server, &request).await,
        Service::Logs => match logs::Operation::of(&request.head.headers) {
            Some(operation) => logs::handle(server, operation, &request).await,
            None => not_implemented("logs", &request.head.headers),
        },
        Service::Other(name) => not_implemented(name, &request.head.headers),
    }
}

/// Whether a page of another site asks: nobody signs in `dev`, and a page must not invoke the functions
/// of whoever looks at it. A signature vouches only where it is verified: a browser lets no other
/// site's page send one, but that of a name that somebody made point here.
fn is_foreign_page<B>(server: &Server, request: &Request<B>) -> bool {
    let is_signed = request.headers().contains_key(AUTHORIZATION);
    let is_vouched_for = is_signed && server.gateway.auth.mode() != AuthMode::Off;
    !is_vouched_for && !admin::is_own_origin(request, &server.endpoint)
}

/// The error's type stands in the body too, where the protocol of `logs` and `monitoring` has it.
fn not_implemented(service: &str, headers: &hyper::HeaderMap) -> Response<Full<Bytes>> {
    const ERROR_TYPE: &str = "NotImplementedException";
    let target = headers
        .get("x-amz-target")
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let operation = String::from_utf8_lossy(target);
    let operation = operation.rsplit('.').next().filter(|name| !name.is_empty());
    let name = operation.unwrap_or("this operation");
    let message = format!("{name} of the service {service} is not there yet in Gatepost");
    let document = json!({ "__type": ERROR_TYPE, "message": message }).to_string();
    let mut response = respond::json(StatusCode::NOT_IMPLEMENTED, document);
    let error_type = HeaderValue::from_static(ERROR_TYPE);
    response
        .headers_mut()
        .insert(respond::ERROR_TYPE, error_type);
    respond::add_request_ids(response.headers_mut());
    response
}
