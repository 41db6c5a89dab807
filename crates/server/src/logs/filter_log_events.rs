//! `FilterLogEvents`: the events of a group, or of some of its streams, interleaved by time.

use gatepost_gateway::store::{LogPage, LogPosition, LogQuery, Streams};
use gatepost_wire::logs::filter_pattern::{self, FilterPattern};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Logs, MAX_PAGE_BYTES,
    cursor::{Cursor, EventId},
    error::LogsError,
    ingestion_time, message, parameters,
};

const MAX_EVENTS: u16 = 10_000;
const MAX_STREAM_NAMES: usize = 100;
/// Bytes of messages that one call looks through for its pattern; the next one goes on from there.
const MAX_SEARCHED_BYTES: usize = 32 * 1024 * 1024;

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
                    member: "logStreamNames".into(),
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
        let pattern = pattern(input.filter_pattern.as_deref())?;
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
        let mut query = LogQuery {
            log_group: &log_group,
            streams,
            range: cursor.cut(range),
            newest_first: cursor.is_newest_first(),
            max_lines,
            max_bytes: MAX_PAGE_BYTES,
        };
        let page = match &pattern {
            None => self.store.log_lines(&query)?,
            Some(pattern) => self.matching_lines(&mut query, pattern)?,
        };
        let events: Vec<Value> = page
            .lines
            .into_iter()
            .map(|line| {
                json!({
                    "logStreamName": line.stream,
                    "timestamp": line.position.timestamp_ms,
                    "ingestionTime": ingestion_time(&line),
                    "eventId": EventId(line.position).to_string(),
                    "message": message(&log_group, line),
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

    /// The lines of a query that match a pattern, as far as they were looked for.
    fn matching_lines(
        &self,
        query: &mut LogQuery<'_>,
        pattern: &FilterPattern,
    ) -> Result<LogPage, LogsError> {
        let mut found = LogPage::default();
        let max_lines = std::mem::replace(&mut query.max_lines, MAX_EVENTS.into());
        let (mut searched, mut bytes) = (0, 0);
        loop {
            let page = self.store.log_lines(query)?;
            let unfinished_at = page.unfinished_at;
            for line in page.lines {
                searched += line.message.len();
                if pattern.matches(&line.message) {
                    bytes += line.message.len();
                    let position = line.position;
                    found.lines.push(line);
                    if found.lines.len() == max_lines || bytes > MAX_PAGE_BYTES {
                        // Perhaps the last line of all; then the next page is empty.
                        found.unfinished_at = Some(position);
                        return Ok(found);
                    }
                }
            }
            let Some(last) = unfinished_at else {
                return Ok(found);
            };
            if searched > MAX_SEARCHED_BYTES {
                found.unfinished_at = Some(last);
                return Ok(found);
            }
            if query.newest_first {
                query.range.end = last;
            } else {
                query.range.start = last.behind();
            }
        }
    }
}

/// The pattern that is given, unless it picks every event.
fn pattern(given: Option<&str>) -> Result<Option<FilterPattern>, LogsError> {
    let Some(given) = given.filter(|given| !given.trim().is_empty()) else {
        return Ok(None);
    };
    let max = filter_pattern::MAX_CHARACTERS;
    if given.chars().nth(max).is_some() {
        return Err(parameters::length(given, "filterPattern", false, max));
    }
    Ok(Some(FilterPattern::parse(given)?))
}
