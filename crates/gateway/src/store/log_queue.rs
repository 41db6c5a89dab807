//! The share of the store's queue that log entries may take: when the disk cannot keep up, they are
//! dropped and counted, while serving and the lives of connections go on.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::{LOG_QUEUE, LOG_QUEUE_BYTES};

/// The log entries that wait, and those that were dropped.
#[derive(Debug, Default)]
pub(super) struct LogQueue {
    entries: AtomicUsize,
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

impl LogQueue {
    /// Takes a place for an entry; `false` when there is none, and the entry is counted as dropped.
    pub fn enter(&self, bytes: usize) -> bool {
        let entries = self.entries.fetch_add(1, Ordering::Relaxed);
        let waiting = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = entries < LOG_QUEUE && waiting < LOG_QUEUE_BYTES;
        if !fits {
            self.leave(1, bytes);
            self.drop_entries(1);
        }
        fits
    }

    /// Entries wait no longer.
    pub fn leave(&self, entries: usize, bytes: usize) {
        self.entries.fetch_sub(entries, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
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

    #[test]
    fn only_so_many_entries_and_so_many_bytes_wait_and_the_rest_is_counted() {
        let queue = LogQueue::default();
        let entered = (0..LOG_QUEUE + 5).filter(|_| queue.enter(1)).count();
        assert_eq!((entered, queue.dropped()), (LOG_QUEUE, 5));
        queue.leave(LOG_QUEUE, LOG_QUEUE);
        assert!(queue.enter(LOG_QUEUE_BYTES));
        assert!(!queue.enter(1));
        queue.leave(1, LOG_QUEUE_BYTES);
        assert!(queue.enter(1));
        assert_eq!(queue.dropped(), 6);
    }
}
