//! Who calls: an IAM principal, as ARNs, policies and events name it.

use std::fmt;

use sha2::{Digest, Sha256};

/// An IAM principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    account_id: Box<str>,
    kind: PrincipalKind,
    user_id: Box<str>,
}

/// What kind of principal it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The account itself, which may do everything.
    Root,
    /// A user, by its name, perhaps with a path: `team/ann`.
    User(Box<str>),
    /// A session of a role.
    AssumedRole {
        /// The role's name.
        role: Box<str>,
        /// The session's name.
        session: Box<str>,
    },
}

impl Principal {
    /// The principal of this kind in an account of 12 digits. Its unique id is always the same, as
    /// nothing here keeps one.
    pub fn new(account_id: impl Into<Box<str>>, kind: PrincipalKind) -> Self {
        let account_id = account_id.into();
        let user_id = match &kind {
            PrincipalKind::Root => account_id.clone(),
            PrincipalKind::User(name) => {
                unique_id("AIDA", &format!("{account_id}:user/{name}")).into()
            }
            PrincipalKind::AssumedRole { role, session } => {
                let role = unique_id("AROA", &format!("{account_id}:role/{role}"));
                format!("{role}:{session}").into()
            }
        };
        Self {
            account_id,
            kind,
            user_id,
        }
    }

    /// The account, 12 digits.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The unique id: `AIDA…` of a user, `AROA…:{session}` of a role's session, the account's
    /// number of its root.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The user's name without its path; only users have one.
    pub fn user_name(&self) -> Option<&str> {
        match &self.kind {
            PrincipalKind::User(name) => name.rsplit('/').next(),
            PrincipalKind::Root | PrincipalKind::AssumedRole { .. } => None,
        }
    }

    /// `aws:PrincipalArn`: the principal that policies are attached to, so of a session its role.
    pub fn policy_arn(&self) -> String {
        match &self.kind {
            PrincipalKind::AssumedRole { role, .. } => {
                format!("arn:aws:iam::{}:role/{role}", self.account_id)
            }
            PrincipalKind::Root | PrincipalKind::User(_) => self.to_string(),
        }
    }

    /// `aws:PrincipalType`.
    pub fn principal_type(&self) -> &'static str {
        match self.kind {
            PrincipalKind::Root => "Account",
            PrincipalKind::User(_) => "User",
            PrincipalKind::AssumedRole { .. } => "AssumedRole",
        }
    }
}

/// The caller's ARN, as `GetCallerIdentity`, events and refusals have it.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account_id = &self.account_id;
        match &self.kind {
            PrincipalKind::Root => write!(f, "arn:aws:iam::{account_id}:root"),
            PrincipalKind::User(name) => write!(f, "arn:aws:iam::{account_id}:user/{name}"),
            PrincipalKind::AssumedRole { role, session } => {
                write!(f, "arn:aws:sts::{account_id}:assumed-role/{role}/{session}")
            }
        }
    }
}

/// A prefix and 17 letters and digits, as IAM's unique ids have.
fn unique_id(prefix: &str, of: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = Sha256::digest(of)
        .iter()
        .take(17)
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect::<String>();
    format!("{prefix}{letters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_named_as_in_iam() {
        let ann = Principal::new("123456789012", PrincipalKind::User("team/ann".into()));
        assert_eq!(ann.to_string(), "arn:aws:iam::123456789012:user/team/ann");
        assert_eq!(ann.user_name(), Some("ann"));
        assert!(ann.user_id().starts_with("AIDA") && ann.user_id().len() == 21);
        let function = Principal::new(
            "123456789012",
            PrincipalKind::AssumedRole {
                role: "chat".into(),
                session: "main".into(),
            },
        );
        assert_eq!(
            function.to_string(),
            "arn:aws:sts::123456789012:assumed-role/chat/main"
        );
        assert_eq!(function.policy_arn(), "arn:aws:iam::123456789012:role/chat");
        assert!(function.user_id().starts_with("AROA") && function.user_id().ends_with(":main"));
        let root = Principal::new("123456789012", PrincipalKind::Root);
        assert_eq!(root.to_string(), "arn:aws:iam::123456789012:root");
        assert_eq!(root.user_id(), "123456789012");
    }
}
