//! The credentials that a process signs with, as Lambda gives a function those of its role.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use gatepost_gateway::{auth::AccessKey, new_id::random_bytes};
use gatepost_model::{
    FunctionName,
    principal::{Principal, PrincipalKind},
    secret::Secret,
};
use gatepost_wire::iam_policy::Permissions;

/// A temporary access key of one process, good until the process ends.
#[derive(Debug)]
pub(super) struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub session_token: Secret,
}

impl Credentials {
    /// New ones, that nobody can guess.
    pub fn new() -> Self {
        Self {
            access_key_id: new_access_key_id(),
            secret_access_key: Secret::new(BASE64_STANDARD.encode(random_bytes::<30>())),
            session_token: Secret::new(BASE64_STANDARD.encode(random_bytes::<48>())),
        }
    }

    /// The key by which they are recognised: a session of the function's role.
    pub fn access_key(
        &self,
        account_id: &str,
        function: &FunctionName,
        permissions: &Arc<Permissions>,
    ) -> AccessKey {
        let session = PrincipalKind::AssumedRole {
            role: format!("{function}-role").into(),
            session: function.as_str().into(),
        };
        AccessKey::new(
            self.access_key_id.as_str(),
            self.secret_access_key.clone(),
            Some(self.session_token.clone()),
            Principal::new(account_id, session),
            Arc::clone(permissions),
        )
    }
}

/// The id of a temporary key: `ASIA` and 16 of `A-Z2-7`.
fn new_access_key_id() -> String {
    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    random_bytes::<16>()
        .iter()
        .map(|byte| char::from(BASE32[usize::from(byte & 31)]))
        .fold("ASIA".to_owned(), |mut id, c| {
            id.push(c);
            id
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_have_the_shape_of_aws_and_are_not_printed() {
        let credentials = Credentials::new();
        let id = &credentials.access_key_id;
        assert_eq!(id.len(), 20);
        assert!(id.starts_with("ASIA"));
        assert!(
            id.bytes()
                .all(|c| c.is_ascii_uppercase() || (b'2'..=b'7').contains(&c))
        );
        assert_eq!(credentials.secret_access_key.reveal().len(), 40);
        let printed = format!("{credentials:?}");
        assert!(!printed.contains(credentials.secret_access_key.reveal()));
        assert!(!printed.contains(credentials.session_token.reveal()));
    }
}
