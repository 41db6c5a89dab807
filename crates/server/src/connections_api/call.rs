//! One call: who makes it, for which connection, with which ids it is answered, and what is told of
//! it.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use bytes::Bytes;
use gatepost_gateway::{
    clock::now_ms,
    deployed::StageSlot,
    lifecycle::{RefusedCall, cut},
    new_id,
    observe::{AccessLog, Event, RequestLog},
    store::LogEntry,
};
use gatepost_model::{
    RequestId,
    connection::InvalidConnectionId,
    connection_id::ConnectionId,
    fault::Blame,
    request_context::{Identity, Signer},
};
use gatepost_wire::{
    access_log::{AccessLogRow, ConnectionsCall, Subject},
    execution_log::{Entry, Severity, shown},
    sigv4::claimed_access_key_id,
};
use http::request::Parts;
use http_body_util::Full;
use hyper::{
    Method, Response, StatusCode,
    header::{HeaderValue, USER_AGENT},
};

use super::rescue::Failure;
use crate::{
    lambda::Caller as CallingFunction,
    respond,
    server::{Peer, Server},
    target::{Resolved, Target, TargetError, decode},
};

/// Characters of an id, or of a caller's name, that are told.
const TOLD: usize = 64;

/// A call of `@connections`.
pub(super) struct Call {
    pub method: Method,
    /// The id as the caller wrote it.
    pub id_text: String,
    pub connection_id: Result<ConnectionId, InvalidConnectionId>,
    /// The stage that it is for.
    pub stage: Result<Arc<StageSlot>, TargetError>,
    /// The greatest message that may be posted.
    pub max_message_bytes: usize,
    caller: Caller,
    /// Who signed, once that is known.
    signer: OnceLock<Signer>,
    domain_name: Box<str>,
    began: Instant,
    began_at_ms: u64,
    /// `x-amzn-RequestId`.
    request_id: RequestId,
    /// `x-amz-apigw-id`.
    extended_request_id: RequestId,
}

/// Who calls, as the log names it, verified or not: a function that runs here is known by its access
/// key, and any other program by what it says.
struct Caller {
    function: Option<CallingFunction>,
    user_agent: Option<HeaderValue>,
    source_ip: IpAddr,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(CallingFunction {
            function,
            request_id,
        }) = &self.function
        {
            write!(f, "function {function}")?;
            return match request_id {
                Some(request_id) => write!(f, " (request {request_id})"),
                None => Ok(()),
            };
        }
        // `aws-sdk-js/3.1 ua/2.1 …`: the first product says enough.
        let agent = self.user_agent.as_ref().map(HeaderValue::as_bytes);
        let agent = String::from_utf8_lossy(agent.unwrap_or_default());
        match &*told(agent.split(' ').next().unwrap_or_default()) {
            "" => write!(f, "{}", self.source_ip),
            product => write!(f, "{product} at {}", self.source_ip),
        }
    }
}

/// So much of a caller's text that it stays in its place.
fn told(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(TOLD).collect()
}

impl Call {
    /// The call that a request makes.
    pub fn new(server: &Server, peer: &Peer, target: &Target, head: &Parts) -> Self {
        let id_text = decode(target.connection_id.as_deref().unwrap_or_default());
        let connection_id = id_text.parse();
        let resolved = target.resolve(&server.gateway.apis(), peer.api_id());
        let access_key_id = claimed_access_key_id(&head.uri, &head.headers);
        Self {
            method: head.method.clone(),
            id_text,
            max_message_bytes: resolved.as_ref().map_or_else(
                |_| server.gateway.limits().max_message_bytes,
                Resolved::max_message_bytes,
            ),
            stage: resolved.map(|it| stage_for(server, it, connection_id.as_ref().ok())),
            connection_id,
            caller: Caller {
                function: access_key_id.and_then(|id| server.functions.caller_of(&id)),
                user_agent: head.headers.get(USER_AGENT).cloned(),
                source_ip: peer.address.ip().to_canonical(),
            },
            signer: OnceLock::new(),
            domain_name: target.authority.as_str().into(),
            began: Instant::now(),
            began_at_ms: now_ms(),
            request_id: new_id::uuid().into(),
            extended_request_id: new_id::request_id(),
        }
    }

