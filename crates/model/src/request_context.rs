//! `requestContext`: all that an event, a mapping or a log may ask about a request.

mod identity;

use std::{collections::BTreeMap, fmt, sync::Arc};

pub use self::identity::{ApiKeyIdentity, Identity, Signer};
use crate::{
    ApiId, MessageId, RequestId, StageName, calendar::Day, connection_id::ConnectionId,
    route::RouteKey,
};

/// What is constant for the life of a connection.
#[derive(Debug, Clone)]
pub struct ConnectionContext {
    /// `connectionId`.
    pub connection_id: ConnectionId,
    /// `apiId`.
    pub api_id: ApiId,
    /// `stage` the client connected to.
    pub stage: StageName,
    /// `connectedAt`, milliseconds since the epoch.
    pub connected_at_ms: u64,
    /// `domainName`: the host (and port) that the client used.
    pub domain_name: Arc<str>,
    /// `identity`.
    pub identity: Identity,
    /// `authorizer`, when one allowed the connection.
    pub authorizer: Option<Box<AuthorizerContext>>,
}

/// `requestContext.authorizer`: what the Lambda authorizer returned, stringified.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorizerContext {
    /// `principalId`.
    pub principal_id: String,
    /// `context`, values as text, in the authorizer's order.
    pub context: Vec<(String, String)>,
    /// `usageIdentifierKey`.
    pub usage_identifier_key: Option<String>,
    /// `integrationLatency`, milliseconds; shown to `$connect` only.
    pub integration_latency_ms: u64,
}

impl AuthorizerContext {
    /// The value of `$context.authorizer.{property}`.
    pub fn property(&self, property: &str) -> Option<&str> {
        if property == "principalId" {
            return Some(&self.principal_id);
        }
        self.context
            .iter()
            .find(|(key, _)| key == property)
            .map(|(_, value)| value.as_str())
    }
}

/// `eventType`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventType {
    /// `CONNECT`.
    Connect,
    /// `MESSAGE` with its `messageId`.
    Message(MessageId),
    /// `DISCONNECT` with `disconnectStatusCode` and `disconnectReason`.
    Disconnect {
        /// `disconnectStatusCode`.
        status_code: u16,
        /// `disconnectReason`.
        reason: String,
    },
}

impl EventType {
    /// The type as it stands on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Message(_) => "MESSAGE",
            Self::Disconnect { .. } => "DISCONNECT",
        }
    }
}

/// `requestContext` of one event of a connection.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// What is constant for the connection.
    pub connection: Arc<ConnectionContext>,
    /// `requestId`, which equals `extendedRequestId` on WebSocket APIs.
    pub request_id: RequestId,
    /// `requestTimeEpoch`, milliseconds since the epoch.
    pub request_time_ms: u64,
    /// `routeKey` that was selected.
    pub route_key: RouteKey,
    /// `eventType`.
    pub event_type: EventType,
    /// The stage's variables as they are now.
    pub stage_variables: Arc<BTreeMap<String, String>>,
}

impl RequestContext {
    /// The value of `$context.{path}` as text; `None` when it is unset or unknown.
    /// Source: data-plane spec 5.7.
    pub fn variable(&self, path: &str) -> Option<String> {
        let connection = &self.connection;
        let value = match path {
            "connectionId" => connection.connection_id.to_string(),
            "connectedAt" => connection.connected_at_ms.to_string(),
            "domainName" => connection.domain_name.to_string(),
            "eventType" => self.event_type.as_str().to_owned(),
            "messageDirection" => "IN".to_owned(),
            "messageId" => match &self.event_type {
                EventType::Message(message_id) => message_id.to_string(),
                _ => return None,
            },
            "routeKey" => self.route_key.to_string(),
            "requestId" | "extendedRequestId" => self.request_id.to_string(),
            "apiId" => connection.api_id.to_string(),
            "stage" => connection.stage.to_string(),
            "requestTime" => clf_time(self.request_time_ms),
            "requestTimeEpoch" => self.request_time_ms.to_string(),
            "disconnectStatusCode" => match &self.event_type {
                EventType::Disconnect { status_code, .. } => status_code.to_string(),
                _ => return None,
            },
            "disconnectReason" => match &self.event_type {
                EventType::Disconnect { reason, .. } => reason.clone(),
                _ => return None,
            },
            _ => match path.split_once('.')? {
                ("identity", name) => connection.identity.variable(name)?.to_owned(),
                ("authorizer", name) => connection.authorizer.as_ref()?.property(name)?.to_owned(),
                _ => return None,
            },
        };
        Some(value)
    }
}

/// Milliseconds since the epoch, displayed as `requestTime`: `25/Sep/2026:00:01:48 +0000`.
#[derive(Debug, Clone, Copy)]
pub struct ClfTime(pub u64);

impl fmt::Display for ClfTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let (year, month, day, second) = civil(self.0);
        let month = MONTHS[month - 1];
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000"
        )
    }
}

/// [`ClfTime`] as text.
pub fn clf_time(epoch_ms: u64) -> String {
    ClfTime(epoch_ms).to_string()
}

/// Milliseconds since the epoch as ISO 8601 with three decimals: `2026-09-25T00:22:29.887Z`.
pub fn iso_time(epoch_ms: u64) -> String {
    let (year, month, day, second) = civil(epoch_ms);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let milli = epoch_ms % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Year, month (1 to 12), day and second of the day, in UTC.
fn civil(epoch_ms: u64) -> (u32, usize, u32, u64) {
    let (year, month, day) = Day::of_epoch_ms(epoch_ms).civil();
    // A month is 1 to 12.
    let month = usize::try_from(month).unwrap_or(1);
    (year, month, day, epoch_ms / 1000 % 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_aws_writes_them() {
        // `date -u -d @1790294508` is Fri Sep 25 00:01:48 UTC 2026.
        assert_eq!(clf_time(1_790_294_508_123), "25/Sep/2026:00:01:48 +0000");
        assert_eq!(iso_time(1_790_294_508_123), "2026-09-25T00:01:48.123Z");
        assert_eq!(iso_time(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(clf_time(0), "01/Jan/1970:00:00:00 +0000");
    }
}
