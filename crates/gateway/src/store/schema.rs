//! The tables of the store, and how files of earlier versions come to have them.

use std::{path::Path, time::Duration};

use rusqlite::{Connection as Database, TransactionBehavior};

use super::{StoreError, apis, control, functions, metrics, runs, sql_ms, stale, usage};
use crate::clock::now_ms;

pub(super) const VERSION: i64 = 12;
/// The first version whose lives are read as they are.
const LIVES: i64 = 6;

/// The tables of version 1.
const VERSION_1: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE connections (
        id BLOB PRIMARY KEY,
        api_id TEXT NOT NULL,
        client_key INTEGER,
        opened_at_ms INTEGER,
        ended_at_ms INTEGER,
        cause TEXT,
        code INTEGER,
        reason TEXT,
        replaced_by BLOB
    ) WITHOUT ROWID;
    CREATE INDEX connections_by_client ON connections (client_key)
        WHERE client_key IS NOT NULL AND replaced_by IS NULL;
    CREATE INDEX connections_by_end ON connections (ended_at_ms);
    CREATE TABLE function_logs (
        function TEXT NOT NULL,
        stream TEXT NOT NULL,
        timestamp_ms INTEGER NOT NULL,
        message TEXT NOT NULL
    );
";

/// From version 1 to version 2: all logs are in groups, and requests are among them.
const VERSION_2: &str = "
    CREATE TABLE log_groups (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at_ms INTEGER NOT NULL
    );
    CREATE TABLE log_events (
        log_group INTEGER NOT NULL,
        stream TEXT NOT NULL,
        timestamp_ms INTEGER NOT NULL,
        message TEXT NOT NULL
    );
    CREATE TABLE execution_logs (
        log_group INTEGER NOT NULL,
        began_at_ms INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        connection_id BLOB,
        endpoint_request_id TEXT,
        record BLOB NOT NULL
    );
    INSERT INTO log_groups (name, created_at_ms)
        SELECT '/aws/lambda/' || function, MIN(timestamp_ms) FROM function_logs GROUP BY function;
    INSERT INTO log_events (log_group, stream, timestamp_ms, message)
        SELECT log_groups.id, stream, timestamp_ms, message FROM function_logs
        JOIN log_groups ON name = '/aws/lambda/' || function ORDER BY function_logs.rowid;
    DROP TABLE function_logs;
    CREATE INDEX log_events_by_time ON log_events (log_group, timestamp_ms);
    CREATE INDEX log_events_by_stream ON log_events (log_group, stream, timestamp_ms);
    CREATE INDEX execution_logs_by_time ON execution_logs (log_group, began_at_ms);
    CREATE INDEX execution_logs_by_request ON execution_logs (request_id);
    CREATE INDEX execution_logs_by_connection ON execution_logs (connection_id)
        WHERE connection_id IS NOT NULL;
    CREATE INDEX execution_logs_by_endpoint_request ON execution_logs (endpoint_request_id)
        WHERE endpoint_request_id IS NOT NULL;
";

/// From version 2 to version 3: the whole lives of connections, and who was refused to reach them.
const VERSION_3: &str = "
    ALTER TABLE connections ADD COLUMN established_at_ms INTEGER;
    ALTER TABLE connections ADD COLUMN stage TEXT;
    ALTER TABLE connections ADD COLUMN connect_request_id TEXT;
    ALTER TABLE connections ADD COLUMN source_ip TEXT;
    ALTER TABLE connections ADD COLUMN user_agent TEXT;
    ALTER TABLE connections ADD COLUMN authorized_as TEXT;
    ALTER TABLE connections ADD COLUMN connect_status INTEGER;
    ALTER TABLE connections ADD COLUMN connect_detail TEXT;
    ALTER TABLE connections ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE connections ADD COLUMN last_message_at_ms INTEGER;
    ALTER TABLE connections ADD COLUMN posts INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE connections ADD COLUMN last_post_at_ms INTEGER;
    ALTER TABLE connections ADD COLUMN disconnect_at_ms INTEGER;
    ALTER TABLE connections ADD COLUMN disconnect_request_id TEXT;
    ALTER TABLE connections ADD COLUMN disconnect_status INTEGER;
    ALTER TABLE connections ADD COLUMN disconnect_error TEXT;
    CREATE INDEX connections_by_refused_request ON connections (connect_request_id)
        WHERE cause = 'refused';
    CREATE TABLE refused_calls (
        connection_id TEXT NOT NULL,
        nth INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        operation TEXT NOT NULL,
        caller TEXT NOT NULL,
        request_id TEXT NOT NULL,
        status INTEGER NOT NULL,
        reason TEXT NOT NULL,
        text TEXT NOT NULL
    );
    CREATE INDEX refused_calls_by_connection ON refused_calls (connection_id, nth);
    CREATE INDEX refused_calls_by_request ON refused_calls (request_id);
    CREATE TABLE apis (api_id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
";

/// From version 3 to version 4: log groups and streams that are made and changed by name, and events
/// that are put.
const VERSION_4: &str = "
    ALTER TABLE log_groups ADD COLUMN class TEXT NOT NULL DEFAULT 'STANDARD';
    ALTER TABLE log_groups ADD COLUMN kms_key_id TEXT;
    ALTER TABLE log_groups ADD COLUMN deletion_protection INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE log_groups ADD COLUMN retention_days INTEGER;
    CREATE TABLE deleted_log_groups (id INTEGER PRIMARY KEY);
    CREATE TABLE log_group_tags (
        log_group INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (log_group, key)
    ) WITHOUT ROWID;
    CREATE TABLE log_streams (
        log_group INTEGER NOT NULL,
        name TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        PRIMARY KEY (log_group, name)
    ) WITHOUT ROWID;
    ALTER TABLE log_events ADD COLUMN ingested_at_ms INTEGER;
";

/// From version 4 to version 5: what refused a handshake, by its name.
const VERSION_5: &str = "
    ALTER TABLE connections ADD COLUMN connect_fault TEXT;
";

/// From version 5 to version 6: the journal of `$disconnect`. A connection has a context as long as
/// its `$disconnect` is owed; it is due when nobody has it in hand.
const VERSION_6: &str = "
    ALTER TABLE connections ADD COLUMN context TEXT;
    ALTER TABLE connections ADD COLUMN disconnect_tries INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE connections ADD COLUMN disconnect_due_ms INTEGER;
    CREATE INDEX connections_by_due ON connections (disconnect_due_ms) WHERE context IS NOT NULL;
";

/// From version 8 to version 9: a row of `log_events` may hold several lines, which earlier versions
/// cannot read (`logs/packed.rs`).
const VERSION_9: &str = "";

/// Sees to it that the file has the tables of this version; in one that another run has open they are
/// not changed.
pub(super) fn prepare(
    database: &mut Database,
    path: &Path,
    is_shared: bool,
) -> Result<(), StoreError> {
    let damaged = |source| StoreError::Damaged {
        path: path.to_owned(),
        source,
    };
    database
        .busy_timeout(Duration::from_secs(5))
        .map_err(damaged)?;
    let version: i64 = database
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(damaged)?;
    if version > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: version,
        });
    }
    if is_shared && version < VERSION {
        return Err(StoreError::InUseByOlder {
            path: path.to_owned(),
            found: version,
        });
    }
    migrate(database, version).map_err(damaged)
}

