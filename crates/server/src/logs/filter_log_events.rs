//! `FilterLogEvents`: the events of a group, or of some of its streams, interleaved by time.

use gatepost_gateway::store::{LogPosition, LogQuery, Streams};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Logs, MAX_PAGE_BYTES,
    cursor::{Cursor, EventId},
    error::LogsError,
    message, parameters,
};

const MAX_EVENTS: u16 = 10_000;
const MAX_STREAM_NAMES: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    /// Events of this time are included.
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    start_from_head: Option<bool>,
    limit: Option<i64>,
    next_token: Option<String>,
}

impl Input {
    fn streams(&self) -> Result<Streams, LogsError> {
        match (&self.log_stream_names, &self.log_stream_name_prefix) {
            (Some(_), Some(_)) => Err(LogsError::InvalidParameter(
                "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
            )),
            (Some(names), None) if !(1..=MAX_STREAM_NAMES).contains(&names.len()) => {
                let bound = if names.is_empty() {
                    "greater than or equal to 1"
                } else {
                    "less than or equal to 100"
                };
                Err(LogsError::Constraint {
                    value: format!("'[{}]'", names.join(", ")),
                    member: "logStreamNames",
                    constraint: format!("Member must have length {bound}"),
                })
            }
            (Some(names), None) => Ok(Streams::Named(names.clone())),
            (None, Some(prefix)) => Ok(Streams::Prefixed(prefix.clone())),
            (None, None) => Ok(Streams::All),
        }
    }
}

impl Logs {
    pub(super) fn filter_log_events(&self, input: &Input) -> Result<Value, LogsError> {
        if let Some(pattern) = &input.filter_pattern
            && !pattern.trim().is_empty()
        {
            return Err(LogsError::FilterPattern(pattern.clone()));
        }
        let max_lines = parameters::limit(input.limit, MAX_EVENTS)?;
        let mut range = parameters::range(input.start_time, input.end_time)?;
        range.end = LogPosition::at(range.end.timestamp_ms.saturating_add(1));
        let streams = input.streams()?;
        let cursor = match &input.next_token {
            Some(token) => Cursor::parse(token)?,
            None if input.start_from_head.unwrap_or(true) => Cursor::Forward(range.start),
            None => Cursor::Backward(range.end),
        };
        let log_group = self.group_of(
            input.log_group_name.as_deref(),
            input.log_group_identifier.as_deref(),
        )?;
        if let Streams::Named(names) = &streams {
            for name in names {
                if !self.store.has_log_stream(&log_group, name)? {
                    return Err(LogsError::NoSuchStream);
                }
            }
        }
        let page = self.store.log_lines(&LogQuery {
            log_group: &log_group,
            streams,
            range: cursor.cut(range),
            newest_first: cursor.is_newest_first(),
            max_lines,
            max_bytes: MAX_PAGE_BYTES,
        })?;
        let events: Vec<Value> = page
            .lines
            .into_iter()
            .map(|line| {
                json!({
                    "logStreamName": line.stream,
                    "timestamp": line.position.timestamp_ms,
                    "message": message(&log_group, line.message),
                    "ingestionTime": line.position.timestamp_ms,
                    "eventId": EventId(line.position).to_string(),
                })
            })
            .collect();
        // `searchedLogStreams` is empty on AWS too, since 2020.
        let mut answer = json!({ "events": events, "searchedLogStreams": [] });
        if let Some(last) = page.unfinished_at {
            let next = match cursor {
                Cursor::Forward(_) => Cursor::Forward(last.behind()),
                Cursor::Backward(_) => Cursor::Backward(last),
            };
            answer["nextToken"] = json!(next.to_string());
        }
        Ok(answer)
    }
}
