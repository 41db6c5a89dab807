//! What a restart leaves, what a full disk costs, and whole lives.

use gatepost_model::{connection::CloseCause, fault::FaultKind, request_context::Identity};

use super::*;
use crate::{lifecycle::Life, tombstones::End};

pub(super) const RETENTION: Retention = Retention {
    max_tombstones: 100,
    tombstone_age: Duration::from_secs(3600),
    log_age: Duration::from_secs(3600),
    max_bytes: 1 << 30,
};

const ACTIVITY: ActivityRecord = ActivityRecord {
    messages: 3,
    last_message_at_ms: 20,
    posts: 1,
    last_post_at_ms: 30,
};

fn api() -> ApiId {
    ApiId::from("abcdef1234")
}

fn handshake() -> HandshakeRecord {
    HandshakeRecord {
        stage: "prod".into(),
        request_id: "EP5yqFByIAMElXw=".into(),
        source_ip: "203.0.113.7".into(),
        user_agent: Some("agent".into()),
        authorized_as: Some("****of-ann".into()),
        status: 200,
        detail: None,
        fault: None,
    }
}

pub(super) fn opened(id: ConnectionId) -> Lifecycle {
    Lifecycle::Opened {
        id,
        client_key: None,
        replaces: None,
        opening: Opening {
            api_id: api(),
            began_at_ms: 1,
            established_at_ms: 10,
            handshake: Box::new(handshake()),
        },
    }
}

#[test]
fn lives_and_key_survive_a_restart_and_open_connections_are_then_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    let key = *store.connection_id_key().as_bytes();
    let ended = store.connection_id_key().issue(&api(), 0, [1; 7]);
    let open = store.connection_id_key().issue(&api(), 0, [2; 7]);
    for id in [ended, open] {
        store.record(opened(id));
    }
    let cause = CloseCause::ClientClosed {
        code: Some(4001),
        reason: "bye".into(),
    };
    let tombstone = Tombstone {
        api_id: api(),
        end: End::Closed(cause.clone()),
        at_ms: now_ms(),
        replaced_by: Some(open),
        client_key: None,
    };
    store.record(Lifecycle::Ended {
        id: ended,
        tombstone,
        past: Past::Established(ACTIVITY),
    });
    store.flush();
    drop(store);

    let store = Store::open(&path, RETENTION).unwrap();
    assert_eq!(*store.connection_id_key().as_bytes(), key);
    let Some(StoredConnection::Ended(tombstone)) = store.connection(&ended) else {
        panic!()
    };
    assert_eq!(tombstone.end, End::Closed(cause));
    assert_eq!(tombstone.replaced_by, Some(open));
    let Some(StoredConnection::Ended(tombstone)) = store.connection(&open) else {
        panic!()
    };
    assert_eq!(tombstone.end, End::Closed(CloseCause::NodeLost));
    assert!(
        store
            .connection(&store.key.issue(&api(), 0, [3; 7]))
            .is_none()
    );
}

#[test]
fn the_files_are_this_users_only_also_those_of_an_earlier_gatepost() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let files = ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"];
    let files = files.map(|name| folder.path().join(name));
    let modes = || {
        files
            .clone()
            .map(|file| std::fs::metadata(file).unwrap().permissions().mode() & 0o777)
    };
    let store = Store::open(&files[0], RETENTION).unwrap();
    assert_eq!(modes(), [0o600; 3]);
    for file in &files {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let again = Store::open(&files[0], RETENTION).unwrap();
    assert_eq!(modes(), [0o600; 3]);
    drop((store, again));
}

#[test]
fn what_the_disk_does_not_take_is_counted_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    let id = store.connection_id_key().issue(&api(), 0, [1; 7]);
    let broken = Database::open(&path).unwrap();
    let rename = |from, to| {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        broken.execute(&rename, []).unwrap();
    };
    rename("connections", "away");
    store.record(opened(id));
    store.flush();
    assert_eq!(store.dropped(), 1);
    rename("away", "connections");
    store.record(opened(id));
    store.flush();
    assert_eq!(store.dropped(), 1);
    assert!(matches!(
        store.connection(&id),
        Some(StoredConnection::Open)
    ));
}

