//! Both kinds of a group's lines in one order, page by page.

mod changes;

use std::{sync::Arc, time::Duration};

use gatepost_model::connection_id::ConnectionId;
use gatepost_wire::execution_log::{Entry, Record};

use super::*;
use crate::store::{ExecutionLogRecord, LogEntry, LogEvent, Retention};

const ALL: Range<LogPosition> = LogPosition::at(0)..LogPosition::at(i64::MAX);
const RETENTION: Retention = Retention {
    max_tombstones: 100,
    tombstone_age: Duration::from_secs(3600),
    log_age: Duration::MAX,
    max_bytes: 1 << 30,
};

fn store(folder: &tempfile::TempDir) -> Arc<Store> {
    Store::open(&folder.path().join("store.sqlite"), RETENTION).unwrap()
}

fn print(store: &Store, log_group: &str, stream: &str, timestamp_ms: u64, message: &str) {
    store.log(LogEntry::Event(Arc::new(LogEvent {
        log_group: log_group.into(),
        stream: stream.into(),
        timestamp_ms,
        message: message.into(),
    })));
}

/// A request whose lines say `{request_id} {offset}`, at these offsets.
fn carry_out(store: &Store, log_group: &str, request_id: &str, began_at_ms: u64, offsets: &[u32]) {
    let mut record = Record::default();
    for offset in offsets {
        record.push(*offset, &Entry::Failed(&offset.to_string()));
    }
    store.log(LogEntry::Execution(Arc::new(ExecutionLogRecord {
        log_group: log_group.into(),
        began_at_ms,
        duration_ms: *offsets.last().unwrap(),
        request_id: request_id.into(),
        connection_id: Some(ConnectionId::from_bytes([1; 13])),
        endpoint_request_id: None,
        record,
    })));
}

fn messages(page: &LogPage) -> Vec<&str> {
    page.lines.iter().map(|line| &*line.message).collect()
}

fn query(log_group: &str) -> LogQuery<'_> {
    LogQuery {
        log_group,
        streams: Streams::All,
        range: ALL,
        newest_first: false,
        max_lines: 10,
        max_bytes: 10_000,
    }
}

#[test]
fn a_page_ends_at_its_bytes_but_holds_a_line_however_long() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    for message in ["aaa", "bbb", "cccc"] {
        print(&store, "f", "s", 5, message);
    }
    store.flush();
    let of_bytes = |max_bytes, range| LogQuery {
        range,
        max_bytes,
        ..query("f")
    };
    let page = store.log_lines(&of_bytes(6, ALL)).unwrap();
    assert_eq!(messages(&page), ["aaa", "bbb"]);
    let rest = page.unfinished_at.unwrap().behind()..ALL.end;
    let page = store.log_lines(&of_bytes(1, rest)).unwrap();
    assert_eq!(messages(&page), ["cccc"]);
    assert_eq!(page.unfinished_at, None);
}

#[test]
fn lines_that_share_a_row_are_lines_of_their_own_in_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    for (stream, at, message) in [
        ("s", 5, "s1"),
        ("t", 5, "t1"),
        ("s", 5, "s2"),
        ("s", 6, "s3"),
        ("t", 6, "t2"),
        ("t", 6, "t3"),
    ] {
        print(&store, "f", stream, at, message);
    }
    store.flush();
    let rows: i64 = store
        .logs_reader
        .lock()
        .query_row("SELECT COUNT(*) FROM log_events", [], |row| row.get(0))
        .unwrap();
    assert!(rows < 6, "{rows} rows");
    for (stream, expected) in [("s", ["s1", "s2", "s3"]), ("t", ["t1", "t2", "t3"])] {
        for newest_first in [false, true] {
            let mut expected = expected.to_vec();
            if newest_first {
                expected.reverse();
            }
            let mut range = ALL;
            // Line by line, each page from where the last one ended.
            for line in expected {
                let page = store
                    .log_lines(&LogQuery {
                        streams: Streams::Named(vec![stream.into()]),
                        newest_first,
                        max_lines: 1,
                        range: range.clone(),
                        ..query("f")
                    })
                    .unwrap();
                assert_eq!(messages(&page), [line]);
                if newest_first {
                    range.end = page.lines[0].position;
                } else {
                    range.start = page.lines[0].position.behind();
                }
            }
        }
    }
}

#[test]
fn groups_and_streams_are_listed_once_with_their_first_and_last_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    assert!(store.log_groups().unwrap().is_empty());
    for (group, stream, at) in [("g", "s", 1), ("f", "b", 2), ("f", "a", 3), ("f", "b", 4)] {
        print(&store, group, stream, at, "x");
    }
    store.flush();
    let groups = store.log_groups().unwrap();
    let names: Vec<_> = groups.iter().map(|group| &*group.name).collect();
    assert_eq!(names, ["f", "g"]);
    let stream =
        |name: &str, first_ms, last_ms| LoggedStream::of_lines(name.to_owned(), first_ms, last_ms);
    assert_eq!(
        store.log_streams("f").unwrap(),
        [stream("a", 3, 3), stream("b", 2, 4)]
    );
    assert!(store.log_streams("h").unwrap().is_empty());
    assert_eq!(store.log_group("h").unwrap(), None);
}

