//! Days of the proleptic Gregorian calendar, in UTC (Hinnant's `civil_from_days` and its inverse).

use std::{fmt, str::FromStr};

/// A day, as the number of days since 1970-01-01. Displayed and parsed as `2026-09-25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// The day of a moment, milliseconds since the epoch.
    pub fn of_epoch_ms(epoch_ms: u64) -> Self {
        Self(u32::try_from(epoch_ms / 86_400_000).unwrap_or(u32::MAX))
    }

    /// The day of this date; `None` when there is no such day from 1970 to 9999.
    pub fn of_civil(year: u32, month: u32, day: u32) -> Option<Self> {
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day > 31 {
            return None;
        }
        let shifted_year = year - u32::from(month <= 2);
        let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let parsed = Self((era * 146_097 + of_era).checked_sub(719_468)?);
        // Such as the 31st of June.
        (parsed.civil() == (year, month, day)).then_some(parsed)
    }

    /// So many days before; not before 1970.
    pub fn back(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// The day after.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// 0 (Sunday) to 6.
    pub fn weekday(self) -> u32 {
        // 1970-01-01 was a Thursday.
        self.0.wrapping_add(4) % 7
    }

    /// 1 to 31.
    pub fn day_of_month(self) -> u32 {
        self.civil().2
    }

    /// Year, month (1 to 12) and day (1 to 31).
    pub fn civil(self) -> (u32, u32, u32) {
        let days = u64::from(self.0) + 719_468;
        let era = days / 146_097;
        let of_era = days % 146_097;
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        // The greatest day is in the year 11761191.
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        (small(year), small(month), small(day))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A text that is no day since 1970.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day such as 2026-09-25")]
pub struct InvalidDay(pub String);

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let invalid = || InvalidDay(text.to_owned());
        let mut parts = text.splitn(3, '-').map(str::parse::<u32>);
        let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid());
        };
        Self::of_civil(year, month, day).ok_or_else(invalid)
    }
}

/// Seconds from the epoch to a time of a day, in UTC; `None` when there is no such time, or none
/// since 1970. A leap second is the second after it.
pub fn epoch_seconds(date: (u32, u32, u32), time: (u32, u32, u32)) -> Option<u64> {
    let ((year, month, day), (hour, minute, second)) = (date, time);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let Day(days) = Day::of_civil(year, month, day)?;
    Some(u64::from(days) * 86_400 + u64::from(hour * 3600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_read_as_it_is_written() {
        for number in (0..200_000).step_by(13) {
            assert_eq!(Day(number).to_string().parse(), Ok(Day(number)));
        }
        assert_eq!("1970-01-01".parse(), Ok(Day(0)));
        // `date -u -d 2026-09-25 +%s` is 1790294400.
        assert_eq!("2026-09-25".parse(), Ok(Day(1_790_294_400 / 86_400)));
        assert_eq!(Day::of_epoch_ms(951_782_400_000).to_string(), "2000-02-29");
    }

    #[test]
    fn a_time_of_a_day_is_a_number_of_seconds() {
        // `date -u -d @1790294508` is Fri Sep 25 00:01:48 UTC 2026.
        let seconds = |time| epoch_seconds((2026, 9, 25), time);
        assert_eq!(seconds((0, 1, 48)), Some(1_790_294_508));
        for time in [(24, 0, 0), (0, 60, 0), (0, 0, 61)] {
            assert_eq!(seconds(time), None, "{time:?}");
        }
        assert_eq!(epoch_seconds((2026, 9, 31), (0, 0, 0)), None);
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-09",
            "2026-13-01",
            "2026-06-31",
            "2025-02-29",
            "1969-12-31",
            "a-b-c",
            "2026-09-25T00",
            "2026-01-00",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
