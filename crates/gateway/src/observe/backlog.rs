//! What waits for somebody slower: bounded in entries and bytes. What does not fit is dropped and
//! counted, while serving goes on.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The log entries that wait for the disk or for a sink, and those that were dropped.
#[derive(Debug)]
pub(crate) struct Backlog {
    max_entries: usize,
    max_bytes: usize,
    entries: AtomicUsize,
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

impl Backlog {
    /// At most so many entries, with so many bytes.
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            max_entries,
            max_bytes,
            entries: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Takes a place for an entry; `false` when there is none, and the entry is counted as dropped.
    pub fn enter(&self, bytes: usize) -> bool {
        let entries = self.entries.fetch_add(1, Ordering::Relaxed);
        let waiting = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = entries < self.max_entries && waiting < self.max_bytes;
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

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
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
        let backlog = Backlog::new(100, 1000);
        let entered = (0..105).filter(|_| backlog.enter(1)).count();
        assert_eq!(
            (entered, backlog.waiting(), backlog.dropped()),
            (100, 100, 5)
        );
        backlog.leave(100, 100);
        assert!(backlog.enter(1000));
        assert!(!backlog.enter(1));
        backlog.leave(1, 1000);
        assert!(backlog.enter(1));
        assert_eq!((backlog.waiting(), backlog.dropped()), (1, 6));
    }
}
