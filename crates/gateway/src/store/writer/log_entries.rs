//! Writing log entries.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{OptionalExtension, Transaction, params};

use super::lives::write_refused_call;
use crate::{
    clock::now_ms,
    store::{ExecutionLogRecord, LogEntry, LogEvent, logs::packed::Pack, sql_ms},
};

/// The log groups: their numbers, as far as they were needed, and the lines that wait for others to
/// share their row.
#[derive(Debug, Default)]
pub(super) struct LogGroups {
    numbers: HashMap<Box<str>, i64>,
    waiting: Vec<Row>,
}

/// A row of plain events that is not written yet.
#[derive(Debug)]
struct Row {
    group: i64,
    stream: Arc<str>,
    timestamp_ms: u64,
    lines: Pack,
}

impl LogGroups {
    /// Forgets them: those made by a transaction that failed are not there.
    pub(super) fn forget(&mut self) {
        self.numbers.clear();
        self.waiting.clear();
    }

    /// Writes an entry into its group; a plain event perhaps only at [`Self::finish`].
    pub(super) fn write(
        &mut self,
        transaction: &Transaction<'_>,
        entry: &LogEntry,
    ) -> rusqlite::Result<()> {
        match entry {
            LogEntry::Event(event) => {
                let group = self.number(transaction, &event.log_group)?;
                self.write_event(transaction, group, event)
            }
            LogEntry::Access(entry) => {
                let event = entry.render();
                let group = self.number(transaction, &event.log_group)?;
                self.write_event(transaction, group, &event)
            }
            LogEntry::Refused(call) => write_refused_call(transaction, call),
            LogEntry::Execution(request) => {
                let group = self.number(transaction, &request.log_group)?;
                write_execution(transaction, group, request)
            }
        }
    }

    /// The number of a group, which is made when it gets its first entry.
    pub(super) fn number(
        &mut self,
        transaction: &Transaction<'_>,
        name: &str,
    ) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let kept = transaction
            .query_row("SELECT id FROM log_groups WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()?;
        let number = match kept {
            Some(number) => number,
            // The number of a deleted group is not used again while its events are there.
            None => transaction
                .prepare(
                    "INSERT INTO log_groups (id, name, created_at_ms)
                     SELECT COALESCE(MAX(id), 0) + 1, ?1, ?2 FROM
                     (SELECT id FROM log_groups UNION ALL SELECT id FROM deleted_log_groups)",
                )?
                .insert(params![name, sql_ms(now_ms())])?,
        };
        self.numbers.insert(name.into(), number);
        Ok(number)
    }

    fn write_event(
        &mut self,
        transaction: &Transaction<'_>,
        group: i64,
        event: &LogEvent,
    ) -> rusqlite::Result<()> {
        let row = Row {
            group,
            stream: Arc::clone(&event.stream),
            timestamp_ms: event.timestamp_ms,
            lines: Pack::new(&event.message),
        };
        let is_same = |waiting: &&mut Row| waiting.group == group && waiting.stream == event.stream;
        match self.waiting.iter_mut().find(is_same) {
            Some(waiting) => {
                let joins =
                    waiting.timestamp_ms == event.timestamp_ms && waiting.lines.add(&event.message);
                if !joins {
                    std::mem::replace(waiting, row).write(transaction)?;
                }
            }
            None => self.waiting.push(row),
        }
        Ok(())
    }

    /// Writes what waits.
    pub(super) fn finish(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.waiting
            .drain(..)
            .try_for_each(|row| row.write(transaction))
    }
}

impl Row {
    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction
            .prepare_cached(
                "INSERT INTO log_events (log_group, stream, timestamp_ms, message)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                self.group,
                self.stream,
                sql_ms(self.timestamp_ms),
                self.lines
            ])?;
        Ok(())
    }
}

fn write_execution(
    transaction: &Transaction<'_>,
    group: i64,
    request: &ExecutionLogRecord,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO execution_logs (log_group, began_at_ms, duration_ms, request_id,
             connection_id, endpoint_request_id, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            group,
            sql_ms(request.began_at_ms),
            request.duration_ms,
            request.request_id.as_str(),
            request
                .connection_id
                .as_ref()
                .map(|id| id.as_bytes().as_slice()),
            request.endpoint_request_id,
            request.record.as_bytes(),
        ])?;
    Ok(())
}
