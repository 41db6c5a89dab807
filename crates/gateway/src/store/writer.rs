//! The thread that writes: it takes what waits, commits it as one transaction, and prunes.

mod lives;
mod log_changes;
mod log_entries;
mod prune;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection as Database, Transaction, params};

use self::log_entries::LogGroups;
use super::{
    Command, Lifecycle, LogChange, LogChangeError, LogQueue, Retention,
    log_changes::AskedLogChange, usage,
};
use crate::clock::now_ms;

/// Changes committed at once at most.
const BATCH: usize = 4096;
/// How long the first change waits for others: a commit costs as much as many of them.
const GATHER: Duration = Duration::from_millis(5);
/// How often old rows are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// Bytes of log entries after which they are removed sooner.
const PRUNE_BYTES: usize = 16 * 1024 * 1024;

pub(super) struct Writer {
    database: Database,
    retention: Retention,
    dropped: Arc<AtomicU64>,
    log_queue: Arc<LogQueue>,
    log_groups: LogGroups,
}

type Changed = Result<(), LogChangeError>;

/// What became of the log entries of a batch.
#[derive(Default)]
struct Logged {
    entries: usize,
    bytes: usize,
}

impl Writer {
    pub(super) fn new(
        database: Database,
        retention: Retention,
        dropped: Arc<AtomicU64>,
        log_queue: Arc<LogQueue>,
    ) -> Self {
        Self {
            database,
            retention,
            dropped,
            log_queue,
            log_groups: LogGroups::default(),
        }
    }

    /// Writes until the store is gone.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut pruned_at: Option<Instant> = None;
        let mut written_bytes = 0;
        loop {
            let first = match commands.recv_timeout(PRUNE_EVERY) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Some(first) = first {
                if matches!(first, Command::Record(_) | Command::Log(_)) {
                    std::thread::sleep(GATHER);
                }
                let batch: Vec<_> = std::iter::once(first)
                    .chain(commands.try_iter())
                    .take(BATCH)
                    .collect();
                written_bytes = self.take_over(batch).saturating_add(written_bytes);
            }
            if written_bytes > PRUNE_BYTES || pruned_at.is_none_or(|at| at.elapsed() >= PRUNE_EVERY)
            {
                (pruned_at, written_bytes) = (Some(Instant::now()), 0);
                // What cannot be removed now is removed later.
                let _ = prune::prune(&self.database, self.retention, now_ms());
            }
        }
    }

    /// Writes a batch; gives the bytes of its log entries, or more when it is time to remove some.
    fn take_over(&mut self, batch: Vec<Command>) -> usize {
        let mut logged = Logged::default();
        for command in &batch {
            if let Command::Log(entry) = command {
                logged.entries += 1;
                logged.bytes += entry.len();
            }
        }
        // A full disk must not stop serving: what cannot be written is lost and counted, and an id
        // whose end was not written is later found `node-lost` or forgotten.
        let written = self.write_batch(&batch);
        if written.is_err() {
            self.log_groups.forget();
            self.log_queue.drop_entries(logged.entries as u64);
            let changes = batch.iter().filter(|c| matches!(c, Command::Record(_)));
            self.dropped
                .fetch_add(changes.count() as u64, Ordering::Relaxed);
        }
        self.log_queue.leave(logged.entries, logged.bytes);
        let mut changes = written.unwrap_or_default().into_iter();
        let mut prunes = false;
        for command in batch {
            match command {
                Command::Flush(done) => {
                    let _ = done.send(());
                }
                Command::ChangeLogGroup(asked) => {
                    prunes |= matches!(asked.change, LogChange::SetRetention(_));
                    // Without a result the batch was not written.
                    let changed = changes.next().unwrap_or(Err(LogChangeError::NotWritten));
                    let _ = asked.done.send(changed);
                }
                Command::Record(_) | Command::Log(_) => {}
            }
        }
        if prunes { usize::MAX } else { logged.bytes }
    }

    /// Writes a batch; gives what became of each change of a log group.
    fn write_batch(&mut self, batch: &[Command]) -> rusqlite::Result<Vec<Changed>> {
        let mut changes = Vec::new();
        let transaction = self.database.transaction()?;
        for command in batch {
            match command {
                Command::Record(change) => write(&transaction, change)?,
                Command::Log(entry) => self.log_groups.write(&transaction, entry)?,
                Command::ChangeLogGroup(asked) => {
                    let AskedLogChange {
                        log_group, change, ..
                    } = &**asked;
                    self.log_groups.finish(&transaction)?;
                    changes.push(self.log_groups.change(&transaction, log_group, change));
                }
                Command::Flush(_) => {}
            }
        }
        self.log_groups.finish(&transaction)?;
        transaction.commit()?;
        Ok(changes)
    }
}

fn write(transaction: &Transaction<'_>, change: &Lifecycle) -> rusqlite::Result<()> {
    match change {
        Lifecycle::Opened {
            id,
            client_key,
            replaces,
            opening,
        } => lives::write_opened(transaction, id, *client_key, *replaces, opening),
        Lifecycle::Ended {
            id,
            tombstone,
            past,
        } => lives::write_ended(transaction, id, tombstone, past),
        Lifecycle::Disconnected { id, record } => {
            lives::write_disconnected(transaction, id, record)
        }
        Lifecycle::Deployed { api_id, name } => transaction
            .execute(
                "INSERT OR REPLACE INTO apis (api_id, name) VALUES (?1, ?2)",
                params![api_id.as_str(), name],
            )
            .map(drop),
        Lifecycle::Usage {
            usage_plan_id,
            api_key_id,
            day,
            used,
        } => usage::write(transaction, usage_plan_id, api_key_id, *day, *used),
    }
}
