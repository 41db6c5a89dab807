//! Connection ids: AWS's current shape (20 characters, base64url of 13 bytes), unguessable, and
//! telling without a lookup that they were issued here and for which API.
//!
//! Layout of the 13 bytes: 7 random, 2 the node, 4 of HMAC-SHA-256 over both and the API id.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{ApiId, RequestId, connection::InvalidConnectionId};

/// `connectionId`. That one exists says only that it is well-formed; see [`ConnectionIdKey`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId([u8; 13]);

impl ConnectionId {
    /// Length of the text form.
    pub const TEXT_LENGTH: usize = 20;

    /// The id with these bytes, as kept in a store.
    pub fn from_bytes(bytes: [u8; 13]) -> Self {
        Self(bytes)
    }

    /// The 13 bytes.
    pub fn as_bytes(&self) -> &[u8; 13] {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::TEXT_LENGTH];
        // 13 bytes are 20 characters: neither the length nor the alphabet can fail.
        let _ = URL_SAFE.encode_slice(self.0, &mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    /// Parses the text form: the decoded path segment of an `@connections` request.
    fn from_str(text: &str) -> Result<Self, InvalidConnectionId> {
        let is_id_character = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if text.len() == Self::TEXT_LENGTH {
            let mut bytes = [0; 13];
            return match URL_SAFE.decode_slice(text, &mut bytes) {
                Ok(13) => Ok(Self(bytes)),
                _ => Err(InvalidConnectionId::Malformed),
            };
        }
        if text.contains("%3D") || text.contains("%3d") {
            return Err(InvalidConnectionId::DoubleEncoded);
        }
        let body = text.trim_end_matches('=');
        let looks_cut = (12..=18).contains(&body.len())
            && text.len() < Self::TEXT_LENGTH
            && !(text.len() == 16 && text.ends_with('='))
            && body.bytes().all(is_id_character);
        Err(if looks_cut {
            InvalidConnectionId::Cut
        } else {
            InvalidConnectionId::Malformed
        })
    }
}

/// The key with which ids are issued and recognised. Kept in the store, so that the ids of an
/// earlier run stay `410` and do not become `400`.
#[derive(Clone)]
pub struct ConnectionIdKey([u8; 32]);

impl fmt::Debug for ConnectionIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionIdKey(****)")
    }
}

impl ConnectionIdKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Issues an id for a connection of `api_id` on `node`; `random` must be unpredictable.
    pub fn issue(&self, api_id: &ApiId, node: u16, random: [u8; 7]) -> ConnectionId {
        let mut bytes = [0; 13];
        bytes[..7].copy_from_slice(&random);
        bytes[7..9].copy_from_slice(&node.to_be_bytes());
        let tag = self.tag(&bytes[..9], api_id);
        bytes[9..].copy_from_slice(&tag);
        ConnectionId(bytes)
    }

    /// Whether `id` was issued with this key for `api_id`.
    pub fn is_issued_for(&self, id: &ConnectionId, api_id: &ApiId) -> bool {
        let difference = self
            .tag(&id.0[..9], api_id)
            .iter()
            .zip(&id.0[9..])
            .fold(0, |difference, (ours, theirs)| difference | (ours ^ theirs));
        difference == 0
    }

    /// `requestId` of the `$disconnect` event of a connection: always the same, so that a backend
    /// knows a redelivery, and nothing need keep it. 16 characters, base64url of 11 bytes.
    pub fn disconnect_request_id(&self, id: &ConnectionId) -> RequestId {
        let tag = self.mac(&[b"$disconnect", &id.0]);
        RequestId::new(URL_SAFE.encode(&tag[..11]))
    }

    fn tag(&self, message: &[u8], api_id: &ApiId) -> [u8; 4] {
        let tag = self.mac(&[message, api_id.as_str().as_bytes()]);
        [tag[0], tag[1], tag[2], tag[3]]
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC pads a short key with zeros to its block size.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ConnectionIdKey {
        ConnectionIdKey::new([7; 32])
    }

    #[test]
    fn an_issued_id_has_the_current_shape_and_is_recognised_for_its_api_only() {
        let api = ApiId::from("abcdef1234");
        let id = key().issue(&api, 1, [1, 2, 3, 4, 5, 6, 7]);
        let text = id.to_string();
        assert_eq!(text.len(), 20);
        assert!(text.ends_with("=="));
        assert_eq!(text.parse(), Ok(id));
        assert!(key().is_issued_for(&id, &api));
        assert!(!key().is_issued_for(&id, &ApiId::from("zzzzzz1234")));
        assert!(!ConnectionIdKey::new([8; 32]).is_issued_for(&id, &api));
    }

    #[test]
    fn a_disconnect_has_one_request_id_which_nobody_guesses() {
        let api = ApiId::from("abcdef1234");
        let [one, other] = [1, 2].map(|n| key().issue(&api, 1, [n; 7]));
        let request_id = key().disconnect_request_id(&one);
        assert_eq!(request_id, key().disconnect_request_id(&one));
        assert_ne!(request_id, key().disconnect_request_id(&other));
        assert_ne!(
            request_id,
            ConnectionIdKey::new([8; 32]).disconnect_request_id(&one)
        );
        assert_eq!(request_id.as_str().len(), 16);
        assert!(request_id.as_str().ends_with('='));
    }

    #[test]
    fn malformed_ids_say_how() {
        use InvalidConnectionId::{Cut, DoubleEncoded, Malformed};
        for (text, expected) in [
            ("nope", Malformed),
            ("", Malformed),
            ("WDGT8fY4joECJrQ=", Malformed),
            ("gbgBH8-ydQAYKEjZQA", Cut),
            ("gbgBH8-ydQAYKEjZQA=", Cut),
            ("gbgBH8-ydQAYKEjZQA%3D%3D", DoubleEncoded),
            ("gbgBH8-ydQAYKEjZQB==", Malformed),
            ("gbgBH8+ydQAYKEjZQA==", Malformed),
            ("WDGT8fY4joECJrQ=test", Malformed),
        ] {
            assert_eq!(text.parse::<ConnectionId>(), Err(expected), "{text}");
        }
    }
}
