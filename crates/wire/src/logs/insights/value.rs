//! Values of a query: loosely typed, so that `"200"` is a number where one is needed.

use std::{borrow::Cow, cmp::Ordering, sync::Arc};

use gatepost_model::calendar::Day;

/// A value of a field or of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// There is none.
    Null,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    /// Milliseconds since the epoch.
    Time(i64),
}

const MS_OF_DAY: i64 = 86_400_000;

impl Value {
    pub(super) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A number; nothing when it is none, as after a division by zero.
    pub(super) fn number(number: f64) -> Self {
        if number.is_finite() {
            Self::Number(number)
        } else {
            Self::Null
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "times fit until the year 287396"
    )]
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Null => None,
            Self::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Self::Number(number) => Some(*number),
            Self::Text(text) => number_of(text),
            Self::Time(ms) => Some(*ms as f64),
        }
    }

    /// What is printed; nothing for what is not there.
    pub(super) fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "".into(),
            Self::Bool(flag) => if *flag { "1" } else { "0" }.into(),
            Self::Number(number) => print_number(*number).into(),
            Self::Text(text) => (&**text).into(),
            Self::Time(ms) => print_time(*ms).into(),
        }
    }

    /// Whether a condition holds.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) if text.eq_ignore_ascii_case("true") => true,
            value => value.as_number().is_some_and(|number| number != 0.0),
        }
    }

    /// How two values compare; nothing compares with what is not there.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::Bool(flag), Self::Text(text)) | (Self::Text(text), Self::Bool(flag))
                if number_of(text).is_none() =>
            {
                let equal = text.eq_ignore_ascii_case(if *flag { "true" } else { "false" });
                equal.then_some(Ordering::Equal)
            }
            _ => match (self.as_number(), other.as_number()) {
                (Some(one), Some(other)) => one.partial_cmp(&other),
                _ => Some(self.as_text().cmp(&other.as_text())),
            },
        }
    }

    /// The order in which `sort` puts values: what is not there, texts, numbers. Texts compare piece
    /// by piece, digits by their number.
    pub(super) fn sort_order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            _ => match (self.as_number(), other.as_number()) {
                (Some(one), Some(other)) => one.total_cmp(&other),
                (Some(_), None) => Ordering::Greater,
                (None, Some(_)) => Ordering::Less,
                (None, None) => natural_order(&self.as_text(), &other.as_text()),
            },
        }
    }

    /// The memory that it takes beside itself, bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            _ => 0,
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// The number that a text is, if it is nothing else.
fn number_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_numeric = |c: u8| c.is_ascii_digit() || b"+-.eE".contains(&c);
    let number: f64 = text.bytes().all(is_numeric).then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

/// At most four digits behind the point, as AWS prints what it calculates.
fn print_number(number: f64) -> String {
    let mut text = format!("{number:.4}");
    let significant = text.trim_end_matches('0').trim_end_matches('.').len();
    text.truncate(significant);
    if text == "-0" { "0".to_owned() } else { text }
}

/// `2026-09-25 00:01:48.123`.
fn print_time(ms: i64) -> String {
    let ms = ms.max(0);
    let of_day = ms % MS_OF_DAY;
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    let day = Day::of_epoch_ms(ms.cast_unsigned());
    format!("{day} {hour:02}:{minute:02}:{second:02}.{milli:03}")
}

/// Digits in a row are compared by length, then by their value; all else by code points.
fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (Some(a), Some(b)) = (one.chars().next(), other.chars().next()) else {
            return one.len().cmp(&other.len());
        };
        let (taken, order) = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (a, b) = (digits(one), digits(other));
            ((a.len(), b.len()), a.len().cmp(&b.len()).then(a.cmp(b)))
        } else {
            ((a.len_utf8(), b.len_utf8()), a.cmp(&b))
        };
        if order.is_ne() {
            return order;
        }
        (one, other) = (&one[taken.0..], &other[taken.1..]);
    }
}

fn digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit());
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_awss() {
        for (value, text) in [
            (Value::Number(5.0), "5"),
            (Value::Number(122.070_312_5), "122.0703"),
            (Value::Number(0.5), "0.5"),
            (Value::Number(-0.000_01), "0"),
            (Value::Number(100.0), "100"),
            (Value::Number(128e6), "128000000"),
            (Value::Bool(true), "1"),
            (Value::Time(1_790_294_508_123), "2026-09-25 00:01:48.123"),
            (Value::Null, ""),
        ] {
            assert_eq!(value.as_text(), text);
        }
    }

    #[test]
    fn texts_sort_before_numbers_and_by_the_numbers_within() {
        let sorted = [
            "",
            "#",
            "*%04",
            "0#",
            "5A",
            "111A",
            "2345_",
            "@",
            "@_",
            "A",
            "A9876fghj",
            "a12345hfh",
            "0",
            "1",
            "2",
            "3",
            "10",
        ];
        for pair in sorted.windows(2) {
            let order = Value::text(pair[0]).sort_order(&Value::text(pair[1]));
            assert_eq!(order, Ordering::Less, "{pair:?}");
        }
        assert_eq!(Value::Null.sort_order(&Value::text("")), Ordering::Less);
    }
}
