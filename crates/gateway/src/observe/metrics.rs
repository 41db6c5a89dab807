//! The metrics of Gatepost: AWS's six for each route, counted by the stages of the pipeline at the
//! moment of truth, and what AWS lacks (control-and-observability spec C).
//!
//! Each route holds its series from its deployment on, so that counting is an addition to an atomic.
//! Every minute what was added goes to the store; stages and APIs are sums of their routes.

mod count;
mod distribution;
mod functions;
mod histogram;
mod series;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use gatepost_model::{ApiId, StageName};
use parking_lot::Mutex;

use crate::store::{Lifecycle, Store};

pub use count::LabelledCount;
pub use distribution::number;
pub use functions::{FunctionMetrics, FunctionSeries};
pub use histogram::{Counted, Histogram};
pub use series::{Aggregate, Delta, Metric, RouteSeries, blame_of_answer};

/// Routes, or functions, that have a series of their own; the rest share one, named `other`.
const MAX_SERIES: usize = 1000;
/// The name of what the rest shares.
const OTHER: &str = "other";
/// The route of what `PostToConnection` counts, as AWS names it.
pub const CONNECTIONS_ROUTE: &str = "POST /@connections/{connectionId}";

/// Whose requests a series counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesKey {
    /// `ApiId`.
    pub api_id: Box<str>,
    /// `Stage`.
    pub stage: Box<str>,
    /// `Route`; empty where none was selected.
    pub route: Box<str>,
}

impl SeriesKey {
    fn other() -> Self {
        Self {
            api_id: OTHER.into(),
            stage: OTHER.into(),
            route: OTHER.into(),
        }
    }
}

/// What a series counted in a minute, or in a part of it.
#[derive(Debug, Clone)]
pub struct MetricRow {
    /// Whose.
    pub key: SeriesKey,
    /// Whether the route has detailed metrics, and so is a dimension of its own.
    pub detailed: bool,
    /// The minute, counted from the epoch.
    pub minute: u64,
    /// What was counted.
    pub delta: Delta,
}

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    series: Mutex<BTreeMap<SeriesKey, Arc<RouteSeries>>>,
    /// The minute that is being counted.
    minute: AtomicU64,
    /// Connections that were established.
    pub connects: AtomicU64,
    /// Connections that ended, by cause.
    pub closes: LabelledCount,
    /// Calls of `@connections`, by operation and outcome.
    pub calls: LabelledCount,
    /// 410s, by reason.
    pub gone: LabelledCount,
    /// Refused requests, by what was exceeded or wrong.
    pub faults: LabelledCount,
    /// What was refused or cut off for a limit, by its key.
    pub limits: LabelledCount,
    /// How long handshakes took until they were answered.
    pub handshakes: Histogram,
    /// How long messages took until all that they cause was done, but for `$disconnect`.
    pub messages: Histogram,
    /// How long calls of `@connections` took until they were answered.
    pub call_durations: Histogram,
    /// The functions that run here.
    pub functions: FunctionMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            series: Mutex::default(),
            minute: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            closes: LabelledCount::default(),
            calls: LabelledCount::default(),
            gone: LabelledCount::default(),
            faults: LabelledCount::default(),
            limits: LabelledCount::default(),
            handshakes: Histogram::default(),
            messages: Histogram::default(),
            call_durations: Histogram::default(),
            functions: FunctionMetrics::default(),
        }
    }
}

impl Metrics {
    /// The series of a route, which outlives redeployments; without a route, of what selects none.
    pub fn series(
        &self,
        api_id: &ApiId,
        stage: &StageName,
        route_key: Option<&str>,
        detailed: bool,
    ) -> Arc<RouteSeries> {
        let mut all = self.series.lock();
        let key = SeriesKey {
            api_id: api_id.as_str().into(),
            stage: stage.as_str().into(),
            route: route_key.unwrap_or_default().into(),
        };
        let (key, detailed) = if all.contains_key(&key) || all.len() < MAX_SERIES - 1 {
            (key, detailed)
        } else {
            (SeriesKey::other(), false)
        };
        let series = all.entry(key).or_default();
        series.set_detailed(detailed);
        Arc::clone(series)
    }

    /// All series, in the order of their keys.
    pub fn all_series(&self) -> Vec<(SeriesKey, Arc<RouteSeries>)> {
        let all = self.series.lock();
        all.iter()
            .map(|(key, series)| (key.clone(), Arc::clone(series)))
            .collect()
    }

    /// Hands what was counted so far to the store, as of the minute that it was counted in.
    pub fn roll(&self, now_ms: u64, store: &Store) {
        // One at a time: the lock also keeps the minutes in their order.
        let all = self.series.lock();
        let now = now_ms / 60_000;
        let before = self.minute.swap(now, Ordering::Relaxed);
        let minute = if before == 0 { now } else { before };
        let rows: Vec<MetricRow> = all
            .iter()
            .filter_map(|(key, series)| {
                Some(MetricRow {
                    key: key.clone(),
                    detailed: series.is_detailed(),
                    minute,
                    delta: series.take()?,
                })
            })
            .collect();
        if !rows.is_empty() {
            store.record(Lifecycle::Counted(rows));
        }
    }

    /// As [`Metrics::roll`], once a minute has gone by.
    pub(crate) fn roll_when_due(&self, now_ms: u64, store: &Store) {
        if self.minute.load(Ordering::Relaxed) != now_ms / 60_000 {
            self.roll(now_ms, store);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_routes_have_their_series_and_the_rest_shares_other() {
        let metrics = Metrics::default();
        let series = |n: usize| {
            let route = format!("r{n}");
            metrics.series(&"api".into(), &"prod".into(), Some(&route), true)
        };
        for n in 0..2_000 {
            series(n).received();
        }
        let all = metrics.all_series();
        assert_eq!(all.len(), 1000);
        assert_eq!(
            series(0).total(Metric::MessageCount),
            (1, 1),
            "the first ones keep theirs"
        );
        let (_, other) = all.iter().find(|(key, _)| &*key.api_id == "other").unwrap();
        assert_eq!(other.total(Metric::MessageCount), (1001, 1001));
        assert!(!other.is_detailed());
    }
}