/// Requests that overlap, among plain events of the same group.
fn filled(folder: &tempfile::TempDir) -> Arc<Store> {
    let store = store(folder);
    let group = "/aws/apigateway/abcdef1234/prod";
    carry_out(&store, group, "long", 1_000, &[0, 1, 1_900]);
    for n in 0..5 {
        carry_out(&store, group, &format!("r{n}"), 1_000 + n, &[0, 0, 3]);
        print(&store, group, "s", 1_003, &format!("event {n}"));
    }
    carry_out(&store, group, "late", 2_899, &[0, 1]);
    carry_out(&store, group, "later", 9_000, &[0]);
    carry_out(
        &store,
        "/aws/apigateway/abcdef1234/other",
        "other",
        1_001,
        &[0],
    );
    store.flush();
    store
}

#[test]
fn overlapping_requests_and_events_come_in_the_order_of_time_forwards_and_backwards() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    let page_of = |max_lines, newest_first, range| {
        store
            .log_lines(&LogQuery {
                range,
                newest_first,
                max_lines,
                ..query("/aws/apigateway/abcdef1234/prod")
            })
            .unwrap()
    };
    let whole = page_of(100, false, ALL);
    assert_eq!(whole.unfinished_at, None);
    assert_eq!(whole.lines.len(), 3 + 5 * 3 + 5 + 2 + 1);
    let positions: Vec<_> = whole.lines.iter().map(|line| line.position).collect();
    assert!(positions.is_sorted());
    assert_eq!(
        messages(&whole)[..4],
        ["(long) 0", "(r0) 0", "(r0) 0", "(long) 1"]
    );
    // Ends of pages fall between all lines.
    for size in 1..whole.lines.len() {
        let (mut forwards, mut range) = (Vec::new(), ALL);
        loop {
            let page = page_of(size, false, range.clone());
            forwards.extend(page.lines);
            let Some(last) = page.unfinished_at else {
                break;
            };
            range = last.behind()..ALL.end;
        }
        assert_eq!(forwards, whole.lines, "in pages of {size}");
        let (mut backwards, mut range) = (Vec::new(), ALL);
        loop {
            let page = page_of(size, true, range.clone());
            backwards.extend(page.lines);
            let Some(last) = page.unfinished_at else {
                break;
            };
            range = ALL.start..last;
        }
        backwards.reverse();
        assert_eq!(backwards, whole.lines, "backwards in pages of {size}");
    }
    // A range begins within a request that began before it.
    let range = LogPosition::at(2_900)..LogPosition::at(2_901);
    assert_eq!(
        messages(&page_of(100, false, range)),
        ["(long) 1900", "(late) 1"]
    );
}

#[test]
fn a_request_is_in_one_of_the_streams_that_are_listed_and_of_awss_shape() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    let group = "/aws/apigateway/abcdef1234/prod";
    let streams = store.log_streams(group).unwrap();
    let times = || streams.iter().filter_map(|stream| stream.lines_ms);
    assert_eq!(times().map(|(first_ms, _)| first_ms).min(), Some(1_000));
    assert_eq!(times().map(|(_, last_ms)| last_ms).max(), Some(9_000));
    let mut lines = 0;
    for stream in &streams {
        assert!(store.has_log_stream(group, &stream.name).unwrap());
        let page = store
            .log_lines(&LogQuery {
                streams: Streams::Named(vec![stream.name.clone()]),
                max_lines: 100,
                ..query(group)
            })
            .unwrap();
        assert!(page.lines.iter().all(|line| line.stream == stream.name));
        lines += page.lines.len();
        let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        assert!(
            stream.name == "s" || stream.name.len() == 32 && stream.name.bytes().all(is_hex),
            "{}",
            stream.name
        );
    }
    assert_eq!(lines, 3 + 5 * 3 + 5 + 2 + 1);
    assert!(!store.has_log_stream(group, "nobody").unwrap());
}

#[test]
fn the_oldest_entries_go_by_age_and_beyond_the_greatest_size() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let now = crate::clock::now_ms();
    carry_out(&store, "g", "old", now - 7_200_000, &[0]);
    carry_out(&store, "g", "new", now, &[0]);
    store.flush();
    drop(store);
    let hourly = Retention {
        log_age: Duration::from_secs(3600),
        ..RETENTION
    };
    let store = Store::open(&folder.path().join("store.sqlite"), hourly).unwrap();
    // What is too old goes behind the first batch.
    print(&store, "g", "s", now + 1, "x");
    store.flush();
    print(&store, "g", "s", now + 1, "y");
    store.flush();
    assert_eq!(
        messages(&store.log_lines(&query("g")).unwrap()),
        ["(new) 0", "x", "y"]
    );
    drop(store);
    let small = Retention {
        max_bytes: 2 << 20,
        ..RETENTION
    };
    let store = Store::open(&folder.path().join("store.sqlite"), small).unwrap();
    for n in 0..64 {
        print(&store, "g", "s", now + 1 + n, &"x".repeat(1 << 19));
        store.flush();
    }
    let page = store
        .log_lines(&LogQuery {
            max_bytes: 1 << 30,
            max_lines: 1000,
            ..query("g")
        })
        .unwrap();
    assert!(page.lines.len() < 40, "{} lines are kept", page.lines.len());
    let newest = i64::try_from(now + 64).unwrap();
    assert_eq!(page.lines.last().unwrap().position.timestamp_ms, newest);
}
