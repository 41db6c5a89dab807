//! Groups and streams that are made and changed by name.

use std::collections::BTreeMap;

use super::*;
use crate::store::{DeclaredRetention, LogChange, LogChangeError, NewLogEvent, NewLogGroup};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn now() -> i64 {
    i64::try_from(crate::clock::now_ms()).unwrap()
}

fn put(stream: &str, timestamp_ms: i64, message: &str) -> LogChange {
    let event = NewLogEvent {
        timestamp_ms,
        message: message.to_owned(),
    };
    LogChange::PutEvents(stream.to_owned(), vec![event])
}

fn with_tags(count: usize) -> BTreeMap<String, String> {
    let tags = (0..count).map(|n| (format!("k{n}"), "v".to_owned()));
    tags.collect()
}

#[test]
fn a_deleted_group_is_gone_at_once_and_made_anew_by_the_next_line() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    print(&store, "g", "s", 1, "old");
    carry_out(&store, "g", "r", 1, &[0]);
    let change = |change| store.change_log_group("g", change);
    change(LogChange::Tag(with_tags(1))).unwrap();
    change(LogChange::DeleteGroup).unwrap();
    assert_eq!(store.log_group("g").unwrap(), None);
    assert!(store.log_lines(&query("g")).unwrap().lines.is_empty());
    assert!(matches!(
        change(LogChange::DeleteGroup),
        Err(LogChangeError::NoSuchGroup)
    ));
    print(&store, "g", "s", 2, "new");
    print(&store, "h", "s", 2, "other");
    store.flush();
    assert_eq!(messages(&store.log_lines(&query("g")).unwrap()), ["new"]);
    assert_eq!(store.log_group_tags("g").unwrap(), Some(BTreeMap::new()));
    // What the deleted group had is removed in time, and nothing of the new one.
    drop(store);
    let store = self::store(&folder);
    print(&store, "h", "s", 3, "more");
    store.flush();
    print(&store, "h", "s", 4, "and more");
    store.flush();
    let reader = store.logs_reader.lock();
    let count = |table: &str| -> i64 {
        let count = format!("SELECT COUNT(*) FROM {table}");
        reader.query_row(&count, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(
        ["log_events", "execution_logs", "deleted_log_groups"].map(count),
        [4, 0, 0]
    );
}

#[test]
fn a_stream_is_there_before_its_first_event_and_after_its_last() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let change = |change| store.change_log_group("g", change);
    assert!(matches!(
        change(LogChange::CreateStream("s".into())),
        Err(LogChangeError::NoSuchGroup)
    ));
    change(LogChange::CreateGroup(NewLogGroup::default())).unwrap();
    assert!(matches!(
        change(LogChange::CreateGroup(NewLogGroup::default())),
        Err(LogChangeError::GroupExists)
    ));
    assert!(matches!(
        change(put("s", 1, "x")),
        Err(LogChangeError::NoSuchStream)
    ));
    change(LogChange::CreateStream("s".into())).unwrap();
    assert!(matches!(
        change(LogChange::CreateStream("s".into())),
        Err(LogChangeError::StreamExists)
    ));
    let stream = || store.log_streams("g").unwrap().into_iter().next();
    assert_eq!(stream().unwrap().lines_ms, None);
    let at = now();
    change(put("s", at - 5, "early")).unwrap();
    change(put("s", at - 9, "earlier")).unwrap();
    assert_eq!(stream().unwrap().lines_ms, Some((at - 9, at - 5)));
    let page = store.log_lines(&query("g")).unwrap();
    assert_eq!(messages(&page), ["earlier", "early"]);
    assert!(page.lines.iter().all(|line| line.put_at_ms >= Some(at)));
    // A stream that Gatepost made, too.
    print(&store, "g", "own", 1, "x");
    store.flush();
    change(LogChange::DeleteStream("own".into())).unwrap();
    change(LogChange::DeleteStream("s".into())).unwrap();
    assert!(matches!(
        change(LogChange::DeleteStream("s".into())),
        Err(LogChangeError::NoSuchStream)
    ));
    assert!(store.log_streams("g").unwrap().is_empty());
    assert!(store.log_lines(&query("g")).unwrap().lines.is_empty());
}

