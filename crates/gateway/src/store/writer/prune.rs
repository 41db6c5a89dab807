//! Removing what is older, or more, than is kept: in slices, so that whoever waits for the disk
//! waits for one of them at most.

use std::{collections::VecDeque, time::Duration};

use gatepost_model::calendar::Day;
use rusqlite::{Connection as Database, OptionalExtension, params};

use crate::{
    observe::metrics::LabelledCount,
    store::{Retention, metrics, sql_ms, usage},
    usage_plans::USAGE_DAYS,
};

/// Rows removed at once, in a transaction of their own: more than a batch adds, so that what is
/// written between two slices does not outrun them.
pub(super) const SLICE: u32 = 2_000;
const _: () = assert!(SLICE as usize > super::BATCH);
/// Refused calls that are kept, of all ids.
const MAX_REFUSED_CALLS: i64 = 100_000;

/// A table of log entries and its column of their times.
struct Log {
    table: &'static str,
    time: &'static str,
}

/// Before when entries of a deleted group are removed.
const ALL: i64 = i64::MAX;

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

/// One pass over all that is not kept for ever.
pub(super) struct Pruning {
    retention: Retention,
    now_ms: u64,
    left: VecDeque<Task>,
}

/// What is removed, slice by slice.
enum Task {
    /// Ended connections that owe nothing, up to a time.
    Connections { until_ms: i64 },
    /// Refused calls from before a time, and those up to a row.
    RefusedCalls { before_ms: i64, until_row: i64 },
    /// Metrics from before a minute, and those up to a row.
    Metrics(metrics::Expired),
    /// What API keys used long ago.
    Usage,
    /// Entries of a log group from before a time; a deleted one is then forgotten.
    LogGroup { id: i64, before_ms: i64 },
    /// The oldest log entries, as long as they are too old, or all too many.
    OldestLogs,
}

impl Pruning {
    /// A pass by the time `now_ms`, milliseconds since the epoch.
    pub(super) fn begin(
        database: &Database,
        retention: Retention,
        now_ms: u64,
    ) -> rusqlite::Result<Self> {
        let ended_before = before(now_ms, retention.tombstone_age);
        let surplus: Option<i64> = database
            .prepare_cached(
                "SELECT ended_at_ms FROM connections WHERE ended_at_ms IS NOT NULL
                 ORDER BY ended_at_ms DESC LIMIT 1 OFFSET ?1",
            )?
            .query_row(
                [i64::try_from(retention.max_tombstones).unwrap_or(i64::MAX)],
                |row| row.get(0),
            )
            .optional()?;
        let refused: Option<i64> = database
            .prepare_cached(
                "SELECT rowid FROM refused_calls ORDER BY rowid DESC LIMIT 1 OFFSET ?1",
            )?
            .query_row([MAX_REFUSED_CALLS], |row| row.get(0))
            .optional()?;
        let mut left = VecDeque::from([
            Task::Connections {
                until_ms: (ended_before - 1).max(surplus.unwrap_or(i64::MIN)),
            },
            Task::RefusedCalls {
                before_ms: ended_before,
                until_row: refused.unwrap_or(i64::MIN),
            },
            Task::Metrics(metrics::Expired::find(database, now_ms)?),
            Task::Usage,
        ]);
        left.extend(log_groups(database, now_ms)?);
        left.push_back(Task::OldestLogs);
        Ok(Self {
            retention,
            now_ms,
            left,
        })
    }

    /// Removes one slice, and counts what; whether there is more to do. What cannot be removed now is left to the
    /// next pass.
    pub(super) fn step(&mut self, database: &Database, evictions: &LabelledCount) -> bool {
        let mut room = SLICE;
        while let Some(task) = self.left.front() {
            let removed = task.remove(database, self.retention, self.now_ms, room);
            let removed = removed.unwrap_or_default();
            if let Some(kind) = task.kind().filter(|_| removed > 0) {
                evictions.add_many(kind, "", removed as u64);
            }
            room = room.saturating_sub(u32::try_from(removed).unwrap_or(u32::MAX));
            let goes_on = match task {
                // Of its slice the youngest may have stayed.
                Task::OldestLogs => removed > 0,
                _ => room == 0,
            };
            if goes_on {
                return true;
            }
            self.left.pop_front();
        }
        false
    }
}