/// Whether a file can be read as it is; it is not brought to this version.
pub(super) fn check_readable(database: &Database, path: &Path) -> Result<(), StoreError> {
    let damaged = |source| StoreError::Damaged {
        path: path.to_owned(),
        source,
    };
    database
        .busy_timeout(Duration::from_secs(5))
        .map_err(damaged)?;
    let found: i64 = database
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(damaged)?;
    let path = path.to_owned();
    match found {
        LIVES..=VERSION => Ok(()),
        _ if found > VERSION => Err(StoreError::Newer { path, found }),
        _ => Err(StoreError::Older { path, found }),
    }
}

fn migrate(database: &mut Database, version: i64) -> rusqlite::Result<()> {
    database.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    // Another run may write too.
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (target, change) in [
        (1, VERSION_1),
        (2, VERSION_2),
        (3, VERSION_3),
        (4, VERSION_4),
        (5, VERSION_5),
        (6, VERSION_6),
        (7, control::USAGE_PLANS),
        (8, control::DOMAIN_NAMES),
        (9, VERSION_9),
        (10, stale::VERSION_10),
        (11, apis::MADE_APIS),
        (12, runs::VERSION_12),
    ] {
        if version < target {
            transaction.execute_batch(change)?;
        }
    }
    transaction.execute_batch(usage::SCHEMA)?;
    transaction.execute_batch(metrics::SCHEMA)?;
    transaction.execute_batch(functions::SCHEMA)?;
    for tables in control::SCHEMA {
        transaction.execute_batch(tables)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.execute(
        "INSERT OR IGNORE INTO meta (key, value) VALUES ('created_at_ms', ?1)",
        [sql_ms(now_ms())],
    )?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_version_1_keeps_its_lines_and_connections() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let mut old = Database::open(&path).unwrap();
        old.execute_batch(VERSION_1).unwrap();
        old.execute_batch(
            "CREATE INDEX function_logs_by_time ON function_logs (function, timestamp_ms);
             CREATE INDEX function_logs_by_stream ON function_logs (function, stream, timestamp_ms);
             INSERT INTO function_logs VALUES ('f', 's', 7, 'one'), ('g', 't', 8, 'two'),
                 ('f', 's', 9, 'three');
             INSERT INTO connections (id, api_id) VALUES (x'01', 'abcdef1234');
             PRAGMA user_version = 1;",
        )
        .unwrap();
        prepare(&mut old, &path, false).unwrap();
        let lines: Vec<(String, i64, String)> = old
            .prepare(
                "SELECT name, timestamp_ms, message FROM log_events
                 JOIN log_groups ON id = log_group ORDER BY log_events.rowid",
            )
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let line = |group: &str, at, message: &str| {
            (format!("/aws/lambda/{group}"), at, message.to_owned())
        };
        assert_eq!(
            lines,
            [
                line("f", 7, "one"),
                line("g", 8, "two"),
                line("f", 9, "three")
            ]
        );
        let connections: i64 = old
            .query_row("SELECT COUNT(*) FROM connections", [], |row| row.get(0))
            .unwrap();
        assert_eq!(connections, 1);
        // And once more: nothing is done twice.
        prepare(&mut old, &path, false).unwrap();
    }
}
