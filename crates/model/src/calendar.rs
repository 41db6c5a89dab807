//! Dates of the proleptic Gregorian calendar, in UTC, and seconds since the epoch.

/// Year, month (1–12), day (1–31) and second of the day, in UTC, of the proleptic Gregorian
/// calendar (Hinnant's `civil_from_days`).
pub(crate) fn civil(epoch_ms: u64) -> (u64, usize, u64, u64) {
    let seconds = epoch_ms / 1000;
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    // A month is 1 to 12.
    (
        year,
        usize::try_from(month).unwrap_or(1),
        day,
        seconds % 86_400,
    )
}

/// Seconds from the epoch to a date and a time of day; `None` when there is no such time or when it
/// is before the epoch. A leap second is the next second.
pub fn epoch_seconds(date: (u64, u64, u64), time: (u64, u64, u64)) -> Option<u64> {
    let ((year, month, day), (hour, minute, second)) = (date, time);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if day == 0 || day > days_of_month(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn days_of_month(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Hinnant's `days_from_civil`, from 1970 on.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_written_and_read_the_same() {
        for day in 0..2_932_896 {
            let (year, month, day_of_month, second) = civil(day * 86_400_000);
            let date = (year, u64::try_from(month).unwrap(), day_of_month);
            assert_eq!(second, 0);
            assert_eq!(epoch_seconds(date, (0, 0, 0)), Some(day * 86_400));
        }
    }

    #[test]
    fn times_that_are_not_on_the_calendar_are_none() {
        // `date -u -d @1790294508` is Fri Sep 25 00:01:48 UTC 2026.
        assert_eq!(
            epoch_seconds((2026, 9, 25), (0, 1, 48)),
            Some(1_790_294_508)
        );
        for (date, time) in [
            ((1969, 12, 31), (0, 0, 0)),
            ((2026, 13, 1), (0, 0, 0)),
            ((2026, 9, 31), (0, 0, 0)),
            ((2027, 2, 29), (0, 0, 0)),
            ((2026, 9, 0), (0, 0, 0)),
            ((2026, 9, 25), (24, 0, 0)),
            ((2026, 9, 25), (0, 60, 0)),
        ] {
            assert_eq!(epoch_seconds(date, time), None, "{date:?}");
        }
    }
}
