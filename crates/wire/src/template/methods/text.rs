//! Methods of texts. Positions count UTF-16 units, as in Java.

use super::{MAX_DEPTH, count, ordering, position, whole};
use crate::{
    expression::number::Number,
    template::{
        document::ITEM_BYTES,
        problem::Problem,
        render::{Exit, Outcome, Renderer},
        syntax::Method,
        value::{Text, Value},
    },
};

/// What Java has and this has not.
const NOT_SUPPORTED: [&str; 19] = [
    "chars",
    "codePointAt",
    "codePointBefore",
    "codePointCount",
    "codePoints",
    "copyValueOf",
    "format",
    "formatted",
    "getBytes",
    "getChars",
    "indent",
    "lines",
    "offsetByCodePoints",
    "regionMatches",
    "splitWithDelimiters",
    "stripIndent",
    "subSequence",
    "transform",
    "translateEscapes",
];

impl<'a> Renderer<'a> {
    pub(super) fn call_text(
        &mut self,
        text: &Text<'a>,
        method: &'a Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Option<Value<'a>>> {
        // All of them read the text at most once, but for what they pay for themselves.
        self.budget.bytes(text.len())?;
        let name = &*method.name;
        Ok(Some(match (name, arguments) {
            ("length", []) => count(utf16_length(text)),
            ("isEmpty", []) => Value::Bool(text.is_empty()),
            ("isBlank", []) => Value::Bool(text.trim().is_empty()),
            ("charAt", [index]) => {
                let from = unit("charAt", index)?;
                let part = between("charAt", text, from, from + 1)?;
                Value::Text(self.slice(text, part)?)
            }
            ("substring", [from]) => {
                let from = unit("substring", from)?;
                let part = between("substring", text, from, utf16_length(text))?;
                Value::Text(self.slice(text, part)?)
            }
            ("substring", [from, to]) => {
                let (from, to) = (unit("substring", from)?, unit("substring", to)?);
                let part = between("substring", text, from, to)?;
                Value::Text(self.slice(text, part)?)
            }
            ("indexOf" | "lastIndexOf", [part]) => {
                let part = self.character_or_text(part)?;
                self.budget.bytes(text.len())?;
                let found = if name == "indexOf" {
                    text.find(&*part)
                } else {
                    text.rfind(&*part)
                };
                position(found.map(|at| utf16_length(&text[..at])))
            }
            ("indexOf", [part, from]) => {
                let part = self.character_or_text(part)?;
                let from = whole(from).unwrap_or(0).max(0);
                let from = byte_of_unit(text, usize::try_from(from).unwrap_or(usize::MAX));
                let found = from.and_then(|from| Some(from + text[from..].find(&*part)?));
                position(found.map(|at| utf16_length(&text[..at])))
            }
            ("contains", [part]) => {
                let part = self.text_of(part)?;
                Value::Bool(text.contains(&*part))
            }
            ("startsWith", [part]) => {
                let part = self.text_of(part)?;
                Value::Bool(text.starts_with(&*part))
            }
            ("startsWith", [part, from]) => {
                let part = self.text_of(part)?;
                let from = whole(from).and_then(|from| usize::try_from(from).ok());
                let rest = from.and_then(|from| text.get(byte_of_unit(text, from)?..));
                Value::Bool(rest.is_some_and(|rest| rest.starts_with(&*part)))
            }
            ("endsWith", [part]) => {
                let part = self.text_of(part)?;
                Value::Bool(text.ends_with(&*part))
            }
            ("equals", [other]) => {
                let this = Value::Text(text.clone());
                Value::Bool(self.same(&this, other, MAX_DEPTH)?)
            }
            ("contentEquals", [other]) => Value::Bool(*self.text_of(other)? == **text),
            ("equalsIgnoreCase", [other]) => match other {
                Value::Null => Value::Bool(false),
                other => {
                    let other = self.text_of(other)?;
                    self.budget.bytes(other.len())?;
                    let folded = |text: &str| text.to_uppercase().to_lowercase();
                    Value::Bool(text.eq_ignore_ascii_case(&other) || folded(text) == folded(&other))
                }
            },
            ("compareTo", [other]) => {
                let other = self.text_of(other)?;
                Value::Number(Number::Whole(difference(text, &other)))
            }
            ("compareToIgnoreCase", [other]) => {
                let other = self.text_of(other)?;
                ordering(text.to_lowercase().cmp(&other.to_lowercase()))
            }
            ("concat", [other]) => {
                let other = self.text_of(other)?;
                return self.made([&**text, &*other].concat());
            }
            ("replace", [from, to]) => {
                let (from, to) = (self.text_of(from)?, self.text_of(to)?);
                // As many times as it can stand there, before it is made.
                let most = text.len() / from.len().max(1) + 1;
                if to.len() > from.len() {
                    self.budget.bytes(text.len())?;
                    let times = if from.is_empty() {
                        most
                    } else {
                        text.matches(&*from).count()
                    };
                    self.budget.memory(times.saturating_mul(to.len()))?;
                }
                return self.made(text.replace(&*from, &to));
            }
            ("replaceAll" | "replaceFirst", [pattern, replacement]) => {
                let pattern = self.pattern(&method.prepared, pattern, false)?;
                let replacement = self.text_of(replacement)?;
                self.replace_pattern(text, &pattern, &replacement, name == "replaceFirst")?
            }
            ("split", [pattern]) => {
                let pattern = self.pattern(&method.prepared, pattern, false)?;
                self.split(text, &pattern, 0)?
            }
            ("split", [pattern, limit]) => {
                let pattern = self.pattern(&method.prepared, pattern, false)?;
                self.split(text, &pattern, whole(limit).unwrap_or(0))?
            }
            ("matches", [pattern]) => {
                let pattern = self.pattern(&method.prepared, pattern, true)?;
                self.matches(text, &pattern)?
            }
            ("toUpperCase", []) => return self.made(text.to_uppercase()),
            ("toLowerCase", []) => return self.made(text.to_lowercase()),
            // Java's `trim` knows no spaces but those up to U+0020.
            ("trim", []) => Value::Text(self.slice(text, text.trim_matches(|c: char| c <= ' '))?),
            ("strip", []) => Value::Text(self.slice(text, text.trim())?),
            ("stripLeading", []) => Value::Text(self.slice(text, text.trim_start())?),
            ("stripTrailing", []) => Value::Text(self.slice(text, text.trim_end())?),
            ("repeat", [times]) => {
                let times = whole(times).and_then(|times| usize::try_from(times).ok());
                let Some(times) = times else {
                    return Err(Problem::method("String.repeat", "a count is negative").into());
                };
                self.budget.memory(text.len().saturating_mul(times))?;
                return self.made(text.repeat(times));
            }
            ("toString" | "intern", []) => Value::Text(text.clone()),
            ("hashCode", []) => Value::Number(Number::Whole(hash_code(text).into())),
            ("toCharArray", []) => {
                self.budget.memory(text.len() * ITEM_BYTES)?;
                let mut characters = Vec::new();
                for (at, c) in text.char_indices() {
                    let character = self.slice(text, &text[at..at + c.len_utf8()])?;
                    characters.push(Value::Text(character));
                }
                Value::List(self.heap.add_list(characters))
            }
            ("valueOf", [value]) => Value::Text(self.text_of(value)?),
            ("join", [separator, Value::List(id)]) => {
                let separator = self.text_of(separator)?;
                let joined = self.captured(|this| {
                    let mut index = 0;
                    while let Some(item) = this.heap.list(*id).get(index).cloned() {
                        if index > 0 {
                            this.push(&separator)?;
                        }
                        let item = this.text_of(&item)?;
                        this.push(&item)?;
                        index += 1;
                    }
                    Ok(())
                })?;
                Value::Text(joined)
            }
            _ => {
                Self::not_supported("String", &NOT_SUPPORTED, name)?;
                return Ok(None);
            }
        }))
    }

    /// A part of a text, copied only when the text is not lent.
    pub(super) fn slice(&mut self, text: &Text<'a>, part: &str) -> Outcome<Text<'a>> {
        match text {
            _ if part.len() == text.len() => Ok(text.clone()),
            Text::Borrowed(text) => {
                let start = part.as_ptr() as usize - text.as_ptr() as usize;
                Ok(Text::Borrowed(&text[start..start + part.len()]))
            }
            Text::Shared(_) => self.text(part.to_owned()),
        }
    }

    /// A text to look for: a number is a character.
    fn character_or_text(&mut self, value: &Value<'a>) -> Outcome<Text<'a>> {
        let character = whole(value)
            .and_then(|code| u32::try_from(code).ok())
            .and_then(char::from_u32);
        match character {
            Some(character) => self.text(character.to_string()),
            None => self.text_of(value),
        }
    }
}

/// A position of a text.
fn unit(method: &str, index: &Value<'_>) -> Result<usize, Exit> {
    whole(index)
        .and_then(|index| usize::try_from(index).ok())
        .ok_or_else(|| {
            let reason = "an index is no whole number, or negative";
            Problem::method(&format!("String.{method}"), reason).into()
        })
}

/// How many UTF-16 units a text has.
fn utf16_length(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().map(char::len_utf16).sum()
    }
}

/// Where the UTF-16 unit begins; behind the first half of a pair where the pair ends.
fn byte_of_unit(text: &str, unit: usize) -> Option<usize> {
    if text.is_ascii() {
        return (unit <= text.len()).then_some(unit);
    }
    let mut units = 0;
    for (at, c) in text.char_indices() {
        if units >= unit {
            return Some(at);
        }
        units += c.len_utf16();
    }
    (units >= unit).then_some(text.len())
}

/// The text from one UTF-16 unit to another. A pair belongs to the side of its second half, since
/// a text here cannot have half of one.
fn between<'t>(method: &str, text: &'t str, from: usize, to: usize) -> Result<&'t str, Exit> {
    let range = byte_of_unit(text, from).zip(byte_of_unit(text, to));
    range
        .and_then(|(from, to)| text.get(from..to))
        .filter(|_| from <= to)
        .ok_or_else(|| {
            let length = utf16_length(text);
            let reason = format!("from {from} to {to} is not within {length} characters");
            Problem::method(&format!("String.{method}"), reason).into()
        })
}

/// `compareTo`: the difference of the first units that differ, else of the lengths.
fn difference(left: &str, right: &str) -> i128 {
    let units = left.encode_utf16().zip(right.encode_utf16());
    for (one, other) in units {
        if one != other {
            return i128::from(one) - i128::from(other);
        }
    }
    utf16_length(left) as i128 - utf16_length(right) as i128
}

/// `hashCode`.
fn hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}
