//! The key that signs for one day, region and service.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::TERMINATOR;

/// A secret access key, scoped to a day, a region and a service. Deriving it costs as much as a
/// signature; it may be kept for the day.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(****)")
    }
}

impl SigningKey {
    /// Derives the key for `day` (`yyyymmdd`).
    pub fn derive(secret_access_key: &str, day: &str, region: &str, service: &str) -> Self {
        let secret = format!("AWS4{secret_access_key}");
        let key = [day, region, service, TERMINATOR]
            .iter()
            .fold(keyed(secret.as_bytes()), |key, part| {
                keyed(&key.chain_update(part).finalize().into_bytes())
            });
        Self(key)
    }

    /// Whether `signature` signs `message`; takes the same time whatever differs.
    pub(super) fn is_signature_of(&self, message: &[u8], signature: &[u8; 32]) -> bool {
        self.0
            .clone()
            .chain_update(message)
            .verify(signature.into())
            .is_ok()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length")
}
