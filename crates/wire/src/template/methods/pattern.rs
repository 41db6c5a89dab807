//! Methods of texts that take a regular expression: Java's `matches`, `replaceAll`,
//! `replaceFirst` and `split`.

use std::{borrow::Cow, ops::Range, rc::Rc};

use crate::{
    expression::java_regex::{JavaRegex, Match},
    template::{
        document::ITEM_BYTES,
        problem::Problem,
        render::{Outcome, Renderer},
        syntax::Prepared,
        value::{Text, Value},
    },
};

/// How many patterns that are no literals are kept.
const MAX_PATTERNS: usize = 16;
/// What compiling a pattern costs, in steps: for all, and for each byte. A dozen bytes can take two
/// milliseconds, and clients may write them.
const COMPILING: (usize, usize) = (20_000, 1_000);

/// A pattern that was compiled with the template, or while it is rendered.
pub(super) enum Pattern<'a> {
    Prepared(&'a JavaRegex),
    Made(Rc<JavaRegex>),
}

impl Pattern<'_> {
    fn regex(&self) -> &JavaRegex {
        match self {
            Self::Prepared(regex) => regex,
            Self::Made(regex) => regex,
        }
    }
}

impl<'a> Renderer<'a> {
    pub(super) fn pattern(
        &mut self,
        prepared: &'a Prepared,
        argument: &Value<'a>,
        is_whole: bool,
    ) -> Outcome<Pattern<'a>> {
        if let Prepared::Regex(regex) = prepared {
            return Ok(Pattern::Prepared(regex));
        }
        let pattern = self.text_of(argument)?;
        self.budget.bytes(pattern.len())?;
        let key = (is_whole, String::from(&*pattern));
        if let Some(regex) = self.patterns.get(&key) {
            return Ok(Pattern::Made(Rc::clone(regex)));
        }
        self.budget
            .steps(COMPILING.0 + COMPILING.1 * pattern.len())?;
        let compiled = if is_whole {
            JavaRegex::whole(&pattern)
        } else {
            JavaRegex::new(&pattern)
        };
        let regex = compiled.map_err(|error| Problem::of_regex("a regular expression", &error))?;
        let regex = Rc::new(regex);
        if self.patterns.len() == MAX_PATTERNS {
            self.patterns.clear();
        }
        self.patterns.insert(key, Rc::clone(&regex));
        Ok(Pattern::Made(regex))
    }

    /// The next match, paid for.
    fn search<'r, 't>(
        &mut self,
        method: &str,
        regex: &'r JavaRegex,
        text: &'t str,
        from: usize,
    ) -> Outcome<Option<Match<'r, 't>>> {
        let remaining = text.len() - from;
        if regex.cost(remaining, remaining) > self.budget.steps_left() {
            return Err(Problem::TooManySteps.into());
        }
        let found = regex
            .find_from(text, from)
            .map_err(|error| Problem::of_regex(method, &error))?;
        let scanned = found
            .as_ref()
            .map_or(remaining, |found| found.range.end - from);
        self.budget.steps(regex.cost(scanned, remaining))?;
        Ok(found)
    }

    pub(super) fn matches(&mut self, text: &str, pattern: &Pattern<'a>) -> Outcome<Value<'a>> {
        let regex = pattern.regex();
        self.budget.steps(regex.cost(text.len(), text.len()))?;
        match regex.is_match(text) {
            Ok(is_match) => Ok(Value::Bool(is_match)),
            Err(error) => Err(Problem::of_regex("String.matches", &error).into()),
        }
    }

    /// `replaceAll`, or `replaceFirst` with `is_once`.
    pub(super) fn replace_pattern(
        &mut self,
        text: &Text<'a>,
        pattern: &Pattern<'a>,
        replacement: &str,
        is_once: bool,
    ) -> Outcome<Value<'a>> {
        let method = "String.replaceAll";
        let regex = pattern.regex();
        let parts =
            replacement_parts(replacement).map_err(|reason| Problem::method(method, reason))?;
        let mut replaced = String::new();
        let mut copied = 0;
        let mut from = 0;
        while from <= text.len() {
            let Some(found) = self.search(method, regex, text, from)? else {
                break;
            };
            let before = replaced.len();
            replaced.push_str(&text[copied..found.range.start]);
            for part in &parts {
                match part {
                    Part::Text(text) => replaced.push_str(text),
                    Part::Group(digits) => {
                        let (group, rest) = group_number(digits, found.group_count());
                        let Some(group) = group else {
                            let reason = format!("there is no group {digits}");
                            return Err(Problem::method(method, reason).into());
                        };
                        replaced.push_str(found.group(group));
                        replaced.push_str(rest);
                    }
                    Part::Named(name) => {
                        let Some(group) = found.named(name) else {
                            let reason = format!("there is no group {name}");
                            return Err(Problem::method(method, reason).into());
                        };
                        replaced.push_str(group);
                    }
                }
            }
            self.budget.memory(replaced.len() - before)?;
            copied = found.range.end;
            from = next_search(text, &found.range);
            if is_once {
                break;
            }
        }
        if copied == 0 && replaced.is_empty() {
            return Ok(Value::Text(text.clone()));
        }
        replaced.push_str(&text[copied..]);
        Ok(Value::Text(self.text(replaced)?))
    }

    /// `split`: with a limit of 0 without empty texts at the end, as in Java.
    pub(super) fn split(
        &mut self,
        text: &Text<'a>,
        pattern: &Pattern<'a>,
        limit: i128,
    ) -> Outcome<Value<'a>> {
        let regex = pattern.regex();
        let mut parts: Vec<&str> = Vec::new();
        let mut start = 0;
        let mut from = 0;
        while from <= text.len() && (limit <= 0 || (parts.len() as i128) < limit - 1) {
            let Some(found) = self.search("String.split", regex, text, from)? else {
                break;
            };
            let range = found.range;
            from = next_search(text, &range);
            // Nothing at the begin or the end splits off nothing.
            if range.end == 0 || range.is_empty() && range.start == text.len() {
                continue;
            }
            self.budget.memory(ITEM_BYTES)?;
            parts.push(&text[start..range.start]);
            start = range.end;
        }
        let is_whole = parts.is_empty();
        parts.push(&text[start..]);
        if limit == 0 && !is_whole {
            while parts.last().is_some_and(|part| part.is_empty()) {
                parts.pop();
            }
        }
        let mut items = Vec::with_capacity(parts.len());
        for part in parts {
            let part = self.slice(text, part)?;
            items.push(Value::Text(part));
        }
        self.list(items)
    }
}

