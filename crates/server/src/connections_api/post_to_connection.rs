//! `PostToConnection`: `POST {base}/@connections/{connectionId}`.

use bytes::Bytes;
use gatepost_gateway::{
    applied_posts::Attempt,
    clock::Moment,
    connection::{Connection, message::Message, outbox::SendError},
    deployed::StageSlot,
    gateway::{FoundConnection, Gateway, RecognisedId},
    held_posts::{Establishing, Waited},
};
use gatepost_model::connection_id::ConnectionId;
use gatepost_wire::payload::is_binary;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};

use super::{Authorized, Failure, ended, success};

/// What SDKs send with each attempt of a call, a UUID.
const INVOCATION_ID: HeaderName = HeaderName::from_static("amz-sdk-invocation-id");
/// Which attempt it is.
const SDK_REQUEST: HeaderName = HeaderName::from_static("amz-sdk-request");

/// Puts the payload into the connection's outbox as one message. On AWS that is text, in which bytes
/// that are no UTF-8 become U+FFFD (data-plane spec 8.1); stages with `binary_frames` send what is
/// binary as it is.
pub(super) fn post_to_connection(
    gateway: &Gateway,
    connection: &Connection,
    call: &Authorized<'_>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let applied_posts = &gateway.applied_posts;
    let attempt = attempt(gateway, &connection.context.connection_id, call);
    if attempt.is_some_and(|attempt| applied_posts.is_done(attempt)) {
        return Ok(success(StatusCode::OK, Bytes::new()));
    }
    let message = message(&connection.stage, call);
    let now = Moment::now();
    let sent = connection.send(&message, gateway.limits(), now);
    if sent.is_ok() {
        connection.activity.posted(now);
        applied_posts.note(attempt);
    }
    answer(&sent, || ended(connection))
}

/// The SDK's call that this is an attempt of.
fn attempt(
    gateway: &Gateway,
    connection_id: &ConnectionId,
    call: &Authorized<'_>,
) -> Option<Attempt> {
    let request = call.request();
    let id = request.head.headers.get(INVOCATION_ID)?.as_bytes();
    let posts = &gateway.applied_posts;
    Some(Attempt {
        invocation: posts.invocation(connection_id, id, request.body.len()),
        is_retry: is_retry(call),
    })
}

/// Whether an SDK made the call before: `amz-sdk-request: attempt=2; max=3`.
fn is_retry(call: &Authorized<'_>) -> bool {
    let attempt = call.request().head.headers.get(SDK_REQUEST);
    let attempt = attempt.and_then(|value| value.to_str().ok());
    attempt.is_some_and(|value| {
        let mut parts = value.split(';').map(str::trim);
        parts.any(|part| {
            let number = part.strip_prefix("attempt=");
            number.is_some_and(|number| number.parse().is_ok_and(|number: u32| number > 1))
        })
    })
}

/// Waits for a connection whose `$connect` route runs, on a stage that holds posts.
pub(super) async fn held(
    gateway: &Gateway,
    recognised: RecognisedId,
    mut establishing: Establishing,
    call: &Authorized<'_>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let attempt = attempt(gateway, recognised.id(), call);
    loop {
        let gone = || Failure::Gone(establishing.gone());
        let message = message(&establishing.held.stage, call).into_owned();
        match establishing.held.wait(message, attempt).await {
            Waited::Sent(sent) => return answer(&sent, gone),
            Waited::InVain => return Err(gone()),
            Waited::Settled => {}
        }
        // It opened just before this post was in line, or is not to be.
        match gateway.find(recognised.clone()).await {
            FoundConnection::Open(connection) => {
                return post_to_connection(gateway, &connection, call);
            }
            FoundConnection::Establishing(again) => establishing = again,
            FoundConnection::Gone(reason) => return Err(Failure::Gone(reason)),
        }
    }
}

fn answer(
    sent: &Result<(), SendError>,
    gone: impl FnOnce() -> Failure,
) -> Result<Response<Full<Bytes>>, Failure> {
    match sent {
        Ok(()) => Ok(success(StatusCode::OK, Bytes::new())),
        Err(SendError::Full) => Err(Failure::LimitExceeded),
        Err(SendError::Ended(_) | SendError::Broken) => Err(gone()),
    }
}

fn message<'a>(stage: &StageSlot, call: &'a Authorized<'_>) -> Message<'a> {
    let request = call.request();
    let content_type = request.head.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let settings = stage.settings.load();
    if settings.extensions.binary_frames && is_binary(content_type, &request.body) {
        Message::Binary((&*request.body).into())
    } else {
        // What is UTF-8 is so found sooner.
        let text = std::str::from_utf8(&request.body).map(Into::into);
        Message::Text(text.unwrap_or_else(|_| String::from_utf8_lossy(&request.body)))
    }
}
