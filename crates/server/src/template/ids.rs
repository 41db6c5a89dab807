//! Identifiers that stay the same from run to run: derived from stack and logical id.

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
    let hex: String = digest(stack, "")
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    );
    format!("{a}-{b}-{c}-{d}-{e}")
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
