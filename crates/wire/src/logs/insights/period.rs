//! Periods such as `5m`, by which times are rounded.

use gatepost_model::calendar::Day;

/// A period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    /// Of so many milliseconds.
    Fixed(i64),
    /// Of so many months of the calendar.
    Months(i64),
}

const SECOND: i64 = 1000;
const DAY: i64 = 24 * 3600 * SECOND;
/// The longest period: 1,000 years.
const MAX_MS: i64 = 365_250 * DAY;
const MAX_MONTHS: i64 = 12_000;

impl Period {
    /// The period of a number and a unit, if there is such a unit.
    pub(super) fn new(count: i64, unit: &str) -> Option<Self> {
        if count < 1 {
            return None;
        }
        // What is longer than a letter may stand in the plural.
        let singular = unit.strip_suffix('s').filter(|unit| unit.len() > 1);
        let ms = |unit: &str| {
            Some(match unit {
                "ms" | "msec" | "millisecond" => 1,
                "s" | "sec" | "second" => SECOND,
                "m" | "min" | "minute" => 60 * SECOND,
                "h" | "hr" | "hour" => 3600 * SECOND,
                "d" | "day" => DAY,
                "w" | "week" => 7 * DAY,
                _ => return None,
            })
        };
        let months = |unit: &str| {
            Some(match unit {
                "mo" | "mon" | "month" => 1,
                "q" | "qtr" | "quarter" => 3,
                "y" | "yr" | "year" => 12,
                _ => return None,
            })
        };
        if let Some(ms) = ms(unit).or_else(|| ms(singular?)) {
            let length = count.checked_mul(ms)?;
            return (length <= MAX_MS).then_some(Self::Fixed(length));
        }
        let months = months(unit).or_else(|| months(singular?))?;
        let length = count.checked_mul(months)?;
        (length <= MAX_MONTHS).then_some(Self::Months(length))
    }

    /// When the period of a moment began.
    pub(super) fn floor(self, ms: i64) -> i64 {
        match self {
            Self::Fixed(length) => ms - ms.rem_euclid(length),
            Self::Months(length) => {
                let month = month_of(ms);
                start_of(month - month.rem_euclid(length))
            }
        }
    }

    /// When the period of a moment ends; the moment itself, if one begins there.
    pub(super) fn ceil(self, ms: i64) -> i64 {
        let floor = self.floor(ms);
        if floor == ms {
            return ms;
        }
        match self {
            Self::Fixed(length) => floor.saturating_add(length),
            Self::Months(length) => start_of(month_of(floor) + length),
        }
    }
}

/// The months from year 0 to a moment.
fn month_of(ms: i64) -> i64 {
    let (year, month, _) = Day::of_epoch_ms(ms.max(0).cast_unsigned()).civil();
    i64::from(year) * 12 + i64::from(month) - 1
}

fn start_of(month: i64) -> i64 {
    let number = |number: i64| u32::try_from(number).unwrap_or(0);
    let (year, month) = (number(month / 12), number(month % 12) + 1);
    Day::of_civil(year, month, 1).map_or(0, |day| i64::from(day.0) * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-09-25T00:01:48.123Z.
    const MOMENT: i64 = 1_790_294_508_123;

    #[test]
    fn times_are_rounded_to_the_start_and_the_end_of_their_period() {
        for (period, floor, ceil) in [
            ("5m", 1_790_294_400_000, 1_790_294_700_000),
            ("30s", 1_790_294_490_000, 1_790_294_520_000),
            ("1h", 1_790_294_400_000, 1_790_298_000_000),
            ("2hours", 1_790_294_400_000, 1_790_301_600_000),
            ("1d", 1_790_294_400_000, 1_790_380_800_000),
            ("100ms", 1_790_294_508_100, 1_790_294_508_200),
            // From the 1st of September, of July and of January.
            ("1mo", 1_788_220_800_000, 1_790_812_800_000),
            ("1q", 1_782_864_000_000, 1_790_812_800_000),
            ("1year", 1_767_225_600_000, 1_798_761_600_000),
        ] {
            let at = period.find(|c: char| c.is_alphabetic()).unwrap();
            let (count, unit) = period.split_at(at);
            let period = Period::new(count.parse().unwrap(), unit).unwrap();
            assert_eq!(
                (period.floor(MOMENT), period.ceil(MOMENT)),
                (floor, ceil),
                "{period:?}"
            );
            assert_eq!(period.ceil(floor), floor);
        }
        assert_eq!(Period::new(1, "fortnight"), None);
        assert_eq!(Period::new(0, "m"), None);
        assert_eq!(Period::new(i64::MAX, "w"), None);
    }
}
