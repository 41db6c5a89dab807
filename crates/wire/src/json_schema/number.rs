//! Numbers as mathematics has them, whatever JSON writes: `1` is `1.0`, and `0.3` is thrice `0.1`.

use std::{cmp::Ordering, fmt::Write};

use serde_json::{Number, Value};

/// Compares two numbers; exactly, when both are whole.
pub(super) fn compare(left: &Number, right: &Number) -> Ordering {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => left.cmp(&right),
        // JSON has no NaN.
        _ => float(left)
            .partial_cmp(&float(right))
            .unwrap_or(Ordering::Equal),
    }
}

/// Whether `number` is a whole multiple of `divisor`, in decimals.
pub(super) fn is_multiple_of(number: &Number, divisor: &Number) -> bool {
    let decimals = (Decimal::of(number), Decimal::of(divisor));
    if let (Some(number), Some(divisor)) = decimals
        && let Some(remainder) = number.remainder(divisor)
    {
        return remainder == 0;
    }
    float(number) % float(divisor) == 0.0
}

/// Whether two values are equal as draft 4 has it (3.6).
pub(super) fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare(left, right) == Ordering::Equal,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| is_equal(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            let is_in_right = |(key, value): (&String, &Value)| {
                right.get(key).is_some_and(|r| is_equal(value, r))
            };
            left.len() == right.len() && left.iter().all(is_in_right)
        }
        _ => left == right,
    }
}

/// A text that two values share if they are equal, and only then.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    push_canonical(&mut text, value);
    text
}

fn push_canonical(text: &mut String, value: &Value) {
    match value {
        Value::Number(number) => match number.as_i128().or_else(|| whole(float(number))) {
            // Writing to a String does not fail.
            Some(whole) => drop(write!(text, "{whole}")),
            None => drop(write!(text, "{number}")),
        },
        Value::Array(items) => {
            text.push('[');
            for item in items {
                push_canonical(text, item);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in members {
                push_canonical(text, &Value::from(key.as_str()));
                text.push(':');
                push_canonical(text, value);
                text.push(',');
            }
            text.push('}');
        }
        other => drop(write!(text, "{other}")),
    }
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
fn whole(float: f64) -> Option<i128> {
    (float.fract() == 0.0 && float.abs() < 1e30).then_some(float as i128)
}

/// `digits` × 10^`exponent`.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    /// The number as its shortest decimal text says it.
    fn of(number: &Number) -> Option<Self> {
        let text = number.to_string();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (text.as_str(), 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        Some(Self {
            digits: format!("{whole}{fraction}").parse().ok()?,
            exponent: i32::try_from(fraction.len())
                .ok()
                .and_then(|length| i32::checked_sub(exponent, length))?,
        })
    }

    /// The remainder of the division; `None` when it takes too many digits.
    fn remainder(self, divisor: Self) -> Option<i128> {
        let exponent = self.exponent.min(divisor.exponent);
        let scaled = |decimal: Self| {
            let places = u32::try_from(decimal.exponent.checked_sub(exponent)?).ok()?;
            decimal.digits.checked_mul(10_i128.checked_pow(places)?)
        };
        scaled(self)?.checked_rem(scaled(divisor)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn multiples_are_those_of_decimals() {
        for (value, divisor) in [
            ("0.3", "0.1"),
            ("19.99", "0.01"),
            ("4.5", "1.5"),
            ("1e3", "1e-7"),
            ("0", "7"),
            ("-9", "3"),
            ("18446744073709551615", "5"),
            ("1e308", "0.5"),
        ] {
            assert!(
                is_multiple_of(&number(value), &number(divisor)),
                "{value} {divisor}"
            );
        }
        for (value, divisor) in [
            ("0.35", "0.1"),
            ("7", "3"),
            ("1e-7", "1"),
            ("100.001", "0.01"),
        ] {
            assert!(
                !is_multiple_of(&number(value), &number(divisor)),
                "{value} {divisor}"
            );
        }
    }

    #[test]
    fn equal_values_have_one_canonical_text() {
        let value = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        for (left, right, is_same) in [
            ("1", "1.0", true),
            ("1e2", "100", true),
            (r#"{"a":1,"b":[2]}"#, r#"{"b":[2.0],"a":1}"#, true),
            ("1", "true", false),
            ("[[1],2]", "[[1,2]]", false),
            (r#""1""#, "1", false),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#, false),
        ] {
            let (left, right) = (value(left), value(right));
            assert_eq!(is_equal(&left, &right), is_same, "{left} {right}");
            assert_eq!(
                canonical(&left) == canonical(&right),
                is_same,
                "{left} {right}"
            );
        }
    }
}
