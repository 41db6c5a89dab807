//! `PostToConnection`: `POST {base}/@connections/{connectionId}`.

use bytes::Bytes;
use gatepost_gateway::{
    clock::Moment,
    connection::{Connection, message::Message, outbox::SendError},
    gateway::Gateway,
};
use gatepost_wire::payload::is_binary;
use http_body_util::Full;
use hyper::{Response, StatusCode, header::CONTENT_TYPE};

use super::{Authorized, Failure, ended, success};

/// Puts the payload into the connection's outbox as one message. On AWS that is text, in which bytes
/// that are no UTF-8 become U+FFFD (data-plane spec 8.1); stages with `binary_frames` send what is
/// binary as it is.
pub(super) fn post_to_connection(
    gateway: &Gateway,
    connection: &Connection,
    call: &Authorized<'_>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let message = message(connection, call);
    match connection.send(&message, gateway.limits(), Moment::now()) {
        Ok(()) => Ok(success(StatusCode::OK, Bytes::new())),
        Err(SendError::Full) => Err(Failure::LimitExceeded),
        Err(SendError::Ended(_) | SendError::Broken) => Err(ended(connection)),
    }
}

fn message<'a>(connection: &Connection, call: &'a Authorized<'_>) -> Message<'a> {
    let request = call.request();
    let content_type = request.head.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let settings = connection.stage.settings.load();
    if settings.extensions.binary_frames && is_binary(content_type, &request.body) {
        Message::Binary((&*request.body).into())
    } else {
        Message::Text(String::from_utf8_lossy(&request.body))
    }
}
