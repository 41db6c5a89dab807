//! A connection's life: its states, why it closes, and why a post to it finds it gone.
//!
//! One value feeds the log line, the metric label, the response header, the page and the answer of
//! `gatepost why`: the slugs below are part of the contract with users.

use crate::{ApiId, connection_id::ConnectionId};

/// Where a connection is in its life.
///
/// `Handshaking → Open → Closing → Closed`, or `Handshaking → Refused`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// The `$connect` route is running; the client has no `101` yet.
    Handshaking,
    /// The client has its `101`.
    Open,
    /// A close frame is on its way; the connection is gone for posts.
    Closing(CloseCause),
    /// The socket is closed.
    Closed(CloseCause),
    /// `$connect` refused; the connection never opened.
    Refused,
}

/// Who or what ended a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseCause {
    /// The client sent a close frame; `code` is `None` when the frame carried none.
    ClientClosed {
        /// The client's close code.
        code: Option<u16>,
        /// The client's reason.
        reason: String,
    },
    /// The socket ended without a close frame.
    ClientVanished,
    /// Nothing was sent or received for the idle timeout.
    IdleTimeout,
    /// The connection reached its greatest age.
    MaxDuration,
    /// A backend called `DeleteConnection`.
    Deleted,
    /// Gatepost is stopping.
    Draining,
    /// The client read too slowly for what was posted to it.
    SlowConsumer,
    /// The client broke RFC 6455; `code` is 1002 or 1007.
    ProtocolError {
        /// The close code that was sent.
        code: u16,
    },
    /// A frame or message exceeded its limit.
    MessageTooBig,
    /// A binary frame, which API Gateway does not accept.
    BinaryRefused,
    /// The stage or API was deleted.
    StageDeleted,
    /// The node that held the connection is lost.
    NodeLost,
    /// Gatepost itself failed at the connection, and at no other.
    InternalError,
}

