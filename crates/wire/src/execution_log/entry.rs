//! The entries that the stages of a request write.

use serde::{Deserialize, Serialize};

use super::Masked;

/// What a stage says. Each is one line in CloudWatch, or a few that always stand together.
///
/// Records that are kept name a variant by its position: new ones go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry<'a> {
    /// The request has this `extendedRequestId`; `None` when it is the `requestId`.
    ExtendedRequestId(Option<&'a str>),
    /// The authorizer of `$connect` is asked.
    StartingAuthorizer {
        /// `authorizerId`.
        authorizer_id: &'a str,
        /// The identity sources with their masked values.
        #[serde(borrow)]
        incoming_identity: Masked<'a>,
    },
    /// What the authorizer answered.
    AuthorizerResult {
        /// Its answer.
        body: &'a str,
    },
    /// The authorizer allowed the connection.
    AuthorizerAllowed {
        /// `principalId`.
        #[serde(borrow)]
        principal: Masked<'a>,
    },
    /// The client did not say who it is, or the authorizer did not want to know it.
    UnauthorizedRequest,
    /// The route asks for no API key.
    ApiKeyNotRequired {
        /// The route.
        route_key: &'a str,
        /// The key that the client sent all the same; empty without one.
        #[serde(borrow)]
        api_key: Masked<'a>,
    },
    /// The route begins.
    StartingExecution {
        /// The route.
        route_key: &'a str,
    },
    /// A client asks for a connection.
    ClientConnecting {
        /// `User-Agent`.
        user_agent: Option<&'a str>,
        /// The client's address.
        source_ip: &'a str,
    },
    /// A client sent a message.
    MessageReceived,
    /// The event that the message becomes.
    Message {
        /// The proxy event, JSON.
        event: &'a str,
    },
    /// What is sent to the backend.
    EndpointRequest {
        /// Where to.
        uri: &'a str,
        /// `name=value`, separated by commas.
        #[serde(borrow)]
        headers: Masked<'a>,
        /// The body.
        body: &'a str,
    },
    /// It is sent, to this URI.
    SendingRequest(&'a str),
    /// What the backend answered.
    EndpointResponse {
        /// The status.
        status: u16,
        /// Milliseconds.
        latency_ms: u64,
        /// `name=value`, separated by commas.
        #[serde(borrow)]
        headers: Masked<'a>,
        /// The body.
        body: &'a str,
    },
    /// The request id that an AWS service gave the call: for a function the one of its own log.
    EndpointRequestId(&'a str),
    /// What went wrong; the whole line.
    Failed(&'a str),
    /// The connection was accepted.
    Connected,
    /// The message is done.
    MessageDone {
        /// The integration's status, or that of the error frame.
        status: u16,
    },
    /// The connection ended.
    Disconnected {
        /// The status of the `$disconnect` integration; `None` when there is none.
        status: Option<u16>,
        /// `disconnectStatusCode`.
        code: u16,
        /// `disconnectReason`.
        reason: &'a str,
    },
    /// The route asks for an API key, which is looked at.
    VerifyingUsagePlan {
        /// The key that the client sent; empty without one.
        #[serde(borrow)]
        api_key: Masked<'a>,
    },
    /// The key may run the route.
    ApiKeyAuthorized {
        /// The route.
        route_key: &'a str,
        /// The key.
        #[serde(borrow)]
        api_key: Masked<'a>,
    },
    /// What a backend posts.
    ConnectionsBody {
        /// The text.
        body: &'a str,
    },
    /// A call of `@connections` was answered. AWS writes nothing of these.
    ConnectionsCall {
        /// `PostToConnection`, `GetConnection`, `DeleteConnection`, or another HTTP method.
        operation: &'a str,
        /// The id as the caller wrote it.
        connection_id: &'a str,
        /// Who called.
        caller: &'a str,
        /// The status.
        status: u16,
        /// Why it was refused, in words.
        refusal: Option<&'a str>,
    },
    /// What went wrong, by its name; the text is the whole line.
    Fault {
        /// The kind's slug.
        slug: &'a str,
        /// The line.
        text: &'a str,
    },
}

/// At which logging level an entry is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// At `ERROR` and `INFO`.
    Error,
    /// At `INFO`.
    Info,
    /// With `dataTraceEnabled`.
    DataTrace,
}

impl Severity {
    /// Its name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Info => "INFO",
            Self::DataTrace => "TRACE",
        }
    }
}

impl Entry<'_> {
    /// At which level it is written.
    pub fn severity(&self) -> Severity {
        match self {
            Self::UnauthorizedRequest
            | Self::Failed(_)
            | Self::Fault { .. }
            | Self::ConnectionsCall {
                refusal: Some(_), ..
            } => Severity::Error,
            Self::AuthorizerResult { .. }
            | Self::Message { .. }
            | Self::EndpointRequest { .. }
            | Self::SendingRequest(_)
            | Self::ConnectionsBody { .. }
            | Self::EndpointResponse { .. } => Severity::DataTrace,
            Self::ExtendedRequestId(_)
            | Self::StartingAuthorizer { .. }
            | Self::AuthorizerAllowed { .. }
            | Self::ApiKeyNotRequired { .. }
            | Self::VerifyingUsagePlan { .. }
            | Self::ApiKeyAuthorized { .. }
            | Self::StartingExecution { .. }
            | Self::ClientConnecting { .. }
            | Self::MessageReceived
            | Self::EndpointRequestId(_)
            | Self::Connected
            | Self::MessageDone { .. }
            | Self::Disconnected { .. }
            | Self::ConnectionsCall { refusal: None, .. } => Severity::Info,
        }
    }
}