/// Where the search goes on behind a match: an empty one is not found again.
fn next_search(text: &str, found: &Range<usize>) -> usize {
    if !found.is_empty() {
        return found.end;
    }
    let skipped = text[found.end..].chars().next();
    found.end + skipped.map_or(1, char::len_utf8)
}

/// A piece of a replacement.
enum Part<'r> {
    Text(Cow<'r, str>),
    /// `$12`: as many digits as name a group.
    Group(&'r str),
    Named(&'r str),
}

fn replacement_parts(replacement: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = replacement;
    while let Some(at) = rest.find(['\\', '$']) {
        let (before, special) = rest.split_at(at);
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        if let Some(escaped) = special.strip_prefix('\\') {
            let Some(c) = escaped.chars().next() else {
                return Err("a `\\` at the end of the replacement".to_owned());
            };
            parts.push(Part::Text(c.to_string().into()));
            rest = &escaped[c.len_utf8()..];
        } else if let Some(named) = special.strip_prefix("${") {
            let Some((name, after)) = named.split_once('}') else {
                return Err("a `${` in the replacement is not closed".to_owned());
            };
            parts.push(Part::Named(name));
            rest = after;
        } else {
            let digits = &special[1..];
            let end = digits.find(|c: char| !c.is_ascii_digit());
            let (digits, after) = digits.split_at(end.unwrap_or(digits.len()));
            if digits.is_empty() {
                return Err("a `$` in the replacement names no group; write `\\$`".to_owned());
            }
            parts.push(Part::Group(digits));
            rest = after;
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(parts)
}

/// The group that digits name, as many of them as can, and the digits that are text then.
fn group_number(digits: &str, groups: usize) -> (Option<usize>, &str) {
    let mut number = None;
    for end in 1..=digits.len() {
        match digits[..end].parse().ok().filter(|group| *group < groups) {
            Some(group) => number = Some((group, end)),
            None => break,
        }
    }
    match number {
        Some((group, end)) => (Some(group), &digits[end..]),
        None => (None, digits),
    }
}
