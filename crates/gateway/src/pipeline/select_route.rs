//! Route selection: from a received message to the route that it runs (data-plane spec §4).

use std::sync::Arc;

use gatepost_model::{
    fault::{Fault, FaultKind},
    request_context::{EventType, RequestContext},
    route::RouteKey,
};

use crate::{
    connection::Connection,
    deployed::{DeployedRoute, DeployedStage},
    new_id,
};

/// A text message as it came from the client.
pub struct ReceivedMessage {
    /// Who sent it.
    pub connection: Arc<Connection>,
    /// What its stage serves now.
    pub deployed: Arc<DeployedStage>,
    /// Its `requestId`, `messageId` and time; the route key is not known yet.
    pub context: RequestContext,
    /// The text.
    pub body: String,
}

/// A request whose route is known.
pub struct RoutedRequest {
    /// The route.
    pub route: Arc<DeployedRoute>,
    /// The context, with the route key.
    pub context: RequestContext,
    /// The message, empty for `$connect` and `$disconnect`.
    pub body: String,
}

impl ReceivedMessage {
    /// A message with fresh ids. `None` when the stage is no more.
    pub fn new(connection: &Arc<Connection>, body: &str, now_ms: u64) -> Option<Self> {
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
            body: body.to_owned(),
        })
    }

    /// Selects the route: the selection expression's value, else `$default`.
    ///
    /// # Errors
    /// `Forbidden` when there is neither.
    pub fn select_route(self) -> Result<RoutedRequest, Fault> {
        let Some(route) = self.deployed.select_route(&self.body) else {
            let detail = "no route matches the message and there is no $default route";
            return Err(Fault::new(FaultKind::Forbidden, detail));
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
