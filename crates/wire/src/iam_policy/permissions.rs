//! What a principal may do: all its policies together.

use std::fmt;

use serde_json::json;

use super::{AuthorizationRequest, Policy, PolicyDecision, PolicyKind, evaluate};

/// The policies of a principal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Permissions {
    /// Those of the user or role: one must allow.
    pub identity_based: Vec<Policy>,
    /// Those of the session; if there are any, one of them must allow too.
    pub session: Vec<Policy>,
}

/// Which of the policies refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// Those of the user or role.
    IdentityBased,
    /// Those of the session.
    Session,
}

/// Why something is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial {
    /// Which policies refuse.
    pub policy_type: PolicyType,
    /// Whether one denies; else none allows.
    pub is_explicit: bool,
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdentityBased => "identity-based",
            Self::Session => "session",
        })
    }
}

impl Permissions {
    /// Whoever has these may do everything.
    pub fn everything() -> Self {
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let policy = Policy::parse(
            &json!({ "Statement": statement }),
            PolicyKind::IdentityBased,
        )
        .expect("a statement with effect, action and resource is one");
        Self {
            identity_based: vec![policy],
            session: Vec::new(),
        }
    }

    /// Whether the principal may do what is asked.
    ///
    /// # Errors
    /// [`Denial`]; an explicit one wins.
    pub fn authorize(&self, request: &AuthorizationRequest<'_>) -> Result<(), Denial> {
        let identity_based = evaluate(&self.identity_based, request);
        let session = if self.session.is_empty() {
            PolicyDecision::Allow
        } else {
            evaluate(&self.session, request)
        };
        let denial = |policy_type, is_explicit| {
            Err(Denial {
                policy_type,
                is_explicit,
            })
        };
        match (identity_based, session) {
            (PolicyDecision::ExplicitDeny, _) => denial(PolicyType::IdentityBased, true),
            (_, PolicyDecision::ExplicitDeny) => denial(PolicyType::Session, true),
            (PolicyDecision::ImplicitDeny, _) => denial(PolicyType::IdentityBased, false),
            (PolicyDecision::Allow, PolicyDecision::ImplicitDeny) => {
                denial(PolicyType::Session, false)
            }
            (PolicyDecision::Allow, PolicyDecision::Allow) => Ok(()),
        }
    }
}

impl Denial {
    /// AWS's words for it (data-plane spec 8.4): `caller` is the caller's ARN.
    pub fn message(&self, caller: &str, action: &str, resource: &str) -> String {
        let policy_type = self.policy_type;
        let because = match (self.is_explicit, policy_type) {
            (true, PolicyType::IdentityBased) => {
                "with an explicit deny in an identity-based policy".to_owned()
            }
            (true, PolicyType::Session) => "with an explicit deny in a session policy".to_owned(),
            (false, _) => format!("because no {policy_type} policy allows the {action} action"),
        };
        format!(
            "User: {caller} is not authorized to perform: {action} on resource: {resource} {because}"
        )
    }
}
