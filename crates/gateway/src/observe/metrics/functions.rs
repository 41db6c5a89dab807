//! What functions that run here count.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{Histogram, MAX_SERIES, OTHER};

/// The series of a function: of all its processes, so that counting is an addition to an atomic.
#[derive(Debug, Default)]
pub struct FunctionSeries {
    /// How long invocations took, of those that a process was given.
    pub durations: Histogram,
    /// How long processes took before their first invocation: each is a cold start.
    pub inits: Histogram,
    /// Invocations that failed: by an error, at their timeout, or with their process, started or
    /// not.
    pub errors: AtomicU64,
}

impl FunctionSeries {
    /// An invocation failed.
    pub fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }
}

/// All functions, by name.
#[derive(Debug, Default)]
pub struct FunctionMetrics(Mutex<BTreeMap<Box<str>, Arc<FunctionSeries>>>);

impl FunctionMetrics {
    /// The series of a function, which outlives its processes. The functions beyond the first
    /// thousand share one, named `other`.
    pub fn series(&self, function: &str) -> Arc<FunctionSeries> {
        let mut all = self.0.lock();
        let has_place = all.contains_key(function) || all.len() < MAX_SERIES - 1;
        let name = if has_place { function } else { OTHER };
        Arc::clone(all.entry(name.into()).or_default())
    }

    /// All of them, in the order of their names.
    pub fn all(&self) -> Vec<(Box<str>, Arc<FunctionSeries>)> {
        let all = self.0.lock();
        all.iter()
            .map(|(name, series)| (name.clone(), Arc::clone(series)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_functions_have_their_series_and_the_rest_shares_other() {
        let metrics = FunctionMetrics::default();
        for n in 0..2_000 {
            metrics.series(&format!("f{n}")).failed();
        }
        let all = metrics.all();
        assert_eq!(all.len(), 1000);
        let errors = |series: &FunctionSeries| series.errors.load(Ordering::Relaxed);
        assert_eq!(
            errors(&metrics.series("f0")),
            1,
            "the first ones keep theirs"
        );
        assert_eq!(errors(&metrics.series("other")), 1001);
    }
}
