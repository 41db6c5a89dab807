//! IAM policies: what a Lambda authorizer returns, and what an access key may do.
//!
//! A policy in IAM's JSON is read once and evaluated often. What of it is not evaluated here, such as
//! a condition key that belongs to another service, never allows and always denies, so that nothing
//! is open because it was not understood; [`Policy::unsupported`] tells.

mod condition;
mod keys;
mod pattern;
mod permissions;
mod statement;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::statement::{Effect, Statement};
pub use self::{
    keys::RequestKeys,
    pattern::arn_like,
    permissions::{Denial, Permissions, PolicyType},
};

/// A policy document.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
    unsupported: Vec<Unsupported>,
}

/// Whose policy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// `policyDocument` of a Lambda authorizer's answer: what API Gateway reads.
    Authorizer,
    /// A policy of a user, a role or a session: what IAM takes.
    IdentityBased,
}

/// What a policy is asked.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// The action, such as `execute-api:Invoke`.
    pub action: &'a str,
    /// The resource's ARN.
    pub resource: &'a str,
    /// What else is known of the request.
    pub keys: &'a RequestKeys<'a>,
}

/// What a policy says about an action on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyDecision {
    /// A statement allows it and none denies it.
    Allow,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement matches.
    ImplicitDeny,
}

/// A document that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// The document is not an object.
    #[error("the policy is not an object")]
    NotAnObject,
    /// `Version` is none of the two.
    #[error("`Version` must be `2012-10-17` (or `2008-10-17`)")]
    Version,
    /// `Statement` is missing, or holds something else than objects.
    #[error("`Statement` must be an object or a list of objects")]
    Statement,
    /// `Effect` is missing or unknown.
    #[error("`Effect` of a statement must be `Allow` or `Deny`")]
    Effect,
    /// An element that only policies of resources have.
    #[error("a statement must not have `{0}` here: the policy is that of the caller")]
    Principal(&'static str),
    /// An element that statements do not have.
    #[error("Syntax errors in policy: there is no element `{0}`")]
    UnknownElement(String),
    /// Neither or both of an element and its negation.
    #[error("a statement must have exactly one of `{0}` and `Not{0}`")]
    Element(&'static str),
    /// An element that is not text.
    #[error("`{0}` of a statement must be text or a list of texts")]
    NotText(&'static str),
    /// An action without its service.
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    Vendor,
    /// A resource that is no ARN.
    #[error("Resource {0} must be in ARN format or \"*\".")]
    Resource(String),
    /// A resource that is longer than API Gateway reads.
    #[error("`Resource` of a statement has more than 512 characters")]
    ResourceTooLong,
    /// `Condition` is not of the form `{operator: {key: value}}`.
    #[error("`Condition` of a statement must be an object of operators, each of keys and values")]
    Condition,
}

/// What of a policy is not evaluated here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A condition operator.
    #[error("the condition operator `{0}` is not evaluated here")]
    Operator(String),
    /// A condition key.
    #[error("the condition key `{0}` is not evaluated here")]
    Key(String),
    /// A value that its operator does not take.
    #[error("`{value}` is no value for the condition operator `{operator}`")]
    Value {
        /// The operator.
        operator: String,
        /// The value.
        value: String,
    },
    /// A policy variable.
    #[error("the policy variable in `{0}` is not evaluated here")]
    Variable(String),
    /// A policy variable in a policy whose version has none.
    #[error("the policy variable in `{0}` needs `\"Version\": \"2012-10-17\"`")]
    VariableOfOldVersion(String),
}

impl Unsupported {
    /// Whether it is a mistake, and not only more than is built here.
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::Value { .. } | Self::Variable(_) | Self::VariableOfOldVersion(_) => true,
            Self::Operator(_) | Self::Key(_) => false,
        }
    }
}

impl Policy {
    /// Reads a policy document.
    ///
    /// # Errors
    /// [`InvalidPolicy`] for what API Gateway, or IAM, refuses whole.
    pub fn parse(document: &Value, kind: PolicyKind) -> Result<Self, InvalidPolicy> {
        let document = document.as_object().ok_or(InvalidPolicy::NotAnObject)?;
        if kind == PolicyKind::IdentityBased {
            check_elements(document)?;
        }
        // Only this version has policy variables; without one a policy is of the older.
        let variables = document.get("Version").and_then(Value::as_str) == Some("2012-10-17");
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            _ => return Err(InvalidPolicy::Statement),
        };
        let mut unsupported = Vec::new();
        let statements = statements
            .iter()
            .map(|statement| {
                let statement = statement.as_object().ok_or(InvalidPolicy::Statement)?;
                Statement::parse(statement, kind, variables, &mut unsupported)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            statements,
            unsupported,
        })
    }

    /// What of the policy is not evaluated here.
    pub fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    /// Decides: an explicit deny wins over an allow, which wins over nothing.
    pub fn evaluate(&self, request: &AuthorizationRequest<'_>) -> PolicyDecision {
        evaluate([self], request)
    }
}

/// Decides over several policies as over one.
fn evaluate<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    request: &AuthorizationRequest<'_>,
) -> PolicyDecision {
    let mut decision = PolicyDecision::ImplicitDeny;
    for statement in policies.into_iter().flat_map(|policy| &policy.statements) {
        if !statement.applies(request) {
            continue;
        }
        match statement.effect {
            Effect::Deny => return PolicyDecision::ExplicitDeny,
            Effect::Allow => decision = PolicyDecision::Allow,
        }
    }
    decision
}

fn check_elements(document: &Map<String, Value>) -> Result<(), InvalidPolicy> {
    let mut names = document.keys();
    if let Some(name) = names.find(|name| !["Version", "Id", "Statement"].contains(&name.as_str()))
    {
        return Err(InvalidPolicy::UnknownElement(name.clone()));
    }
    match document.get("Version").map(Value::as_str) {
        None | Some(Some("2012-10-17" | "2008-10-17")) => Ok(()),
        Some(_) => Err(InvalidPolicy::Version),
    }
}
