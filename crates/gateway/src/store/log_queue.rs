//! The log entries that wait for the disk, bounded. To wake the writer costs more than to write an
//! entry: it is woken for the first of a batch and for the last, and those between are just left here.

use parking_lot::Mutex;

use super::{LOG_QUEUE, LOG_QUEUE_BYTES, LogEntry, writer::BATCH};
use crate::observe::Backlog;

/// Log entries that wait. One that is taken keeps its place until it is written.
#[derive(Debug)]
pub(super) struct LogQueue {
    pub backlog: Backlog,
    waiting: Mutex<Vec<LogEntry>>,
}

impl Default for LogQueue {
    fn default() -> Self {
        Self {
            backlog: Backlog::new(LOG_QUEUE, LOG_QUEUE_BYTES),
            waiting: Mutex::default(),
        }
    }
}

impl LogQueue {
    /// Adds an entry, or counts it as dropped when there is no place for it; `true` when the writer is
    /// to be woken.
    pub fn push(&self, entry: LogEntry) -> bool {
        if !self.backlog.enter(entry.len()) {
            return false;
        }
        let waiting = &mut *self.waiting.lock();
        waiting.push(entry);
        [1, BATCH].contains(&waiting.len())
    }

    /// Takes the first `at_most` entries.
    pub fn take(&self, at_most: usize) -> Vec<LogEntry> {
        let waiting = &mut *self.waiting.lock();
        if waiting.len() <= at_most {
            std::mem::take(waiting)
        } else {
            waiting.drain(..at_most).collect()
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.lock().is_empty()
    }

    /// Whether a batch waits.
    pub fn has_batch(&self) -> bool {
        self.waiting.lock().len() >= BATCH
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::LogEvent;

    fn entry() -> LogEntry {
        LogEntry::Event(Arc::new(LogEvent {
            log_group: "g".into(),
            stream: "s".into(),
            timestamp_ms: 1,
            message: "line".to_owned(),
        }))
    }

    #[test]
    fn what_is_taken_has_its_place_until_it_is_written() {
        let queue = LogQueue::default();
        for _ in 0..LOG_QUEUE + 5 {
            queue.push(entry());
        }
        assert_eq!(queue.backlog.dropped(), 5);
        let taken = queue.take(usize::MAX);
        assert_eq!(taken.len(), LOG_QUEUE);
        assert!(!queue.push(entry()));
        assert_eq!(queue.backlog.dropped(), 6);
        let bytes = taken.iter().map(LogEntry::len).sum();
        queue.backlog.leave(taken.len(), bytes);
        assert!(queue.push(entry()));
        assert_eq!((queue.backlog.waiting(), queue.backlog.dropped()), (1, 6));
    }

    #[test]
    fn the_writer_is_woken_for_the_first_of_a_batch_and_for_the_last() {
        let queue = LogQueue::default();
        let wakes = |count: usize| (0..count).filter(|_| queue.push(entry())).count();
        assert_eq!((wakes(1), wakes(BATCH - 2), wakes(1)), (1, 0, 1));
        assert!(queue.has_batch());
        assert_eq!(wakes(100), 0);
        assert_eq!(queue.take(BATCH).len(), BATCH);
        assert!(!queue.is_empty() && !queue.has_batch());
        assert_eq!(queue.take(BATCH).len(), 100);
        assert!(queue.is_empty());
        assert_eq!(wakes(1), 1);
    }
}
