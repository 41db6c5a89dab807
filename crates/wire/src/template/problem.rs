//! What goes wrong while a template is rendered.

use crate::expression::java_regex::JavaRegexError;

/// The greatest rendered text, bytes: Lambda's greatest synchronous payload.
pub(super) const MAX_OUTPUT_BYTES: usize = 6 * 1024 * 1024;

/// Why a template does not render.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// What is rendered is too long.
    #[error("the template renders to more than {MAX_OUTPUT_BYTES} bytes")]
    OutputTooLong,
    /// Loops, texts and printing ask for too much.
    #[error("the template takes too many steps; let it loop or copy less")]
    TooManySteps,
    /// Texts, lists and maps are too large.
    #[error("the template's values take too much memory; let it copy less")]
    TooMuchMemory,
    /// Macros call each other, or values hold each other, without end.
    #[error("the template goes too deep; let its macros and values nest less")]
    TooDeep,
    /// `$input.json` and `$input.path` of a body that is not JSON.
    #[error("Could not parse request body into json: {0}")]
    BodyIsNotJson(String),
    /// A method that fails as it does on AWS.
    #[error("`{method}` failed: {reason}")]
    Method {
        /// The method.
        method: String,
        /// Why it failed.
        reason: String,
    },
    /// A method of Java's that is not there.
    #[error("`{0}` is a method of Java's that is not supported here")]
    NotSupported(String),
}

impl Problem {
    pub(super) fn method(method: &str, reason: impl Into<String>) -> Self {
        Self::Method {
            method: method.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn of_regex(method: &str, error: &JavaRegexError) -> Self {
        Self::method(method, error.to_string())
    }
}
