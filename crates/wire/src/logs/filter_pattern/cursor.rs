//! A place in a pattern, and the pieces that all kinds of patterns have.

use super::{InvalidFilterPattern, MAX_REGEXES, regex::FilterRegex};

/// What is left of a pattern.
pub(super) struct Cursor<'p> {
    rest: &'p str,
    regexes: usize,
}

impl<'p> Cursor<'p> {
    pub(super) const fn new(pattern: &'p str) -> Self {
        Self {
            rest: pattern,
            regexes: 0,
        }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Passes a text, if it stands here.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let behind = self.rest.strip_prefix(text);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    /// Passes a word, if it stands here alone.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let Some(behind) = self.rest.strip_prefix(word) else {
            return false;
        };
        let ends = !behind.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if ends {
            self.rest = behind;
        }
        ends
    }

    /// Passes characters of a kind.
    pub(super) fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> &'p str {
        let end = self.rest.find(|c| !is_wanted(c));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// A text in double quotes, in which `\"` and `\\` stand for the second of their characters.
    pub(super) fn quoted(&mut self) -> Result<Option<String>, InvalidFilterPattern> {
        let Some(inside) = self.rest.strip_prefix('"') else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut characters = inside.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = &inside[at + 1..];
                    return Ok(Some(text));
                }
                '\\' if inside[at + 1..].starts_with(['"', '\\']) => {
                    text.extend(characters.next().map(|(_, escaped)| escaped));
                }
                c => text.push(c),
            }
        }
        Err(InvalidFilterPattern::syntax(
            "a double quotation mark is not closed",
        ))
    }

    /// A regular expression between two `%`.
    pub(super) fn regex(&mut self) -> Result<Option<FilterRegex>, InvalidFilterPattern> {
        let Some(inside) = self.rest.strip_prefix('%') else {
            return Ok(None);
        };
        let Some((source, behind)) = inside.split_once('%') else {
            return Err(InvalidFilterPattern::syntax("a `%` is not closed"));
        };
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            let problem = format!("it has more than {MAX_REGEXES} regular expressions");
            return Err(InvalidFilterPattern::Syntax(problem));
        }
        self.rest = behind;
        FilterRegex::parse(source).map(Some)
    }

    /// That what stands here is not allowed without double quotes.
    pub(super) fn invalid_character(&self) -> InvalidFilterPattern {
        match self.peek() {
            Some(c) => InvalidFilterPattern::Characters(c.to_string()),
            None => InvalidFilterPattern::syntax("it ends too early"),
        }
    }
}
