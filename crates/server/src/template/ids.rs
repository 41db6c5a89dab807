//! Identifiers that stay the same from run to run: derived from stack and logical id.

use std::fmt::Write;

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// `length` lower-case letters and digits, of at most 32.
pub(super) fn derived(stack: &str, logical_id: &str, length: usize) -> String {
    digest(stack, logical_id)
        .iter()
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// The unique part of a stack's ARN.
pub(super) fn derived_uuid(stack: &str) -> String {
    let mut uuid = String::with_capacity(36);
    for (index, byte) in digest(stack, "").iter().take(16).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(uuid, "{byte:02x}");
    }
    uuid
}

fn digest(stack: &str, logical_id: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(stack);
    // A character that neither name can hold keeps `a` + `bc` apart from `ab` + `c`.
    hash.update([0]);
    hash.update(logical_id);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_stable_and_differs_by_stack_and_logical_id() {
        let id = derived("chat", "Api", 10);
        assert_eq!(id.len(), 10);
        assert!(
            id.bytes()
                .all(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
        );
        assert_eq!(id, derived("chat", "Api", 10));
        assert_ne!(id, derived("chat2", "Api", 10));
        assert_ne!(derived("a", "bc", 10), derived("ab", "c", 10));
        assert_eq!(derived_uuid("chat").len(), 36);
    }
}
