//! `@connections`: what `ApiGatewayManagementApi` calls, a file per operation.
//!
//! The order of checks is AWS's (data-plane spec 8.3): size, API and stage, form of the id, the
//! account's rate, existence, operation. Signatures are not checked yet: this server runs with `auth = off`.

mod call;
mod delete_connection;
mod get_connection;
mod post_to_connection;
mod rescue;

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{
    clock::now_ms, connection::Connection, deployed::StageSlot, gateway::FoundConnection, new_id,
};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};

use crate::{
    body::{BodyError, read_body},
    respond,
    server::{Peer, Server},
    target::{Resolved, Target, TargetError, decode},
};
use call::Call;
use rescue::Failure;

const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Answers an `@connections` request.
pub async fn handle(
    server: &Arc<Server>,
    peer: &Peer,
    target: Target,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let raw_id = target.connection_id.clone().unwrap_or_default();
    let call = Call::new(server, peer, decode(&raw_id), &request);
    let resolved = target.resolve(&server.gateway.apis(), peer.api_id.as_ref());
    let stage = resolved
        .as_ref()
        .ok()
        .map(|it| stage_for(server, it, &call));
    let max_bytes = resolved.as_ref().map_or_else(
        |_| server.gateway.limits().max_message_bytes,
        Resolved::max_message_bytes,
    );
    let payload = read_body(request.into_body(), max_bytes).await;
    let answer = carry_out(server, &call, resolved, stage.as_deref(), &payload).await;
    let (mut response, failure) = match answer {
        Ok(response) => (response, None),
        Err(failure) => {
            let with_reason = server.gone_reason_header;
            let response = rescue::response(&failure, &target, &call, with_reason);
            (response, Some(failure))
        }
    };
    call.put_ids(&mut response);
    if let Some(stage) = &stage {
        let posted = payload.as_deref().unwrap_or_default();
        call.log(server, stage, posted, response.status(), failure.as_ref());
    }
    call.tell(server, response.status(), failure);
    response
}

async fn carry_out(
    server: &Server,
    call: &Call,
    resolved: Result<Resolved, TargetError>,
    stage: Option<&StageSlot>,
    payload: &Result<Bytes, BodyError>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let gateway = &server.gateway;
    let payload = payload.as_ref().map_err(|error| match error {
        BodyError::TooLarge => Failure::TooLarge,
        BodyError::Broken => Failure::Broken,
    })?;
    resolved.map_err(Failure::Target)?;
    if call.operation().is_none() {
        return Err(Failure::NoMethod);
    }
    let id = call.connection_id.map_err(Failure::InvalidId)?;
    gateway.throttle.pass_call().map_err(Failure::Throttled)?;
    // What resolves has a stage.
    let api_id = stage.map(|stage| &stage.api_id).ok_or(Failure::NoMethod)?;
    let connection = match gateway.find(api_id, id).await.map_err(Failure::InvalidId)? {
        FoundConnection::Open(connection) => connection,
        FoundConnection::Gone(reason) => return Err(Failure::Gone(reason)),
    };
    match call.method {
        Method::POST => post_to_connection::post_to_connection(gateway, &connection, payload),
        Method::GET => Ok(get_connection::get_connection(&connection)),
        Method::DELETE => delete_connection::delete_connection(&connection),
        _ => Err(Failure::NoMethod),
    }
}

/// The stage whose API issued the id; any of them when none did, for then the answer is the same.
fn stage_for(server: &Server, resolved: &Resolved, call: &Call) -> Arc<StageSlot> {
    match resolved {
        Resolved::Stage(stage) => Arc::clone(stage),
        Resolved::AnyOf(stages) => {
            let id = call.connection_id.as_ref().ok();
            let owner = id.and_then(|id| server.gateway.api_of(id));
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
