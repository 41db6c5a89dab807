//! How many requests a key made in a plan, by day: what a quota is held against, and what
//! `GetUsage` tells.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_model::{calendar::Day, usage_plan::QuotaSettings};
use parking_lot::Mutex;

use super::USAGE_DAYS;

/// The requests of a key in a plan. Only requests that a quota is for are counted, each under a
/// lock that no other key takes.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    by_day: BTreeMap<Day, u32>,
    /// Days that have changed since they were last kept.
    changed: BTreeSet<Day>,
    /// The settings and the first day of the period that `used` is of.
    period: Option<(QuotaSettings, Day)>,
    /// Requests in that period.
    used: u32,
}

impl Meter {
    /// A meter that goes on from these counts.
    pub fn new(by_day: BTreeMap<Day, u32>) -> Self {
        Self(Mutex::new(Counts {
            by_day,
            ..Counts::default()
        }))
    }

    /// Counts a request of `today`; `false`, and no count, when the quota is used up.
    pub fn count(&self, quota: QuotaSettings, today: Day) -> bool {
        let mut counts = self.0.lock();
        let period = Some((quota, quota.period_start(today)));
        if counts.period != period {
            counts.used = used_in_period(&counts.by_day, quota, today);
            counts.period = period;
            let oldest = today.back(USAGE_DAYS);
            counts.by_day.retain(|day, _| *day > oldest);
        }
        if counts.used >= quota.limit {
            return false;
        }
        counts.used += 1;
        *counts.by_day.entry(today).or_default() += 1;
        counts.changed.insert(today);
        true
    }

    /// The requests of each day that had any.
    pub fn by_day(&self) -> BTreeMap<Day, u32> {
        self.0.lock().by_day.clone()
    }

    /// The days that have changed since the last call.
    pub(super) fn take_changed(&self) -> Vec<(Day, u32)> {
        let mut counts = self.0.lock();
        let changed = std::mem::take(&mut counts.changed);
        let used = |day| counts.by_day.get(&day).copied().unwrap_or_default();
        changed.into_iter().map(|day| (day, used(day))).collect()
    }
}

/// The requests from the beginning of `until`'s period up to and with it.
pub fn used_in_period(by_day: &BTreeMap<Day, u32>, quota: QuotaSettings, until: Day) -> u32 {
    let days = by_day.range(quota.period_start(until)..=until);
    days.fold(0, |sum, (_, used)| sum.saturating_add(*used))
}

#[cfg(test)]
mod tests {
    use gatepost_model::usage_plan::QuotaPeriod;

    use super::*;

    fn quota(limit: u32, period: QuotaPeriod) -> QuotaSettings {
        QuotaSettings {
            limit,
            offset: 0,
            period,
        }
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_quota_holds_until_its_period_ends() {
        let meter = Meter::default();
        let weekly = quota(3, QuotaPeriod::Week);
        // Friday and Saturday of one week, then Sunday.
        assert!(meter.count(weekly, day("2026-09-25")));
        assert!(meter.count(weekly, day("2026-09-26")));
        assert!(meter.count(weekly, day("2026-09-26")));
        assert!(!meter.count(weekly, day("2026-09-26")));
        assert!(meter.count(weekly, day("2026-09-27")));
        let expected = [("2026-09-25", 1), ("2026-09-26", 2), ("2026-09-27", 1)];
        let expected = expected.map(|(text, used)| (day(text), used));
        assert_eq!(meter.by_day(), expected.into());
        assert_eq!(
            used_in_period(&meter.by_day(), weekly, day("2026-09-26")),
            3
        );
    }

    #[test]
    fn another_quota_counts_what_was_used_before() {
        let meter = Meter::default();
        let today = day("2026-09-25");
        assert!(meter.count(quota(1, QuotaPeriod::Day), today));
        assert!(!meter.count(quota(1, QuotaPeriod::Day), today));
        assert!(meter.count(quota(2, QuotaPeriod::Month), today));
        assert!(!meter.count(quota(2, QuotaPeriod::Month), today));
    }

    #[test]
    fn what_was_used_is_kept_once_and_goes_on_after_a_restart() {
        let today = day("2026-09-25");
        let monthly = quota(3, QuotaPeriod::Month);
        let meter = Meter::new([(day("2026-09-01"), 2)].into());
        assert!(meter.count(monthly, today));
        assert!(!meter.count(monthly, today));
        assert_eq!(meter.take_changed(), [(today, 1)]);
        assert_eq!(meter.take_changed(), []);
    }

    #[test]
    fn days_that_nobody_may_ask_for_are_forgotten() {
        let meter = Meter::new([(day("2026-01-01"), 2), (day("2026-09-01"), 1)].into());
        meter.count(quota(9, QuotaPeriod::Day), day("2026-09-25"));
        let days: Vec<_> = meter.by_day().into_keys().collect();
        assert_eq!(days, [day("2026-09-01"), day("2026-09-25")]);
    }
}
