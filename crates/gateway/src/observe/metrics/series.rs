//! What one route counts: AWS's six metrics, with AWS's rules of counting.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gatepost_model::fault::Blame;
use parking_lot::Mutex;

use super::distribution::{Distribution, MAX_BUCKET, bucket_of, number};
use crate::deployed::Backend;

/// AWS's metrics of a WebSocket API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// `ConnectCount`.
    ConnectCount,
    /// `MessageCount`.
    MessageCount,
    /// `IntegrationError`.
    IntegrationError,
    /// `ClientError`.
    ClientError,
    /// `ExecutionError`.
    ExecutionError,
    /// `IntegrationLatency`, milliseconds.
    IntegrationLatency,
}

/// The metrics of which a sample is 0 or 1.
const COUNTS: usize = 5;

impl Metric {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ConnectCount,
        Self::MessageCount,
        Self::IntegrationError,
        Self::ClientError,
        Self::ExecutionError,
        Self::IntegrationLatency,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectCount => "ConnectCount",
            Self::MessageCount => "MessageCount",
            Self::IntegrationError => "IntegrationError",
            Self::ClientError => "ClientError",
            Self::ExecutionError => "ExecutionError",
            Self::IntegrationLatency => "IntegrationLatency",
        }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::IntegrationLatency => "Milliseconds",
            _ => "Count",
        }
    }
}

/// Whose fault the answer of a backend is, when it is one. A function that answers 503 failed to be
/// called, one that answers 403 blames the client (as captured from AWS); errors of HTTP backends and
/// services are theirs.
pub fn blame_of_answer(backend: Option<&Backend>, status: u16) -> Option<Blame> {
    if status < 400 {
        return None;
    }
    match backend? {
        Backend::Http { .. } | Backend::HttpProxy(_) | Backend::Service { .. } => {
            Some(Blame::Integration)
        }
        Backend::LambdaProxy(_) | Backend::Lambda { .. } | Backend::Mock(_) => {
            Some(if status < 500 {
                Blame::Client
            } else {
                Blame::Gateway
            })
        }
    }
}

/// The series of a route.
#[derive(Debug, Default)]
pub struct RouteSeries {
    detailed: AtomicBool,
    counts: [Count; COUNTS],
    latency: Latency,
    /// What was taken so far.
    taken: Mutex<Delta>,
}

/// Samples that are 0 or 1.
#[derive(Debug, Default)]
struct Count {
    samples: AtomicU64,
    ones: AtomicU64,
}

#[derive(Debug)]
struct Latency {
    sum: AtomicU64,
    /// Of what was not taken yet.
    min: AtomicU64,
    max: AtomicU64,
    buckets: [AtomicU64; MAX_BUCKET + 1],
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            sum: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; MAX_BUCKET + 1],
        }
    }
}

impl RouteSeries {
    pub(super) fn set_detailed(&self, detailed: bool) {
        self.detailed.store(detailed, Ordering::Relaxed);
    }

    /// Whether the route has detailed metrics.
    pub fn is_detailed(&self) -> bool {
        self.detailed.load(Ordering::Relaxed)
    }

    fn sample(&self, metric: Metric, is_one: bool) {
        let count = &self.counts[metric as usize];
        count.samples.fetch_add(1, Ordering::Relaxed);
        if is_one {
            count.ones.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A handshake came; it counts as a message too.
    pub fn connecting(&self) {
        self.sample(Metric::ConnectCount, true);
        self.received();
    }

    /// A message or an event came.
    pub fn received(&self) {
        self.sample(Metric::MessageCount, true);
    }

    /// A message went to the client: a reply or a post.
    pub fn sent(&self) {
        self.sample(Metric::MessageCount, true);
    }

    /// A request is done. Each error has a sample of every request, so that its average is a rate.
    pub fn done(&self, blame: Option<Blame>) {
        let errors = [
            (Metric::IntegrationError, Blame::Integration),
            (Metric::ClientError, Blame::Client),
            (Metric::ExecutionError, Blame::Gateway),
        ];
        for (metric, of) in errors {
            self.sample(metric, blame == Some(of));
        }
    }

    /// A backend answered, or did not in time.
    pub fn integration_took(&self, latency_ms: u64) {
        let latency = &self.latency;
        latency.buckets[bucket_of(latency_ms)].fetch_add(1, Ordering::Relaxed);
        latency.sum.fetch_add(latency_ms, Ordering::Relaxed);
        latency.min.fetch_min(latency_ms, Ordering::Relaxed);
        latency.max.fetch_max(latency_ms, Ordering::Relaxed);
    }

    /// Samples and sum of a metric since the start.
    pub fn total(&self, metric: Metric) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        match self.counts.get(metric as usize) {
            Some(count) => (read(&count.samples), read(&count.ones)),
            None => (
                self.latency.buckets.iter().map(read).sum(),
                read(&self.latency.sum),
            ),
        }
    }

    /// How many latencies since the start were below `bound_ms`, a power of two.
    pub fn latencies_below(&self, bound_ms: u64) -> u64 {
        let below = &self.latency.buckets[..bucket_of(bound_ms)];
        below
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    /// What was counted since this was last asked; `None` when nothing was.
    pub(super) fn take(&self) -> Option<Delta> {
        let mut taken = self.taken.lock();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut delta = Delta::default();
        for (position, count) in self.counts.iter().enumerate() {
            // In this order: no sum is greater than its samples.
            let ones = read(&count.ones);
            let now = (read(&count.samples), ones);
            let before = &mut taken.counts[position];
            delta.counts[position] = (now.0 - before.0, now.1 - before.1);
            *before = now;
        }
        let sum = read(&self.latency.sum);
        delta.latency_sum = sum - taken.latency_sum;
        taken.latency_sum = sum;
        for (bucket, count) in (0..).zip(&self.latency.buckets) {
            let now = read(count);
            if now == 0 {
                continue;
            }
            let before = taken.latencies.0.entry(bucket).or_default();
            if now > *before {
                delta.latencies.0.insert(bucket, now - *before);
            }
            *before = now;
        }
        delta.latency_min = self.latency.min.swap(u64::MAX, Ordering::Relaxed);
        delta.latency_max = self.latency.max.swap(0, Ordering::Relaxed);
        let is_counted = delta.counts.iter().any(|(samples, _)| *samples > 0);
        (is_counted || !delta.latencies.0.is_empty()).then_some(delta)
    }
}

/// What was counted in a while.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// Samples and sum of all metrics but the latency.
    counts: [(u64, u64); COUNTS],
    latency_sum: u64,
    latency_min: u64,
    latency_max: u64,
    latencies: Distribution,
}

impl Delta {
    /// Whether there are samples of a metric.
    pub fn has(&self, metric: Metric) -> bool {
        match self.counts.get(metric as usize) {
            Some((samples, _)) => *samples > 0,
            None => !self.latencies.0.is_empty(),
        }
    }

