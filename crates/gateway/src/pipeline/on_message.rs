//! The walk of a message: select route → throttle → usage plan → validate → integration request →
//! invoke → integration response → route reply.

use std::{sync::Arc, time::Instant};

use gatepost_model::{
    RequestId, connection::CloseCause, connection_id::ConnectionId, fault::Fault, route::RouteKey,
};
use gatepost_wire::{
    execution_log::{Entry, Severity, mask_context, shown},
    lambda_event::message_event,
};

use super::{
    integration_request,
    integration_response::{self, IntegrationReply},
    rescue,
    route_reply::route_reply,
    select_route::{ReceivedMessage, RoutedRequest},
    throttle::Throttled,
    usage_plan,
    validate::validate,
};
use crate::{
    admission::TooMany,
    clock::{Moment, millis_since},
    connection::{Connection, message::Message},
    gateway::Gateway,
    integration::{self, IntegrationRequest, bulkhead::Wait},
    observe::{
        Event, RequestLog,
        metrics::{RouteSeries, blame_of_answer},
    },
};

/// What a message came to when it was received.
pub(crate) enum Walked {
    /// It is done; this goes to the client, if anything.
    Done(Option<Message<'static>>),
    /// It is in an integration and answers by itself, ending the request it began.
    InIntegration,
}

/// Carries out a message. Integrations that call something run detached from the socket; `MOCK`
/// is done at once, so that all messages of one read are answered with one write.
pub(crate) fn on_message(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    message: &Message<'_>,
    now_ms: u64,
) -> Walked {
    let started = Instant::now();
    let Some(received) = ReceivedMessage::new(connection, message, now_ms) else {
        return Walked::Done(None);
    };
    let deployed = Arc::clone(&received.deployed);
    let selected = received.select_route();
    let (context, settings, series) = match &selected {
        Ok(routed) => {
            let route = &routed.route;
            (&routed.context, &route.log_settings, &route.series)
        }
        Err(message) => {
            let unrouted = &deployed.unrouted_series;
            (&message.context, &deployed.log_settings, unrouted)
        }
    };
    let (logs, stage) = (gateway.logs(), &connection.stage);
    let route = selected
        .as_ref()
        .ok()
        .map(|routed| Arc::clone(&routed.route));
    series.received();
    let mut outcome = Outcome {
        log: RequestLog::begin(logs, stage, settings, context, route.is_some()),
        gateway,
        connection,
        request_id: context.request_id.clone(),
        route_key: route.as_ref().map(|route| route.route_key.clone()),
        series: Arc::clone(series),
        started,
    };
    let paced = connection.pass(message.bytes().len());
    let paced = paced.map_err(|too_many| too_fast(gateway, too_many));
    let passed = paced.and_then(|()| gateway.throttle.pass_message(route.as_deref()));
    let selected = selected.map_err(|unrouted| unrouted.fault);
    let passed = passed.map_err(Fault::from).and(selected);
    let passed = passed.and_then(|routed| {
        let log = &mut outcome.log;
        usage_plan::pass(gateway, &routed.route, &routed.context, None, log)?;
        Ok(routed)
    });
    let routed = match passed {
        Ok(routed) => routed,
        Err(fault) => return Walked::Done(Some(outcome.of_fault(&fault).into())),
    };
    log_received(&routed, &mut outcome.log);
    let built = validate(&routed)
        .and_then(|()| integration_request::build(&routed, None, &mut outcome.log));
    let replied = match built {
        Err(fault) => Err(fault),
        Ok(None) => Ok(IntegrationReply::nothing()),
        Ok(Some(request)) => {
            let Some(answer) = request.answer_at_once() else {
                let log = outcome.log;
                invoke_detached(gateway, connection, routed, request, started, log);
                return Walked::InIntegration;
            };
            integration_response::build(&routed, None, answer, &mut outcome.log)
        }
    };
    Walked::Done(outcome.of(&routed, replied))
}

/// The client sends faster than `[limits]` allow.
fn too_fast(gateway: &Gateway, TooMany(limit): TooMany) -> Throttled {
    gateway.metrics().limits.add(limit, "");
    Throttled::of_client(limit)
}

fn log_received(routed: &RoutedRequest, log: &mut RequestLog) {
    log.starting_execution(routed.context.route_key.as_str());
    log.write(&Entry::MessageReceived);
    if log.writes(Severity::DataTrace) {
        let masked = mask_context(&routed.context);
        let context = masked.as_ref().unwrap_or(&routed.context);
        let body = &routed.body;
        let event = message_event(context, &body.text, body.is_base64_encoded);
        log.write(&Entry::Message {
            event: shown(&String::from_utf8_lossy(&event)),
        });
    }
}

fn invoke_detached(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    routed: RoutedRequest,
    request: IntegrationRequest,
    started: Instant,
    mut log: RequestLog,
) {
    let (gateway, connection) = (Arc::clone(gateway), Arc::clone(connection));
    Arc::clone(&gateway).spawn(async move {
        let request_in_flight = RequestInFlight {
            gateway: &gateway,
            connection: &connection,
        };
        let replied = integration::invoke(&gateway, request, Wait::Bounded, &mut log)
            .await
            .and_then(|answer| integration_response::build(&routed, None, answer, &mut log));
        let outcome = Outcome {
            gateway: &gateway,
            connection: &connection,
            request_id: routed.context.request_id.clone(),
            route_key: Some(routed.context.route_key.clone()),
            series: Arc::clone(&routed.route.series),
            started,
            log,
        };
        if let Some(reply) = outcome.of(&routed, replied) {
            // A client that left, or reads too slowly, does not get the reply.
            let _ = connection.send(&reply, gateway.limits(), Moment::now());
        }
        drop(request_in_flight);
    });
}

/// Frees the message's place among those in flight, even when the integration panics.
struct RequestInFlight<'a> {
    gateway: &'a Gateway,
    connection: &'a Connection,
}

