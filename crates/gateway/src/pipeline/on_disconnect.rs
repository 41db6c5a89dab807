//! The end of a connection: the `$disconnect` route runs once, after the socket is closed.

use std::{sync::Arc, time::Instant};

use gatepost_model::{
    connection::CloseCause,
    request_context::{ConnectionContext, EventType, RequestContext},
    route::RouteKey,
};

use super::{integration_request, integration_response, select_route::RoutedRequest};
use crate::{
    clock::now_ms, deployed::StageSlot, gateway::Gateway, integration, new_id, observe::Event,
};

/// Runs the `$disconnect` route of the deployment that is current now, detached. Its answer is
/// ignored (data-plane spec 3.3).
pub(crate) fn on_disconnect(
    gateway: &Arc<Gateway>,
    context: Arc<ConnectionContext>,
    stage: &StageSlot,
    cause: &CloseCause,
) {
    let Some(deployed) = stage.deployed.load_full() else {
        return;
    };
    let Some(route) = deployed.disconnect.clone() else {
        return;
    };
    let (status_code, reason) = cause.disconnect_status();
    let request = RoutedRequest {
        route,
        context: RequestContext {
            connection: context,
            request_id: new_id::request_id(),
            request_time_ms: now_ms(),
            route_key: RouteKey::Disconnect,
            event_type: EventType::Disconnect {
                status_code,
                reason: reason.to_owned(),
            },
            stage_variables: Arc::clone(&deployed.stage_variables),
        },
        body: String::new(),
    };
    let run = {
        let gateway = Arc::clone(gateway);
        async move { run(&gateway, &request).await }
    };
    gateway.spawn(run);
}

async fn run(gateway: &Gateway, request: &RoutedRequest) {
    let started = Instant::now();
    let replied = match integration_request::build(request, None) {
        Ok(None) => return,
        Ok(Some(integration_request)) => integration::invoke(gateway, integration_request)
            .await
            .and_then(|answer| integration_response::build(request, None, answer)),
        Err(fault) => Err(fault),
    };
    let (status, error) = match replied {
        Ok(reply) => (reply.status, None),
        Err(fault) => (fault.kind.handshake_status(), Some(fault.detail)),
    };
    gateway.observer().emit(Event::Request {
        connection_id: request.context.connection.connection_id,
        request_id: request.context.request_id.clone(),
        route_key: Some(RouteKey::Disconnect),
        status,
        latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        error,
    });
}
