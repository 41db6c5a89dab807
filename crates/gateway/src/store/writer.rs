//! The thread that writes: it takes what waits, commits it as one transaction, and prunes.

use std::{
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use gatepost_model::calendar::Day;
use rusqlite::{Connection as Database, OptionalExtension, Transaction, params};

use super::{Command, ExecutionLogRecord, Lifecycle, Retention, end_to_columns, sql_ms, usage};
use crate::{clock::now_ms, connection::client::ClientKey, usage_plans::USAGE_DAYS};

/// Changes committed at once at most.
const BATCH: usize = 4096;
/// How often old rows are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

pub(super) fn run(
    mut database: Database,
    commands: &Receiver<Command>,
    retention: Retention,
    dropped: &AtomicU64,
) {
    let mut pruned_at: Option<Instant> = None;
    loop {
        let first = match commands.recv_timeout(PRUNE_EVERY) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut flushed = Vec::new();
        if let Some(first) = first {
            let batch: Vec<_> = std::iter::once(first)
                .chain(commands.try_iter())
                .take(BATCH)
                .collect();
            // A full disk must not stop serving: what cannot be written is lost and counted, and an
            // id whose end was not written is later found `node-lost` or forgotten.
            if write_batch(&mut database, &batch).is_err() {
                let changes = batch.iter().filter(|c| matches!(c, Command::Record(_)));
                dropped.fetch_add(changes.count() as u64, Ordering::Relaxed);
            }
            flushed.extend(batch.into_iter().filter_map(|command| match command {
                Command::Flush(done) => Some(done),
                Command::Record(_) => None,
            }));
        }
        for done in flushed {
            let _ = std::sync::mpsc::SyncSender::send(&done, ());
        }
        if pruned_at.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) {
            pruned_at = Some(Instant::now());
            // What cannot be removed now is removed later.
            let _ = prune(&database, retention, now_ms());
        }
    }
}

fn write_batch(database: &mut Database, batch: &[Command]) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    for command in batch {
        if let Command::Record(change) = command {
            write(&transaction, change)?;
        }
    }
    transaction.commit()
}

fn write(transaction: &Transaction<'_>, change: &Lifecycle) -> rusqlite::Result<()> {
    match change {
        Lifecycle::Opened {
            id,
            api_id,
            client_key,
            replaces,
            at_ms,
        } => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO connections (id, api_id, client_key, opened_at_ms)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    id.as_bytes().as_slice(),
                    api_id.as_str(),
                    client_key.map(ClientKey::to_number),
                    sql_ms(*at_ms)
                ])?;
            if let Some(client_key) = replaces {
                transaction
                    .prepare_cached(
                        "UPDATE connections SET replaced_by = ?1 WHERE client_key = ?2
                         AND ended_at_ms IS NOT NULL AND replaced_by IS NULL",
                    )?
                    .execute(params![id.as_bytes().as_slice(), client_key.to_number()])?;
            }
        }
        Lifecycle::Ended { id, tombstone } => {
            let (cause, code, reason) = end_to_columns(&tombstone.end);
            transaction
                .prepare_cached(
                    "INSERT INTO connections
                     (id, api_id, client_key, ended_at_ms, cause, code, reason, replaced_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (id) DO UPDATE SET ended_at_ms = excluded.ended_at_ms,
                     cause = excluded.cause, code = excluded.code, reason = excluded.reason,
                     replaced_by = excluded.replaced_by",
                )?
                .execute(params![
                    id.as_bytes().as_slice(),
                    tombstone.api_id.as_str(),
                    tombstone.client_key.map(ClientKey::to_number),
                    sql_ms(tombstone.at_ms),
                    cause,
                    code,
                    reason,
                    tombstone
                        .replaced_by
                        .as_ref()
                        .map(|by| by.as_bytes().as_slice()),
                ])?;
        }
        Lifecycle::Usage {
            usage_plan_id,
            api_key_id,
            day,
            used,
        } => usage::write(transaction, usage_plan_id, api_key_id, *day, *used)?,
        Lifecycle::FunctionLog {
            function,
            stream,
            timestamp_ms,
            message,
        } => {
            transaction
                .prepare_cached(
                    "INSERT INTO function_logs (function, stream, timestamp_ms, message)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    function.as_str(),
                    stream,
                    sql_ms(*timestamp_ms),
                    message
                ])?;
        }
        Lifecycle::ExecutionLog(record) => write_execution_log(transaction, record)?,
    }
    Ok(())
}

fn write_execution_log(
    transaction: &Transaction<'_>,
    record: &ExecutionLogRecord,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO execution_logs
             (log_group, began_at_ms, request_id, connection_id, endpoint_request_id, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            log_group(transaction, &record.log_group)?,
            sql_ms(record.began_at_ms),
            record.request_id.as_str(),
            record
                .connection_id
                .as_ref()
                .map(|id| id.as_bytes().as_slice()),
            record.endpoint_request_id,
            record.record.as_bytes(),
        ])?;
    Ok(())
}

/// The number of a log group, which is made when it gets its first event.
fn log_group(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<i64> {
    let known = transaction
        .prepare_cached("SELECT id FROM log_groups WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    transaction
        .prepare_cached("INSERT INTO log_groups (name, created_at_ms) VALUES (?1, ?2)")?
        .insert(params![name, sql_ms(now_ms())])
}

fn prune(database: &Database, retention: Retention, now_ms: u64) -> rusqlite::Result<()> {
    let age_ms = u64::try_from(retention.tombstone_age.as_millis()).unwrap_or(u64::MAX);
    database.execute(
        "DELETE FROM connections WHERE ended_at_ms < ?1",
        [sql_ms(now_ms.saturating_sub(age_ms))],
    )?;
    database.execute(
        "DELETE FROM connections WHERE ended_at_ms <= (SELECT ended_at_ms FROM connections
         WHERE ended_at_ms IS NOT NULL ORDER BY ended_at_ms DESC LIMIT 1 OFFSET ?1)",
        [i64::try_from(retention.max_tombstones).unwrap_or(i64::MAX)],
    )?;
    usage::prune(database, Day::of_epoch_ms(now_ms).back(USAGE_DAYS))?;
    for table in ["function_logs", "execution_logs"] {
        database.execute(
            &format!(
                "DELETE FROM {table} WHERE rowid <= (SELECT rowid FROM {table}
                 ORDER BY rowid DESC LIMIT 1 OFFSET ?1)"
            ),
            [i64::try_from(retention.max_log_lines).unwrap_or(i64::MAX)],
        )?;
    }
    Ok(())
}