    /// The operation of `ApiGatewayManagementApi` that it is.
    pub fn operation(&self) -> Option<&'static str> {
        match self.method {
            Method::POST => Some("PostToConnection"),
            Method::GET => Some("GetConnection"),
            Method::DELETE => Some("DeleteConnection"),
            _ => None,
        }
    }

    /// Gives an answer the ids of this call.
    pub fn put_ids(&self, response: &mut Response<Full<Bytes>>) {
        let headers = response.headers_mut();
        for (name, id) in [
            (respond::REQUEST_ID, &self.request_id),
            (respond::APIGW_ID, &self.extended_request_id),
        ] {
            respond::insert(headers, name, id.as_str());
        }
    }

    /// The call is known to be from this caller.
    pub fn is_from(&self, caller: &gatepost_gateway::auth::Caller) {
        if self
            .stage
            .as_ref()
            .is_ok_and(|stage| access_log(stage).is_some())
        {
            // It is told once.
            let _ = self.signer.set(caller.signer());
        }
    }

    /// Writes the call and its answer into the stage's execution log and its access log.
    pub fn log(
        &self,
        server: &Server,
        posted: &[u8],
        status: StatusCode,
        failure: Option<&Failure>,
    ) {
        let Ok(stage) = &self.stage else {
            return;
        };
        let Some(deployed) = stage.deployed.load_full() else {
            return;
        };
        let (logs, settings) = (server.gateway.logs(), &deployed.log_settings);
        if let Some(refused) = failure.and_then(|failure| self.refused(failure, status)) {
            if let Some(warning) = server.gateway.stale_callers.refused(&refused) {
                server.gateway.observer().emit(Event::Warning(warning));
            }
            let store = server.gateway.store();
            store.log(LogEntry::Refused(Arc::new(refused)));
        }
        if let Some(access_log) = &settings.access_log {
            access_log.write(self.row(stage, status), logs);
        }
        let mut log = RequestLog::begin_connections_call(
            logs,
            stage,
            settings,
            &self.request_id,
            &self.extended_request_id,
            self.connection_id.ok(),
        );
        if log.writes(Severity::DataTrace) && !posted.is_empty() {
            log.write(&Entry::ConnectionsBody {
                body: shown(&String::from_utf8_lossy(posted)),
            });
        }
        let severity = if failure.is_some() {
            Severity::Error
        } else {
            Severity::Info
        };
        if log.writes(severity) {
            let refusal = failure.map(Failure::describe);
            log.write(&Entry::ConnectionsCall {
                operation: self.operation().unwrap_or(self.method.as_str()),
                connection_id: shown(&self.id_text),
                caller: &self.caller.to_string(),
                status: status.as_u16(),
                refusal: refusal.as_deref(),
            });
        }
        log.end(status.as_u16());
    }

    /// The record of a refused call, whatever is logged.
    fn refused(&self, failure: &Failure, status: StatusCode) -> Option<RefusedCall> {
        Some(RefusedCall {
            connection_id: told(&self.id_text).into(),
            at_ms: self.began_at_ms,
            operation: self.operation()?.into(),
            caller: self.caller.to_string().into(),
            request_id: self.request_id.as_str().into(),
            status: status.as_u16(),
            reason: failure.slug()?.into(),
            text: cut(&failure.describe()),
        })
    }

    /// The row of the access log (control-and-observability spec B.3).
    fn row(&self, stage: &StageSlot, status: StatusCode) -> AccessLogRow {
        let user_agent = self.caller.user_agent.as_ref();
        let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let anonymous =
            Identity::anonymous(self.caller.source_ip.to_string(), user_agent.as_deref());
        AccessLogRow {
            subject: Subject::ConnectionsCall(Box::new(ConnectionsCall {
                api_id: stage.api_id.clone(),
                stage: stage.stage_name.clone(),
                domain_name: self.domain_name.clone(),
                request_id: self.request_id.clone(),
                extended_request_id: self.extended_request_id.clone(),
                request_time_ms: self.began_at_ms,
                method: self.method.as_str().into(),
                connection_id: shown(&self.id_text).into(),
                identity: Identity {
                    signer: self.signer.get().cloned().map(Box::new),
                    ..anonymous
                },
            })),
            status: status.as_u16(),
            integration_latency_ms: Some(0),
            endpoint_request_id: None,
            fault: None,
            authorizer: None,
        }
    }

    /// Counts the call and what came of it. AWS counts posts only, and as messages those that went
    /// well.
    pub fn count(&self, server: &Server, failure: Option<&Failure>) {
        let metrics = server.gateway.metrics();
        let operation = self.operation().unwrap_or("other");
        let outcome = failure.map_or("ok", |failure| failure.slug().unwrap_or("refused"));
        metrics.calls.add(operation, outcome);
        metrics.call_durations.observe(self.began.elapsed());
        if let Some(Failure::Gone(reason)) = failure {
            metrics.gone.add(reason.slug(), operation);
        }
        let deployed = self.stage.as_ref().map(|stage| stage.deployed.load());
        if let Ok(Some(deployed)) = deployed.as_deref()
            && self.method == Method::POST
        {
            let series = &deployed.connections_series;
            if failure.is_none() {
                series.sent();
            }
            series.done(failure.map(|_| Blame::Client));
        }
    }

    /// Tells the observer of the call and its answer.
    pub fn tell(self, server: &Server, status: StatusCode, failure: Option<Failure>) {
        let observer = server.gateway.observer();
        if observer.follows_traffic() {
            observer.emit(Event::ManagementCall {
                method: self.method.to_string(),
                connection_id: told(&self.id_text),
                status: status.as_u16(),
                refused: failure.and_then(Failure::into_refused),
                caller: self.caller.to_string(),
            });
        }
    }
}

fn access_log(stage: &StageSlot) -> Option<Arc<AccessLog>> {
    stage
        .deployed
        .load()
        .as_ref()?
        .log_settings
        .access_log
        .clone()
}

/// The stage whose API issued the id; any of them when none did, for then the answer is the same.
fn stage_for(server: &Server, resolved: Resolved, id: Option<&ConnectionId>) -> Arc<StageSlot> {
    match resolved {
        Resolved::Stage(stage) => stage,
        Resolved::AnyOf(stages) => {
            let owner = id.and_then(|id| server.gateway.api_of(id));
            let of_owner = stages
                .iter()
                .find(|stage| Some(&stage.api_id) == owner.as_ref());
            // A target resolves to at least one stage.
            Arc::clone(of_owner.unwrap_or(&stages[0]))
        }
    }
}
