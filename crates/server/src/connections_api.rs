//! `@connections`: what `ApiGatewayManagementApi` calls, a file per operation.
//!
//! The order of checks is AWS's (data-plane spec 8.3): size, API and stage, form of the id,
//! signature, policies, the account's rate, existence, operation.

mod delete_connection;
mod get_connection;
mod post_to_connection;
mod rescue;

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{
    clock::now_ms,
    connection::Connection,
    deployed::StageSlot,
    gateway::FoundConnection,
    new_id,
    observe::{Event, Refused},
};
use gatepost_model::{arn::ExecuteApiArn, connection_id::ConnectionId};
use gatepost_wire::sigv4::claimed_access_key_id;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};

use crate::{
    auth::{AccessDenied, Authorized, IdentifiedRequest, VerifiedRequest},
    body::{BodyError, read_body},
    respond,
    server::{Peer, Server},
    target::{Resolved, Target, decode},
};
use rescue::Failure;

/// The signing name of the data plane.
const SERVICE: &str = "execute-api";
const MANAGE_CONNECTIONS: &str = "execute-api:ManageConnections";
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Answers an `@connections` request.
pub async fn handle(
    server: &Arc<Server>,
    peer: &Peer,
    target: Target,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let method = request.method().clone();
    let follows_traffic = server.gateway.observer().follows_traffic();
    let caller = follows_traffic.then(|| caller(server, peer, &request));
    let raw_id = target.connection_id.clone().unwrap_or_default();
    let id_text = decode(&raw_id);
    let answer = carry_out(server, peer, &target, &id_text, request).await;
    let (response, refused) = match answer {
        Ok(response) => (response, None),
        Err(failure) => {
            let refused = failure.refused();
            (
                rescue::response(
                    &failure,
                    &target,
                    &id_text,
                    &method,
                    server.gone_reason_header,
                ),
                refused,
            )
        }
    };
    if let Some(caller) = caller {
        tell(server, &method, &id_text, &response, refused, caller);
    }
    response
}

async fn carry_out(
    server: &Server,
    peer: &Peer,
    target: &Target,
    id_text: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let gateway = &server.gateway;
    let (head, body) = request.into_parts();
    let method = head.method.clone();
    let resolved = target.resolve(&gateway.apis(), peer.api_id.as_ref());
    let max_bytes = resolved.as_ref().map_or_else(
        |_| gateway.limits().max_message_bytes,
        Resolved::max_message_bytes,
    );
    let payload = read_body(body, max_bytes)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge => Failure::TooLarge,
            BodyError::Broken => Failure::Broken,
        })?;
    let resolved = resolved.map_err(Failure::Target)?;
    if ![Method::POST, Method::GET, Method::DELETE].contains(&method) {
        return Err(Failure::NoMethod);
    }
    let id: ConnectionId = id_text.parse().map_err(Failure::InvalidId)?;
    let stage = stage_for(server, resolved, &id);
    let recognised = gateway
        .recognise(&stage.api_id, id)
        .map_err(Failure::InvalidId)?;
    let authority = target.authority.clone();
    let verified = IdentifiedRequest::new(&gateway.auth, peer, head, authority, SERVICE)
        .and_then(|identified| identified.verify(payload))
        .map_err(Failure::Signature)?;
    let call = authorize(server, &verified, &stage).map_err(Failure::AccessDenied)?;
    gateway
        .throttle
        .pass_call()
        .map_err(|_| Failure::LimitExceeded)?;
    let connection = match gateway.find(recognised.clone()).await {
        FoundConnection::Open(connection) => connection,
        FoundConnection::Establishing(establishing) if method == Method::POST => {
            return post_to_connection::held(gateway, recognised, establishing, &call).await;
        }
        FoundConnection::Establishing(it) => return Err(Failure::Gone(it.gone())),
        FoundConnection::Gone(reason) => return Err(Failure::Gone(reason)),
    };
    match method {
        Method::POST => post_to_connection::post_to_connection(gateway, &connection, &call),
        Method::GET => Ok(get_connection::get_connection(&connection, &call)),
        Method::DELETE => delete_connection::delete_connection(&connection, &call),
        _ => Err(Failure::NoMethod),
    }
}

/// Whether the caller may manage connections of the stage. On AWS the resource ends with the literal
/// text `{connectionId}`, so that no policy is about a single connection (data-plane spec 8.5).
fn authorize<'a>(
    server: &Server,
    verified: &'a VerifiedRequest<'_>,
    stage: &StageSlot,
) -> Result<Authorized<'a>, AccessDenied> {
    let (api_id, stage_name, method) = (&stage.api_id, &stage.stage_name, &verified.head.method);
    let resource = ExecuteApiArn {
        region: server.gateway.region(),
        account: server.gateway.account_id(),
        resource: format!("{api_id}/{stage_name}/{method}/@connections/{{connectionId}}"),
    };
    let masked = resource.masked();
    verified.authorize_shown(MANAGE_CONNECTIONS, &resource.to_string(), &masked)
}

/// The stage whose API issued the id; any of them when none did, for then the answer is the same.
fn stage_for(server: &Server, resolved: Resolved, id: &ConnectionId) -> Arc<StageSlot> {
    match resolved {
        Resolved::Stage(stage) => stage,
        Resolved::AnyOf(stages) => {
            let owner = server.gateway.api_of(id);
            let of_owner = stages
                .iter()
                .find(|stage| Some(&stage.api_id) == owner.as_ref());
            // A target resolves to at least one stage.
            Arc::clone(of_owner.unwrap_or(&stages[0]))
        }
    }
}

/// The headers of every answer that comes from the API itself.
fn success(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    respond::add_request_ids(headers);
    respond::insert(headers, TRACE_ID, &new_id::trace_id(now_ms()));
    response
}

/// Why a connection that was found open cannot take the call any more.
fn ended(connection: &Connection) -> Failure {
    use gatepost_model::connection::{CloseCause, GoneReason};
    let (cause, at_ms) = connection.ending().map_or_else(
        || (CloseCause::ClientVanished, now_ms()),
        |ending| (ending.cause, ending.since.epoch_ms),
    );
    Failure::Gone(GoneReason::Closed { cause, at_ms })
}

/// Who calls, as the log names it, verified or not: a function that runs here is known by its access
/// key.
fn caller(server: &Server, peer: &Peer, request: &Request<Incoming>) -> String {
    let access_key_id = claimed_access_key_id(request.uri(), request.headers());
    if let Some(function) = access_key_id.and_then(|id| server.functions.caller_of(&id)) {
        return match function.request_id {
            Some(request_id) => format!("function {} (request {request_id})", function.function),
            None => format!("function {}", function.function),
        };
    }
    let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes);
    let agent = String::from_utf8_lossy(agent.unwrap_or_default());
    // `aws-sdk-js/3.1 ua/2.1 …`: the first product says enough.
    let product: String = agent
        .split(' ')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(64)
        .collect();
    if product.is_empty() {
        peer.source_ip()
    } else {
        format!("{product} at {}", peer.source_ip())
    }
}

fn tell(
    server: &Server,
    method: &Method,
    id_text: &str,
    response: &Response<Full<Bytes>>,
    refused: Option<Refused>,
    caller: String,
) {
    server.gateway.observer().emit(Event::ManagementCall {
        method: method.to_string(),
        connection_id: id_text
            .chars()
            .filter(|c| !c.is_control())
            .take(64)
            .collect(),
        status: response.status().as_u16(),
        refused,
        caller,
    });
}
