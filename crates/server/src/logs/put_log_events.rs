//! `PutLogEvents`.

use gatepost_gateway::{
    clock::now_ms,
    store::{LogChange, LogPosition, NewLogEvent},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, cursor::EventId, error::LogsError, parameters};

const MAX_EVENTS: usize = 10_000;
/// The greatest batch, and the greatest event, bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// What each event counts beside its text, bytes.
const OVERHEAD: usize = 26;
const HOUR_MS: i64 = 3600 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Between the first and the last event of a batch.
const MAX_SPAN_MS: i64 = DAY_MS;
/// How far ahead of the clock an event may be.
const MAX_AHEAD_MS: i64 = 2 * HOUR_MS;
/// How old an event may be.
const MAX_AGE_MS: i64 = 14 * DAY_MS;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "they are AWS's names")]
pub(super) struct Input {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    log_events: Option<Vec<Event>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    timestamp: Option<i64>,
    message: Option<String>,
}

impl Logs {
    pub(super) fn put_log_events(&self, input: Input) -> Result<Value, LogsError> {
        let name = parameters::log_group_name(input.log_group_name.as_deref())?;
        let stream = parameters::log_stream_name(input.log_stream_name.as_deref())?;
        let events = input
            .log_events
            .ok_or_else(|| parameters::missing("logEvents"))?;
        let events = checked(events)?;
        let group = self.store.log_group(name)?.ok_or(LogsError::NoSuchGroup)?;
        if !self.store.has_log_stream(name, stream)? {
            return Err(LogsError::NoSuchStream);
        }
        let now_ms = i64::try_from(now_ms()).unwrap_or(i64::MAX);
        let of_group = group.retention_days.map(|days| i64::from(days) * DAY_MS);
        let kept_ms = of_group.unwrap_or(i64::MAX).min(self.kept_ms);
        let rejected = Rejected::of(&events, now_ms, kept_ms);
        let accepted = events[rejected.accepted.clone()].to_vec();
        if !accepted.is_empty() {
            self.change(name, LogChange::PutEvents(stream.to_owned(), accepted))?;
        }
        // The token is no longer needed, but still given.
        let token = EventId(LogPosition::at(now_ms)).to_string();
        let mut answer = json!({ "nextSequenceToken": token });
        if let Some(info) = rejected.info() {
            answer["rejectedLogEventsInfo"] = info;
        }
        Ok(answer)
    }
}

/// The events, when AWS would take the batch.
fn checked(events: Vec<Event>) -> Result<Vec<NewLogEvent>, LogsError> {
    if !(1..=MAX_EVENTS).contains(&events.len()) {
        let value = format!("[{} events]", events.len());
        return Err(parameters::length(
            &value,
            "logEvents",
            events.is_empty(),
            MAX_EVENTS,
        ));
    }
    let mut checked = Vec::with_capacity(events.len());
    let mut bytes = 0;
    for (index, event) in events.into_iter().enumerate() {
        let member = |name: &str| format!("logEvents.{}.member.{name}", index + 1);
        let missing = |name| LogsError::Constraint {
            value: "null".to_owned(),
            member: member(name).into(),
            constraint: "Member must not be null".to_owned(),
        };
        let timestamp_ms = event.timestamp.ok_or_else(|| missing("timestamp"))?;
        let message = event.message.ok_or_else(|| missing("message"))?;
        if timestamp_ms < 0 {
            return Err(LogsError::Constraint {
                value: format!("'{timestamp_ms}'"),
                member: member("timestamp").into(),
                constraint: "Member must have value greater than or equal to 0".to_owned(),
            });
        }
        if message.is_empty() {
            return Err(LogsError::Constraint {
                value: "''".to_owned(),
                member: member("message").into(),
                constraint: "Member must have length greater than or equal to 1".to_owned(),
            });
        }
        let size = message.len() + OVERHEAD;
        if size > MAX_BYTES {
            return Err(LogsError::TooLarge("Log event", size, MAX_BYTES));
        }
        bytes += size;
        checked.push(NewLogEvent {
            timestamp_ms,
            message,
        });
    }
    if bytes > MAX_BYTES {
        return Err(LogsError::TooLarge("Upload", bytes, MAX_BYTES));
    }
    if !checked.is_sorted_by_key(|event| event.timestamp_ms) {
        return Err(LogsError::InvalidParameter(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let ends = checked.first().zip(checked.last());
    if ends.is_some_and(|(first, last)| last.timestamp_ms - first.timestamp_ms > MAX_SPAN_MS) {
        return Err(LogsError::InvalidParameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(checked)
}

/// Which events of a batch are not taken, as counts from its ends.
struct Rejected {
    /// Up to here they are too old.
    too_old: usize,
    /// Up to here they are older than their group keeps them.
    expired: usize,
    /// From here on they are too new.
    too_new: Option<usize>,
    accepted: std::ops::Range<usize>,
}

impl Rejected {
    fn of(events: &[NewLogEvent], now_ms: i64, kept_ms: i64) -> Self {
        let before = |ms: i64| events.partition_point(|event| event.timestamp_ms < ms);
        let too_old = before(now_ms.saturating_sub(MAX_AGE_MS));
        let expired = before(now_ms.saturating_sub(kept_ms));
        let too_new = before(now_ms.saturating_add(MAX_AHEAD_MS + 1));
        let first = too_old.max(expired);
        Self {
            too_old,
            expired,
            too_new: (too_new < events.len()).then_some(too_new),
            accepted: first..too_new.max(first),
        }
    }

    /// `rejectedLogEventsInfo`.
    fn info(&self) -> Option<Value> {
        let mut info = serde_json::Map::new();
        if let Some(too_new) = self.too_new {
            info.insert("tooNewLogEventStartIndex".to_owned(), json!(too_new));
        }
        if self.too_old > 0 {
            info.insert("tooOldLogEventEndIndex".to_owned(), json!(self.too_old));
        }
        if self.expired > self.too_old {
            info.insert("expiredLogEventEndIndex".to_owned(), json!(self.expired));
        }
        (!info.is_empty()).then_some(Value::Object(info))
    }
}
