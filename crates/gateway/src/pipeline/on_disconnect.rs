//! The end of a connection: the `$disconnect` route runs once, after the socket is closed.

use std::{sync::Arc, time::Instant};

use gatepost_model::{
    connection::CloseCause,
    request_context::{ConnectionContext, EventType, RequestContext},
    route::RouteKey,
};
use gatepost_wire::execution_log::{Entry, shown};

use super::{integration_request, select_route::RoutedRequest};
use crate::{
    clock::now_ms,
    deployed::StageSlot,
    gateway::Gateway,
    integration, new_id,
    observe::{Event, RequestLog},
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
    let (status_code, reason) = cause.disconnect_status();
    let (request_id, now_ms) = (new_id::request_id(), now_ms());
    let route = deployed.disconnect.clone();
    let mut log = RequestLog::begin(
        gateway.store(),
        stage,
        route
            .as_ref()
            .map_or(deployed.log_settings, |route| route.log_settings),
        &request_id,
        context.connection_id,
        now_ms,
    );
    log.starting_execution(RouteKey::Disconnect.as_str());
    let Some(route) = route else {
        log.write(&Entry::Disconnected {
            status: None,
            code: status_code,
            reason,
        });
        log.end();
        return;
    };
    let request = RoutedRequest {
        route,
        context: RequestContext {
            connection: context,
            request_id,
            request_time_ms: now_ms,
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
        let (gateway, cause) = (Arc::clone(gateway), cause.clone());
        async move { run(&gateway, &request, &cause, log).await }
    };
    gateway.spawn(run);
}

async fn run(gateway: &Gateway, request: &RoutedRequest, cause: &CloseCause, mut log: RequestLog) {
    let started = Instant::now();
    let replied = match integration_request::build(request, None, &mut log) {
        Ok(None) => None,
        Ok(Some(integration_request)) => {
            Some(integration::invoke(gateway, integration_request, &mut log).await)
        }
        Err(fault) => Some(Err(fault)),
    };
    let outcome = replied.map(|replied| match replied {
        Ok(reply) => (reply.status, None),
        Err(fault) => {
            log.fault(&fault);
            (fault.kind.handshake_status(), Some(fault.detail))
        }
    });
    let (code, reason) = cause.disconnect_status();
    log.write(&Entry::Disconnected {
        status: outcome.as_ref().map(|(status, _)| *status),
        code,
        reason: shown(reason),
    });
    log.end();
    let Some((status, error)) = outcome else {
        return;
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
