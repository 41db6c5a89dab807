//! Times as AWS's tools print them.

use gatepost_model::calendar::epoch_seconds;

/// Milliseconds since the epoch of `2026-11-24T13:17:13.804Z`, with a blank in place of the `T`,
/// with a finer or no fraction, and with `Z`, an offset or nothing, which is UTC, behind it.
pub(super) fn time(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let are_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
        are_digits.then(|| digits.parse::<u32>().ok())?
    };
    let stands = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));
    if !(stands(4, b"-")
        && stands(7, b"-")
        && stands(10, b"T ")
        && stands(13, b":")
        && stands(16, b":"))
    {
        return None;
    }
    let date = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let of_day = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit());
            rest.split_at(end.unwrap_or(rest.len()))
        }
    };
    let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let millis = epoch_seconds(date, of_day)? * 1000 + millis;
    let offset_ms = match zone.as_bytes() {
        [] | b"Z" => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let digits: String = zone[1..].chars().filter(char::is_ascii_digit).collect();
            let hours: i64 = digits.get(..2)?.parse().ok()?;
            let minutes: i64 = digits.get(2..4)?.parse().ok()?;
            let ms = (hours * 60 + minutes) * 60_000;
            if *sign == b'+' { ms } else { -ms }
        }
        _ => return None,
    };
    millis.checked_add_signed(-offset_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tools_time_is_read() {
        // `date -u -d @1790294508` is Fri Sep 25 00:01:48 UTC 2026.
        for (text, ms) in [
            ("2026-09-25T00:01:48.123Z", 1_790_294_508_123),
            ("2026-09-25T00:01:48.123456+00:00", 1_790_294_508_123),
            ("2026-09-25T02:01:48.1+02:00", 1_790_294_508_100),
            ("2026-09-24T23:31:48-0030", 1_790_294_508_000),
            ("2026-09-25 00:01:48.123", 1_790_294_508_123),
            ("2026-09-25T00:01:48", 1_790_294_508_000),
        ] {
            assert_eq!(time(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "2026-09-25",
            "2026-09-25T00:01:4ä",
            "2026-09-25T00:01:48 x",
            "START",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
