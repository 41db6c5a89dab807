//! What was found, gathered while the checks run.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use super::{slug::Slug, trace::Place};
use crate::template::document::Position;

/// A mistake, where it is, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, as it may be opened.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u32,
    /// What kind of mistake it is.
    pub slug: Slug,
    /// What is there.
    pub message: String,
    /// What to do.
    pub mend: String,
}

/// Findings while they are gathered.
#[derive(Debug)]
pub(super) struct Findings {
    template: PathBuf,
    found: RefCell<Vec<Finding>>,
}

impl Findings {
    pub(super) fn new(template: &Path) -> Self {
        Self {
            template: template.to_owned(),
            found: RefCell::default(),
        }
    }

    /// A mistake in the template.
    pub(super) fn template(
        &self,
        slug: Slug,
        at: Position,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.push(Finding {
            file: self.template.clone(),
            line: at.line,
            slug,
            message: message.into(),
            mend: mend.into(),
        });
    }

    /// A mistake in source.
    pub(super) fn source(
        &self,
        slug: Slug,
        at: &Place,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.push(Finding {
            file: at.file.path.clone(),
            line: at.file.first_line + at.line,
            slug,
            message: message.into(),
            mend: mend.into(),
        });
    }

    /// One mistake is told of once, however many ways lead to it.
    fn push(&self, finding: Finding) {
        let mut found = self.found.borrow_mut();
        let is_known = found.iter().any(|other| {
            (&other.file, other.line, other.slug) == (&finding.file, finding.line, finding.slug)
                && (other.message == finding.message || finding.file != self.template)
        });
        if !is_known {
            found.push(finding);
        }
    }

    pub(super) fn has(&self, at: Position) -> bool {
        let found = self.found.borrow();
        found
            .iter()
            .any(|finding| finding.file == self.template && finding.line == at.line)
    }

    pub(super) fn into_sorted(self) -> Vec<Finding> {
        let mut found = self.found.into_inner();
        found.sort();
        found
    }
}
