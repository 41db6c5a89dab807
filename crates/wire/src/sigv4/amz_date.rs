//! The time of a signature: `X-Amz-Date`, or `Date` where that is missing.

use std::time::UNIX_EPOCH;

use gatepost_model::{calendar::epoch_seconds, request_context::iso_time};

/// A time in ISO 8601 basic format, `20260925T000148Z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AmzDate {
    basic: String,
    seconds: u64,
}

impl AmzDate {
    /// Parses `yyyymmddThhmmssZ`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
        if bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_u32, |number, c| {
                c.is_ascii_digit()
                    .then(|| number * 10 + u32::from(c - b'0'))
            })
        };
        let date = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let time = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
        Some(Self {
            basic: text.to_owned(),
            seconds: epoch_seconds(date, time)?,
        })
    }

    /// Parses the value of a `Date` header: the basic format, or a date of HTTP.
    pub(super) fn parse_date_header(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| {
            let time = httpdate::parse_http_date(text).ok()?;
            Some(Self::of(time.duration_since(UNIX_EPOCH).ok()?.as_secs()))
        })
    }

    /// The time of `seconds` since the epoch.
    pub(super) fn of(seconds: u64) -> Self {
        let iso = iso_time(seconds.saturating_mul(1000));
        // `2026-09-25T00:01:48.000Z` without separators and milliseconds.
        let basic = iso.split('.').next().unwrap_or_default();
        let basic = basic.replace(['-', ':'], "") + "Z";
        Self { basic, seconds }
    }

    /// Seconds since the epoch.
    pub(super) fn seconds(&self) -> u64 {
        self.seconds
    }

    /// `yyyymmddThhmmssZ`.
    pub(super) fn basic_format(&self) -> &str {
        &self.basic
    }

    /// `yyyymmdd`.
    pub(super) fn day(&self) -> &str {
        self.basic.split('T').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_of_a_date_are_the_same_time() {
        // `date -u -d @1790294508` is Fri Sep 25 00:01:48 UTC 2026.
        let date = AmzDate::parse("20260925T000148Z").unwrap();
        assert_eq!(date.seconds(), 1_790_294_508);
        assert_eq!(date.day(), "20260925");
        let http = AmzDate::parse_date_header("Fri, 25 Sep 2026 00:01:48 GMT");
        assert_eq!(http, Some(date));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "20260925",
            "20260925T000148",
            "20260925T000148z",
            "20261325T000148Z",
            "20260931T000148Z",
            "20270229T000148Z",
            "20260925T240148Z",
            "2026-09-25T00:01",
            "+0260925T000148Z",
            "ÄÄÄÄÄÄÄÄ",
        ] {
            assert_eq!(AmzDate::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_is_read_as_it_is_written(seconds in 0_u64..253_402_300_800) {
            let date = AmzDate::of(seconds);
            prop_assert_eq!(AmzDate::parse(date.basic_format()), Some(date));
        }
    }
}
