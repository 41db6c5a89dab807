//! `PostToConnection`: `POST {base}/@connections/{connectionId}`.

use bytes::Bytes;
use gatepost_gateway::{
    clock::Moment,
    connection::{Connection, message::Message, outbox::SendError},
    deployed::StageSlot,
    gateway::{FoundConnection, Gateway, RecognisedId},
    held_posts::{Establishing, Waited},
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
    let message = message(&connection.stage, call);
    let now = Moment::now();
    let sent = connection.send(&message, gateway.limits(), now);
    if sent.is_ok() {
        connection.activity.posted(now);
    }
    answer(&sent, || ended(connection))
}

/// Waits for a connection whose `$connect` route runs, on a stage that holds posts.
pub(super) async fn held(
    gateway: &Gateway,
    recognised: RecognisedId,
    mut establishing: Establishing,
    call: &Authorized<'_>,
) -> Result<Response<Full<Bytes>>, Failure> {
    loop {
        let gone = || Failure::Gone(establishing.gone());
        let message = message(&establishing.held.stage, call).into_owned();
        match establishing.held.wait(message).await {
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
        Message::Text(String::from_utf8_lossy(&request.body))
    }
}
