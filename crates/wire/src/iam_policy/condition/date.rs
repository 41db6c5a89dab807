//! The dates that policies are written with: ISO 8601 as the W3C has it, or seconds since the epoch.

use gatepost_model::calendar::epoch_seconds;

/// Milliseconds since the epoch; `None` for what is no date, or none from 1970 on.
pub(super) fn date_ms(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) && text.len() != 4 {
        return text.parse::<u64>().ok()?.checked_mul(1000);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| number(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| number(day, 2))?;
    if parts.next().is_some() {
        return None;
    }
    let date = (year, month, day);
    let Some(time) = time else {
        return epoch_seconds(date, (0, 0, 0))?.checked_mul(1000);
    };
    let zone_at = time.find(['Z', '+', '-'])?;
    let (time, zone) = time.split_at(zone_at);
    let (time, milliseconds) = match time.split_once('.') {
        Some((time, fraction)) => (time, fraction_ms(fraction)?),
        None => (time, 0),
    };
    let mut parts = time.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    if parts.next().is_some() {
        return None;
    }
    let seconds = epoch_seconds(date, (hour, minute, second))?;
    let seconds = seconds.checked_add_signed(-offset_seconds(zone)?)?;
    seconds.checked_mul(1000)?.checked_add(milliseconds)
}

fn number(text: &str, digits: usize) -> Option<u32> {
    let is_number = text.len() == digits && text.bytes().all(|c| c.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn fraction_ms(fraction: &str) -> Option<u64> {
    let is_number = !fraction.is_empty() && fraction.bytes().all(|c| c.is_ascii_digit());
    let three = format!("{fraction}000");
    is_number.then(|| three.get(..3)?.parse().ok())?
}

/// `Z`, `+hh:mm` or `-hh:mm`.
fn offset_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, offset) = match zone.strip_prefix('-') {
        Some(offset) => (-1, offset),
        None => (1, zone.strip_prefix('+')?),
    };
    let (hours, minutes) = offset.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_date_is_read() {
        // `date -u -d @1790294508` is Fri Sep 25 00:01:48 UTC 2026.
        for (text, milliseconds) in [
            ("2026-09-25T00:01:48Z", 1_790_294_508_000),
            ("2026-09-25T00:01:48.1234Z", 1_790_294_508_123),
            ("2026-09-25T02:01:48+02:00", 1_790_294_508_000),
            ("2026-09-24T19:31:48-04:30", 1_790_294_508_000),
            ("2026-09-25T00:01Z", 1_790_294_460_000),
            ("2026-09-25", 1_790_294_400_000),
            ("2026-09", 1_788_220_800_000),
            ("2026", 1_767_225_600_000),
            ("1790294508", 1_790_294_508_000),
        ] {
            assert_eq!(date_ms(text), Some(milliseconds), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-9-25",
            "2026-09-31",
            "2026-09-25T00:01:48",
            "-5",
        ] {
            assert_eq!(date_ms(text), None, "{text}");
        }
    }
}
