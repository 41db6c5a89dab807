//! API keys and usage plans: which clients may use which stages, how often, and how much.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    ApiId, ApiKeyId, StageName, UsagePlanId, calendar::Day, secret::Secret,
    throttle::ThrottleSettings,
};

/// All keys and plans of an account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UsagePlans {
    /// The keys. No two have the same id or value.
    pub api_keys: Vec<ApiKey>,
    /// The plans. No two have the same id.
    pub usage_plans: Vec<UsagePlan>,
}

impl UsagePlans {
    /// The key with this id.
    pub fn api_key(&self, id: &str) -> Option<&ApiKey> {
        self.api_keys
            .iter()
            .find(|key| key.api_key_id.as_str() == id)
    }
}

/// `ApiKey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// `id`.
    pub api_key_id: ApiKeyId,
    /// `name`.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// `customerId`, of the AWS Marketplace.
    pub customer_id: Option<String>,
    /// `enabled`.
    pub enabled: bool,
    /// `value`, what a client presents. `None`: whoever serves the key makes one.
    pub value: Option<Secret>,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// `createdDate`, milliseconds since the epoch.
    pub created_at_ms: u64,
    /// `lastUpdatedDate`, milliseconds since the epoch.
    pub last_updated_at_ms: u64,
}

/// The value of a key that is given none: 40 letters and digits, the same whenever `secret` is.
pub fn generated_value(secret: &[u8; 32], id: &ApiKeyId) -> Secret {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // HMAC pads a short key with zeros to its block size.
    let mut block = [0; 64];
    block[..32].copy_from_slice(secret);
    let part = |number: u8| {
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        mac.update(&[number]);
        mac.update(id.as_str().as_bytes());
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        // Bytes that would make the first characters of the alphabet likelier are left out. That
        // fewer than 20 are left happens to one key in 2^36, whose value is then shorter.
        let fair = bytes.into_iter().filter(|byte| *byte < 4 * 62);
        let part: String = fair
            .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
            .take(20)
            .collect();
        part
    };
    Secret::new(part(0) + &part(1))
}

/// The lengths that the value of a key may have, characters.
pub const API_KEY_VALUE_LENGTH: std::ops::RangeInclusive<usize> = 20..=128;

/// `UsagePlan`.
#[derive(Debug, Clone, PartialEq)]
pub struct UsagePlan {
    /// `id`.
    pub usage_plan_id: UsagePlanId,
    /// `name`.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// `apiStages`: what its keys may use; of other kinds of APIs too.
    pub api_stages: Vec<ApiStage>,
    /// `throttle`, of each key over all stages of the plan.
    pub throttle: Option<ThrottleSettings>,
    /// `quota`, of each key over all stages of the plan.
    pub quota: Option<QuotaSettings>,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// The keys that belong to it.
    pub api_key_ids: Vec<ApiKeyId>,
}

/// `ApiStage` of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiStage {
    /// `apiId`.
    pub api_id: ApiId,
    /// `stage`.
    pub stage: StageName,
    /// `throttle`, by route key: of each key, in place of the plan's.
    pub throttle: BTreeMap<String, ThrottleSettings>,
}

/// `QuotaSettings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaSettings {
    /// `limit`, requests in a period.
    pub limit: u32,
    /// `offset`: the day on which a period begins, counted from Sunday or from the first of the
    /// month. So AWS's older documentation has it, and AWS takes 0 to 6 and 0 to 27 only.
    pub offset: u32,
    /// `period`.
    pub period: QuotaPeriod,
}

/// `QuotaPeriodType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaPeriod {
    /// `DAY`, from midnight UTC.
    Day,
    /// `WEEK`.
    Week,
    /// `MONTH`.
    Month,
}

impl QuotaPeriod {
    /// The period as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "DAY",
            Self::Week => "WEEK",
            Self::Month => "MONTH",
        }
    }

    /// Reads the period as it stands on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Day, Self::Week, Self::Month];
        all.into_iter().find(|period| period.as_str() == text)
    }

    /// The greatest `offset`.
    pub fn max_offset(self) -> u32 {
        match self {
            Self::Day => 0,
            Self::Week => 6,
            Self::Month => 27,
        }
    }
}

impl QuotaSettings {
    /// The first day of the period that `day` is in.
    pub fn period_start(&self, day: Day) -> Day {
        match self.period {
            QuotaPeriod::Day => day,
            QuotaPeriod::Week => day.back((day.weekday() + 7 - self.offset % 7) % 7),
            QuotaPeriod::Month => {
                let first = 1 + self.offset.min(QuotaPeriod::Month.max_offset());
                let of_month = day.day_of_month();
                if of_month >= first {
                    return day.back(of_month - first);
                }
                let end_of_month_before = day.back(of_month);
                end_of_month_before.back(end_of_month_before.day_of_month() - first)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_that_is_stable_and_known_to_nobody_without_the_secret() {
        let value = generated_value(&[7; 32], &"abcdefghij".into());
        assert_eq!(value.reveal().len(), 40);
        assert!(value.reveal().bytes().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(value, generated_value(&[7; 32], &"abcdefghij".into()));
        assert_ne!(value, generated_value(&[8; 32], &"abcdefghij".into()));
        assert_ne!(value, generated_value(&[7; 32], &"abcdefghik".into()));
    }

    fn start(period: QuotaPeriod, offset: u32, day: &str) -> String {
        let quota = QuotaSettings {
            limit: 1,
            offset,
            period,
        };
        quota.period_start(day.parse().unwrap()).to_string()
    }

    #[test]
    fn periods_begin_on_the_day_that_the_offset_names() {
        use QuotaPeriod::{Day, Month, Week};
        // 2026-09-25 is a Friday.
        for (period, offset, day, expected) in [
            (Day, 0, "2026-09-25", "2026-09-25"),
            (Week, 0, "2026-09-25", "2026-09-20"),
            (Week, 0, "2026-09-20", "2026-09-20"),
            (Week, 5, "2026-09-25", "2026-09-25"),
            (Week, 6, "2026-09-25", "2026-09-19"),
            (Month, 0, "2026-09-25", "2026-09-01"),
            (Month, 0, "2026-09-01", "2026-09-01"),
            (Month, 24, "2026-09-25", "2026-09-25"),
            (Month, 27, "2026-09-25", "2026-08-28"),
            (Month, 27, "2024-03-01", "2024-02-28"),
            (Month, 9, "2026-01-09", "2025-12-10"),
        ] {
            assert_eq!(
                start(period, offset, day),
                expected,
                "{period:?} {offset} {day}"
            );
        }
    }
}
