//! What log entries say, line by line: the same whether a sink wants it at once or somebody reads it
//! from the store later.

use std::sync::Arc;

use gatepost_model::connection_id::ConnectionId;
use gatepost_wire::execution_log::{Line, Record, RecordedRequest, Severity, lines as lines_of};
use serde::Serialize;

use super::{GroupLine, stream_of};
use crate::{
    observe::AccessLogEntry,
    store::{ExecutionLogRecord, LogEntry, LogEvent},
};

/// The version of the shape of [`JsonLine`].
const JSON_VERSION: u32 = 1;

/// The lines of one log entry, all of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenderedEntry {
    /// The log group.
    pub log_group: Arc<str>,
    /// The stream.
    pub stream: Arc<str>,
    /// Of a request: its id.
    pub request_id: Option<Box<str>>,
    /// Of a request: its connection.
    pub connection_id: Option<ConnectionId>,
    /// The lines, in their order.
    pub lines: Vec<RenderedLine>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenderedLine {
    /// Milliseconds since the epoch.
    pub timestamp_ms: u64,
    /// How grave it is.
    pub severity: Severity,
    /// The line, without its line break.
    pub message: String,
}

impl LogEntry {
    /// Its lines; nothing of what no log shows.
    pub(crate) fn render(&self) -> Option<RenderedEntry> {
        match self {
            Self::Event(event) => Some(event.render()),
            Self::Access(entry) => Some(entry.render().render()),
            Self::Execution(request) => Some(request.render()),
            Self::Refused(_) => None,
        }
    }
}

impl AccessLogEntry {
    /// Its only line.
    pub(in crate::store) fn render(&self) -> LogEvent {
        let log = &self.access_log;
        LogEvent {
            log_group: Arc::clone(&log.log_group),
            stream: stream_of(&log.log_group, self.row.subject.request_id()).into(),
            timestamp_ms: self.timestamp_ms,
            message: log.format.render(&self.row),
        }
    }
}

impl LogEvent {
    fn render(&self) -> RenderedEntry {
        RenderedEntry {
            log_group: Arc::clone(&self.log_group),
            stream: Arc::clone(&self.stream),
            request_id: None,
            connection_id: None,
            lines: vec![RenderedLine {
                timestamp_ms: self.timestamp_ms,
                severity: severity_of(&self.message),
                message: self.message.clone(),
            }],
        }
    }
}

impl ExecutionLogRecord {
    fn render(&self) -> RenderedEntry {
        let request_id = self.request_id.as_str();
        let lines = record_lines(
            &self.log_group,
            request_id,
            self.connection_id,
            &self.record,
        );
        let lines = lines.into_iter().map(|line| RenderedLine {
            timestamp_ms: self.began_at_ms.saturating_add(line.offset_ms.into()),
            severity: line.severity,
            message: line.message,
        });
        RenderedEntry {
            log_group: Arc::clone(&self.log_group),
            stream: stream_of(&self.log_group, request_id).into(),
            request_id: Some(request_id.into()),
            connection_id: self.connection_id,
            lines: lines.collect(),
        }
    }
}

/// The lines of a request of an execution log; one that says so when they cannot be read.
pub(super) fn record_lines(
    log_group: &str,
    request_id: &str,
    connection_id: Option<ConnectionId>,
    record: &Record,
) -> Vec<Line> {
    let mut parts = log_group.rsplit('/');
    let stage = parts.next().unwrap_or_default();
    let api_id = parts.next().unwrap_or_default();
    let connection_id = connection_id.map(|id| id.to_string()).unwrap_or_default();
    let request = RecordedRequest {
        api_id,
        stage,
        request_id,
        connection_id: &connection_id,
    };
    lines_of(&request, record).unwrap_or_else(|error| {
        vec![Line {
            offset_ms: 0,
            severity: Severity::Error,
            message: format!("({request_id}) {error}"),
        }]
    })
}

/// How grave it is what a function printed: its runtimes mark errors, and so does Lambda.
pub(super) fn severity_of(message: &str) -> Severity {
    let is_error = message.starts_with("[ERROR]")
        || message.contains("\tERROR\t")
        || message.contains(" Task timed out after ")
        || message.contains("\tStatus: error");
    if is_error {
        Severity::Error
    } else {
        Severity::Info
    }
}

/// A line as programs read it, from `gatepost logs --json` and from sinks: one JSON object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JsonLine<'a> {
    /// `log-line`, where it stands among other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    version: u32,
    /// Milliseconds since the epoch.
    timestamp: u64,
    log_group: &'a str,
    log_stream: &'a str,
    level: &'static str,
    request_id: Option<&'a str>,
    connection_id: Option<String>,
    message: &'a str,
}

impl GroupLine {
    /// The line for programs.
    pub fn json(&self) -> JsonLine<'_> {
        JsonLine {
            event: None,
            version: JSON_VERSION,
            timestamp: self.timestamp_ms.cast_unsigned(),
            log_group: &self.log_group,
            log_stream: &self.stream,
            level: self.severity.name(),
            request_id: self.request_id.as_deref(),
            connection_id: self.connection_id.map(|id| id.to_string()),
            message: &self.message,
        }
    }
}

impl RenderedEntry {
    /// The lines for programs; among other events with a name of their own.
    pub fn json_lines(&self, event: Option<&'static str>) -> impl Iterator<Item = JsonLine<'_>> {
        let connection_id = self.connection_id.map(|id| id.to_string());
        self.lines.iter().map(move |line| JsonLine {
            event,
            version: JSON_VERSION,
            timestamp: line.timestamp_ms,
            log_group: &self.log_group,
            log_stream: &self.stream,
            level: line.severity.name(),
            request_id: self.request_id.as_deref(),
            connection_id: connection_id.clone(),
            message: &line.message,
        })
    }
}
