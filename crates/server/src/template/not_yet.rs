//! What Gatepost does not do yet is refused by name and place: a protected API is never served
//! open, and a feature is never silently ignored.

use super::{
    diagnostic::{DiagnosticKind, Diagnostics},
    document::Position,
};

impl Diagnostics {
    /// Refuses something that works on AWS.
    pub(super) fn not_yet(&self, at: Position, what: &str, mend: &str) {
        let message = format!("{what} is not there yet in Gatepost");
        self.error_of(DiagnosticKind::NotYet, at, message, mend);
    }
}