impl CloseCause {
    /// The stable name of the cause.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::ClientClosed { .. } => "closed-by-client",
            Self::ClientVanished => "client-vanished",
            Self::IdleTimeout => "idle-timeout",
            Self::MaxDuration => "max-duration",
            Self::Deleted => "deleted",
            Self::Draining => "draining",
            Self::SlowConsumer => "slow-consumer",
            Self::ProtocolError { .. } => "protocol-error",
            Self::MessageTooBig => "message-too-big",
            Self::BinaryRefused => "binary-refused",
            Self::StageDeleted => "stage-deleted",
            Self::NodeLost => "node-lost",
            Self::InternalError => "internal-error",
        }
    }

    /// Slug, code and reason, from which [`CloseCause::from_parts`] makes the cause again.
    pub fn parts(&self) -> (&'static str, Option<u16>, Option<&str>) {
        match self {
            Self::ClientClosed { code, reason } => (self.slug(), *code, Some(reason)),
            Self::ProtocolError { code } => (self.slug(), Some(*code), None),
            _ => (self.slug(), None, None),
        }
    }

    /// The cause of these parts.
    pub fn from_parts(slug: &str, code: Option<u16>, reason: Option<String>) -> Self {
        match slug {
            "closed-by-client" => Self::ClientClosed {
                code,
                reason: reason.unwrap_or_default(),
            },
            "client-vanished" => Self::ClientVanished,
            "idle-timeout" => Self::IdleTimeout,
            "max-duration" => Self::MaxDuration,
            "deleted" => Self::Deleted,
            "draining" => Self::Draining,
            "slow-consumer" => Self::SlowConsumer,
            "protocol-error" => Self::ProtocolError {
                code: code.unwrap_or(1002),
            },
            "message-too-big" => Self::MessageTooBig,
            "binary-refused" => Self::BinaryRefused,
            "stage-deleted" => Self::StageDeleted,
            "internal-error" => Self::InternalError,
            // `node-lost`, and whatever a damaged row holds: what is known is that it is gone.
            _ => Self::NodeLost,
        }
    }

    /// Code and reason of the close frame that Gatepost sends; `None` when the client closed or
    /// vanished (its own close frame is echoed instead). Source: data-plane spec §7.
    pub fn close_frame(&self) -> Option<(u16, &'static str)> {
        match self {
            Self::ClientClosed { .. } | Self::ClientVanished | Self::NodeLost => None,
            Self::IdleTimeout | Self::MaxDuration | Self::Draining | Self::StageDeleted => {
                Some((1001, "Going away"))
            }
            Self::Deleted => Some((1000, "Connection Closed Normally")),
            Self::SlowConsumer => Some((1008, "Slow consumer")),
            Self::ProtocolError { code: 1007 } => Some((1007, "Invalid UTF-8")),
            Self::ProtocolError { code } => Some((*code, "Protocol error")),
            Self::MessageTooBig => Some((1009, "Message too big")),
            Self::BinaryRefused => Some((1003, "Binary is not supported")),
            Self::InternalError => Some((1011, "Internal error")),
        }
    }

    /// `disconnectStatusCode` and `disconnectReason` of the `$disconnect` event (spec §7).
    pub fn disconnect_status(&self) -> (u16, &str) {
        match self {
            Self::ClientClosed {
                code: Some(code),
                reason,
            } => (*code, reason),
            Self::ClientClosed { code: None, .. } => {
                (1005, "Client-side close frame status not set")
            }
            Self::ClientVanished | Self::NodeLost => (1006, "Connection closed abnormally"),
            ended_here => ended_here
                .close_frame()
                .unwrap_or((1006, "Connection closed abnormally")),
        }
    }

    /// The cause in words, to follow "the connection …".
    pub fn describe(&self) -> String {
        match self {
            Self::ClientClosed {
                code: Some(code),
                reason,
            } if reason.is_empty() => {
                format!("was closed by the client (code {code})")
            }
            Self::ClientClosed {
                code: Some(code),
                reason,
            } => {
                format!("was closed by the client (code {code}, {reason:?})")
            }
            Self::ClientClosed { code: None, .. } => "was closed by the client (no code)".into(),
            Self::ClientVanished => "ended without a close frame: the client vanished".into(),
            Self::IdleTimeout => "was closed after the idle timeout".into(),
            Self::MaxDuration => "was closed at its maximum duration".into(),
            Self::Deleted => "was closed by DeleteConnection".into(),
            Self::Draining => "was closed because Gatepost stopped".into(),
            Self::SlowConsumer => "was closed because the client read too slowly".into(),
            Self::ProtocolError { code } => {
                format!("was closed with {code}: the client broke the WebSocket protocol")
            }
            Self::MessageTooBig => "was closed because a message was too big".into(),
            Self::BinaryRefused => "was closed because the client sent a binary frame".into(),
            Self::StageDeleted => "was closed because its stage was deleted".into(),
            Self::NodeLost => "ended when Gatepost stopped without closing it".into(),
            Self::InternalError => "was closed because Gatepost itself failed at it".into(),
        }
    }
}

/// Why a well-formed connection id that was issued here answers `410 GoneException`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoneReason {
    /// The `$connect` route has not been answered yet.
    NotEstablished {
        /// When the handshake began, milliseconds since the epoch.
        since_ms: u64,
    },
    /// The `$connect` route refused the connection, so it never opened.
    Refused {
        /// When, milliseconds since the epoch.
        at_ms: u64,
    },
    /// The connection ended.
    Closed {
        /// How it ended.
        cause: CloseCause,
        /// When, milliseconds since the epoch.
        at_ms: u64,
    },
    /// The client came back with a new connection.
    Replaced {
        /// The connection id that the client has now.
        by: ConnectionId,
        /// How the old connection ended.
        cause: CloseCause,
        /// When the old connection ended, milliseconds since the epoch.
        at_ms: u64,
    },
    /// The id belongs to a connection of another API.
    OtherApi {
        /// The API that issued it.
        api_id: ApiId,
    },
    /// Issued here, but older than what is kept.
    Forgotten,
}

