//! Route selection: from a received message to the route that it runs (data-plane spec §4).

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use gatepost_model::{
    fault::{Fault, FaultKind},
    request_context::{EventType, RequestContext},
    route::RouteKey,
};
use serde_json::Value;

use crate::{
    connection::{Connection, message::Message},
    deployed::{DeployedRoute, DeployedStage},
    new_id,
};

/// A message as it came from the client.
pub struct ReceivedMessage {
    /// Who sent it.
    pub connection: Arc<Connection>,
    /// What its stage serves now.
    pub deployed: Arc<DeployedStage>,
    /// Its `requestId`, `messageId` and time; the route key is not known yet.
    pub context: RequestContext,
    /// The message.
    pub body: RequestBody,
}

/// A request whose route is known.
pub struct RoutedRequest {
    /// The route.
    pub route: Arc<DeployedRoute>,
    /// The context, with the route key.
    pub context: RequestContext,
    /// The message, empty for `$connect` and `$disconnect`.
    pub body: RequestBody,
}

/// A message as mappings and events have it.
#[derive(Debug, Clone, Default)]
pub struct RequestBody {
    /// The text, or the bytes in base64.
    pub text: String,
    /// Which of both: binary only on stages with `binary_frames`.
    pub is_base64_encoded: bool,
}

impl RequestBody {
    fn of(message: &Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self {
                text: text.clone().into_owned(),
                is_base64_encoded: false,
            },
            Message::Binary(bytes) => Self {
                text: BASE64_STANDARD.encode(bytes),
                is_base64_encoded: true,
            },
        }
    }

    /// The message as JSON; a binary one is none.
    pub fn json(&self) -> Option<Value> {
        let is_text = !self.is_base64_encoded;
        is_text
            .then(|| serde_json::from_str(&self.text).ok())
            .flatten()
    }

    /// What the client sent.
    pub fn bytes(&self) -> Bytes {
        let decoded = self
            .is_base64_encoded
            .then(|| BASE64_STANDARD.decode(&self.text).ok());
        match decoded.flatten() {
            Some(bytes) => bytes.into(),
            None => Bytes::copy_from_slice(self.text.as_bytes()),
        }
    }
}

/// A message that no route is for.
#[derive(Debug)]
pub struct Unrouted {
    /// Its context, in which the route key says nothing.
    pub context: RequestContext,
    /// What the client is told.
    pub fault: Fault,
}

impl ReceivedMessage {
    /// A message with fresh ids. `None` when the stage is no more.
    pub fn new(connection: &Arc<Connection>, message: &Message<'_>, now_ms: u64) -> Option<Self> {
        let deployed = connection.stage.deployed.load_full()?;
        let context = RequestContext {
            connection: Arc::clone(&connection.context),
            request_id: new_id::request_id(),
            request_time_ms: now_ms,
            route_key: RouteKey::Default,
            event_type: EventType::Message(new_id::message_id()),
            stage_variables: Arc::clone(&deployed.stage_variables),
        };
        Some(Self {
            connection: Arc::clone(connection),
            deployed,
            context,
            body: RequestBody::of(message),
        })
    }

    /// Selects the route: the selection expression's value, else `$default`, where binary messages
    /// go always.
    ///
    /// # Errors
    /// `Forbidden` when there is neither.
    pub fn select_route(self) -> Result<RoutedRequest, Box<Unrouted>> {
        let selected = if self.body.is_base64_encoded {
            self.deployed.default.as_ref()
        } else {
            self.deployed.select_route(&self.body.text)
        };
        let Some(route) = selected else {
            let detail = "no route matches the message and there is no $default route";
            return Err(Box::new(Unrouted {
                context: self.context,
                fault: Fault::new(FaultKind::Forbidden, detail),
            }));
        };
        let route = Arc::clone(route);
        let context = RequestContext {
            route_key: route.route_key.clone(),
            ..self.context
        };
        Ok(RoutedRequest {
            route,
            context,
            body: self.body,
        })
    }
}
