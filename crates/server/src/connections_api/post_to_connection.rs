//! `PostToConnection`: `POST {base}/@connections/{connectionId}`.

use bytes::Bytes;
use gatepost_gateway::{
    clock::Moment,
    connection::{Connection, outbox::SendError},
    gateway::Gateway,
};
use http_body_util::Full;
use hyper::{Response, StatusCode};

use super::{Authorized, Failure, ended, success};

/// Puts the payload into the connection's outbox as one text message. Bytes that are no UTF-8
/// become U+FFFD, for a text frame cannot carry them (data-plane spec 8.1).
pub(super) fn post_to_connection(
    gateway: &Gateway,
    connection: &Connection,
    call: &Authorized<'_>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let text = String::from_utf8_lossy(&call.request().body);
    match connection.send_text(text.as_bytes(), gateway.limits(), Moment::now()) {
        Ok(()) => Ok(success(StatusCode::OK, Bytes::new())),
        Err(SendError::Full) => Err(Failure::LimitExceeded),
        Err(SendError::Ended(_) | SendError::Broken) => Err(ended(connection)),
    }
}
