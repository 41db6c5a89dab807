//! Conditions on one value, as JSON and space-delimited patterns have them: `= "x*"`, `>= 500`,
//! `= %4[0-9]{2}%`.

use super::{InvalidFilterPattern, cursor::Cursor, regex::FilterRegex};

/// A condition on a value.
#[derive(Debug, Clone)]
pub(super) enum Comparison {
    /// `=`.
    Equal(Operand),
    /// `!=`.
    NotEqual(Operand),
    /// `<`.
    Less(f64),
    /// `<=`.
    LessOrEqual(f64),
    /// `>`.
    Greater(f64),
    /// `>=`.
    GreaterOrEqual(f64),
}

/// What a value may be equal to.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// A number, which equals every way to write it.
    Number(f64),
    /// A text, of which a `*` at either end stands for any text. Elsewhere it is itself.
    Text {
        text: String,
        any_before: bool,
        any_behind: bool,
    },
    /// `%…%`, looked for anywhere.
    Regex(FilterRegex),
}

impl Comparison {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, InvalidFilterPattern> {
        cursor.skip_blanks();
        let number: fn(f64) -> Self = if cursor.take("!=") {
            return operand(cursor).map(Self::NotEqual);
        } else if cursor.take("<=") {
            Self::LessOrEqual
        } else if cursor.take(">=") {
            Self::GreaterOrEqual
        } else if cursor.take("<") {
            Self::Less
        } else if cursor.take(">") {
            Self::Greater
        } else if cursor.take("=") {
            return operand(cursor).map(Self::Equal);
        } else {
            return Err(cursor.invalid_character());
        };
        match operand(cursor)? {
            Operand::Number(value) => Ok(number(value)),
            _ => Err(InvalidFilterPattern::syntax(
                "`<`, `<=`, `>` and `>=` compare with a number only",
            )),
        }
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let number = || number(value);
        match self {
            Self::Equal(operand) => operand.equals(value),
            Self::NotEqual(operand) => !operand.equals(value),
            Self::Less(than) => number().is_some_and(|number| number < *than),
            Self::LessOrEqual(than) => number().is_some_and(|number| number <= *than),
            Self::Greater(than) => number().is_some_and(|number| number > *than),
            Self::GreaterOrEqual(than) => number().is_some_and(|number| number >= *than),
        }
    }
}

impl Operand {
    #[expect(clippy::float_cmp, reason = "the pattern says an exact number")]
    fn equals(&self, value: &str) -> bool {
        match self {
            Self::Number(expected) => number(value).is_some_and(|number| number == *expected),
            Self::Text {
                text,
                any_before,
                any_behind,
            } => match (any_before, any_behind) {
                (false, false) => value == text,
                (false, true) => value.starts_with(text),
                (true, false) => value.ends_with(text),
                (true, true) => value.contains(text),
            },
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, InvalidFilterPattern> {
    cursor.skip_blanks();
    if let Some(regex) = cursor.regex()? {
        return Ok(Operand::Regex(regex));
    }
    if let Some(text) = cursor.quoted()? {
        return Ok(text_operand(&text));
    }
    let word = cursor.take_while(|c| c.is_alphanumeric() || "_-.*+".contains(c));
    if word.is_empty() {
        return Err(cursor.invalid_character());
    }
    Ok(number(word).map_or_else(|| text_operand(word), Operand::Number))
}

fn text_operand(text: &str) -> Operand {
    let (any_before, inside) = match text.strip_prefix('*') {
        Some(inside) => (true, inside),
        None => (false, text),
    };
    let (any_behind, inside) = match inside.strip_suffix('*') {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    Operand::Text {
        text: inside.to_owned(),
        any_before,
        any_behind,
    }
}

/// A number, perhaps with a sign, a fraction and an exponent.
fn number(text: &str) -> Option<f64> {
    let is_numeric = |c: u8| c.is_ascii_digit() || b"+-.eE".contains(&c);
    text.bytes()
        .all(is_numeric)
        .then(|| text.parse().ok())
        .flatten()
}
