//! Execution logs: what API Gateway writes of each request into CloudWatch Logs
//! (control-and-observability spec A).
//!
//! A request is kept as one compact [`Record`] of the [`Entry`]s that its stages wrote, and becomes
//! CloudWatch's lines only when somebody reads it.

mod entry;
mod lines;
mod mask;
mod record;

pub use entry::{Entry, Severity};
pub use lines::{Line, RecordedRequest, lines};
pub use mask::{
    Masked, mask_authorizer_result, mask_context, mask_handshake, mask_headers, mask_identity,
    mask_url,
};
pub use record::{Record, RecordError};

/// The greatest line, characters, before ` [TRUNCATED]`.
const MAX_LINE: usize = 1024;

/// As much of `text` as a line may show: the rest need not be kept.
pub fn shown(text: &str) -> &str {
    match text.char_indices().nth(MAX_LINE) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
