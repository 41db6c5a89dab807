//! `GetLogRecord`: the event of an `@ptr`, with all its fields.

use gatepost_gateway::store::{LogPosition, LogQuery, Streams};
use gatepost_wire::logs::insights::Pointer;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, error::LogsError, insights, parameters};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_record_pointer: Option<String>,
}

impl Logs {
    pub(super) fn get_log_record(&self, input: &Input) -> Result<Value, LogsError> {
        let pointer =
            parameters::required(input.log_record_pointer.as_deref(), "logRecordPointer")?;
        let pointer = Pointer::parse(pointer).ok_or(LogsError::InvalidParameter(
            "The specified log record pointer is invalid.",
        ))?;
        let group = pointer.log.split_once(':').map(|(_, group)| group);
        let log_group = group.ok_or(LogsError::NoSuchRecord)?;
        let position = LogPosition {
            timestamp_ms: pointer.timestamp_ms,
            row: pointer.row,
        };
        let page = self.store.log_lines(&LogQuery {
            log_group,
            streams: Streams::All,
            range: position..position.behind(),
            newest_first: false,
            max_lines: 1,
            max_bytes: usize::MAX,
        })?;
        let line = page
            .lines
            .into_iter()
            .next()
            .ok_or(LogsError::NoSuchRecord)?;
        let event = insights::event(&pointer.log, log_group, line);
        Ok(json!({ "logRecord": event.record() }))
    }
}
