//! Regular expressions of filter patterns: a small dialect, without groups.

use super::InvalidFilterPattern;
use crate::expression::java_regex::JavaRegex;

/// An expression that is looked for anywhere in a text. It has no groups, no look-around and no
/// references, so a search takes steps in proportion to the text.
#[derive(Debug, Clone)]
pub(super) struct FilterRegex(JavaRegex);

impl FilterRegex {
    pub(super) fn parse(source: &str) -> Result<Self, InvalidFilterPattern> {
        let is_supported =
            |c: char| c.is_ascii_alphanumeric() || r":_#=@/;,-^$?[]{}|\*+.".contains(c);
        if let Some(c) = source.chars().find(|c| !is_supported(*c)) {
            return Err(InvalidFilterPattern::Characters(c.to_string()));
        }
        let mut characters = source.chars();
        while let Some(c) = characters.next() {
            if c == '\\' {
                let escaped = characters.next().unwrap_or('\\');
                if escaped.is_ascii_alphanumeric() && !"dDsSwWx".contains(escaped) {
                    let term = format!("\\{escaped}");
                    return Err(InvalidFilterPattern::Characters(term));
                }
            }
        }
        if source.is_empty() {
            return Err(InvalidFilterPattern::syntax(
                "a regular expression is empty",
            ));
        }
        let regex = JavaRegex::new(source);
        regex
            .map(Self)
            .map_err(|error| InvalidFilterPattern::Syntax(error.to_string()))
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text).unwrap_or(false)
    }
}
