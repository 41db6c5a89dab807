//! The access log of a stage: where its rows go, and in which format.

use std::sync::Arc;

use gatepost_wire::access_log::{AccessLogFormat, AccessLogRow};

use super::Logs;
use crate::{clock::now_ms, store::LogEntry};

/// `accessLogSettings` as a stage serves them.
#[derive(Debug)]
pub struct AccessLog {
    /// The log group that `destinationArn` names.
    pub log_group: Arc<str>,
    /// `format`, compiled.
    pub format: AccessLogFormat,
}

/// A row that waits to be written; it is rendered where nobody waits for it.
#[derive(Debug)]
pub struct AccessLogEntry {
    /// The log.
    pub access_log: Arc<AccessLog>,
    /// When the request was answered, milliseconds since the epoch.
    pub timestamp_ms: u64,
    /// The row.
    pub row: AccessLogRow,
}

impl AccessLog {
    /// Writes a row of a request that is answered now.
    pub fn write(self: &Arc<Self>, row: AccessLogRow, logs: &Logs) {
        logs.log(LogEntry::Access(Arc::new(AccessLogEntry {
            access_log: Arc::clone(self),
            timestamp_ms: now_ms(),
            row,
        })));
    }
}
