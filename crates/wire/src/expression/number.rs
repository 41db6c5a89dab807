//! Numbers as Java's: whole ones of any size that is met, and doubles.

use std::{cmp::Ordering, fmt::Write as _};

/// A number of a JSON text or of a template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// `Integer`, `Long` or `BigInteger`: they differ in nothing that a template shows.
    Whole(i128),
    /// `Double`.
    Double(f64),
}

impl Number {
    pub(crate) fn of_json(number: &serde_json::Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Self::Whole(whole.into()),
            (_, Some(whole)) => Self::Whole(whole.into()),
            _ => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "so does Java's doubleValue()")]
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Double(double) => double,
        }
    }

    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => Some(left.cmp(&right)),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }

    /// What a text says, if it is a number.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        let is_decimal = text
            .bytes()
            .all(|c| c.is_ascii_digit() || b"+-.eE".contains(&c));
        text.parse().ok().filter(|_| is_decimal).map(Self::Double)
    }

    /// Writes the number as `toString()` does.
    pub(crate) fn push(self, text: &mut String) {
        match self {
            Self::Whole(whole) => text.push_str(&whole.to_string()),
            Self::Double(double) => push_double(text, double),
        }
    }
}

/// `Double.toString`: plain from 10⁻³ to 10⁷, else as `1.0E10`.
fn push_double(text: &mut String, double: f64) {
    if double.is_nan() {
        return text.push_str("NaN");
    }
    if double.is_sign_negative() {
        text.push('-');
    }
    let size = double.abs();
    if size.is_infinite() {
        return text.push_str("Infinity");
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        let _ = write!(text, "{size:?}");
        return;
    }
    // The shortest digits that mean this number, as `d.dde±x`.
    let shortest = format!("{size:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    text.push_str(digits);
    if !digits.contains('.') {
        text.push_str(".0");
    }
    text.push('E');
    text.push_str(exponent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_in_java() {
        for (double, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (0.001, "0.001"),
            (0.000_25, "2.5E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (123_456_789.5, "1.234567895E8"),
            (1e300, "1.0E300"),
            (f64::INFINITY, "Infinity"),
            (f64::NAN, "NaN"),
        ] {
            let mut printed = String::new();
            Number::Double(double).push(&mut printed);
            assert_eq!(printed, text);
        }
    }

    #[test]
    fn whole_numbers_and_doubles_compare_by_value() {
        let [one, big] = [Number::Whole(1), Number::Whole(i128::from(u64::MAX))];
        assert_eq!(one.compare(Number::Double(1.0)), Some(Ordering::Equal));
        assert_eq!(one.compare(big), Some(Ordering::Less));
        assert_eq!(one.compare(Number::Double(f64::NAN)), None);
        assert_eq!(Number::of_text("12"), Some(Number::Whole(12)));
        assert_eq!(Number::of_text("-1.5e3"), Some(Number::Double(-1500.0)));
        assert_eq!(Number::of_text("NaN"), None);
        assert_eq!(Number::of_text(""), None);
    }
}
