//! `requestContext` of an event: all members of all three kinds, in AWS's order.

use std::fmt::Display;

use gatepost_model::{
    MessageId, RequestId,
    connection_id::ConnectionId,
    request_context::{AuthorizerContext, ClfTime, EventType, Identity, RequestContext},
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
    identity: IdentityView<'a>,
    request_id: &'a str,
    domain_name: &'a str,
    #[serde(serialize_with = "as_text")]
    connection_id: ConnectionId,
    api_id: &'a str,
}

/// `identity` in AWS's order, without what is absent. Nothing here fills what AWS has of Cognito
/// and organizations.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentityView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<&'a str>,
    source_ip: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

impl<'a> IdentityView<'a> {
    fn new(identity: &'a Identity) -> Self {
        let signer = identity.signer.as_deref();
        let api_key = identity.api_key.as_deref();
        let user_id = signer.map(|signer| &*signer.user_id);
        Self {
            api_key: api_key.map(|key| key.api_key.reveal()),
            user_arn: signer.map(|signer| &*signer.user_arn),
            api_key_id: api_key.map(|key| &*key.api_key_id),
            user_agent: identity.user_agent.as_deref(),
            account_id: signer.map(|signer| &*signer.account_id),
            caller: user_id,
            source_ip: &identity.source_ip,
            access_key: signer.map(|signer| &*signer.access_key),
            user: user_id,
        }
    }
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
            identity: IdentityView::new(&connection.identity),
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