#[test]
fn what_is_logged_is_on_disk_after_a_flush_and_after_the_end_however_much_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    let look = Database::open(&path).unwrap();
    let kept = || {
        let count = "SELECT COUNT(*) FROM log_events";
        look.query_row(count, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    // Several batches, each line a row of its own.
    let log = |store: &Store, lines: std::ops::Range<u64>| {
        for line in lines {
            store.log(LogEntry::Event(Arc::new(LogEvent {
                log_group: "g".into(),
                stream: "s".into(),
                timestamp_ms: now_ms() + line,
                message: "line".to_owned(),
            })));
        }
    };
    log(&store, 0..2000);
    store.flush();
    assert_eq!(kept(), 2000);
    log(&store, 2000..4000);
    assert_eq!(store.dropped_log_entries(), 0);
    drop(store);
    assert_eq!(kept(), 4000);
}

#[test]
fn a_newer_or_damaged_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    Database::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert!(matches!(
        Store::open(&path, RETENTION),
        Err(StoreError::Newer { found: 99, .. })
    ));
    std::fs::write(
        &path,
        "this is not a database, and long enough to be sure of it",
    )
    .unwrap();
    assert!(matches!(
        Store::open(&path, RETENTION),
        Err(StoreError::Damaged { .. })
    ));
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("this is not")
    );
}

#[test]
fn a_whole_life_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    let reader = LifeReader::open(&path).unwrap();
    let id = store.connection_id_key().issue(&api(), 0, [1; 7]);
    store.record(opened(id));
    store.flush();
    let mut expected = Life {
        connection_id: id,
        api_id: api(),
        handshake: Some(handshake()),
        began_at_ms: Some(1),
        established_at_ms: Some(10),
        activity: ActivityRecord::default(),
        end: None,
        replaced_by: None,
        disconnect: None,
    };
    assert_eq!(reader.life(&id).unwrap(), Some(expected.clone()));
    let at_ms = now_ms();
    let cause = CloseCause::ProtocolError { code: 1007 };
    store.record(Lifecycle::Ended {
        id,
        tombstone: Tombstone {
            api_id: api(),
            end: End::Closed(cause.clone()),
            at_ms,
            replaced_by: None,
            client_key: None,
        },
        past: Past::Established(ACTIVITY),
    });
    let disconnect = DisconnectRecord {
        at_ms: 50,
        request_id: Some("FP5yqFByIAMElXw=".into()),
        status: 502,
        error: Some("no".into()),
        tries: 3,
        next_try_ms: None,
    };
    store.record(Lifecycle::Disconnected {
        id,
        record: Box::new(disconnect.clone()),
    });
    store.flush();
    expected.activity = ACTIVITY;
    expected.end = Some((End::Closed(cause), at_ms));
    expected.disconnect = Some(disconnect);
    assert_eq!(reader.life(&id).unwrap(), Some(expected));
}

#[test]
fn a_refused_handshake_is_found_by_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    let reader = LifeReader::open(&path).unwrap();
    let id = store.connection_id_key().issue(&api(), 0, [1; 7]);
    let refused = HandshakeRecord {
        status: 403,
        ..handshake().refused("the policy denies", Some(FaultKind::ExplicitDeny))
    };
    let at_ms = now_ms();
    store.record(Lifecycle::Ended {
        id,
        tombstone: Tombstone {
            api_id: api(),
            end: End::Refused,
            at_ms,
            replaced_by: None,
            client_key: None,
        },
        past: Past::NeverEstablished {
            began_at_ms: 1,
            handshake: Some(Box::new(refused.clone())),
        },
    });
    store.flush();
    let life = reader.refused_in("EP5yqFByIAMElXw=").unwrap().unwrap();
    assert_eq!(life.connection_id, id);
    assert_eq!(life.handshake, Some(refused));
    assert_eq!(life.established_at_ms, None);
    assert_eq!(life.end, Some((End::Refused, at_ms)));
    assert_eq!(reader.refused_in("unknown").unwrap(), None);
}

