//! `requestContext` of an event: all members of all three kinds, in AWS's order.

use std::fmt::Display;

use gatepost_model::{
    MessageId, RequestId,
    connection_id::ConnectionId,
    request_context::{AuthorizerContext, ClfTime, EventType, RequestContext},
};
use serde::{Serialize, Serializer, ser::SerializeMap};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestContextView<'a> {
    route_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<AuthorizerView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_status_code: Option<u16>,
    event_type: &'static str,
    extended_request_id: &'a str,
    #[serde(serialize_with = "as_text")]
    request_time: ClfTime,
    message_direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<&'a str>,
    stage: &'a str,
    connected_at: u64,
    request_time_epoch: u64,
    identity: Identity<'a>,
    request_id: &'a str,
    domain_name: &'a str,
    #[serde(serialize_with = "as_text")]
    connection_id: ConnectionId,
    api_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    source_ip: &'a str,
}

impl<'a> RequestContextView<'a> {
    pub(super) fn new(context: &'a RequestContext) -> Self {
        let connection = &*context.connection;
        let message_id = match &context.event_type {
            EventType::Message(message_id) => Some(MessageId::as_str(message_id)),
            EventType::Connect | EventType::Disconnect { .. } => None,
        };
        let (disconnect_status_code, disconnect_reason) = match &context.event_type {
            EventType::Disconnect {
                status_code,
                reason,
            } => (Some(*status_code), Some(&**reason)),
            EventType::Connect | EventType::Message(_) => (None, None),
        };
        let request_id = RequestId::as_str(&context.request_id);
        Self {
            route_key: context.route_key.as_str(),
            authorizer: connection
                .authorizer
                .as_deref()
                .map(|authorizer| AuthorizerView {
                    authorizer,
                    shows_latency: context.event_type == EventType::Connect,
                }),
            message_id,
            disconnect_status_code,
            event_type: context.event_type.as_str(),
            extended_request_id: request_id,
            request_time: ClfTime(context.request_time_ms),
            message_direction: "IN",
            disconnect_reason,
            stage: connection.stage.as_str(),
            connected_at: connection.connected_at_ms,
            request_time_epoch: context.request_time_ms,
            identity: Identity {
                user_agent: connection.user_agent.as_deref(),
                source_ip: &connection.source_ip,
            },
            request_id,
            domain_name: &connection.domain_name,
            connection_id: connection.connection_id,
            api_id: connection.api_id.as_str(),
        }
    }
}

fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// `authorizer`: the context's members, then `principalId`, then, on `CONNECT` only,
/// `integrationLatency`.
struct AuthorizerView<'a> {
    authorizer: &'a AuthorizerContext,
    shows_latency: bool,
}

impl Serialize for AuthorizerView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AuthorizerContext {
            principal_id,
            context,
            integration_latency_ms,
            ..
        } = self.authorizer;
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in context {
            // A member of these names would stand twice in the object.
            if key != "principalId" && key != "integrationLatency" {
                map.serialize_entry(key, value)?;
            }
        }
        map.serialize_entry("principalId", principal_id)?;
        if self.shows_latency {
            map.serialize_entry("integrationLatency", integration_latency_ms)?;
        }
        map.end()
    }
}
