//! A count by a label whose values the program itself names.

use parking_lot::RwLock;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// A count for each pair of names, such as an operation and what came of it. Names are the
/// program's own, never a client's, so there are only so many.
#[derive(Debug, Default)]
pub struct LabelledCount(RwLock<BTreeMap<Labels, AtomicU64>>);

type Labels = (&'static str, &'static str);

impl LabelledCount {
    /// Counts one more.
    pub fn add(&self, first: &'static str, second: &'static str) {
        self.add_many(first, second, 1);
    }

    /// Counts so many more.
    pub fn add_many(&self, first: &'static str, second: &'static str, many: u64) {
        let labels = (first, second);
        if let Some(count) = self.0.read().get(&labels) {
            count.fetch_add(many, Ordering::Relaxed);
            return;
        }
        let mut counts = self.0.write();
        counts
            .entry(labels)
            .or_default()
            .fetch_add(many, Ordering::Relaxed);
    }

    /// All counts, in the order of their names.
    pub fn all(&self) -> Vec<(Labels, u64)> {
        let counts = self.0.read();
        counts
            .iter()
            .map(|(labels, count)| (*labels, count.load(Ordering::Relaxed)))
            .collect()
    }
}