impl Drop for RequestInFlight<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Its client would wait for a reply that does not come.
            self.connection
                .close(CloseCause::InternalError, Moment::now());
        }
        self.connection
            .end_request(self.gateway.limits().in_flight_per_connection);
    }
}

/// The end of a message: what the client gets, and what is told of it.
struct Outcome<'a> {
    gateway: &'a Gateway,
    connection: &'a Connection,
    request_id: RequestId,
    route_key: Option<RouteKey>,
    series: Arc<RouteSeries>,
    started: Instant,
    log: RequestLog,
}

impl Outcome<'_> {
    fn of(
        self,
        routed: &RoutedRequest,
        replied: Result<IntegrationReply, Fault>,
    ) -> Option<Message<'static>> {
        let settings = self.connection.stage.settings.load();
        let replied = replied.and_then(|mut reply| {
            let (status, problem) = (reply.status, reply.problem.take());
            let message = route_reply(&routed.route, reply, &settings)?;
            Ok((status, problem, message))
        });
        match replied {
            Ok((status, problem, message)) => {
                let integration = routed.route.integration.as_ref();
                let blame = blame_of_answer(integration.map(|it| &it.backend), status);
                self.series.done(blame);
                if message.is_some() {
                    self.series.sent();
                }
                self.tell(status, problem);
                message
            }
            Err(fault) => Some(self.of_fault(&fault).into()),
        }
    }

    fn of_fault(mut self, fault: &Fault) -> String {
        self.series.done(Some(fault.kind.blame()));
        let metrics = self.gateway.metrics();
        metrics.faults.add(fault.kind.slug(), "message");
        self.log.fault(fault);
        let frame = rescue::frame(fault, &self.connection_id(), &self.request_id);
        self.tell(fault.kind.handshake_status(), Some(fault.detail.clone()));
        frame
    }

    fn connection_id(&self) -> ConnectionId {
        self.connection.context.connection_id
    }

    fn tell(mut self, status: u16, error: Option<String>) {
        self.log.write(&Entry::MessageDone { status });
        self.log.end(status);
        let metrics = self.gateway.metrics();
        metrics.messages.observe(self.started.elapsed());
        let observer = self.gateway.observer();
        if observer.follows_traffic() {
            observer.emit(Event::Request {
                connection_id: self.connection.context.connection_id,
                latency_ms: millis_since(self.started),
                request_id: self.request_id,
                route_key: self.route_key,
                status,
                error,
            });
        }
    }
}
