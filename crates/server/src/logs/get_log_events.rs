//! `GetLogEvents`: one stream, in the order of its events, page by page in both directions.

use gatepost_gateway::store::{LogQuery, Streams};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Logs, MAX_PAGE_BYTES, cursor::Cursor, error::LogsError, ingestion_time, message, parameters,
};

const MAX_EVENTS: u16 = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    start_time: Option<i64>,
    /// Events of this time are not included.
    end_time: Option<i64>,
    #[serde(default)]
    start_from_head: bool,
    limit: Option<i64>,
    next_token: Option<String>,
}

impl Logs {
    pub(super) fn get_log_events(&self, input: &Input) -> Result<Value, LogsError> {
        let max_lines = parameters::limit(input.limit, MAX_EVENTS)?;
        let range = parameters::range(input.start_time, input.end_time)?;
        let stream = parameters::required(input.log_stream_name.as_deref(), "logStreamName")?;
        let cursor = match &input.next_token {
            Some(token) => Cursor::parse(token)?,
            None if input.start_from_head => Cursor::Forward(range.start),
            None => Cursor::Backward(range.end),
        };
        let log_group = self.group_of(
            input.log_group_name.as_deref(),
            input.log_group_identifier.as_deref(),
        )?;
        if !self.store.has_log_stream(&log_group, stream)? {
            return Err(LogsError::NoSuchStream);
        }
        let mut lines = self
            .store
            .log_lines(&LogQuery {
                log_group: &log_group,
                streams: Streams::Named(vec![stream.to_owned()]),
                range: cursor.cut(range.clone()),
                newest_first: cursor.is_newest_first(),
                max_lines,
                max_bytes: MAX_PAGE_BYTES,
            })?
            .lines;
        if cursor.is_newest_first() {
            lines.reverse();
        }
        // Where nothing was found, both tokens stay; without one, what comes later is still ahead.
        let here = match input.next_token {
            Some(_) => cursor.place(),
            None => range.start,
        };
        let (before, behind) = match (lines.first(), lines.last()) {
            (Some(first), Some(last)) => (first.position, last.position.behind()),
            _ => (here, here),
        };
        let events: Vec<Value> = lines
            .into_iter()
            .map(|line| {
                json!({
                    "timestamp": line.position.timestamp_ms,
                    "ingestionTime": ingestion_time(&line),
                    "message": message(&log_group, line),
                })
            })
            .collect();
        Ok(json!({
            "events": events,
            "nextForwardToken": Cursor::Forward(behind).to_string(),
            "nextBackwardToken": Cursor::Backward(before).to_string(),
        }))
    }
}
