//! Where log entries go: into the embedded store, and into each sink that is switched on.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::sinks::Sink;
use crate::store::{LogEntry, Store};

/// All that takes log entries. None of it makes serving wait.
#[derive(Debug)]
pub struct Logs {
    store: Arc<Store>,
    is_stored: bool,
    sinks: Vec<Sink>,
}

/// How the store or a sink keeps up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLoad {
    /// `store`, or the sink's name.
    pub name: &'static str,
    /// Entries that wait for it.
    pub waiting: usize,
    /// Entries that it has lost.
    pub dropped: u64,
}

impl Logs {
    /// The store, unless it keeps no logs, and these sinks.
    pub fn new(store: Arc<Store>, is_stored: bool, sinks: Vec<Sink>) -> Arc<Self> {
        Arc::new(Self {
            store,
            is_stored,
            sinks,
        })
    }

    /// Hands an entry over. Who has no room for it counts it as dropped.
    pub fn log(&self, entry: LogEntry) {
        for sink in &self.sinks {
            sink.offer(&entry);
        }
        if self.is_stored {
            self.store.log(entry);
        }
    }

    /// Whether anybody takes entries, so that they need not be made in vain.
    pub fn are_taken(&self) -> bool {
        self.is_stored || !self.sinks.is_empty()
    }

    /// The sinks.
    pub fn sinks(&self) -> &[Sink] {
        &self.sinks
    }

    /// How much waits for the store and for each sink, and what they have lost.
    pub fn loads(&self) -> impl Iterator<Item = LogLoad> {
        let store = LogLoad {
            name: "store",
            waiting: self.store.waiting_log_entries(),
            dropped: self.store.dropped_log_entries(),
        };
        let sinks = self.sinks.iter().map(|sink| LogLoad {
            name: sink.kind().name(),
            waiting: sink.waiting(),
            dropped: sink.dropped(),
        });
        std::iter::once(store).chain(sinks)
    }

    /// Waits until the sinks have taken what was logged so far, but no longer than `patience`. What
    /// they have not taken by then is lost; the losses come back in words.
    pub async fn finish(&self, patience: Duration) -> Vec<String> {
        let deadline = Instant::now() + patience;
        let ends = self.sinks.iter().map(|sink| sink.finish(deadline));
        let lost = futures_util::future::join_all(ends).await;
        lost.into_iter().flatten().collect()
    }
}
