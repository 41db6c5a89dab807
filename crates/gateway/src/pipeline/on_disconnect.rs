//! The end of a connection: the `$disconnect` route runs once, after the socket is closed. One whose
//! backend got nothing of it stays in the journal (`crate::disconnects`) and runs again.

use std::{sync::Arc, time::Instant};

use gatepost_model::{
    connection::CloseCause,
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
    disconnects::{self, Disconnect, Place},
    gateway::Gateway,
    integration::{self, bulkhead::Wait},
    lifecycle::{DisconnectRecord, cut},
    new_id,
    observe::{Event, RequestLog, metrics::blame_of_answer},
    simulation::{Variant, is_broken},
};

/// The status of an end that no integration heard of.
const NOTHING_RUN: u16 = 200;

/// A connection ended at `ended_at_ms`: its `$disconnect` is delivered, now or when there is a place.
pub(crate) fn on_disconnect(
    gateway: &Arc<Gateway>,
    context: Arc<ConnectionContext>,
    stage: &StageSlot,
    cause: &CloseCause,
    ended_at_ms: u64,
) {
    let disconnect = Disconnect {
        context,
        cause: cause.clone(),
        ended_at_ms,
        tries: 0,
    };
    match Place::take(gateway) {
        Some(place) => deliver_disconnect(gateway, stage, disconnect, place),
        None => disconnects::wait(gateway, &disconnect),
    }
}

/// Runs the `$disconnect` route of the deployment that is current now, detached. Its answer is
/// ignored (data-plane spec 3.3).
pub(crate) fn deliver_disconnect(
    gateway: &Arc<Gateway>,
    stage: &StageSlot,
    disconnect: Disconnect,
    place: Place,
) {
    let Some(deployed) = stage.deployed.load_full() else {
        // The stage is deleted, and its `$disconnect` with it.
        let record = DisconnectRecord::nobody_heard(now_ms());
        disconnects::done(gateway, &disconnect, record, false);
        return;
    };
    let (status_code, reason) = disconnect.cause.disconnect_status();
    let key = gateway.store().connection_id_key();
    let request_id = if is_broken(Variant::NewRequestId) {
        new_id::request_id()
    } else {
        key.disconnect_request_id(&disconnect.context.connection_id)
    };
    let context = RequestContext {
        request_id,
        connection: Arc::clone(&disconnect.context),
        request_time_ms: disconnect.ended_at_ms,
        route_key: RouteKey::Disconnect,
        event_type: EventType::Disconnect {
            status_code,
            reason: reason.to_owned(),
        },
        stage_variables: Arc::clone(&deployed.stage_variables),
    };
    let route = deployed.disconnect.as_ref();
    let series = route.map_or(&deployed.unrouted_series, |route| &route.series);
    if disconnect.tries == 0 {
        series.received();
    }
    let settings = route.map_or(&deployed.log_settings, |route| &route.log_settings);
    let mut log = RequestLog::begin(gateway.logs(), stage, settings, &context, true);
    log.api_key_not_required(RouteKey::Disconnect.as_str());
    log.starting_execution(RouteKey::Disconnect.as_str());
    let Some(route) = route else {
        series.done(None);
        nobody_heard(gateway, &disconnect, log);
        return;
    };
    let request = RoutedRequest {
        route: Arc::clone(route),
        context,
        body: RequestBody::default(),
    };
    let run = {
        let gateway = Arc::clone(gateway);
        async move {
            run(&gateway, &request, &disconnect, log).await;
            drop(place);
        }
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
fn nobody_heard(gateway: &Gateway, disconnect: &Disconnect, mut log: RequestLog) {
    log_disconnected(&disconnect.cause, None, &mut log);
    log.end(NOTHING_RUN);
    let record = DisconnectRecord::nobody_heard(now_ms());
    disconnects::done(gateway, disconnect, record, false);
}

async fn run(
    gateway: &Gateway,
    request: &RoutedRequest,
    disconnect: &Disconnect,
    mut log: RequestLog,
) {
    let started = Instant::now();
    let replied = match integration_request::build(request, None, &mut log) {
        Ok(None) => {
            request.route.series.done(None);
            nobody_heard(gateway, disconnect, log);
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
    let (status, error, never_sent) = match replied {
        Ok(reply) => {
            let integration = request.route.integration.as_ref();
            let blame = blame_of_answer(integration.map(|it| &it.backend), reply.status);
            request.route.series.done(blame);
            (reply.status, reply.problem, false)
        }
        Err(fault) => {
            request.route.series.done(Some(fault.kind.blame()));
            log.fault(&fault);
            let status = fault.kind.handshake_status();
            (status, Some(fault.detail), fault.never_sent)
        }
    };
    log_disconnected(&disconnect.cause, Some(status), &mut log);
    log.end(status);
    let record = DisconnectRecord {
        request_id: Some(request.context.request_id.clone()),
        status,
        error: error.as_deref().map(cut),
        ..DisconnectRecord::nobody_heard(now_ms())
    };
    disconnects::done(gateway, disconnect, record, never_sent);
    gateway.observer().emit(Event::Request {
        connection_id: request.context.connection.connection_id,
        request_id: request.context.request_id.clone(),
        route_key: Some(RouteKey::Disconnect),
        status,
        latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        error,
    });
}