impl Task {
    /// What it removes, as it is counted.
    fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Connections { .. } => Some("ended-connections"),
            Self::RefusedCalls { .. } => Some("refused-calls"),
            Self::LogGroup { .. } | Self::OldestLogs => Some("log-entries"),
            Self::Metrics(_) | Self::Usage => None,
        }
    }

    /// Removes so many rows at most; gives how many.
    fn remove(
        &self,
        database: &Database,
        retention: Retention,
        now_ms: u64,
        at_most: u32,
    ) -> rusqlite::Result<usize> {
        match self {
            Self::Connections { until_ms } => database
                .prepare_cached(
                    "DELETE FROM connections WHERE id IN (SELECT id FROM connections
                     WHERE ended_at_ms <= ?1 AND context IS NULL LIMIT ?2)",
                )?
                .execute(params![until_ms, at_most]),
            Self::RefusedCalls {
                before_ms,
                until_row,
            } => database
                .prepare_cached(
                    "DELETE FROM refused_calls WHERE rowid IN (SELECT rowid FROM refused_calls
                     WHERE rowid <= ?1 OR at_ms < ?2 LIMIT ?3)",
                )?
                .execute(params![until_row, before_ms, at_most]),
            Self::Metrics(expired) => expired.remove(database, at_most),
            // A few rows for each key, and no index over their days: whole.
            Self::Usage => {
                usage::prune(database, Day::of_epoch_ms(now_ms).back(USAGE_DAYS)).map(|()| 0)
            }
            Self::LogGroup { id, before_ms } => remove_of_group(database, *id, *before_ms, at_most),
            Self::OldestLogs => {
                let oldest_kept = before(now_ms, retention.log_age);
                let is_too_large = used_bytes(database)? > retention.max_bytes;
                match oldest_log(database)? {
                    Some((log, at_ms)) if is_too_large || at_ms < oldest_kept => {
                        let until = if is_too_large { i64::MAX } else { oldest_kept };
                        remove_oldest(database, log, until, at_most)
                    }
                    _ => Ok(0),
                }
            }
        }
    }
}

/// The time before which something is older than `age`.
fn before(now_ms: u64, age: Duration) -> i64 {
    let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    sql_ms(now_ms.saturating_sub(age_ms))
}

/// Log groups that were deleted, and those with a retention of their own.
fn log_groups(database: &Database, now_ms: u64) -> rusqlite::Result<Vec<Task>> {
    let mut statement = database.prepare_cached(
        "SELECT id, 0 FROM deleted_log_groups
         UNION ALL SELECT id, retention_days FROM log_groups WHERE retention_days IS NOT NULL",
    )?;
    let groups = statement.query_map([], |row| {
        let before_ms = match row.get(1)? {
            0 => ALL,
            days => sql_ms(now_ms) - days * 24 * 3600 * 1000,
        };
        Ok(Task::LogGroup {
            id: row.get(0)?,
            before_ms,
        })
    })?;
    groups.collect()
}

/// Removes so many entries of a group from before a time at most; gives how many. A deleted group
/// without any is forgotten.
fn remove_of_group(
    database: &Database,
    group: i64,
    before_ms: i64,
    at_most: u32,
) -> rusqlite::Result<usize> {
    let mut room = at_most as usize;
    for Log { table, time } in &LOGS {
        room -= database
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table}
                 WHERE log_group = ?1 AND {time} < ?2 LIMIT ?3)"
            ))?
            .execute(params![
                group,
                before_ms,
                u32::try_from(room).unwrap_or(at_most)
            ])?;
    }
    if room > 0 && before_ms == ALL {
        database.execute("DELETE FROM deleted_log_groups WHERE id = ?1", [group])?;
    }
    Ok(at_most as usize - room)
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

/// Removes the oldest entries of a log, so many at most, that are from before `until_ms`.
fn remove_oldest(
    database: &Database,
    log: &Log,
    until_ms: i64,
    at_most: u32,
) -> rusqlite::Result<usize> {
    let Log { table, time } = log;
    database
        .prepare_cached(&format!(
            "DELETE FROM {table} WHERE {time} < ?1
             AND rowid IN (SELECT rowid FROM {table} ORDER BY rowid LIMIT ?2)"
        ))?
        .execute(params![until_ms, at_most])
}