impl GoneReason {
    /// The stable name: value of `x-gatepost-gone-reason`, metric label, page name.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::NotEstablished { .. } | Self::Refused { .. } => "not-established",
            Self::Closed { cause, .. } => cause.slug(),
            Self::Replaced { .. } => "replaced",
            Self::OtherApi { .. } => "other-api",
            Self::Forgotten => "forgotten",
        }
    }

    /// What happened, in one sentence without a full stop.
    pub fn describe(&self) -> String {
        match self {
            Self::NotEstablished { .. } => {
                "the connection is not established: its $connect route is still running".into()
            }
            Self::Refused { .. } => {
                "the connection was never established: its handshake was refused".into()
            }
            Self::Closed { cause, .. } => format!("the connection {}", cause.describe()),
            Self::Replaced { by, cause, .. } => {
                format!(
                    "the connection {}; the client is back as {by}",
                    cause.describe()
                )
            }
            Self::OtherApi { api_id } => format!("the id belongs to API {api_id}"),
            Self::Forgotten => "the connection ended longer ago than is remembered".into(),
        }
    }

    /// What the caller should do, in one sentence without a full stop.
    pub fn advice(&self) -> String {
        match self {
            Self::NotEstablished { .. } => "post after $connect has returned: invoke a function \
                asynchronously from $connect and let it post, or let the client send a first message"
                .into(),
            Self::Refused { .. } => {
                "store the id only when $connect succeeds; what refused the handshake stands in its answer"
                    .into()
            }
            Self::Closed { cause: CloseCause::IdleTimeout, .. } => {
                "delete the id; to keep connections open let clients send something more often".into()
            }
            Self::Closed { cause: CloseCause::ClientVanished, .. } => {
                "delete the id; let the client reconnect and store its new id".into()
            }
            Self::Closed { cause: CloseCause::SlowConsumer, .. } => {
                "delete the id; post less at once to a client that reads slowly".into()
            }
            Self::Closed { cause: CloseCause::InternalError, .. } => {
                "delete the id, and report the line that says `panicked`: it is a bug".into()
            }
            Self::Closed { .. } | Self::Forgotten => {
                "delete the id when $disconnect runs and on GoneException".into()
            }
            Self::Replaced { by, .. } => {
                format!("delete the id and post to {by}: store the new id when $connect runs")
            }
            Self::OtherApi { .. } => {
                "post through the endpoint of the API that the client is connected to".into()
            }
        }
    }
}

/// Why an id is answered with `400 BadRequestException` instead of `410`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnectionId {
    /// Not the shape of a connection id at all.
    #[error("it is not the shape of a connection id")]
    Malformed,
    /// Percent-encoded twice, e.g. `%253D` for `=`.
    #[error("it is percent-encoded twice")]
    DoubleEncoded,
    /// The beginning of an id, e.g. without its trailing `==`.
    #[error("it is cut: a connection id has 20 characters and ends in ==")]
    Cut,
    /// The right shape, but no Gatepost with this key issued it.
    #[error("it was not issued here")]
    NotIssuedHere,
}

impl InvalidConnectionId {
    /// The stable name.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::DoubleEncoded => "double-encoded",
            Self::Cut => "cut",
            Self::NotIssuedHere => "not-issued-here",
        }
    }

    /// What the caller should do, in one sentence without a full stop.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Malformed => "pass requestContext.connectionId unchanged",
            Self::DoubleEncoded => "encode the id once: `=` is %3D in a path",
            Self::Cut => "store and pass all 20 characters, with the trailing ==",
            Self::NotIssuedHere => {
                "use ids of this Gatepost only: look for ids of another environment in your table"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disconnect_status_is_what_the_spec_lists_for_each_cause() {
        let client = |code, reason: &str| CloseCause::ClientClosed {
            code,
            reason: reason.into(),
        };
        for (cause, expected) in [
            (client(Some(1000), "bye"), (1000, "bye")),
            (client(Some(1001), ""), (1001, "")),
            (
                client(None, ""),
                (1005, "Client-side close frame status not set"),
            ),
            (
                CloseCause::ClientVanished,
                (1006, "Connection closed abnormally"),
            ),
            (CloseCause::IdleTimeout, (1001, "Going away")),
            (CloseCause::Deleted, (1000, "Connection Closed Normally")),
            (CloseCause::BinaryRefused, (1003, "Binary is not supported")),
            (CloseCause::MessageTooBig, (1009, "Message too big")),
        ] {
            assert_eq!(cause.disconnect_status(), expected);
        }
    }
}
