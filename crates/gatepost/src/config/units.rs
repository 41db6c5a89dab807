//! Durations and sizes as people write them: `10m`, `1500ms`, `128KiB`.

use std::time::Duration;

const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const SIZES: [(&str, u64); 4] = [
    ("", 1),
    ("KiB", 1024),
    ("MiB", 1024 * 1024),
    ("GiB", 1024 * 1024 * 1024),
];

/// A whole number with a unit: `ms`, `s`, `m`, `h`, `d`. Zero needs a unit too.
pub fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, &DURATIONS).map(Duration::from_millis)
}

/// A number of bytes, or of `KiB`, `MiB` or `GiB`.
pub(super) fn parse_size(text: &str) -> Option<usize> {
    parse(text, &SIZES).and_then(|bytes| bytes.try_into().ok())
}

/// A duration in the greatest unit that holds it whole.
pub(super) fn format_duration(duration: Duration) -> String {
    format(
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        &DURATIONS,
    )
}

/// A size in the greatest unit that holds it whole.
pub(super) fn format_size(bytes: usize) -> String {
    format(bytes as u64, &SIZES)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn format(value: u64, units: &[(&str, u64)]) -> String {
    let whole = |(_, factor): &&(&str, u64)| value >= *factor && value.is_multiple_of(*factor);
    let (name, factor) = units.iter().rev().find(whole).unwrap_or(&units[0]);
    format!("{}{name}", value / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("1500ms", 1500),
            ("29s", 29_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("10 m", 600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "10",
            "m",
            "1.5s",
            "-1s",
            "10 minutes",
            "1h30m",
            "99999999999999999d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_binary_multiples() {
        for (text, bytes) in [
            ("131072", 131_072),
            ("128KiB", 131_072),
            ("1 MiB", 1_048_576),
            ("0", 0),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        // 128 KB may be 128,000 or 131,072.
        for text in [
            "",
            "KiB",
            "128KB",
            "128k",
            "1.5MiB",
            "-1",
            "99999999999999999GiB",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(milliseconds: u32, bytes: u32) {
            let duration = Duration::from_millis(milliseconds.into());
            prop_assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
            let bytes = bytes as usize;
            prop_assert_eq!(parse_size(&format_size(bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_a_value_or_none(text: String) {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
