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
    extension: Option<Extension>,
}

/// What `UpdateUsage` granted: another limit until the period ends, or the plan gets another quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// The quota whose limit it replaces.
    pub quota: QuotaSettings,
    /// The first day of the period that it is for.
    pub period_start: Day,
    /// The limit in that period.
    pub limit: u32,
}

/// What a key used of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests of each day that had any.
    pub by_day: BTreeMap<Day, u32>,
    /// What was granted.
    pub extension: Option<Extension>,
}

impl Usage {
    /// What the key may still make after `day`, as far as it is known.
    pub fn remaining(&self, quota: QuotaSettings, day: Day) -> u32 {
        let limit = limit_in(self.extension, quota, quota.period_start(day));
        limit.saturating_sub(used_in_period(&self.by_day, quota, day))
    }
}

impl Meter {
    /// A meter that goes on from there.
    pub fn new(usage: Usage) -> Self {
        Self(Mutex::new(Counts {
            by_day: usage.by_day,
            extension: usage.extension,
            ..Counts::default()
        }))
    }

    /// The extension with which `remaining` requests may be made until the present period ends.
    pub(super) fn extension(&self, quota: QuotaSettings, today: Day, remaining: u32) -> Extension {
        let used = used_in_period(&self.0.lock().by_day, quota, today);
        Extension {
            quota,
            period_start: quota.period_start(today),
            limit: used.saturating_add(remaining),
        }
    }

    /// Grants an extension.
    pub(super) fn extend(&self, extension: Extension) {
        self.0.lock().extension = Some(extension);
    }

    /// Counts a request of `today`; `false`, and no count, when the quota is used up.
    pub fn count(&self, quota: QuotaSettings, today: Day) -> bool {
        let mut counts = self.0.lock();
        let period_start = quota.period_start(today);
        let period = Some((quota, period_start));
        if counts.period != period {
            counts.used = used_in_period(&counts.by_day, quota, today);
            counts.period = period;
            let oldest = today.back(USAGE_DAYS);
            counts.by_day.retain(|day, _| *day > oldest);
        }
        if counts.used >= limit_in(counts.extension, quota, period_start) {
            return false;
        }
        counts.used += 1;
        *counts.by_day.entry(today).or_default() += 1;
        counts.changed.insert(today);
        true
    }

    /// What was used so far.
    pub fn usage(&self) -> Usage {
        let counts = self.0.lock();
        Usage {
            by_day: counts.by_day.clone(),
            extension: counts.extension,
        }
    }

    /// The days that have changed since the last call.
    pub(super) fn take_changed(&self) -> Vec<(Day, u32)> {
        let mut counts = self.0.lock();
        let changed = std::mem::take(&mut counts.changed);
        let used = |day| counts.by_day.get(&day).copied().unwrap_or_default();
        changed.into_iter().map(|day| (day, used(day))).collect()
    }
}

/// The limit of a quota in a period.
fn limit_in(extension: Option<Extension>, quota: QuotaSettings, period_start: Day) -> u32 {
    let of_period = extension
        .filter(|extension| extension.quota == quota && extension.period_start == period_start);
    of_period.map_or(quota.limit, |extension| extension.limit)
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

    fn used<const N: usize>(days: [(&str, u32); N]) -> Usage {
        Usage {
            by_day: days.map(|(text, used)| (day(text), used)).into(),
            extension: None,
        }
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
        let usage = meter.usage();
        assert_eq!(usage.by_day, expected.into());
        assert_eq!(used_in_period(&usage.by_day, weekly, day("2026-09-26")), 3);
        assert_eq!(usage.remaining(weekly, day("2026-09-26")), 0);
        assert_eq!(usage.remaining(weekly, day("2026-09-27")), 2);
    }

    #[test]
    fn an_extension_holds_until_the_period_ends_or_the_quota_changes() {
        let meter = Meter::default();
        let weekly = quota(1, QuotaPeriod::Week);
        let friday = day("2026-09-25");
        assert!(meter.count(weekly, friday));
        assert!(!meter.count(weekly, friday));
        meter.extend(meter.extension(weekly, friday, 2));
        assert_eq!(meter.usage().remaining(weekly, friday), 2);
        assert!(meter.count(weekly, friday));
        let saturday = day("2026-09-26");
        assert!(meter.count(weekly, saturday));
        assert!(!meter.count(weekly, saturday));
        // On Sunday another week begins.
        let sunday = day("2026-09-27");
        assert_eq!(meter.usage().remaining(weekly, sunday), 1);
        assert!(meter.count(weekly, sunday));
        assert!(!meter.count(weekly, sunday));
        assert!(!meter.count(quota(2, QuotaPeriod::Month), sunday));
        // None at all may remain, too.
        meter.extend(meter.extension(weekly, sunday, 0));
        assert!(!meter.count(weekly, sunday));
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
        let meter = Meter::new(used([("2026-09-01", 2)]));
        assert!(meter.count(monthly, today));
        assert!(!meter.count(monthly, today));
        assert_eq!(meter.take_changed(), [(today, 1)]);
        assert_eq!(meter.take_changed(), []);
    }

    #[test]
    fn days_that_nobody_may_ask_for_are_forgotten() {
        let meter = Meter::new(used([("2026-01-01", 2), ("2026-09-01", 1)]));
        meter.count(quota(9, QuotaPeriod::Day), day("2026-09-25"));
        let days: Vec<_> = meter.usage().by_day.into_keys().collect();
        assert_eq!(days, [day("2026-09-01"), day("2026-09-25")]);
    }
}
