//! What is wrong in a template, where, and how it is mended.

use std::{
    cell::RefCell,
    fmt,
    path::{Path, PathBuf},
};

use super::document::Position;

/// One fault or warning: `template.yaml:31: what; mend`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do; empty when the message says it.
    pub mend: String,
    /// Whose fault it is.
    pub kind: DiagnosticKind,
}

/// Whose fault it is that a template cannot be loaded, or does not do what its author expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiagnosticKind {
    /// The template's: AWS refuses it too, or it cannot do what its author expects.
    Template,
    /// Gatepost's: it works on AWS, and is not built here yet.
    NotYet,
    /// This machine's or Gatepost's way: it is otherwise on AWS.
    NotHere,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}

/// Everything that is wrong in a template, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateErrors(pub Vec<Diagnostic>);

impl fmt::Display for TemplateErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TemplateErrors {}

/// Collects faults and warnings while a template is read, so that all are told at once.
#[derive(Debug)]
pub(super) struct Diagnostics {
    file: PathBuf,
    errors: RefCell<Vec<Diagnostic>>,
    warnings: RefCell<Vec<Diagnostic>>,
}

impl Diagnostics {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            errors: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// Records what the template cannot be loaded with.
    pub(super) fn error(&self, at: Position, message: impl Into<String>, mend: impl Into<String>) {
        self.error_of(DiagnosticKind::Template, at, message, mend);
    }

    /// Records an error that is not the template's own fault.
    pub(super) fn error_of(
        &self,
        kind: DiagnosticKind,
        at: Position,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        let diagnostic = self.diagnostic(kind, at, message.into(), mend.into());
        push_new(&mut self.errors.borrow_mut(), diagnostic);
    }

    /// Refuses something that works on AWS.
    pub(super) fn not_yet(&self, at: Position, what: &str, mend: &str) {
        let message = format!("{what} is not there yet in Gatepost");
        self.error_of(DiagnosticKind::NotYet, at, message, mend);
    }

    /// Records what loads, but may not do here what its author expects.
    pub(super) fn warn(&self, at: Position, message: impl Into<String>, mend: impl Into<String>) {
        self.warn_of(DiagnosticKind::NotHere, at, message, mend);
    }

    /// Records what AWS takes, and what does not do there either what its author expects.
    pub(super) fn warn_on_aws_too(
        &self,
        at: Position,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.warn_of(DiagnosticKind::Template, at, message, mend);
    }

    fn warn_of(
        &self,
        kind: DiagnosticKind,
        at: Position,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        let diagnostic = self.diagnostic(kind, at, message.into(), mend.into());
        push_new(&mut self.warnings.borrow_mut(), diagnostic);
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.borrow().is_empty()
    }

    /// `value`, with the warnings, unless something was wrong.
    pub(super) fn finish<T>(self, value: T) -> Result<(T, Vec<Diagnostic>), TemplateErrors> {
        let (errors, warnings) = self.into_parts();
        if errors.is_empty() {
            Ok((value, warnings))
        } else {
            Err(TemplateErrors(errors))
        }
    }

    /// The errors and the warnings.
    pub(super) fn into_parts(self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        let (mut errors, mut warnings) = (self.errors.into_inner(), self.warnings.into_inner());
        errors.sort();
        warnings.sort();
        (errors, warnings)
    }

    fn diagnostic(
        &self,
        kind: DiagnosticKind,
        at: Position,
        message: String,
        mend: String,
    ) -> Diagnostic {
        Diagnostic {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            message,
            mend,
            kind,
        }
    }
}

/// A value that is evaluated twice (a name, then with all properties) is told of once.
fn push_new(list: &mut Vec<Diagnostic>, diagnostic: Diagnostic) {
    if !list.contains(&diagnostic) {
        list.push(diagnostic);
    }
}

/// The mend for an unknown word: the known one that was probably meant, else `otherwise`.
pub(super) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= (word.len() / 3).clamp(1, 4))
        .map_or_else(
            || otherwise.to_owned(),
            |(_, candidate)| format!("did you mean `{candidate}`?"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_reads_file_line_what_and_mend() {
        let diagnostics = Diagnostics::new(Path::new("template.yaml"));
        let at = Position {
            line: 31,
            column: 7,
        };
        diagnostics.error(at, "no such thing", "make it");
        diagnostics.error(at, "no such thing", "make it");
        diagnostics.error(Position { line: 2, column: 1 }, "first", "");
        let errors = diagnostics.finish(()).unwrap_err();
        assert_eq!(
            errors.to_string(),
            "template.yaml:2: first\ntemplate.yaml:31: no such thing; make it"
        );
    }

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["RouteKey", "Target"];
        assert_eq!(
            did_you_mean("Routekey", known, ""),
            "did you mean `RouteKey`?"
        );
        assert_eq!(did_you_mean("Tarlet", known, ""), "did you mean `Target`?");
        assert_eq!(did_you_mean("Colour", known, "remove it"), "remove it");
    }
}
