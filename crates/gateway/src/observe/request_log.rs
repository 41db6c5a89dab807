//! The log of one request while it is carried out. Its stages write their own entries as they
//! happen; the end of the request, however it comes, hands the record of the execution log and the
//! row of the access log over.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gatepost_model::{
    RequestId,
    connection_id::ConnectionId,
    fault::{Fault, FaultKind},
    request_context::{ConnectionContext, RequestContext},
    stage::LoggingLevel,
};
use gatepost_wire::{
    access_log::{AccessLogRow, AuthorizerOutcome, Subject},
    execution_log::{Entry, Masked, Record, Severity, shown},
};

use super::{AccessLog, Logs};
use crate::{
    clock::now_ms,
    deployed::{LogSettings, StageSlot},
    store::{ExecutionLogRecord, LogEntry, MAX_RECORD},
};

/// A wait for a backend that lasts longer is not waited for by who follows the log.
const LONG: Duration = Duration::from_secs(1);
/// The status of a request that broke off.
const BROKE_OFF: u16 = 500;

/// What is written down of a request; nothing, and at no cost, where nothing is logged.
#[derive(Debug)]
#[must_use = "a log that is not ended tells of a request that broke off"]
pub struct RequestLog(Option<Recording>);

#[derive(Debug)]
struct Recording {
    logs: Arc<Logs>,
    log_group: Arc<str>,
    logging_level: LoggingLevel,
    data_trace: bool,
    access: Option<Box<AccessRecording>>,
    request_id: RequestId,
    connection_id: Option<ConnectionId>,
    began: Instant,
    began_at_ms: u64,
    duration_ms: u32,
    record: Record,
    /// What the function calls this request in its own log.
    endpoint_request_id: Option<Box<str>>,
    /// Whether it is written what went wrong.
    has_failed: bool,
    has_ended: bool,
}

/// The row of the access log, as far as it is known.
#[derive(Debug)]
struct AccessRecording {
    log: Arc<AccessLog>,
    row: AccessLogRow,
}

impl RequestLog {
    /// The log of a request with this context that begins now, on a route with these settings; on
    /// none, its context has no route key.
    pub fn begin(
        logs: &Arc<Logs>,
        stage: &StageSlot,
        settings: &LogSettings,
        context: &RequestContext,
        has_route: bool,
    ) -> Self {
        let access = settings.access_log.as_ref().map(|log| {
            Box::new(AccessRecording {
                log: Arc::clone(log),
                row: AccessLogRow {
                    subject: Subject::Event {
                        context: context.clone(),
                        has_route,
                    },
                    status: BROKE_OFF,
                    integration_latency_ms: None,
                    endpoint_request_id: None,
                    fault: None,
                    authorizer: None,
                },
            })
        });
        let is_off = settings.logging_level == LoggingLevel::Off;
        if !logs.are_taken() || (is_off && access.is_none()) {
            return Self(None);
        }
        let connection_id = Some(context.connection.connection_id);
        let mut recording = Recording::new(logs, stage, settings, &context.request_id);
        recording.connection_id = connection_id;
        recording.began_at_ms = context.request_time_ms;
        recording.access = access;
        recording.write(&Entry::ExtendedRequestId(None));
        Self(Some(recording))
    }

    /// The log of a call of `@connections` that is answered now, with these ids in the answer.
    /// `connection_id` is absent when what the caller wrote is none. It has no row of an access log.
    pub fn begin_connections_call(
        logs: &Arc<Logs>,
        stage: &StageSlot,
        settings: &LogSettings,
        request_id: &RequestId,
        extended_request_id: &RequestId,
        connection_id: Option<ConnectionId>,
    ) -> Self {
        if settings.logging_level == LoggingLevel::Off {
            return Self(None);
        }
        let mut recording = Recording::new(logs, stage, settings, request_id);
        recording.connection_id = connection_id;
        let id = extended_request_id.as_str();
        recording.write(&Entry::ExtendedRequestId(Some(id)));
        Self(Some(recording))
    }

    /// Writes an entry, if the level is such.
    pub fn write(&mut self, entry: &Entry<'_>) {
        if let Some(recording) = &mut self.0 {
            recording.write(entry);
        }
    }

    /// Whether such entries are written, so that they need not be built in vain.
    pub fn writes(&self, severity: Severity) -> bool {
        self.0
            .as_ref()
            .is_some_and(|recording| recording.writes(severity))
    }

    /// More is known of the client than when the request began.
    pub fn identified(&mut self, connection: &Arc<ConnectionContext>) {
        if let Some(row) = self.row()
            && let Subject::Event { context, .. } = &mut row.subject
        {
            context.connection = Arc::clone(connection);
        }
    }

    /// The authorizer's function answered, or did not.
    pub fn authorizer_answered(&mut self, outcome: AuthorizerOutcome) {
        if let Some(row) = self.row() {
            row.authorizer = Some(Box::new(outcome));
        }
    }

    /// Writes that the request passed the check of API keys and usage plans, for it needs none.
    pub fn api_key_not_required(&mut self, route_key: &str) {
        self.write(&Entry::ApiKeyNotRequired {
            route_key,
            api_key: Masked::default(),
        });
    }

