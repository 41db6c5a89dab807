//! A reading position in a template's source, and the errors that name it.

use super::{TemplateError, syntax::Place};

/// A reading position. Copies are bookmarks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'s> {
    source: &'s str,
    offset: usize,
    /// Where the source stands, when it is a text within another one.
    origin: Option<Origin<'s>>,
}

/// The template that a text with doubled quotes or `\u` stands in.
#[derive(Debug, Clone, Copy)]
struct Origin<'s> {
    source: &'s str,
    offset: usize,
}

impl<'s> Cursor<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self {
            source,
            offset: 0,
            origin: None,
        }
    }

    /// A cursor over what was read since `earlier` only.
    pub(super) fn within(self, earlier: Self) -> Self {
        Self {
            source: &self.source[..self.offset],
            ..earlier
        }
    }

    /// A cursor over a text that was made of what begins at `self`: all its places are that one.
    pub(super) fn over<'t>(self, text: &'t str) -> Cursor<'t>
    where
        's: 't,
    {
        let origin = self.origin.unwrap_or(Origin {
            source: self.source,
            offset: self.offset,
        });
        Cursor {
            source: text,
            offset: 0,
            origin: Some(origin),
        }
    }

    /// What is still to be read.
    pub(super) fn rest(&self) -> &'s str {
        &self.source[self.offset..]
    }

    /// What was read since `earlier`.
    pub(super) fn since(&self, earlier: Self) -> &'s str {
        &self.source[earlier.offset..self.offset]
    }

    /// The place in the template.
    pub(super) fn place(&self) -> Place {
        let offset = self.origin.map_or(self.offset, |origin| origin.offset);
        // A template has 300 KB at most.
        Place::try_from(offset).unwrap_or(Place::MAX)
    }

    /// Refuses what begins here.
    pub(super) fn syntax(&self, problem: impl Into<String>) -> TemplateError {
        let source = self.origin.map_or(self.source, |origin| origin.source);
        let (line, column) = line_and_column(source, self.place());
        TemplateError::Syntax {
            problem: problem.into(),
            line,
            column,
        }
    }

    /// Reads `token` if it comes next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let comes = self.rest().starts_with(token);
        if comes {
            self.offset += token.len();
        }
        comes
    }

    /// Reads the word `word` if it comes next and does not go on.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let comes = self
            .rest()
            .strip_prefix(word)
            .is_some_and(|after| !after.starts_with(is_word));
        if comes {
            self.offset += word.len();
        }
        comes
    }

    /// Reads as long as `is_part`.
    pub(super) fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let part = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        self.offset += part.len();
        part
    }

    /// Reads up to `token` and the token, if there is one.
    pub(super) fn take_before(&mut self, token: &str) -> Option<&'s str> {
        let (text, _) = self.rest().split_once(token)?;
        self.offset += text.len() + token.len();
        Some(text)
    }

    /// Reads a Velocity identifier: a letter or `_`, then letters, digits, `_` and `-`.
    pub(super) fn take_identifier(&mut self) -> Option<&'s str> {
        if !self
            .rest()
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        {
            return None;
        }
        Some(self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'))
    }

    /// Reads a line's end, if one comes next.
    pub(super) fn take_line_end(&mut self) -> bool {
        self.take("\r\n") || self.take("\n") || self.take("\r")
    }

    /// Reads the rest of a line that has nothing but spaces, as directives do.
    pub(super) fn take_blank_line_end(&mut self) {
        let mut ahead = *self;
        ahead.take_while(|c| c == ' ' || c == '\t');
        if ahead.take_line_end() {
            *self = ahead;
        }
    }

    pub(super) fn skip_spaces(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }
}

/// The line, from 1, and the column in characters, from 1, of a place.
pub(super) fn line_and_column(source: &str, place: Place) -> (usize, usize) {
    let before = source.get(..place as usize).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        1 + before.matches('\n').count(),
        1 + before[line_start..].chars().count(),
    )
}
