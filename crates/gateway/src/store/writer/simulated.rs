//! The writer of a simulated disk: it writes when the simulation says so, and as the shipped one does.

use std::sync::mpsc::Receiver;

use super::{BATCH, Command, Writer};

/// SQLite's `synchronous = FULL`: the log of writes is synced with each commit.
const FULL: i64 = 2;

/// Writes what waits, a batch at a time.
pub struct SimulatedWriter {
    writer: Writer,
    commands: Receiver<Command>,
    waiting: Option<Command>,
}

impl SimulatedWriter {
    pub(in crate::store) fn new(
        writer: Writer,
        commands: Receiver<Command>,
    ) -> rusqlite::Result<Self> {
        // The log of writes only grows: whatever length it had is a state of the disk.
        writer
            .database
            .pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(Self {
            writer,
            commands,
            waiting: None,
        })
    }

    /// Whether something waits.
    pub fn has_work(&mut self) -> bool {
        if self.waiting.is_none() {
            self.waiting = self.commands.try_recv().ok();
        }
        self.waiting.is_some() || !self.writer.log_queue.is_empty()
    }

    /// Writes a batch; gives whether all that is written by now outlives a loss of power.
    pub fn step(&mut self) -> bool {
        let more = self.commands.try_iter().take(BATCH);
        let batch: Vec<_> = self.waiting.take().into_iter().chain(more).collect();
        if batch.is_empty() && self.writer.log_queue.is_empty() {
            return false;
        }
        self.writer.take_over(batch);
        let database = &self.writer.database;
        let synchronous = database.pragma_query_value(None, "synchronous", |row| row.get(0));
        synchronous.is_ok_and(|synchronous: i64| synchronous == FULL)
    }

    /// Whether the disk has room for more.
    pub fn set_full(&self, is_full: bool) {
        // A file cannot be made smaller so: the least number means that it does not grow.
        let pages: i64 = if is_full { 1 } else { 1 << 30 };
        let set = format!("PRAGMA max_page_count = {pages}");
        // It reads the number that it set.
        let _ = self.writer.database.query_row(&set, [], |_| Ok(()));
    }
}
