//! Java's regular expressions, which AWS has in templates, in `JSONPath` filters and in the keys of
//! integration responses.
//!
//! A pattern is translated into one that means the same here: `\d`, `\w` and `\s` are ASCII, `.`
//! and `$` know Java's line ends, `(?i)` folds ASCII only. What cannot be translated is refused,
//! so that no pattern ever means something else than in Java.

mod class;
mod translate;

use fancy_regex::{Captures, Regex, RegexBuilder};

use self::translate::Translated;

/// The longest pattern, bytes.
const MAX_PATTERN_BYTES: usize = 4096;
/// The size of a compiled pattern, bytes.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;
/// How often one search may go back and try again.
const MAX_BACKTRACKS: usize = 100_000;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct JavaRegex {
    regex: Regex,
    /// Whether a search may go back and try again, which takes much longer.
    backtracks: bool,
}

/// Why a pattern cannot be used, or a search did not end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JavaRegexError {
    /// The pattern breaks Java's grammar.
    #[error("the pattern `{pattern}` is no regular expression: {problem}")]
    Syntax {
        /// The whole pattern.
        pattern: String,
        /// What is wrong.
        problem: String,
    },
    /// The pattern has what is not supported.
    #[error("the pattern `{pattern}` has {what}, which is not supported; write it another way")]
    NotSupported {
        /// The whole pattern.
        pattern: String,
        /// What is not supported.
        what: String,
    },
    /// The pattern is too long or too complex.
    #[error("the pattern is too large: at most {MAX_PATTERN_BYTES} bytes, moderately repeated")]
    TooLarge,
    /// A search took too long.
    #[error("the pattern takes too long on this text; make it less ambiguous")]
    TooSlow,
}

impl JavaRegex {
    /// A pattern that is searched for, as by `String.replaceAll` and `split`.
    pub fn new(pattern: &str) -> Result<Self, JavaRegexError> {
        Self::build(pattern, &translate::translate(pattern)?)
    }

    /// A pattern that a whole text must match, as in `String.matches`.
    pub fn whole(pattern: &str) -> Result<Self, JavaRegexError> {
        let mut translated = translate::translate(pattern)?;
        translated.pattern = format!(r"\A(?:{})\z", translated.pattern);
        Self::build(pattern, &translated)
    }

    fn build(pattern: &str, translated: &Translated) -> Result<Self, JavaRegexError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(JavaRegexError::TooLarge);
        }
        let regex = RegexBuilder::new(&translated.pattern)
            .backtrack_limit(MAX_BACKTRACKS)
            .delegate_size_limit(MAX_COMPILED_BYTES)
            .delegate_dfa_size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| match error {
                fancy_regex::Error::ParseError(_, problem) => JavaRegexError::NotSupported {
                    pattern: pattern.to_owned(),
                    what: format!("something that cannot be translated ({problem})"),
                },
                _ => JavaRegexError::TooLarge,
            })?;
        Ok(Self {
            regex,
            backtracks: translated.backtracks,
        })
    }

    /// Whether the pattern matches: anywhere, or the whole text for [`Self::whole`].
    pub fn is_match(&self, text: &str) -> Result<bool, JavaRegexError> {
        self.regex
            .is_match(text)
            .map_err(|_| JavaRegexError::TooSlow)
    }

    /// The next match at or behind the byte `from`.
    pub fn captures_from<'t>(
        &self,
        text: &'t str,
        from: usize,
    ) -> Result<Option<Captures<'t, str>>, JavaRegexError> {
        self.regex
            .captures_from_pos(text, from)
            .map_err(|_| JavaRegexError::TooSlow)
    }

    /// What one search of a text of `length` bytes costs, in steps of a template.
    pub fn cost(&self, length: usize) -> usize {
        length / 128 + if self.backtracks { 2000 } else { 4 }
    }
}

#[cfg(test)]
mod tests;
