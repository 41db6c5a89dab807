//! The log entries that wait for the disk. When it cannot keep up they are dropped and counted, while
//! serving and the lives of connections go on. To wake the writer costs more than to write an entry:
//! it is woken for the first of a batch and for the last, and those between are just left here.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{LOG_QUEUE, LOG_QUEUE_BYTES, LogEntry, writer::BATCH};

/// The log entries that wait, and how many were dropped.
#[derive(Debug, Default)]
pub(super) struct LogQueue {
    waiting: Mutex<Waiting>,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<LogEntry>,
    /// The entries that are taken, and not written yet.
    taken: usize,
    /// The bytes of all.
    bytes: usize,
}

/// Entries that are taken out of the queue, and keep their place in it until they are written.
#[derive(Debug)]
pub(super) struct Taken {
    pub entries: Vec<LogEntry>,
    pub bytes: usize,
}

impl LogQueue {
    /// Adds an entry, or counts it as dropped when there is no place for it; `true` when the writer is
    /// to be woken.
    pub fn push(&self, entry: LogEntry) -> bool {
        let waiting = &mut *self.waiting.lock();
        if waiting.entries.len() + waiting.taken >= LOG_QUEUE || waiting.bytes >= LOG_QUEUE_BYTES {
            self.drop_entries(1);
            return false;
        }
        waiting.bytes += entry.len();
        waiting.entries.push(entry);
        [1, BATCH].contains(&waiting.entries.len())
    }

    /// Takes the first `at_most` entries.
    pub fn take(&self, at_most: usize) -> Taken {
        let waiting = &mut *self.waiting.lock();
        let entries = if waiting.entries.len() <= at_most {
            std::mem::take(&mut waiting.entries)
        } else {
            waiting.entries.drain(..at_most).collect()
        };
        waiting.taken += entries.len();
        let bytes = entries.iter().map(LogEntry::len).sum();
        Taken { entries, bytes }
    }

    /// Entries that were taken are written, or lost.
    pub fn leave(&self, Taken { entries, bytes }: &Taken) {
        let waiting = &mut *self.waiting.lock();
        waiting.taken -= entries.len();
        waiting.bytes -= bytes;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.lock().entries.is_empty()
    }

    /// Whether a batch waits.
    pub fn has_batch(&self) -> bool {
        self.waiting.lock().entries.len() >= BATCH
    }

    /// Counts entries as dropped.
    pub fn drop_entries(&self, entries: u64) {
        self.dropped.fetch_add(entries, Ordering::Relaxed);
    }

    /// How many were dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LogEvent;

    fn entry(bytes: usize) -> LogEntry {
        LogEntry::Event(Box::new(LogEvent {
            log_group: "g".into(),
            stream: "s".into(),
            timestamp_ms: 1,
            message: "x".repeat(bytes),
        }))
    }

    #[test]
    fn only_so_many_entries_and_so_many_bytes_wait_and_the_rest_is_counted() {
        let queue = LogQueue::default();
        for _ in 0..LOG_QUEUE + 5 {
            queue.push(entry(1));
        }
        assert_eq!(queue.dropped(), 5);
        // What is being written has its place still.
        let taken = queue.take(usize::MAX);
        assert_eq!(taken.entries.len(), LOG_QUEUE);
        queue.push(entry(1));
        assert_eq!(queue.dropped(), 6);
        queue.leave(&taken);
        queue.push(entry(LOG_QUEUE_BYTES));
        assert_eq!(queue.dropped(), 6);
        queue.push(entry(1));
        assert_eq!(queue.dropped(), 7);
        let taken = queue.take(usize::MAX);
        queue.leave(&taken);
        queue.push(entry(1));
        assert_eq!(queue.dropped(), 7);
    }

    #[test]
    fn the_writer_is_woken_for_the_first_of_a_batch_and_for_the_last() {
        let queue = LogQueue::default();
        let wakes = |count: usize| (0..count).filter(|_| queue.push(entry(1))).count();
        assert_eq!((wakes(1), wakes(BATCH - 2), wakes(1)), (1, 0, 1));
        assert!(queue.has_batch());
        assert_eq!(wakes(100), 0);
        assert_eq!(queue.take(BATCH).entries.len(), BATCH);
        assert!(!queue.is_empty() && !queue.has_batch());
        assert_eq!(queue.take(BATCH).entries.len(), 100);
        assert!(queue.is_empty());
        assert_eq!(wakes(1), 1);
    }
}
