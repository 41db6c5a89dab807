//! Batches as `PutLogEvents` takes them (control-and-observability spec G.1).

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use bytes::Bytes;
use serde::Serialize;

use crate::store::{OF_FUNCTIONS, RenderedEntry};

/// Events of one batch.
const MAX_EVENTS: usize = 10_000;
/// The greatest batch, bytes.
const MAX_BYTES: usize = 1_048_576;
/// What each event counts beside its text, bytes.
const OVERHEAD: usize = 26;
/// The greatest event, bytes of its text. It was that for long, and endpoints other than AWS's own
/// keep to it.
const MAX_MESSAGE: usize = 262_144 - OVERHEAD;
/// Between the first and the last event of a batch, milliseconds.
const MAX_SPAN_MS: u64 = 24 * 3600 * 1000;

/// What goes into one stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub log_group: String,
    pub name: Arc<str>,
    pub batches: Vec<Batch>,
}

/// Events that are put together, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub events: Vec<Event>,
}

/// An event.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    pub timestamp: u64,
    pub message: String,
    /// Whether it is the last of its log entry.
    #[serde(skip)]
    pub ends_entry: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "they are AWS's names")]
struct PutLogEvents<'a> {
    log_group_name: &'a str,
    log_stream_name: &'a str,
    log_events: &'a [Event],
}

impl Stream {
    /// The input of `PutLogEvents`.
    pub fn put_log_events(&self, batch: &Batch) -> Bytes {
        let input = PutLogEvents {
            log_group_name: &self.log_group,
            log_stream_name: &self.name,
            log_events: &batch.events,
        };
        // Texts and numbers always become JSON.
        serde_json::to_vec(&input).unwrap_or_default().into()
    }
}

impl Batch {
    /// How many entries end among these events.
    pub fn entries_in(&self, events: Range<usize>) -> u64 {
        let events = self.events[events].iter();
        events.filter(|event| event.ends_entry).count() as u64
    }
}

/// Sorts entries into the streams that they belong to, and those into batches.
pub(super) fn streams(prefix: &str, entries: Vec<RenderedEntry>) -> Vec<Stream> {
    let mut streams: BTreeMap<(Arc<str>, Arc<str>), Vec<Event>> = BTreeMap::new();
    for entry in entries {
        // What a function printed has the line break that ended the line, there as at AWS.
        let end = if entry.log_group.starts_with(OF_FUNCTIONS) {
            "\n"
        } else {
            ""
        };
        let events = streams.entry((entry.log_group, entry.stream)).or_default();
        events.extend(entry.lines.into_iter().map(|line| Event {
            timestamp: line.timestamp_ms,
            message: fitting(line.message + end),
            ends_entry: false,
        }));
        if let Some(last) = events.last_mut() {
            last.ends_entry = true;
        }
    }
    let streams = streams.into_iter();
    streams
        .map(|((log_group, name), events)| Stream {
            log_group: format!("{prefix}{log_group}"),
            name,
            batches: batches(events),
        })
        .collect()
}

/// A message that AWS takes: neither empty nor too long.
fn fitting(mut message: String) -> String {
    if message.is_empty() {
        return " ".into();
    }
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    message
}

fn batches(mut events: Vec<Event>) -> Vec<Batch> {
    // Entries come as they end, and those of one millisecond stay in their order.
    events.sort_by_key(|event| event.timestamp);
    let mut batches: Vec<Batch> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let size = event.message.len() + OVERHEAD;
        let fits = batches.last().is_some_and(|batch| {
            let first = batch.events.first().map_or(0, |first| first.timestamp);
            batch.events.len() < MAX_EVENTS
                && bytes + size <= MAX_BYTES
                && event.timestamp - first <= MAX_SPAN_MS
        });
        if !fits {
            batches.push(Batch::default());
            bytes = 0;
        }
        bytes += size;
        if let Some(batch) = batches.last_mut() {
            batch.events.push(event);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use gatepost_wire::execution_log::Severity;

    use super::*;
    use crate::store::RenderedLine;

    fn entry(log_group: &str, stream: &str, lines: &[(u64, &str)]) -> RenderedEntry {
        let lines = lines.iter().map(|(timestamp_ms, message)| RenderedLine {
            timestamp_ms: *timestamp_ms,
            severity: Severity::Info,
            message: (*message).into(),
        });
        RenderedEntry {
            log_group: log_group.into(),
            stream: stream.into(),
            request_id: None,
            connection_id: None,
            lines: lines.collect(),
        }
    }

    #[test]
    fn each_stream_gets_its_events_in_the_order_of_time() {
        let entries = vec![
            entry("g", "s", &[(5, "b"), (7, "d")]),
            entry("g", "t", &[(1, "x")]),
            entry("g", "s", &[(5, "c"), (4, "a"), (9, "")]),
            entry("/aws/lambda/f", "u", &[(1, ""), (2, "y")]),
        ];
        let streams = streams("/p", entries);
        let [u, s, t] = &streams[..] else {
            panic!("{streams:?}")
        };
        let printed = u.batches[0].events.iter().map(|event| &*event.message);
        assert_eq!(printed.collect::<Vec<_>>(), ["\n", "y\n"]);
        assert_eq!((&*s.log_group, &*s.name, &*t.name), ("/pg", "s", "t"));
        assert_eq!(
            s.put_log_events(&s.batches[0]),
            r#"{"logGroupName":"/pg","logStreamName":"s","logEvents":[{"timestamp":4,"message":"a"},{"timestamp":5,"message":"b"},{"timestamp":5,"message":"c"},{"timestamp":7,"message":"d"},{"timestamp":9,"message":" "}]}"#
        );
        assert_eq!(s.batches[0].entries_in(0..5), 2);
        assert_eq!(s.batches[0].entries_in(0..4), 1);
    }

    #[test]
    fn a_batch_has_no_more_events_bytes_and_hours_than_aws_takes() {
        let sizes = |lines: &[(u64, &str)]| {
            let streams = streams("", vec![entry("g", "s", lines)]);
            let batches = streams[0].batches.iter();
            batches.map(|batch| batch.events.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&vec![(1, "x"); 25_000]), [10_000, 10_000, 5_000]);
        let day = 24 * 3600 * 1000;
        assert_eq!(sizes(&[(1, "x"), (1 + day, "x"), (2 + day, "x")]), [2, 1]);
        // Four of them are 1,048,576 bytes with their 26 each.
        let quarter = "x".repeat(262_118);
        assert_eq!(sizes(&vec![(1, &*quarter); 9]), [4, 4, 1]);
        let long = "ü".repeat(200_000);
        let cut = streams("", vec![entry("g", "s", &[(1, &long)])]);
        assert_eq!(cut[0].batches[0].events[0].message.len(), 262_118);
    }
}
