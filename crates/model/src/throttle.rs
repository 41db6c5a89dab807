//! Throttling: how often something may be asked, and the token bucket that holds to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::limits::{ACCOUNT_BURST_LIMIT, ACCOUNT_RATE_LIMIT};

/// `ThrottleSettings`: a rate and a burst of which either may be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThrottleSettings {
    /// `rateLimit`, requests per second.
    pub rate_limit: Option<f64>,
    /// `burstLimit`, requests.
    pub burst_limit: Option<u32>,
}

impl ThrottleSettings {
    /// These settings, and those of `wider` where they leave one out.
    pub fn or(self, wider: Self) -> Self {
        Self {
            rate_limit: self.rate_limit.or(wider.rate_limit),
            burst_limit: self.burst_limit.or(wider.burst_limit),
        }
    }

    /// What is enforced: nothing when neither is set, and the account's quota for one that is not.
    pub fn limit(self) -> Option<RateLimit> {
        if self == Self::default() {
            return None;
        }
        Some(RateLimit {
            rate: self.rate_limit.unwrap_or(ACCOUNT_RATE_LIMIT),
            burst: self.burst_limit.unwrap_or(ACCOUNT_BURST_LIMIT),
        })
    }
}

/// A limit of a [`TokenBucket`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Tokens that come in a second.
    pub rate: f64,
    /// Tokens that the bucket holds.
    pub burst: u32,
}

