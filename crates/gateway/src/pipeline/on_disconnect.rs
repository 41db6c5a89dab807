//! The end of a connection: the `$disconnect` route runs once, after the socket is closed.

use std::{sync::Arc, time::Instant};

use gatepost_model::{
    connection::CloseCause,
    connection_id::ConnectionId,
    request_context::{ConnectionContext, EventType, RequestContext},
    route::RouteKey,
};
use gatepost_wire::execution_log::Entry;

use super::{
    integration_request, integration_response,
    select_route::{RequestBody, RoutedRequest},
};
use crate::{
    clock::now_ms,
    deployed::StageSlot,
    gateway::Gateway,
    integration::{self, bulkhead::Wait},
    lifecycle::{DisconnectRecord, cut},
    new_id,
    observe::{Event, RequestLog},
    store::Lifecycle,
};

/// The status of an end that no integration heard of.
const NOTHING_RUN: u16 = 200;

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
    let context = RequestContext {
        connection: context,
        request_id: new_id::request_id(),
        request_time_ms: now_ms(),
        route_key: RouteKey::Disconnect,
        event_type: EventType::Disconnect {
            status_code,
            reason: reason.to_owned(),
        },
        stage_variables: Arc::clone(&deployed.stage_variables),
    };
    let route = deployed.disconnect.as_ref();
    let settings = route.map_or(&deployed.log_settings, |route| &route.log_settings);
    let mut log = RequestLog::begin(gateway.store(), stage, settings, &context, true);
    log.api_key_not_required(RouteKey::Disconnect.as_str());
    log.starting_execution(RouteKey::Disconnect.as_str());
    let Some(route) = route else {
        nobody_heard(gateway, context.connection.connection_id, cause, log);
        return;
    };
    let request = RoutedRequest {
        route: Arc::clone(route),
        context,
        body: RequestBody::default(),
    };
    let run = {
        let (gateway, cause) = (Arc::clone(gateway), cause.clone());
        async move { run(&gateway, &request, &cause, log).await }
    };
    gateway.spawn(run);
}

/// Writes how the connection ended, and the status of the `$disconnect` integration.
fn log_disconnected(cause: &CloseCause, status: Option<u16>, log: &mut RequestLog) {
    let (code, reason) = cause.disconnect_status();
    log.write(&Entry::Disconnected {
        status,
        code,
        reason,
    });
}

/// There is no `$disconnect` route, or it has no integration.
fn nobody_heard(gateway: &Gateway, id: ConnectionId, cause: &CloseCause, mut log: RequestLog) {
    log_disconnected(cause, None, &mut log);
    log.end(NOTHING_RUN);
    let record = DisconnectRecord {
        at_ms: now_ms(),
        request_id: None,
        status: NOTHING_RUN,
        error: None,
    };
    record_disconnect(gateway, id, record);
}

fn record_disconnect(gateway: &Gateway, id: ConnectionId, record: DisconnectRecord) {
    let record = Box::new(record);
    gateway
        .store()
        .record(Lifecycle::Disconnected { id, record });
}

async fn run(gateway: &Gateway, request: &RoutedRequest, cause: &CloseCause, mut log: RequestLog) {
    let started = Instant::now();
    let replied = match integration_request::build(request, None, &mut log) {
        Ok(None) => {
            nobody_heard(
                gateway,
                request.context.connection.connection_id,
                cause,
                log,
            );
            return;
        }
        Ok(Some(integration_request)) => {
            // Nobody waits for the answer, and the event comes only once.
            integration::invoke(gateway, integration_request, Wait::UntilTurn, &mut log)
                .await
                .and_then(|answer| integration_response::build(request, None, answer, &mut log))
        }
        Err(fault) => Err(fault),
    };
    let (status, error) = match replied {
        Ok(reply) => (reply.status, reply.problem),
        Err(fault) => {
            log.fault(&fault);
            (fault.kind.handshake_status(), Some(fault.detail))
        }
    };
    log_disconnected(cause, Some(status), &mut log);
    log.end(status);
    let record = DisconnectRecord {
        at_ms: now_ms(),
        request_id: Some(request.context.request_id.clone()),
        status,
        error: error.as_deref().map(cut),
    };
    record_disconnect(gateway, request.context.connection.connection_id, record);
    gateway.observer().emit(Event::Request {
        connection_id: request.context.connection.connection_id,
        request_id: request.context.request_id.clone(),
        route_key: Some(RouteKey::Disconnect),
        status,
        latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        error,
    });
}
