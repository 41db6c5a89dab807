//! The thread that writes: it takes what waits, commits it as one transaction, and prunes.

mod lives;
mod log_changes;
mod log_entries;
mod prune;
#[cfg(feature = "simulation")]
mod simulated;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection as Database, Transaction, TransactionBehavior, params};

use self::{log_entries::LogGroups, prune::Pruning};
use super::{
    Command, Lifecycle, LogChange, LogChangeError, LogEntry, LogQueue, OwedDisconnects, Retention,
    changes::{Change, Changes},
    log_changes::AskedLogChange,
    metrics, owed,
    runs::{Beside, Run},
    usage,
};
use crate::{
    clock::now_ms,
    observe::metrics::LabelledCount,
    simulation::{Variant, is_broken},
};

#[cfg(feature = "simulation")]
pub use simulated::SimulatedWriter;

/// Log entries committed at once at most: handshakes wait for no longer than they take.
pub(super) const BATCH: usize = 512;
/// How long a log entry waits for others: a commit costs as much as many of them.
const GATHER: Duration = Duration::from_millis(5);
/// How often old rows are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// Bytes of log entries after which they are removed sooner.
const PRUNE_BYTES: usize = 16 * 1024 * 1024;

pub(super) struct Writer {
    database: Database,
    retention: Retention,
    changes: Arc<Changes>,
    dropped: Arc<AtomicU64>,
    log_queue: Arc<LogQueue>,
    /// What was removed because it was older, or more, than is kept.
    pub(super) evictions: Arc<LabelledCount>,
    log_groups: LogGroups,
    run: Run,
    beside: Arc<Beside>,
}

type Changed = Result<(), LogChangeError>;

/// What those who wait for a batch are told.
#[derive(Default)]
struct Answers {
    changed: Vec<Changed>,
    owed: Vec<OwedDisconnects>,
}

/// What a batch was.
struct Written {
    /// Bytes of its log entries.
    bytes: usize,
    /// Whether it changed how long a log group is kept.
    retention: bool,
}

impl Writer {
    pub(super) fn new(
        database: Database,
        retention: Retention,
        changes: Arc<Changes>,
        dropped: Arc<AtomicU64>,
        log_queue: Arc<LogQueue>,
        run: Run,
        beside: Arc<Beside>,
    ) -> Self {
        Self {
            database,
            retention,
            changes,
            dropped,
            log_queue,
            evictions: Arc::default(),
            log_groups: LogGroups::default(),
            run,
            beside,
        }
    }