/// A token bucket that any number of threads take from without a lock. It is full at first.
///
/// Where the clock begins does not matter, as long as it is the same for all calls and does not go
/// back. Both fields below count tokens on that clock's scale: after `t` seconds `rate * t` have
/// come, and `given` runs at most `burst` ahead of them.
#[derive(Debug)]
pub struct TokenBucket {
    limit: RateLimit,
    /// The bits of an `f64`.
    given: AtomicU64,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            given: AtomicU64::new(0_f64.to_bits()),
        }
    }

    /// A bucket of another limit, from which as much is taken as from this one.
    pub fn adapted(&self, limit: RateLimit, now: Duration) -> Self {
        let given = f64::from_bits(self.given.load(Ordering::Relaxed));
        let taken = (given - self.come(now)).clamp(0.0, f64::from(limit.burst));
        let adapted = Self::new(limit);
        let given = adapted.come(now) + taken;
        adapted.given.store(given.to_bits(), Ordering::Relaxed);
        adapted
    }

    /// The bucket that keeps to `limit` from now on: the one before while that has not changed.
    pub fn successor(before: Option<&Arc<Self>>, limit: RateLimit, now: Duration) -> Arc<Self> {
        match before {
            None => Arc::new(Self::new(limit)),
            Some(before) if before.limit == limit => Arc::clone(before),
            Some(before) => Arc::new(before.adapted(limit, now)),
        }
    }

    /// What the bucket keeps to.
    pub fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Takes one token; `false` when there is none.
    pub fn take(&self, now: Duration) -> bool {
        self.take_many(1, now)
    }

    /// Takes so many tokens, or none; `false` when there are fewer.
    pub fn take_many(&self, tokens: u32, now: Duration) -> bool {
        let come = self.come(now);
        let most = come + f64::from(self.limit.burst);
        let mut bits = self.given.load(Ordering::Relaxed);
        loop {
            // Tokens that came while the bucket was full are lost.
            let given = f64::from_bits(bits).max(come) + f64::from(tokens);
            if given > most {
                return false;
            }
            match self.given.compare_exchange_weak(
                bits,
                given.to_bits(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(other) => bits = other,
            }
        }
    }

    fn come(&self, now: Duration) -> f64 {
        self.limit.rate * now.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(rate: f64, burst: u32) -> TokenBucket {
        TokenBucket::new(RateLimit { rate, burst })
    }

    fn taken(bucket: &TokenBucket, tries: u32, now: Duration) -> u32 {
        (0..tries).map(|_| u32::from(bucket.take(now))).sum()
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let bucket = bucket(10.0, 3);
        assert_eq!(taken(&bucket, 5, ms(1000)), 3);
        assert_eq!(taken(&bucket, 5, ms(1099)), 0);
        assert_eq!(taken(&bucket, 5, ms(1101)), 1);
        assert_eq!(taken(&bucket, 5, ms(60_000)), 3);
    }

    #[test]
    fn a_rate_of_none_never_fills_and_a_burst_of_none_never_gives() {
        let never_fills = bucket(0.0, 2);
        assert_eq!(taken(&never_fills, 5, ms(0)), 2);
        assert_eq!(taken(&never_fills, 5, ms(1_000_000_000)), 0);
        assert_eq!(taken(&bucket(10.0, 0), 5, ms(1_000_000_000)), 0);
    }

    #[test]
    fn less_than_one_in_a_second_is_a_rate_too() {
        let bucket = bucket(0.5, 1);
        assert!(bucket.take(ms(0)));
        assert!(!bucket.take(ms(1999)));
        assert!(bucket.take(ms(2000)));
    }

    #[test]
    fn another_limit_holds_at_once_and_what_was_taken_stays_taken() {
        let before = bucket(1.0, 5);
        assert_eq!(taken(&before, 4, ms(500)), 4);
        let more = before.adapted(
            RateLimit {
                rate: 2.0,
                burst: 10,
            },
            ms(500),
        );
        assert_eq!(taken(&more, 10, ms(500)), 6);
        let less = more.adapted(
            RateLimit {
                rate: 1.0,
                burst: 1,
            },
            ms(500),
        );
        assert_eq!(taken(&less, 10, ms(1499)), 0);
        assert_eq!(taken(&less, 10, ms(1500)), 1);
    }

    #[test]
    fn the_same_limit_keeps_its_bucket() {
        let limit = RateLimit {
            rate: 1.0,
            burst: 1,
        };
        let first = TokenBucket::successor(None, limit, ms(0));
        assert!(first.take(ms(0)));
        let second = TokenBucket::successor(Some(&first), limit, ms(0));
        assert!(!second.take(ms(0)));
    }

    #[test]
    fn what_is_left_out_is_the_wider_setting_and_then_the_quota_of_the_account() {
        let rate = ThrottleSettings {
            rate_limit: Some(2.0),
            ..ThrottleSettings::default()
        };
        let burst = ThrottleSettings {
            burst_limit: Some(7),
            ..ThrottleSettings::default()
        };
        let limit = |rate, burst| Some(RateLimit { rate, burst });
        assert_eq!(rate.or(burst).limit(), limit(2.0, 7));
        assert_eq!(rate.limit(), limit(2.0, 5000));
        assert_eq!(burst.limit(), limit(10_000.0, 7));
        assert_eq!(ThrottleSettings::default().limit(), None);
    }

    #[test]
    fn threads_that_take_at_once_get_no_more_than_the_burst() {
        let bucket = bucket(0.0, 1000);
        let given: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| taken(&bucket, 500, ms(1))))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(given, 1000);
    }

    proptest! {
        #[test]
        fn no_span_of_time_gets_more_than_burst_and_rate_allow(
            rate in 0.0..10_000.0_f64,
            burst in 0..50_u32,
            steps in prop::collection::vec(0..200_u64, 1..200),
        ) {
            let bucket = bucket(rate, burst);
            let (mut now, mut given) = (0, Vec::new());
            for step in steps {
                now += step;
                if bucket.take(ms(now)) {
                    given.push(now);
                }
            }
            for (index, from) in given.iter().enumerate() {
                for (count, until) in (1_u32..).zip(&given[index..]) {
                    let allowed = f64::from(burst) + rate * ms(until - from).as_secs_f64();
                    prop_assert!(f64::from(count) <= allowed + 1e-3, "{count} in {from}..{until}");
                }
            }
        }

        #[test]
        fn whoever_keeps_to_the_rate_is_never_refused(
            rate in 1..1000_u32,
            burst in 1..50_u32,
            begin in 0..1_000_000_u64,
            pauses in prop::collection::vec(0..50_u64, 1..200),
        ) {
            let bucket = bucket(f64::from(rate), burst);
            let gap = Duration::from_secs(1) / rate + Duration::from_nanos(100);
            let mut now = ms(begin);
            for pause in pauses {
                prop_assert!(bucket.take(now));
                now += gap + ms(pause);
            }
        }
    }
}
