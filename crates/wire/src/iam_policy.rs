//! IAM policies, as far as an authorizer's `policyDocument` needs them.
//!
//! Conditions and policy variables are not evaluated: a statement that has one never allows and
//! always denies, so that nothing is open because it was not understood.

use serde_json::{Map, Value};

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
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
    /// `Statement` is missing, or holds something else than objects.
    #[error("`Statement` must be an object or a list of objects")]
    Statement,
    /// `Effect` is missing or unknown.
    #[error("`Effect` of a statement must be `Allow` or `Deny`")]
    Effect,
    /// An element that identity-based policies do not have.
    #[error("a statement must not have `{0}` here: the policy is that of the client who connects")]
    Principal(&'static str),
    /// Neither or both of an element and its negation.
    #[error("a statement must have exactly one of `{0}` and `Not{0}`")]
    Element(&'static str),
    /// An element that is not text.
    #[error("`{0}` of a statement must be text or a list of texts")]
    NotText(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    action: Patterns,
    resource: Patterns,
    /// Whether it has a condition or a policy variable.
    conditional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// `Action` or `Resource`, or its negation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Patterns {
    patterns: Vec<String>,
    negated: bool,
}

impl Policy {
    /// Parses a policy document. `Version` and `Id` are not needed and mean nothing here.
    pub fn parse(document: &Value) -> Result<Self, InvalidPolicy> {
        let document = document.as_object().ok_or(InvalidPolicy::NotAnObject)?;
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            _ => return Err(InvalidPolicy::Statement),
        };
        let statements = statements
            .iter()
            .map(|statement| {
                Statement::parse(statement.as_object().ok_or(InvalidPolicy::Statement)?)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }

    /// Decides: an explicit deny wins over an allow, which wins over nothing.
    pub fn evaluate(&self, action: &str, resource: &str) -> PolicyDecision {
        let matches = |effect| {
            self.statements
                .iter()
                .any(|statement| statement.effect == effect && statement.matches(action, resource))
        };
        if matches(Effect::Deny) {
            PolicyDecision::ExplicitDeny
        } else if matches(Effect::Allow) {
            PolicyDecision::Allow
        } else {
            PolicyDecision::ImplicitDeny
        }
    }
}

impl Statement {
    fn parse(statement: &Map<String, Value>) -> Result<Self, InvalidPolicy> {
        if let Some(element) = ["Principal", "NotPrincipal"]
            .into_iter()
            .find(|element| statement.contains_key(*element))
        {
            return Err(InvalidPolicy::Principal(element));
        }
        let effect = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err(InvalidPolicy::Effect),
        };
        let action = Patterns::parse(statement, "Action", "NotAction")?;
        let resource = Patterns::parse(statement, "Resource", "NotResource")?;
        let conditional =
            statement.contains_key("Condition") || action.has_variable() || resource.has_variable();
        Ok(Self {
            effect,
            action,
            resource,
            conditional,
        })
    }

    fn matches(&self, action: &str, resource: &str) -> bool {
        if self.conditional {
            return self.effect == Effect::Deny;
        }
        self.action.matches(action, u8::to_ascii_lowercase)
            && self.resource.matches(resource, u8::clone)
    }
}

impl Patterns {
    fn parse(
        statement: &Map<String, Value>,
        element: &'static str,
        negation: &'static str,
    ) -> Result<Self, InvalidPolicy> {
        let (patterns, negated) = match (statement.get(element), statement.get(negation)) {
            (Some(patterns), None) => (patterns, false),
            (None, Some(patterns)) => (patterns, true),
            _ => return Err(InvalidPolicy::Element(element)),
        };
        let text = |pattern: &Value| {
            pattern
                .as_str()
                .map(str::to_owned)
                .ok_or(InvalidPolicy::NotText(element))
        };
        let patterns = match patterns {
            Value::Array(patterns) => patterns.iter().map(text).collect::<Result<_, _>>()?,
            pattern => vec![text(pattern)?],
        };
        Ok(Self { patterns, negated })
    }

    fn has_variable(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.contains("${"))
    }

    fn matches(&self, text: &str, fold: fn(&u8) -> u8) -> bool {
        let any = self
            .patterns
            .iter()
            .any(|pattern| wildcard_matches(pattern.as_bytes(), text.as_bytes(), fold));
        any != self.negated
    }
}

/// `ArnLike`, as the source of a Lambda permission is compared: `*` stands for any text, slashes
/// included.
pub fn arn_like(pattern: &str, arn: &str) -> bool {
    wildcard_matches(pattern.as_bytes(), arn.as_bytes(), u8::clone)
}

/// Whether `pattern`, where `*` stands for any text and `?` for any one character, matches `text`.
fn wildcard_matches(pattern: &[u8], text: &[u8], fold: fn(&u8) -> u8) -> bool {
    let (mut p, mut t) = (0, 0);
    // After a mismatch the last `*` takes one character more.
    let mut last_star = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p + 1, t));
                p += 1;
            }
            Some(expected) if *expected == b'?' || fold(expected) == fold(c) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after_star, taken_to)) = last_star else {
                    return false;
                };
                last_star = Some((after_star, taken_to + 1));
                (p, t) = (after_star, taken_to + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const INVOKE: &str = "execute-api:Invoke";
    const CONNECT: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/dev/$connect";

    fn decide(statements: Value) -> PolicyDecision {
        Policy::parse(&Value::from_iter([("Statement", statements)]))
            .unwrap()
            .evaluate(INVOKE, CONNECT)
    }

    #[test]
    fn wildcards_match_as_in_iam() {
        for resource in [
            "*",
            CONNECT,
            "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/*",
            "arn:aws:execute-api:*:*:*/dev/$connect",
            "arn:aws:execute-api:us-east-?:*:abcdef1234/dev/$conn*t",
            "arn:aws:execute-api:*:*:*",
        ] {
            let statement = json!({"Effect": "Allow", "Action": INVOKE, "Resource": resource});
            assert_eq!(decide(statement), PolicyDecision::Allow, "{resource}");
        }
        for resource in [
            "",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/prod/*",
            "arn:aws:execute-api:us-east-1:123456789012:ABCDEF1234/*",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/dev/$connect?",
        ] {
            let statement = json!({"Effect": "Allow", "Action": INVOKE, "Resource": [resource]});
            assert_eq!(
                decide(statement),
                PolicyDecision::ImplicitDeny,
                "{resource}"
            );
        }
    }

    #[test]
    fn actions_match_without_regard_to_case() {
        for action in [
            "execute-api:invoke",
            "EXECUTE-API:*",
            "*",
            "execute-api:Inv?ke",
        ] {
            let statement = json!([{"Effect": "Allow", "Action": [action], "Resource": "*"}]);
            assert_eq!(decide(statement), PolicyDecision::Allow, "{action}");
        }
        let other = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        assert_eq!(decide(other), PolicyDecision::ImplicitDeny);
    }

    #[test]
    fn an_explicit_deny_wins() {
        assert_eq!(
            decide(json!([
                {"Effect": "Deny", "Action": INVOKE, "Resource": CONNECT},
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
            ])),
            PolicyDecision::ExplicitDeny
        );
    }

    #[test]
    fn negations_match_everything_else() {
        let not_action = json!({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"});
        assert_eq!(decide(not_action), PolicyDecision::Allow);
        let not_resource = json!({"Effect": "Deny", "Action": "*", "NotResource": "*/prod/*"});
        assert_eq!(decide(not_resource), PolicyDecision::ExplicitDeny);
        let not_this = json!({"Effect": "Allow", "Action": "*", "NotResource": [CONNECT]});
        assert_eq!(decide(not_this), PolicyDecision::ImplicitDeny);
    }

    #[test]
    fn what_is_not_evaluated_never_opens() {
        for (element, value) in [
            (
                "Condition",
                json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            ),
            (
                "Resource",
                json!("arn:aws:execute-api:*:*:*/${aws:username}"),
            ),
        ] {
            let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            statement[element] = value;
            assert_eq!(decide(statement.clone()), PolicyDecision::ImplicitDeny);
            statement["Effect"] = json!("Deny");
            assert_eq!(decide(statement), PolicyDecision::ExplicitDeny);
        }
    }

    #[test]
    fn documents_that_are_no_policies_are_refused() {
        let invalid = |document| Policy::parse(&document).unwrap_err();
        let allow = |rest: &[(&str, Value)]| {
            let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            for (element, value) in rest {
                statement[*element] = value.clone();
            }
            json!({ "Statement": [statement] })
        };
        assert_eq!(invalid(json!("*")), InvalidPolicy::NotAnObject);
        assert_eq!(invalid(json!({})), InvalidPolicy::Statement);
        assert_eq!(
            invalid(json!({"Statement": ["x"]})),
            InvalidPolicy::Statement
        );
        assert_eq!(
            invalid(allow(&[("Effect", json!("allow"))])),
            InvalidPolicy::Effect
        );
        assert_eq!(
            invalid(allow(&[("Action", json!(1))])),
            InvalidPolicy::NotText("Action")
        );
        assert_eq!(
            invalid(allow(&[("NotResource", json!("*"))])),
            InvalidPolicy::Element("Resource")
        );
        assert_eq!(
            invalid(allow(&[("Principal", json!("*"))])),
            InvalidPolicy::Principal("Principal")
        );
    }

    proptest! {
        #[test]
        fn a_pattern_with_stars_put_between_any_characters_still_matches(
            text in "[ -~]{0,20}", at in 0usize..=20,
        ) {
            let at = at.min(text.len());
            let pattern = format!("{}*{}", &text[..at], &text[at..]);
            prop_assert!(wildcard_matches(pattern.as_bytes(), text.as_bytes(), u8::clone));
        }

        #[test]
        fn matching_never_panics(pattern in "[*?ab]{0,12}", text in ".{0,12}") {
            wildcard_matches(pattern.as_bytes(), text.as_bytes(), u8::to_ascii_lowercase);
        }
    }
}