    /// Writes until the store is gone. What waits is written between two slices of what is removed.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut pruned_at: Option<Instant> = None;
        let mut written_bytes = 0;
        let mut pruning: Option<Pruning> = None;
        loop {
            let wait = if pruning.is_some() || !self.log_queue.is_empty() {
                Duration::ZERO
            } else {
                PRUNE_EVERY
            };
            let batch = match commands.recv_timeout(wait) {
                Ok(first) => self.gather(first, commands),
                Err(RecvTimeoutError::Disconnected) if self.log_queue.is_empty() => return,
                Err(_) => Vec::new(),
            };
            if !batch.is_empty() || !self.log_queue.is_empty() {
                let Written { bytes, retention } = self.take_over(batch);
                written_bytes = bytes.saturating_add(written_bytes);
                if retention {
                    // What is under way goes by the retention of before.
                    (pruned_at, pruning) = (None, None);
                }
            }
            let is_due = written_bytes > PRUNE_BYTES
                || pruned_at.is_none_or(|at| at.elapsed() >= PRUNE_EVERY);
            if pruning.is_none() && is_due {
                (pruned_at, written_bytes) = (Some(Instant::now()), 0);
                // What cannot be removed now is removed later.
                pruning = Pruning::begin(&self.database, self.retention, now_ms()).ok();
            }
            if pruning
                .as_mut()
                .is_some_and(|pruning| !pruning.step(&self.database, &self.evictions))
            {
                pruning = None;
            }
        }
    }

    /// What is committed together: log entries wait for others until there are many, and whatever
    /// else comes ends the wait.
    fn gather(&self, first: Command, commands: &Receiver<Command>) -> Vec<Command> {
        let until = Instant::now() + GATHER;
        let mut batch = vec![first];
        while matches!(batch.last(), Some(Command::Logged)) && !self.log_queue.has_batch() {
            let left = until.saturating_duration_since(Instant::now());
            match commands.recv_timeout(left) {
                Ok(command) => batch.push(command),
                Err(_) => return batch,
            }
        }
        batch.extend(commands.try_iter().take(BATCH - batch.len()));
        batch
    }

    /// Writes a batch, and log entries with it.
    fn take_over(&mut self, batch: Vec<Command>) -> Written {
        // Who asks something finds all that was logged before.
        let is_asked = |command| !matches!(command, &Command::Wake | &Command::Logged);
        let entries = self.log_queue.take(if batch.iter().any(is_asked) {
            usize::MAX
        } else {
            BATCH
        });
        let bytes = entries.iter().map(LogEntry::len).sum();
        // A full disk must not stop serving: what cannot be written is lost and counted, and an id
        // whose end was not written is later found `node-lost` or forgotten.
        let changes = self.changes.take();
        let written = self.write_batch(&changes, &entries, &batch);
        let is_written = written.is_ok();
        if written.is_err() {
            self.log_groups.forget();
            self.log_queue.backlog.drop_entries(entries.len() as u64);
            self.dropped
                .fetch_add(changes.len() as u64, Ordering::Relaxed);
        } else {
            for written in changes.into_iter().filter_map(|change| change.written) {
                // Who waited for it may be gone.
                let _ = written.send(());
            }
        }
        self.log_queue.backlog.leave(entries.len(), bytes);
        let Answers { changed, owed } = written.unwrap_or_default();
        let (mut changes, mut owed) = (changed.into_iter(), owed.into_iter());
        let mut retention = false;
        for command in batch {
            match command {
                Command::Flush(done) => {
                    let _ = done.send(());
                }
                Command::Sync(done) => {
                    // A commit syncs only what it writes itself.
                    let _ = self
                        .database
                        .query_row("PRAGMA wal_checkpoint", [], |_| Ok(()));
                    let _ = done.send(());
                }
                Command::ChangeLogGroup(asked) => {
                    retention |= matches!(asked.change, LogChange::SetRetention(_));
                    // Without a result the batch was not written.
                    let changed = changes.next().unwrap_or(Err(LogChangeError::NotWritten));
                    let _ = asked.done.send(changed);
                }
                Command::ChangeFunction(change) if is_written => change.is_written(),
                Command::TakeOwed(asked) => {
                    if let Some(owed) = owed.next() {
                        let _ = asked.done.send(owed);
                    }
                }
                Command::Wake | Command::Logged | Command::ChangeFunction(_) => {}
            }
        }
        Written { bytes, retention }
    }

    /// Writes changes, log entries and a batch; gives what its questions are answered.
    fn write_batch(
        &mut self,
        changes: &[Change],
        entries: &[LogEntry],
        batch: &[Command],
    ) -> rusqlite::Result<Answers> {
        let mut answers = Answers::default();
        // What is waited for outlives a loss of power too.
        let is_awaited = changes.iter().any(|change| change.written.is_some())
            || batch.iter().any(|command| {
                matches!(
                    command,
                    Command::ChangeFunction(_) | Command::ChangeLogGroup(_) | Command::Sync(_)
                )
            });
        let synchronous = if is_awaited && !is_broken(Variant::UnsyncedJournal) {
            "FULL"
        } else {
            "NORMAL"
        };
        self.database
            .pragma_update(None, "synchronous", synchronous)?;
        // Others write too: what is read in it is still so when it is written.
        let transaction = self
            .database
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            write(&transaction, &change.lifecycle, self.run)?;
        }
        for entry in entries {
            self.log_groups.write(&transaction, entry)?;
        }
        self.log_groups.finish(&transaction)?;
        for command in batch {
            match command {
                Command::ChangeLogGroup(asked) => {
                    let AskedLogChange {
                        log_group, change, ..
                    } = &**asked;
                    let changed = self.log_groups.change(&transaction, log_group, change);
                    answers.changed.push(changed);
                }
                Command::ChangeFunction(change) => change.write(&transaction)?,
                Command::TakeOwed(asked) => {
                    let owed = owed::take(&transaction, asked, self.run, &self.beside)?;
                    answers.owed.push(owed);
                }
                Command::Wake | Command::Logged | Command::Flush(_) | Command::Sync(_) => {}
            }
        }
        transaction.commit()?;
        Ok(answers)
    }
}

fn write(transaction: &Transaction<'_>, change: &Lifecycle, run: Run) -> rusqlite::Result<()> {
    match change {
        Lifecycle::Connecting(context) => lives::write_connecting(transaction, context, run),
        Lifecycle::Opened {
            id,
            client_key,
            replaces,
            opening,
        } => lives::write_opened(transaction, id, *client_key, *replaces, opening, run),
        Lifecycle::Ended {
            id,
            tombstone,
            past,
        } => lives::write_ended(transaction, id, tombstone, past),
        Lifecycle::Disconnected { id, record } => {
            lives::write_disconnected(transaction, id, record)
        }
        Lifecycle::DisconnectDelayed { id, record, due_ms } => {
            lives::write_delayed(transaction, id, record, *due_ms)
        }
        Lifecycle::DisconnectWaits { id, due_ms } => lives::write_due(transaction, id, *due_ms),
        Lifecycle::Deployed { api_id, name } => transaction
            .execute(
                "INSERT OR REPLACE INTO apis (api_id, name) VALUES (?1, ?2)",
                params![api_id.as_str(), name],
            )
            .map(drop),
        Lifecycle::Counted(rows) => metrics::write(transaction, rows),
        Lifecycle::Usage {
            usage_plan_id,
            api_key_id,
            day,
            used,
        } => usage::write(transaction, usage_plan_id, api_key_id, *day, *used),
    }
}

#[cfg(test)]
mod tests;
