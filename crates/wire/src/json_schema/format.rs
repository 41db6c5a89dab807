//! `format`: the seven formats of draft 4 (7.3). Other names say nothing.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::pattern;

/// A format that values are held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `date-time`.
    DateTime,
    /// `email`.
    Email,
    /// `hostname`.
    Hostname,
    /// `ipv4`.
    Ipv4,
    /// `ipv6`.
    Ipv6,
    /// `regex`.
    Regex,
    /// `uri`.
    Uri,
}

impl Format {
    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "date-time" => Self::DateTime,
            "email" => Self::Email,
            "hostname" => Self::Hostname,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "regex" => Self::Regex,
            "uri" => Self::Uri,
            _ => return None,
        })
    }

    /// The steps of [`super::check`] that looking at `text` counts as.
    pub fn cost(self, text: &str) -> usize {
        match self {
            Self::Regex => pattern::parsing_cost(text),
            _ => text.len() / 16,
        }
    }

    /// Whether `text` has the format.
    pub fn is_of(self, text: &str) -> bool {
        match self {
            Self::DateTime => is_date_time(text),
            Self::Email => is_email(text),
            Self::Hostname => is_hostname(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Regex => pattern::is_expression(text),
            Self::Uri => is_uri(text),
        }
    }

    /// What is said of a text that has it not, to follow `string "…" is `.
    pub fn describe(self) -> &'static str {
        match self {
            Self::DateTime => {
                "invalid against requested date format(s) [yyyy-MM-dd'T'HH:mm:ssZ, \
                 yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,12}Z]"
            }
            Self::Email => "not a valid email address",
            Self::Hostname => "not a valid hostname",
            Self::Ipv4 => "not a valid IPv4 address",
            Self::Ipv6 => "not a valid IPv6 address",
            Self::Regex => "not a valid ECMA 262 regular expression",
            Self::Uri => "not a valid URI",
        }
    }
}

/// RFC 3339, 5.6.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    let time = match time.strip_suffix(['Z', 'z']) {
        Some(time) => time,
        None => match time.rfind(['+', '-']) {
            Some(sign) if is_offset(&time[sign + 1..]) => &time[..sign],
            _ => return false,
        },
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_fraction = (1..=12).contains(&fraction.len()) && is_digits(fraction);
    is_date(date)
        && is_fraction
        && matches!(
            numbers(time, ':', [2, 2, 2]),
            Some([0..=23, 0..=59, 0..=60])
        )
}

fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = numbers(text, '-', [4, 2, 2]) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn is_offset(text: &str) -> bool {
    matches!(numbers(text, ':', [2, 2]), Some([0..=23, 0..=59]))
        || text.len() == 4 && is_digits(text)
}

/// The numbers between separators, each of so many digits.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts
            .next()
            .filter(|part| part.len() == digits && is_digits(part))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let is_atom = |c: char| !c.is_whitespace() && !c.is_control() && !"()<>@,;:\\\"[]".contains(c);
    let is_local =
        is_quoted || local.chars().all(is_atom) && local.split('.').all(|part| !part.is_empty());
    let is_literal = domain.starts_with('[') && domain.ends_with(']');
    is_local && (is_literal || domain.split('.').all(is_label))
}

/// Of at least two labels, the last of which is no number.
fn is_hostname(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(is_label)
        && !last.starts_with(|c: char| c.is_ascii_digit())
}

fn is_label(label: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    (1..=63).contains(&label.len())
        && label.chars().all(is_allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether RFC 3986 allows its characters; it may be relative.
fn is_uri(text: &str) -> bool {
    let is_allowed = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"{}|\\^`".contains(c);
    let mut escapes = text.split('%').skip(1);
    let is_escape = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    text.chars().all(is_allowed) && escapes.all(is_escape) && text.matches('#').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_their_rfcs() {
        let yes = [
            ("date-time", "1985-04-12T23:20:50.52Z"),
            ("date-time", "1996-12-19T16:39:57-08:00"),
            ("date-time", "2024-02-29T00:00:00+0000"),
            ("date-time", "1990-12-31T23:59:60Z"),
            ("email", "joe.bloggs@example.com"),
            ("email", "te~st@example.com"),
            ("hostname", "www.example.com"),
            ("ipv4", "192.168.0.1"),
            ("ipv6", "::1"),
            ("ipv6", "12345::".split_at(1).1),
            ("regex", "^[a-z]+(?=x)$"),
            ("uri", "http://foo.bar/?baz=qux#quuz"),
            ("uri", "/relative"),
        ];
        for (format, text) in yes {
            assert!(
                Format::named(format).unwrap().is_of(text),
                "{format} {text}"
            );
        }
        let no = [
            ("date-time", "06/19/1963 08:30:06 PST"),
            ("date-time", "2013-350T01:01:01"),
            ("date-time", "2023-02-29T00:00:00Z"),
            ("date-time", "1990-12-31T24:00:00Z"),
            ("date-time", "2018-03-15"),
            ("date-time", "1963-06-19T08:30:06.Z"),
            ("email", "2962"),
            ("email", "a b@example.com"),
            ("email", ".x@example.com"),
            ("hostname", "-a-host-name-that-starts-with--"),
            ("hostname", "not_a_valid_host_name"),
            ("hostname", "1.2.3.4"),
            ("ipv4", "127.0.0.0.1"),
            ("ipv4", "256.256.256.256"),
            ("ipv6", "12345::"),
            ("regex", "^(abc]"),
            ("uri", "http:// shouldfail.com"),
            ("uri", "%zz"),
        ];
        for (format, text) in no {
            assert!(
                !Format::named(format).unwrap().is_of(text),
                "{format} {text}"
            );
        }
        assert_eq!(Format::named("phone"), None);
    }
}
