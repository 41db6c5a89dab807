//! Recognising a client that comes back: by the principal its authorizer named, else by the
//! credentials it connects with, or a query that says who it is. A client without any is not
//! recognised, so that two strangers are not taken for one.

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
            let identity = query.iter().filter(|(name, _)| is_identity(name));
            let mut identified = false;
            for (name, value) in credentials.chain(identity) {
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

/// Whether a query parameter names a client, and not what it wants: `userId` does, `room` is
/// shared by many.
fn is_identity(name: &str) -> bool {
    const WHO: [&str; 8] = [
        "user", "client", "session", "device", "player", "member", "account", "auth",
    ];
    let name = name.to_ascii_lowercase();
    let name = name.trim_start_matches("x-");
    matches!(name, "uid" | "sid" | "sub" | "jwt" | "email" | "ticket")
        || name.ends_with("token")
        || WHO.iter().any(|who| name.starts_with(who))
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

    #[test]
    fn a_query_that_strangers_share_recognises_nobody() {
        let api = ApiId::from("abcdef1234");
        let of = |query: &[(&str, &str)]| ClientKey::of(&api, None, &[], &pairs(query));
        assert_eq!(of(&[("room", "lobby"), ("v", "2")]), None);
        assert_eq!(
            of(&[("userId", "ann"), ("room", "lobby")]),
            of(&[("userId", "ann"), ("room", "hall")])
        );
        for name in ["userId", "user_id", "access_token", "Authorization", "sid"] {
            assert!(of(&[(name, "x")]).is_some(), "{name}");
        }
    }
}
