//! How long things took, counted in buckets whose bounds do not change.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The upper bounds of the buckets, microseconds; longer ones are counted beyond the last.
const BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000, 30_000_000,
];

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// What a histogram has counted so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Upper bounds of buckets, and how many durations were no longer.
    pub until: Vec<(Duration, u64)>,
    /// How many there were.
    pub count: u64,
    /// All of them together.
    pub sum: Duration,
}

impl Histogram {
    /// Counts a duration.
    pub fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        let sum = Duration::from_micros(self.sum_us.load(Ordering::Relaxed));
        let mut count = 0;
        let mut until = Vec::with_capacity(BOUNDS_US.len());
        for (position, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            if let Some(bound) = BOUNDS_US.get(position) {
                until.push((Duration::from_micros(*bound), count));
            }
        }
        Counted { until, count, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_counted_up_to_their_bound() {
        let histogram = Histogram::default();
        for us in [0, 100, 101, 1_000_000, 60_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let counted = histogram.counted();
        let until = |us| {
            let bound = Duration::from_micros(us);
            let found = counted.until.iter().find(|(until, _)| *until == bound);
            found.unwrap().1
        };
        assert_eq!(
            [until(100), until(250), until(500_000), until(1_000_000)],
            [2, 3, 3, 4]
        );
        assert_eq!((until(30_000_000), counted.count), (4, 5));
        assert_eq!(counted.sum, Duration::from_micros(61_000_201));
    }
}