#[test]
fn callers_of_what_is_gone_are_told_by_those_calls_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    let reader = LifeReader::open(&path).unwrap();
    let now = now_ms();
    let mut nth = 0;
    let mut refuse = |id: &str, caller: &str, status: u16, reason: &str| {
        nth += 1;
        store.log(LogEntry::Refused(Arc::new(RefusedCall {
            connection_id: id.into(),
            at_ms: now + nth,
            operation: "PostToConnection".into(),
            caller: caller.into(),
            request_id: nth.to_string().into(),
            status,
            reason: reason.into(),
            text: "why".into(),
        })));
    };
    // Only the third found a connection gone.
    refuse("once", "function early", 410, "not-established");
    refuse("once", "function large", 413, "payload-too-large");
    refuse("once", "function f", 410, "closed-by-client");
    refuse("once", "function other", 403, "access-denied");
    // More than are kept, of two kinds, the latest of the other.
    for _ in 0..50 {
        refuse("often", "function g", 410, "closed-by-client");
        refuse("often", "function g", 429, "limit-exceeded");
    }
    refuse("never", "function early", 410, "not-established");
    store.flush();
    let told = |reader: &LifeReader| -> Vec<_> {
        let callers = reader.stale_callers().unwrap().into_iter();
        let told = callers.map(|it| (it.caller, it.calls, it.ids, it.repeated, it.between_ms));
        told.collect()
    };
    let of = |caller: &str, calls, repeated, between: (u64, u64)| {
        let between = (now + between.0, now + between.1);
        (caller.to_owned(), calls, 1, repeated, between)
    };
    let expected = [
        of("function g", 50, 1, (5, 103)),
        of("function f", 1, 0, (3, 3)),
    ];
    assert_eq!(told(&reader), expected);
    // A file of before the count: what was not kept is taken for calls of what was gone.
    drop(store);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "ALTER TABLE refused_calls DROP COLUMN gone; ALTER TABLE connections DROP COLUMN run;
         PRAGMA user_version = 9;",
    )
    .unwrap();
    let expected = [
        of("function g", 90, 1, (5, 103)),
        of("function f", 1, 0, (3, 3)),
    ];
    assert_eq!(told(&LifeReader::open(&path).unwrap()), expected);
    drop(Store::open(&path, RETENTION).unwrap());
    assert_eq!(told(&LifeReader::open(&path).unwrap()), expected);
}

#[test]
fn of_many_refused_calls_the_first_and_the_latest_are_kept_and_all_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    let reader = LifeReader::open(&path).unwrap();
    let now = now_ms();
    let call = |nth: u64| RefusedCall {
        connection_id: "gbgBH8-ydQAYKEjZQA==".into(),
        at_ms: now + nth,
        operation: "PostToConnection".into(),
        caller: "function f".into(),
        request_id: nth.to_string().into(),
        status: 410,
        reason: "deleted".into(),
        text: "why".into(),
    };
    for nth in 1..=100 {
        store.log(LogEntry::Refused(Arc::new(call(nth))));
    }
    store.flush();
    let calls = reader.refused_calls("gbgBH8-ydQAYKEjZQA==").unwrap();
    assert_eq!(calls.total, 100);
    let kept: Vec<_> = (1..=10).chain(91..=100).map(call).collect();
    assert_eq!(calls.kept, kept);
    assert_eq!(reader.refused_call("95").unwrap(), Some(call(95)));
    assert_eq!(reader.refused_calls("x").unwrap(), RefusedCalls::default());
}

#[tokio::test]
async fn what_is_synced_is_in_the_file_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    store.record(Lifecycle::Deployed {
        api_id: api(),
        name: "chat".into(),
    });
    store.synced().await;
    let copy = folder.path().join("copy.sqlite");
    std::fs::copy(&path, &copy).unwrap();
    let reader = LifeReader::open(&copy).unwrap();
    assert_eq!(reader.deployed_apis().unwrap(), [(api(), "chat".into())]);
}

#[tokio::test]
async fn no_disconnect_waits_for_a_clock_that_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.sqlite"), RETENTION).unwrap();
    let id = store.connection_id_key().issue(&api(), 0, [1; 7]);
    let context = ConnectionContext {
        connection_id: id,
        api_id: api(),
        stage: "prod".into(),
        connected_at_ms: 0,
        domain_name: "localhost".into(),
        identity: Identity::anonymous("::1", None),
        authorizer: None,
    };
    store.journal(&Arc::new(context)).await.unwrap();
    let (hour, now) = (3_600_000, 10 * 3_600_000);
    store.record(Lifecycle::DisconnectWaits {
        id,
        due_ms: now + 1_000,
    });
    assert_eq!(store.take_owed(now, 1).await.taken.len(), 0);
    let taken = store.take_owed(now - hour, 1).await.taken;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].connection_id, id);
}
