//! What is removed while others wait, and what is safe when it is answered.

use std::sync::mpsc;

use super::*;
use crate::store::{functions::FunctionChange, log_changes::AskedLogChange, runs, schema};

const RETENTION: Retention = Retention {
    max_tombstones: 100_000,
    tombstone_age: Duration::from_secs(3600),
    log_age: Duration::from_secs(3600),
    max_bytes: 1 << 30,
};

/// A writer, and a second look at its file. The folder lives as long as they are used.
fn writer() -> (tempfile::TempDir, Writer, Database) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let mut database = Database::open(&path).unwrap();
    schema::prepare(&mut database, &path, false).unwrap();
    let run = runs::begin(&database).unwrap();
    let writer = Writer::new(
        database,
        RETENTION,
        Arc::default(),
        Arc::default(),
        Arc::default(),
        run,
        Arc::default(),
    );
    let look = Database::open(&path).unwrap();
    (folder, writer, look)
}

fn count(database: &Database, table: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM {table}");
    database.query_row(&count, [], |row| row.get(0)).unwrap()
}

/// Puts in so many connections that ended long ago.
fn end_long_ago(database: &Database, connections: i64) {
    database
        .execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ?1)
             INSERT INTO connections (id, api_id, ended_at_ms) SELECT n, 'abcdef1234', n FROM numbers",
            [connections],
        )
        .unwrap();
}

#[test]
fn what_waits_is_written_between_two_slices_of_what_is_removed() {
    let (_folder, writer, look) = writer();
    end_long_ago(&look, 20_000);
    let (queue, commands) = mpsc::channel();
    for _ in 0..3 * BATCH {
        queue.send(Command::Wake).unwrap();
    }
    drop(queue);
    // Three batches, each with a slice behind it.
    writer.run(&commands);
    assert_eq!(
        count(&look, "connections"),
        20_000 - 3 * i64::from(prune::SLICE)
    );
}

#[test]
fn what_is_too_old_is_removed_to_the_last_without_another_command() {
    let (_folder, writer, look) = writer();
    end_long_ago(&look, 5_000);
    look.execute_batch(
        "INSERT INTO refused_calls (connection_id, nth, at_ms, operation, caller, request_id, status,
             reason, text) VALUES ('c', 1, 5, 'o', 'c', 'r', 410, 'gone', 't');
         INSERT INTO metrics VALUES (5, 'a', 's', 'r', 0, 0, x'');
         INSERT INTO usage VALUES ('p', 'k', 5, 1);
         INSERT INTO log_groups (id, name, created_at_ms) VALUES (2, 'kept', 1);
         INSERT INTO deleted_log_groups VALUES (1);
         INSERT INTO log_events (log_group, stream, timestamp_ms, message)
             VALUES (1, 's', 9000000000000, 'deleted'), (2, 's', 5, 'old'),
                    (2, 's', 9000000000000, 'kept');",
    )
    .unwrap();
    let (queue, commands) = mpsc::channel();
    let thread = std::thread::spawn(move || writer.run(&commands));
    queue.send(Command::Wake).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let tables = [
        "connections",
        "refused_calls",
        "metrics",
        "usage",
        "deleted_log_groups",
    ];
    let is_left =
        || tables.iter().any(|table| count(&look, table) > 0) || count(&look, "log_events") > 1;
    while is_left() {
        assert!(Instant::now() < deadline, "not all was removed");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kept: String = look
        .query_row("SELECT message FROM log_events", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, "kept");
    drop(queue);
    thread.join().unwrap();
}

#[test]
fn what_is_answered_as_written_outlives_a_loss_of_power() {
    let (_folder, mut writer, _look) = writer();
    // SQLite's numbers: 1 is NORMAL, 2 is FULL.
    let mut synchronous = |command| {
        writer.take_over(vec![command]);
        let read = |row: &rusqlite::Row<'_>| row.get::<_, u8>(0);
        let database = &writer.database;
        database.query_row("PRAGMA synchronous", [], read).unwrap()
    };
    let (done, _wait) = mpsc::sync_channel(1);
    let function = FunctionChange {
        name: "f".to_owned(),
        document: Some("{}".to_owned()),
        done,
    };
    assert_eq!(synchronous(Command::Wake), 1);
    assert_eq!(synchronous(Command::ChangeFunction(function.into())), 2);
    assert_eq!(synchronous(Command::Wake), 1);
    let (done, _wait) = mpsc::sync_channel(1);
    let group = AskedLogChange {
        log_group: "g".to_owned(),
        change: LogChange::CreateStream("s".to_owned()),
        done,
    };
    assert_eq!(synchronous(Command::ChangeLogGroup(group.into())), 2);
}