    /// Writes that the route begins.
    pub fn starting_execution(&mut self, route_key: &str) {
        self.write(&Entry::StartingExecution { route_key });
    }

    /// The backend answered, after so many milliseconds, or did not.
    pub fn integration_answered(&mut self, latency_ms: u64) {
        if let Some(row) = self.row() {
            row.integration_latency_ms = Some(latency_ms);
        }
    }

    /// Writes the request id that the backend gave the call.
    pub fn endpoint_request_id(&mut self, id: String) {
        if let Some(recording) = &mut self.0 {
            recording.write(&Entry::EndpointRequestId(&id));
            if let Some(access) = &mut recording.access {
                access.row.endpoint_request_id = Some(id.as_str().into());
            }
            recording.endpoint_request_id = Some(id.into());
        }
    }

    /// Writes what went wrong, unless a stage before has written it.
    pub fn fault(&mut self, fault: &Fault) {
        let Some(recording) = &mut self.0 else {
            return;
        };
        if std::mem::replace(&mut recording.has_failed, true) {
            return;
        }
        if let Some(access) = &mut recording.access {
            access.row.fault = Some(Box::new(fault.clone()));
        }
        if matches!(
            fault.kind,
            FaultKind::Unauthorized | FaultKind::ExplicitDeny | FaultKind::ImplicitDeny
        ) {
            recording.write(&Entry::UnauthorizedRequest);
        }
        recording.write(&Entry::Fault {
            slug: fault.kind.slug(),
            text: shown(&fault.detail),
        });
    }

    /// Waits for a backend. When that takes long, what is written so far is handed over, so that
    /// who follows the log sees it.
    pub async fn while_waiting<T>(&mut self, mut answer: impl Future<Output = T> + Unpin) -> T {
        let Some(recording) = &mut self.0 else {
            return answer.await;
        };
        if let Ok(answer) = tokio::time::timeout(LONG, &mut answer).await {
            return answer;
        }
        recording.flush();
        answer.await
    }

    /// The request is done, with this status.
    pub fn end(mut self, status: u16) {
        if let Some(row) = self.row() {
            row.status = status;
        }
        if let Some(recording) = &mut self.0 {
            recording.has_ended = true;
        }
    }

    fn row(&mut self) -> Option<&mut AccessLogRow> {
        Some(&mut self.0.as_mut()?.access.as_mut()?.row)
    }
}

impl Recording {
    fn new(
        logs: &Arc<Logs>,
        stage: &StageSlot,
        settings: &LogSettings,
        request_id: &RequestId,
    ) -> Self {
        Self {
            logs: Arc::clone(logs),
            log_group: Arc::clone(&stage.log_group),
            logging_level: settings.logging_level,
            data_trace: settings.data_trace,
            access: None,
            request_id: request_id.clone(),
            connection_id: None,
            began: Instant::now(),
            began_at_ms: now_ms(),
            duration_ms: 0,
            record: Record::default(),
            endpoint_request_id: None,
            has_failed: false,
            has_ended: false,
        }
    }

    fn writes(&self, severity: Severity) -> bool {
        match (self.logging_level, severity) {
            (LoggingLevel::Off, _) | (LoggingLevel::Error, Severity::Info) => false,
            (_, Severity::Error) | (LoggingLevel::Info, Severity::Info) => true,
            (_, Severity::DataTrace) => self.data_trace,
        }
    }

    fn write(&mut self, entry: &Entry<'_>) {
        if !self.writes(entry.severity()) {
            return;
        }
        let mut offset = self.began.elapsed();
        if offset > MAX_RECORD {
            self.flush();
        }
        if self.record.is_empty() {
            // A record begins with its first entry.
            self.began += offset;
            self.began_at_ms += u64::from(millis(offset));
            offset = Duration::ZERO;
        }
        self.duration_ms = millis(offset);
        self.record.push(self.duration_ms, entry);
    }

    fn flush(&mut self) {
        if self.record.is_empty() {
            return;
        }
        let record = ExecutionLogRecord {
            log_group: Arc::clone(&self.log_group),
            began_at_ms: self.began_at_ms,
            duration_ms: self.duration_ms,
            request_id: self.request_id.clone(),
            connection_id: self.connection_id,
            endpoint_request_id: self.endpoint_request_id.take(),
            record: std::mem::take(&mut self.record),
        };
        self.logs.log(LogEntry::Execution(Arc::new(record)));
    }
}

/// Whole milliseconds; no record lasts longer than they can tell.
fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl Drop for Recording {
    /// A request that was not ended broke off: its stage panicked, or Gatepost stopped meanwhile.
    fn drop(&mut self) {
        if !self.has_ended {
            let broke_off = if std::thread::panicking() {
                "Execution failed due to an internal error of Gatepost"
            } else {
                "Execution failed: Gatepost stopped before the request was done"
            };
            self.write(&Entry::Failed(broke_off));
        }
        self.flush();
        if let Some(access) = self.access.take() {
            access.log.write(access.row, &self.logs);
        }
    }
}
