//! A place in a template's source, and the errors that name it.

use super::TemplateError;

/// A reading position. Copies are bookmarks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'s> {
    source: &'s str,
    offset: usize,
}

impl<'s> Cursor<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, offset: 0 }
    }

    /// What is still to be read.
    pub(super) fn rest(&self) -> &'s str {
        &self.source[self.offset..]
    }

    /// What was read since `earlier`.
    pub(super) fn since(&self, earlier: Self) -> &'s str {
        &self.source[earlier.offset..self.offset]
    }

    /// Refuses what stands between here and `end`.
    pub(super) fn not_yet(&self, end: Self) -> TemplateError {
        let (line, column) = self.line_and_column();
        TemplateError::NotYet {
            what: end.since(*self).to_owned(),
            line,
            column,
        }
    }

    /// Refuses what begins here.
    pub(super) fn syntax(&self, problem: impl Into<String>) -> TemplateError {
        let (line, column) = self.line_and_column();
        TemplateError::Syntax {
            problem: problem.into(),
            line,
            column,
        }
    }

    fn line_and_column(&self) -> (usize, usize) {
        let before = &self.source[..self.offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            1 + before.matches('\n').count(),
            1 + before[line_start..].chars().count(),
        )
    }

    /// Reads `token` if it comes next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let comes = self.rest().starts_with(token);
        if comes {
            self.offset += token.len();
        }
        comes
    }

    /// Reads up to the next of `stops`, or to the end.
    pub(super) fn take_until(&mut self, stops: &[char]) -> &'s str {
        let rest = self.rest();
        let text = &rest[..rest.find(stops).unwrap_or(rest.len())];
        self.offset += text.len();
        text
    }

    /// Reads up to `token` and the token, if there is one.
    pub(super) fn take_before(&mut self, token: &str) -> Option<&'s str> {
        let (text, _) = self.rest().split_once(token)?;
        self.offset += text.len() + token.len();
        Some(text)
    }

    /// Reads a Velocity identifier: a letter or `_`, then letters, digits, `_` and `-`.
    pub(super) fn take_identifier(&mut self) -> Option<&'s str> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        let is_outside = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
        let identifier = &rest[..rest.find(is_outside).unwrap_or(rest.len())];
        self.offset += identifier.len();
        Some(identifier)
    }

    pub(super) fn skip_spaces(&mut self) {
        self.offset = self.source.len() - self.rest().trim_start().len();
    }
}
