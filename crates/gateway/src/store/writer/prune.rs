//! Removing what is older, or more, than is kept.

use gatepost_model::calendar::Day;
use rusqlite::{Connection as Database, OptionalExtension};

use crate::{
    store::{Retention, metrics, sql_ms, usage},
    usage_plans::USAGE_DAYS,
};

/// Log entries removed at once: a transaction each, so that writing goes on soon.
const SLICE: i64 = 2_000;
/// Refused calls that are kept, of all ids.
const MAX_REFUSED_CALLS: i64 = 100_000;
/// Slices of one pass.
const SLICES: usize = 200;

/// A table of log entries and its column of their times.
struct Log {
    table: &'static str,
    time: &'static str,
}

const LOGS: [Log; 2] = [
    Log {
        table: "log_events",
        time: "timestamp_ms",
    },
    Log {
        table: "execution_logs",
        time: "began_at_ms",
    },
];

pub(super) fn prune(
    database: &Database,
    retention: Retention,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let before = |age: std::time::Duration| {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        sql_ms(now_ms.saturating_sub(age_ms))
    };
    database.execute(
        "DELETE FROM connections WHERE ended_at_ms < ?1 AND context IS NULL",
        [before(retention.tombstone_age)],
    )?;
    database.execute(
        "DELETE FROM connections WHERE ended_at_ms <= (SELECT ended_at_ms FROM connections
         WHERE ended_at_ms IS NOT NULL ORDER BY ended_at_ms DESC LIMIT 1 OFFSET ?1) AND context IS NULL",
        [i64::try_from(retention.max_tombstones).unwrap_or(i64::MAX)],
    )?;
    database.execute(
        "DELETE FROM refused_calls WHERE at_ms < ?1",
        [before(retention.tombstone_age)],
    )?;
    database.execute(
        "DELETE FROM refused_calls WHERE rowid <= (SELECT rowid FROM refused_calls
         ORDER BY rowid DESC LIMIT 1 OFFSET ?1)",
        [MAX_REFUSED_CALLS],
    )?;
    metrics::prune(database, now_ms)?;
    usage::prune(database, Day::of_epoch_ms(now_ms).back(USAGE_DAYS))?;
    prune_groups(database, now_ms)?;
    for _ in 0..SLICES {
        let oldest_kept = before(retention.log_age);
        let is_too_large = used_bytes(database)? > retention.max_bytes;
        match oldest_log(database)? {
            Some((log, at_ms)) if is_too_large || at_ms < oldest_kept => {
                let until = if is_too_large { i64::MAX } else { oldest_kept };
                remove_oldest(database, log, until)?;
            }
            _ => break,
        }
    }
    Ok(())
}

/// Removes what deleted groups had, and what is older than the retention of its group.
fn prune_groups(database: &Database, now_ms: u64) -> rusqlite::Result<()> {
    let mut statement = database.prepare_cached(
        "SELECT id, 0 FROM deleted_log_groups
         UNION ALL SELECT id, retention_days FROM log_groups WHERE retention_days IS NOT NULL",
    )?;
    let groups = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let groups: Vec<(i64, i64)> = groups.collect::<rusqlite::Result<_>>()?;
    for (group, days) in groups {
        let oldest_kept = match days {
            // Of a deleted group nothing is kept.
            0 => i64::MAX,
            days => sql_ms(now_ms) - days * 24 * 3600 * 1000,
        };
        let mut is_empty = true;
        for Log { table, time } in &LOGS {
            let mut delete = database.prepare_cached(&format!(
                "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table}
                 WHERE log_group = ?1 AND {time} < ?2 LIMIT ?3)"
            ))?;
            let mut slices = 0..SLICES;
            is_empty &= slices.any(|_| {
                let removed = delete.execute([group, oldest_kept, SLICE]);
                removed.is_ok_and(|removed| removed == 0)
            });
        }
        if is_empty {
            database.execute("DELETE FROM deleted_log_groups WHERE id = ?1", [group])?;
        }
    }
    Ok(())
}

/// The bytes of the file that hold something.
fn used_bytes(database: &Database) -> rusqlite::Result<u64> {
    let pragma = |name: &str| -> rusqlite::Result<i64> {
        database.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
    };
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok((pages * pragma("page_size")?).cast_unsigned())
}

/// The log with the oldest entry, and its time. Rows are in the order of writing, which is that
/// of time but for what was waited for.
fn oldest_log(database: &Database) -> rusqlite::Result<Option<(&'static Log, i64)>> {
    let mut oldest: Option<(&Log, i64)> = None;
    for log in &LOGS {
        let Log { table, time } = log;
        let first = database
            .prepare_cached(&format!(
                "SELECT {time} FROM {table} ORDER BY rowid LIMIT 1"
            ))?
            .query_row([], |row| row.get(0))
            .optional()?;
        if let Some(at_ms) = first
            && oldest.is_none_or(|(_, oldest)| at_ms < oldest)
        {
            oldest = Some((log, at_ms));
        }
    }
    Ok(oldest)
}

/// Removes the oldest entries of a log, at most a slice, that are from before `until_ms`.
fn remove_oldest(database: &Database, log: &Log, until_ms: i64) -> rusqlite::Result<()> {
    let Log { table, time } = log;
    database
        .prepare_cached(&format!(
            "DELETE FROM {table} WHERE {time} < ?1
             AND rowid IN (SELECT rowid FROM {table} ORDER BY rowid LIMIT ?2)"
        ))?
        .execute([until_ms, SLICE])?;
    Ok(())
}
