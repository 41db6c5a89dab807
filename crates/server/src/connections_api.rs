//! `@connections`: what `ApiGatewayManagementApi` calls, a file per operation.
//!
//! The order of checks is AWS's (data-plane spec 8.3): size, API and stage, form of the id,
//! signature, policies, the account's rate, existence, operation.

mod call;
mod delete_connection;
mod get_connection;
pub mod neighbour;
mod operation;
mod post_to_connection;
mod rescue;

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{clock::now_ms, connection::Connection, deployed::StageSlot, new_id};
use gatepost_model::{arn::ExecuteApiArn, connection::GoneReason};
use http::request::Parts;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};

use crate::{
    auth::{AccessDenied, Authorized, IdentifiedRequest, VerifiedRequest},
    body::{BodyError, read_body},
    respond,
    server::{Peer, Server},
    target::Target,
};
use call::Call;
use operation::{Done, Operation};
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
    let (head, body) = request.into_parts();
    let call = Call::new(server, peer, &target, &head);
    let payload = read_body(body, call.max_message_bytes).await;
    let answer = carry_out(server, peer, &target, &call, head, payload.clone()).await;
    let (response, failure) = match answer {
        Ok(mut response) => {
            call.put_ids(&mut response);
            (response, None)
        }
        Err(failure) => {
            let reasons_at = server.gone_reason_header.then_some(&server.endpoint);
            let response = rescue::response(&failure, &target, &call, reasons_at);
            (response, Some(failure))
        }
    };
    let posted = payload.as_deref().unwrap_or_default();
    call.log(server, posted, response.status(), failure.as_ref());
    call.count(server, failure.as_ref());
    call.tell(server, response.status(), failure);
    response
}

async fn carry_out(
    server: &Server,
    peer: &Peer,
    target: &Target,
    call: &Call,
    head: Parts,
    payload: Result<Bytes, BodyError>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let gateway = &server.gateway;
    let payload = payload.map_err(|error| match error {
        BodyError::TooLarge => Failure::TooLarge,
        BodyError::Broken => Failure::Broken,
    })?;
    let stage = call
        .stage
        .as_ref()
        .map_err(|it| Failure::Target(it.clone()))?;
    if call.operation().is_none() {
        return Err(Failure::NoMethod);
    }
    let id = call.connection_id.map_err(Failure::InvalidId)?;
    let recognised = gateway
        .recognise(&stage.api_id, id)
        .map_err(Failure::InvalidId)?;
    let authority = target.authority.clone();
    let verified = IdentifiedRequest::new(&gateway.auth, peer, head, authority, SERVICE)
        .and_then(|identified| identified.verify(payload))
        .map_err(Failure::Signature)?;
    call.is_from(verified.caller());
    let authorized = authorize(server, &verified, stage).map_err(Failure::AccessDenied)?;
    gateway.throttle.pass_call().map_err(Failure::Throttled)?;
    let operation = Operation::of(&call.method, &authorized)?;
    let mut done = operation.carry_out(gateway, recognised.clone()).await;
    if let Err(Failure::Gone(GoneReason::Forgotten)) = done
        && let Some(neighbour) = server.neighbours.now()
    {
        done = neighbour
            .carry_out(server, &stage.api_id, recognised, &operation)
            .await;
    }
    done.map(Done::response)
}

/// Whether the caller may manage connections of the stage. On AWS the resource ends with the literal
/// text `{connectionId}`, so that no policy is about a single connection (data-plane spec 8.5).
fn authorize<'a>(
    server: &Server,
    verified: &'a VerifiedRequest<'_>,
    stage: &StageSlot,
) -> Result<Authorized<'a>, AccessDenied> {
    let (api_id, stage_name, method) = (&stage.api_id, &stage.stage_name, &verified.head.method);
    verified.authorize_on_api(MANAGE_CONNECTIONS, || ExecuteApiArn {
        region: server.gateway.region(),
        account: server.gateway.account_id(),
        resource: format!("{api_id}/{stage_name}/{method}/@connections/{{connectionId}}"),
    })
}

/// The headers of every answer that comes from the API itself, besides the call's ids.
fn success(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    respond::insert(headers, TRACE_ID, &new_id::trace_id(now_ms()));
    response
}

/// Why a connection that was found open cannot take the call any more.
fn ended(connection: &Connection) -> Failure {
    use gatepost_model::connection::CloseCause;
    let (cause, at_ms) = connection.ending().map_or_else(
        || (CloseCause::ClientVanished, now_ms()),
        |ending| (ending.cause, ending.since.epoch_ms),
    );
    Failure::Gone(GoneReason::Closed { cause, at_ms })
}
