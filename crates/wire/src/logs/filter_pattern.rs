//! Filter patterns, by which `FilterLogEvents` picks events: terms, JSON selectors, space-delimited
//! fields and regular expressions (CloudWatch Logs User Guide, "Filter pattern syntax").

mod comparison;
mod cursor;
mod json;
mod regex;
mod space_delimited;
mod terms;

use self::{cursor::Cursor, json::JsonPattern, space_delimited::SpaceDelimited, terms::Terms};

/// The longest pattern, characters.
pub const MAX_CHARACTERS: usize = 1024;
/// Regular expressions in one pattern.
const MAX_REGEXES: usize = 2;
/// How deeply parentheses may nest.
const MAX_DEPTH: usize = 64;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct FilterPattern(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Terms(Terms),
    Json(JsonPattern),
    SpaceDelimited(SpaceDelimited),
}

/// Why a pattern is none, in AWS's words as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilterPattern {
    /// What needs double quotes stands without them, or cannot stand there at all.
    #[error("Invalid character(s) in term '{0}'")]
    Characters(String),
    /// `{` without its `}`, or `[` without its `]`.
    #[error("If a filter pattern starts with '{0}' it must end with '{1}'")]
    NotClosed(char, char),
    /// Anything else, with the mend.
    #[error("Invalid filter pattern: {0}")]
    Syntax(String),
}

impl InvalidFilterPattern {
    fn syntax(problem: impl Into<String>) -> Self {
        Self::Syntax(problem.into())
    }
}

impl FilterPattern {
    /// Compiles a pattern. One of nothing but blanks matches every event.
    pub fn parse(pattern: &str) -> Result<Self, InvalidFilterPattern> {
        let pattern = pattern.trim();
        if pattern.chars().nth(MAX_CHARACTERS).is_some() {
            let problem = format!("it has more than {MAX_CHARACTERS} characters");
            return Err(InvalidFilterPattern::Syntax(problem));
        }
        let inside = |open: char, close: char| {
            let inside = pattern.strip_prefix(open)?;
            let inside = inside.strip_suffix(close);
            Some(inside.ok_or(InvalidFilterPattern::NotClosed(open, close)))
        };
        let kind = if let Some(inside) = inside('{', '}') {
            Kind::Json(JsonPattern::parse(&mut Cursor::new(inside?))?)
        } else if let Some(inside) = inside('[', ']') {
            Kind::SpaceDelimited(SpaceDelimited::parse(&mut Cursor::new(inside?))?)
        } else {
            Kind::Terms(Terms::parse(&mut Cursor::new(pattern))?)
        };
        Ok(Self(kind))
    }

    /// Whether an event has what the pattern asks for.
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(pattern) => pattern.matches(message),
            Kind::SpaceDelimited(pattern) => pattern.matches(message),
        }
    }
}

#[cfg(test)]
mod tests;