    /// The bytes in which it is kept: numbers of 8 bytes, little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let counts = self
            .counts
            .iter()
            .flat_map(|(samples, ones)| [*samples, *ones]);
        let latency = [self.latency_sum, self.latency_min, self.latency_max];
        let buckets = self.latencies.0.iter();
        let buckets = buckets.flat_map(|(bucket, count)| [u64::from(*bucket), *count]);
        counts
            .chain(latency)
            .chain(buckets)
            .flat_map(u64::to_le_bytes)
            .collect()
    }

    /// Reads them; `None` when they are none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let mut numbers = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let mut delta = Self::default();
        for count in &mut delta.counts {
            *count = (numbers.next()?, numbers.next()?);
        }
        delta.latency_sum = numbers.next()?;
        delta.latency_min = numbers.next()?;
        delta.latency_max = numbers.next()?;
        while let Some(bucket) = numbers.next() {
            let bucket = u16::try_from(bucket).ok()?;
            delta.latencies.0.insert(bucket, numbers.next()?);
        }
        rest.is_empty().then_some(delta)
    }
}

/// The samples of one metric in a period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aggregate {
    /// `SampleCount`.
    pub samples: u64,
    /// `Sum`.
    pub sum: u64,
    /// `Minimum`.
    pub min: u64,
    /// `Maximum`.
    pub max: u64,
    distribution: Distribution,
}

impl Aggregate {
    /// Adds what was counted of a metric.
    pub fn add(&mut self, metric: Metric, delta: &Delta) {
        let (samples, sum, min, max, buckets) = match delta.counts.get(metric as usize) {
            Some(&(samples, ones)) => {
                let zeros = samples - ones.min(samples);
                let buckets = [(0, zeros), (1, ones)];
                let buckets = buckets
                    .into_iter()
                    .filter(|(_, count)| *count > 0)
                    .collect();
                let (min, max) = (u64::from(zeros == 0), u64::from(ones > 0));
                (samples, ones, min, max, buckets)
            }
            None => (
                delta.latencies.0.values().sum(),
                delta.latency_sum,
                delta.latency_min,
                delta.latency_max,
                delta.latencies.0.clone(),
            ),
        };
        if samples == 0 {
            return;
        }
        self.min = if self.samples == 0 {
            min
        } else {
            self.min.min(min)
        };
        self.max = self.max.max(max);
        self.samples += samples;
        self.sum += sum;
        for (bucket, count) in buckets {
            *self.distribution.0.entry(bucket).or_default() += count;
        }
    }

    /// A percentile, within the smallest and the greatest value.
    pub fn percentile(&self, percent: f64) -> f64 {
        let found = self.distribution.percentile(percent).unwrap_or_default();
        found.max(number(self.min)).min(number(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_was_counted_since_and_survives_its_bytes() {
        let series = RouteSeries::default();
        assert_eq!(series.take(), None);
        series.connecting();
        series.done(Some(Blame::Client));
        series.done(None);
        series.integration_took(7);
        series.integration_took(400);
        let delta = series.take().unwrap();
        assert_eq!(series.take(), None);
        assert_eq!(Delta::from_bytes(&delta.to_bytes()), Some(delta.clone()));
        assert_eq!(Delta::from_bytes(&delta.to_bytes()[1..]), None);
        let mut errors = Aggregate::default();
        errors.add(Metric::ClientError, &delta);
        assert_eq!(
            (errors.samples, errors.sum, errors.min, errors.max),
            (2, 1, 0, 1)
        );
        let mut latency = Aggregate::default();
        latency.add(Metric::IntegrationLatency, &delta);
        assert_eq!((latency.samples, latency.sum), (2, 407));
        assert_eq!((latency.min, latency.max), (7, 400));
        assert!((latency.percentile(50.0) - 7.0).abs() < f64::EPSILON);
        assert_eq!(series.latencies_below(8), 1);
        assert_eq!(series.latencies_below(512), 2);
    }
}
