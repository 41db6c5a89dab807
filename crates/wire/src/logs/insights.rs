//! CloudWatch Logs Insights: the query language, and how a query is carried out over events
//! (CloudWatch Logs User Guide, "Logs Insights query syntax").
//!
//! ```text
//! filter @type = "REPORT" | stats avg(@duration), pct(@duration, 95) by bin(5m)
//! ```

mod aggregate;
mod event;
mod execution;
mod expression;
mod extraction;
mod function;
mod lexer;
mod parser;
mod period;
mod query;
mod value;

pub use event::{Event, Pointer};
pub use execution::{Bounds, Execution, Outcome, TooMuch};
pub use query::Query;

/// The longest query, characters.
pub const MAX_CHARACTERS: usize = 10_000;

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MalformedQuery {
    /// What is wrong.
    pub message: String,
    /// Where what is wrong begins, in characters.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

#[cfg(test)]
mod tests;
