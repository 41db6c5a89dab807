//! Recognising a client that comes back: by the principal its authorizer named, else by the
//! credentials or query it connects with. A client without either is not recognised, so that two
//! strangers are never taken for one.

use std::fmt;

use gatepost_model::ApiId;
use sha2::{Digest, Sha256};

/// What identifies a client across its connections; a hash, so that no credential is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(u64);

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey(…)")
    }
}

impl ClientKey {
    /// The key with this number, as kept in the store.
    pub fn from_number(number: i64) -> Self {
        Self(number.cast_unsigned())
    }

    /// The number for the store.
    pub fn to_number(self) -> i64 {
        self.0.cast_signed()
    }

    /// The key of a client of `api_id`.
    pub fn of(
        api_id: &ApiId,
        principal_id: Option<&str>,
        headers: &[(String, String)],
        query: &[(String, String)],
    ) -> Option<Self> {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        add(api_id.as_str());
        if let Some(principal_id) = principal_id {
            add("principal");
            add(principal_id);
        } else {
            let credentials = headers
                .iter()
                .filter(|(name, _)| matches!(name.as_str(), "authorization" | "cookie"));
            let mut identified = false;
            for (name, value) in credentials.chain(query) {
                identified = true;
                add(name);
                add(value);
            }
            if !identified {
                return None;
            }
        }
        let digest = hash.finalize();
        let mut key = [0; 8];
        key.copy_from_slice(&digest[..8]);
        Some(Self(u64::from_le_bytes(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    #[test]
    fn a_client_is_recognised_by_principal_else_by_what_it_connects_with() {
        let api = ApiId::from("abcdef1234");
        let plain = pairs(&[("user-agent", "x")]);
        let token = pairs(&[("token", "a")]);
        assert_eq!(ClientKey::of(&api, None, &plain, &[]), None);
        assert_eq!(
            ClientKey::of(&api, Some("me"), &plain, &[]),
            ClientKey::of(&api, Some("me"), &[], &token)
        );
        assert_eq!(
            ClientKey::of(&api, None, &plain, &token),
            ClientKey::of(&api, None, &[], &token)
        );
        assert_ne!(
            ClientKey::of(&api, None, &[], &token),
            ClientKey::of(&api, None, &[], &pairs(&[("token", "b")]))
        );
    }
}
