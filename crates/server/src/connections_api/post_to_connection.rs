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
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::{Authorized, Failure, ended, operation::Done};

/// What SDKs send with each attempt of a call, a UUID.
const INVOCATION_ID: HeaderName = HeaderName::from_static("amz-sdk-invocation-id");
/// Which attempt it is.
const SDK_REQUEST: HeaderName = HeaderName::from_static("amz-sdk-request");

/// A message to be posted.
pub(super) struct Post<'a> {
    pub body: &'a Bytes,
    kind: Kind<'a>,
    /// The SDK's call, if one makes it: `amz-sdk-invocation-id`.
    pub invocation_id: Option<&'a [u8]>,
    /// Whether the SDK made the call before.
    pub is_retry: bool,
}

/// By what it is known whether a message is binary, where that makes a difference.
enum Kind<'a> {
    ContentType(Option<&'a str>),
    Known { is_binary: bool },
}

impl<'a> Post<'a> {
    /// What a caller posts.
    pub fn of(call: &'a Authorized<'_>) -> Self {
        let request = call.request();
        let headers = &request.head.headers;
        let content_type = headers.get(CONTENT_TYPE);
        let invocation_id = headers.get(INVOCATION_ID);
        Self {
            body: &request.body,
            kind: Kind::ContentType(content_type.and_then(|value| value.to_str().ok())),
            invocation_id: invocation_id.map(HeaderValue::as_bytes),
            is_retry: is_retry(call),
        }
    }

    /// What somebody posts whom another Gatepost let in.
    pub fn known(
        body: &'a Bytes,
        is_binary: bool,
        invocation_id: Option<&'a [u8]>,
        is_retry: bool,
    ) -> Self {
        Self {
            body,
            kind: Kind::Known { is_binary },
            invocation_id,
            is_retry,
        }
    }

    /// Whether it is a binary message where there are any.
    pub fn is_binary(&self) -> bool {
        match self.kind {
            Kind::ContentType(content_type) => is_binary(content_type, self.body),
            Kind::Known { is_binary } => is_binary,
        }
    }

    /// The SDK's call that this is an attempt of.
    fn attempt(&self, gateway: &Gateway, connection_id: &ConnectionId) -> Option<Attempt> {
        let posts = &gateway.applied_posts;
        Some(Attempt {
            invocation: posts.invocation(connection_id, self.invocation_id?, self.body.len()),
            is_retry: self.is_retry,
        })
    }

    fn message(&self, stage: &StageSlot) -> Message<'a> {
        let settings = stage.settings.load();
        if settings.extensions.binary_frames && self.is_binary() {
            Message::Binary((&**self.body).into())
        } else {
            // What is UTF-8 is so found sooner.
            let text = std::str::from_utf8(self.body).map(Into::into);
            Message::Text(text.unwrap_or_else(|_| String::from_utf8_lossy(self.body)))
        }
    }
}

/// Puts the payload into the connection's outbox as one message. On AWS that is text, in which bytes
/// that are no UTF-8 become U+FFFD (data-plane spec 8.1); stages with `binary_frames` send what is
/// binary as it is.
pub(super) fn post_to_connection(
    gateway: &Gateway,
    connection: &Connection,
    post: &Post<'_>,
) -> Result<Done, Failure> {
    let attempt = post.attempt(gateway, &connection.context.connection_id);
    let message = post.message(&connection.stage);
    let sent = gateway.applied_posts.once(attempt, || {
        let now = Moment::now();
        connection.send(&message, gateway.limits(), now)?;
        connection.activity.posted(now);
        Ok(())
    });
    answer(&sent, || ended(connection))
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
    post: &Post<'_>,
) -> Result<Done, Failure> {
    let attempt = post.attempt(gateway, recognised.id());
    loop {
        let gone = || Failure::Gone(establishing.gone());
        let message = post.message(&establishing.held.stage).into_owned();
        match establishing.held.wait(message, attempt).await {
            Waited::Sent(sent) => return answer(&sent, gone),
            Waited::InVain => return Err(gone()),
            Waited::Settled => {}
        }
        // It opened just before this post was in line, or is not to be.
        match gateway.find(recognised.clone()).await {
            FoundConnection::Open(connection) => {
                return post_to_connection(gateway, &connection, post);
            }
            FoundConnection::Establishing(again) => establishing = again,
            FoundConnection::Gone(reason) => return Err(Failure::Gone(reason)),
        }
    }
}

fn answer(sent: &Result<(), SendError>, gone: impl FnOnce() -> Failure) -> Result<Done, Failure> {
    match sent {
        Ok(()) => Ok(Done::Posted),
        Err(SendError::Full) => Err(Failure::LimitExceeded),
        Err(SendError::Ended(_) | SendError::Broken) => Err(gone()),
    }
}