#[test]
fn the_stream_of_requests_goes_with_its_requests_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    let group = "/aws/apigateway/abcdef1234/prod";
    let streams = store.log_streams(group).unwrap();
    let gone = streams
        .iter()
        .find(|stream| stream.name.len() == 32)
        .unwrap();
    let lines = |store: &Store| {
        let all = LogQuery {
            max_lines: 100,
            ..query(group)
        };
        store.log_lines(&all).unwrap().lines
    };
    let kept: Vec<LogLine> = lines(&store)
        .into_iter()
        .filter(|l| l.stream != gone.name)
        .collect();
    let delete = LogChange::DeleteStream(gone.name.clone());
    store.change_log_group(group, delete).unwrap();
    assert_eq!(lines(&store), kept);
    assert!(!store.has_log_stream(group, &gone.name).unwrap());
}

#[test]
fn events_older_than_the_retention_of_their_group_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let at = now();
    for group in ["kept", "short"] {
        store
            .change_log_group(group, LogChange::Declare(None))
            .unwrap();
        store
            .change_log_group(group, LogChange::CreateStream("s".into()))
            .unwrap();
        for days in 0..5 {
            let message = format!("{days} days");
            store
                .change_log_group(group, put("s", at - days * DAY_MS, &message))
                .unwrap();
        }
    }
    store
        .change_log_group("short", LogChange::SetRetention(Some(3)))
        .unwrap();
    // The next change waits for what the one before brought about.
    store
        .change_log_group("short", LogChange::Declare(None))
        .unwrap();
    assert_eq!(
        store.log_group("short").unwrap().unwrap().retention_days,
        Some(3)
    );
    let lines = |group| store.log_lines(&query(group)).unwrap();
    assert_eq!(messages(&lines("short")), ["2 days", "1 days", "0 days"]);
    assert_eq!(messages(&lines("kept")).len(), 5);
    // What a template says replaces it, and what it does not say leaves it.
    let declare = |retention| store.change_log_group("short", LogChange::Declare(retention));
    declare(Some(DeclaredRetention(None))).unwrap();
    assert_eq!(
        store.log_group("short").unwrap().unwrap().retention_days,
        None
    );
}

#[test]
fn tags_are_bounded_and_a_protected_group_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let change = |change| store.change_log_group("g", change);
    let new_group = |tags| {
        LogChange::CreateGroup(NewLogGroup {
            class: Some("INFREQUENT_ACCESS".into()),
            deletion_protection: true,
            tags: with_tags(tags),
            ..NewLogGroup::default()
        })
    };
    assert!(matches!(
        change(new_group(51)),
        Err(LogChangeError::TooManyTags(50))
    ));
    assert_eq!(store.log_group("g").unwrap(), None);
    change(new_group(50)).unwrap();
    let one_more = BTreeMap::from([("more".to_owned(), String::new())]);
    assert!(matches!(
        change(LogChange::Tag(one_more.clone())),
        Err(LogChangeError::TooManyTags(50))
    ));
    change(LogChange::Untag(vec!["k7".into(), "nothing".into()])).unwrap();
    change(LogChange::Tag(one_more)).unwrap();
    assert_eq!(store.log_group_tags("g").unwrap().unwrap().len(), 50);
    assert!(matches!(
        change(LogChange::DeleteGroup),
        Err(LogChangeError::Protected)
    ));
    assert_eq!(
        store.log_group("g").unwrap().unwrap().class,
        "INFREQUENT_ACCESS"
    );
    change(LogChange::ProtectGroup(false)).unwrap();
    change(LogChange::DeleteGroup).unwrap();
    assert_eq!(store.log_group_tags("g").unwrap(), None);
}
