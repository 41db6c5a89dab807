//! Java's regular expressions, which AWS has in templates, in `JSONPath` filters and in the keys of
//! integration responses.
//!
//! A pattern is translated into one that means the same here: `\d`, `\w` and `\s` are ASCII, `.`
//! and `$` know Java's line ends, `(?i)` folds ASCII only. What cannot be translated is refused,
//! so that no pattern ever means something else than in Java.

mod class;
mod translate;

use std::ops::Range;

use fancy_regex::{Captures, Regex, RegexBuilder};

use self::translate::{LineEnds, Translated};

/// The longest pattern, bytes.
const MAX_PATTERN_BYTES: usize = 4096;
/// The size of a compiled pattern, bytes.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;
/// How often one search may go back and try again.
const MAX_BACKTRACKS: usize = 100_000;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct JavaRegex {
    usual: Compiled,
    /// For texts that end with `\r\n`, where the usual one takes a `$` too easily.
    before_crlf: Option<Box<Compiled>>,
}

#[derive(Debug, Clone)]
struct Compiled {
    regex: Regex,
    /// The groups of the pattern among those of the translation.
    groups: Vec<usize>,
    /// Groups that stand where a `$` does: a match ends there.
    ends: Vec<usize>,
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

/// A match.
#[derive(Debug)]
pub struct Match<'r, 't> {
    text: &'t str,
    captures: Captures<'t, str>,
    compiled: &'r Compiled,
    /// Where it is, in bytes.
    pub range: Range<usize>,
}

impl<'t> Match<'_, 't> {
    /// How many groups the pattern has, with the whole match.
    pub fn group_count(&self) -> usize {
        self.compiled.groups.len()
    }

    /// What a group matched: nothing when it took no part, or is none.
    pub fn group(&self, index: usize) -> &'t str {
        if index == 0 {
            return &self.text[self.range.clone()];
        }
        let group = self.compiled.groups.get(index);
        let found = group.and_then(|group| self.captures.get(*group));
        found.map_or("", |found| found.as_str())
    }

    /// What the group of this name matched; `None` when there is none of that name.
    pub fn named(&self, name: &str) -> Option<&'t str> {
        let mut names = self.compiled.regex.capture_names();
        names.any(|known| known == Some(name)).then(|| {
            let found = self.captures.name(name);
            found.map_or("", |found| found.as_str())
        })
    }
}

impl JavaRegex {
    /// A pattern that is searched for, as by `String.replaceAll` and `split`.
    pub fn new(pattern: &str) -> Result<Self, JavaRegexError> {
        let usual = Compiled::new(pattern, LineEnds::Consumed)?;
        let before_crlf = if usual.ends.is_empty() {
            None
        } else {
            Some(Box::new(Compiled::new(pattern, LineEnds::LookedAt)?))
        };
        Ok(Self { usual, before_crlf })
    }

    /// A pattern that a whole text must match, as in `String.matches`.
    pub fn whole(pattern: &str) -> Result<Self, JavaRegexError> {
        let usual = Compiled::new(pattern, LineEnds::Whole)?;
        Ok(Self {
            usual,
            before_crlf: None,
        })
    }

    fn compiled(&self, text: &str) -> &Compiled {
        match &self.before_crlf {
            Some(before_crlf) if text.ends_with("\r\n") => before_crlf,
            _ => &self.usual,
        }
    }

    /// Whether the pattern matches: anywhere, or the whole text for [`Self::whole`].
    pub fn is_match(&self, text: &str) -> Result<bool, JavaRegexError> {
        self.compiled(text)
            .regex
            .is_match(text)
            .map_err(|_| JavaRegexError::TooSlow)
    }

    /// How many groups the pattern has, with the whole match.
    pub fn group_count(&self) -> usize {
        self.usual.groups.len()
    }

    /// The next match at or behind the byte `from`.
    pub fn find_from<'t>(
        &self,
        text: &'t str,
        from: usize,
    ) -> Result<Option<Match<'_, 't>>, JavaRegexError> {
        let compiled = self.compiled(text);
        let captures = compiled
            .regex
            .captures_from_pos(text, from)
            .map_err(|_| JavaRegexError::TooSlow)?;
        Ok(captures.and_then(|captures| {
            let whole = captures.get(0)?;
            let mut ends = compiled.ends.iter();
            let end = ends.find_map(|group| captures.get(*group));
            let range = whole.start()..end.map_or(whole.end(), |end| end.start());
            Some(Match {
                text,
                captures,
                compiled,
                range,
            })
        }))
    }

    /// What a search costs that had `remaining` bytes before it and found the end of its match
    /// behind `scanned` of them, in steps of a template. Patterns that may go back are dear, since
    /// they may look at what remains again from each byte.
    pub fn cost(&self, scanned: usize, remaining: usize) -> usize {
        if self.usual.backtracks {
            2000 + scanned.saturating_mul(remaining) / 2000
        } else {
            4 + scanned / 128 + remaining / 384
        }
    }
}

impl Compiled {
    fn new(pattern: &str, line_ends: LineEnds) -> Result<Self, JavaRegexError> {
        let Translated {
            pattern: translated,
            groups,
            ends,
            backtracks,
        } = translate::translate(pattern, line_ends)?;
        let regex = RegexBuilder::new(&translated)
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
            groups,
            ends,
            backtracks,
        })
    }
}

#[cfg(test)]
mod tests;
