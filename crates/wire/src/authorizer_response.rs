//! What a Lambda authorizer answers.

use serde_json::{Map, Value};

use crate::{
    iam_policy::{InvalidPolicy, Policy, PolicyKind},
    lambda_response::{kind, scalar_text},
};

/// The output of a Lambda authorizer (data-plane spec 9.2).
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorizerResponse {
    /// `principalId`.
    pub principal_id: String,
    /// `policyDocument`.
    pub policy: Policy,
    /// `context`, values as text, in the authorizer's order.
    pub context: Vec<(String, String)>,
    /// `usageIdentifierKey`.
    pub usage_identifier_key: Option<String>,
}

/// An answer that is no authorizer output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedAuthorizerResponse {
    /// Greater than the quota.
    #[error("the authorizer's answer has {found} bytes; at most {allowed} are allowed")]
    TooLong {
        /// Its size.
        found: usize,
        /// The quota.
        allowed: usize,
    },
    /// Not JSON.
    #[error("the authorizer's answer is not JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("the authorizer answered {0}; return an object with principalId and policyDocument")]
    NotAnObject(&'static str),
    /// A required member is missing or of the wrong type.
    #[error("`{0}` of the authorizer's answer is missing or not text")]
    NotText(&'static str),
    /// The policy is missing.
    #[error("the authorizer's answer has no `policyDocument`")]
    NoPolicy,
    /// The policy is not one.
    #[error("`policyDocument` of the authorizer's answer: {0}")]
    Policy(#[from] InvalidPolicy),
    /// `context` is not an object.
    #[error("`context` of the authorizer's answer is {0}; return an object")]
    Context(&'static str),
    /// A context value is nested.
    #[error(
        "`context.{key}` of the authorizer's answer is {found}; only text, numbers and booleans \
         are allowed: make it text, for example with JSON.stringify or json.dumps"
    )]
    ContextValue {
        /// The member.
        key: String,
        /// What it is.
        found: &'static str,
    },
}

/// Parses the payload of an authorizer's invocation; `max_bytes` is the quota for it.
pub fn parse_authorizer_response(
    payload: &[u8],
    max_bytes: usize,
) -> Result<AuthorizerResponse, MalformedAuthorizerResponse> {
    if payload.len() > max_bytes {
        return Err(MalformedAuthorizerResponse::TooLong {
            found: payload.len(),
            allowed: max_bytes,
        });
    }
    let answer = serde_json::from_slice(payload)
        .map_err(|error| MalformedAuthorizerResponse::NotJson(error.to_string()))?;
    let Value::Object(members) = answer else {
        return Err(MalformedAuthorizerResponse::NotAnObject(kind(&answer)));
    };
    Ok(AuthorizerResponse {
        principal_id: text(&members, "principalId")?
            .ok_or(MalformedAuthorizerResponse::NotText("principalId"))?,
        policy: match members.get("policyDocument") {
            None | Some(Value::Null) => return Err(MalformedAuthorizerResponse::NoPolicy),
            Some(policy) => Policy::parse(policy, PolicyKind::Authorizer)?,
        },
        context: context(members.get("context"))?,
        usage_identifier_key: text(&members, "usageIdentifierKey")?,
    })
}

fn text(
    members: &Map<String, Value>,
    member: &'static str,
) -> Result<Option<String>, MalformedAuthorizerResponse> {
    match members.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(MalformedAuthorizerResponse::NotText(member)),
    }
}

/// The flat context. A `null` member, as unset variables become in many languages, is left out.
fn context(context: Option<&Value>) -> Result<Vec<(String, String)>, MalformedAuthorizerResponse> {
    let members = match context {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(members)) => members,
        Some(other) => return Err(MalformedAuthorizerResponse::Context(kind(other))),
    };
    members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| match scalar_text(value) {
            Some(text) => Ok((key.clone(), text)),
            None => Err(MalformedAuthorizerResponse::ContextValue {
                key: key.clone(),
                found: kind(value),
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
        {"Action":"execute-api:Invoke","Effect":"Allow","Resource":"*"}]}"#;

    fn parse(
        principal: &str,
        rest: &str,
    ) -> Result<AuthorizerResponse, MalformedAuthorizerResponse> {
        let payload = format!(r#"{{"principalId":{principal},"policyDocument":{POLICY}{rest}}}"#);
        parse_authorizer_response(payload.as_bytes(), 8192)
    }

    #[test]
    fn context_values_become_text_in_their_order() {
        let response = parse(
            r#""me""#,
            r#","context":{"z":"text","n":1,"f":1.5,"b":true,"unset":null},
               "usageIdentifierKey":"key""#,
        )
        .unwrap();
        assert_eq!(response.principal_id, "me");
        assert_eq!(response.usage_identifier_key.as_deref(), Some("key"));
        let context: Vec<(&str, &str)> = response
            .context
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        assert_eq!(
            context,
            [("z", "text"), ("n", "1"), ("f", "1.5"), ("b", "true")]
        );
    }

    #[test]
    fn nested_context_is_malformed() {
        for nested in [r#"{"a":{}}"#, r#"{"a":[1]}"#] {
            assert!(matches!(
                parse(r#""me""#, &format!(r#","context":{nested}"#)),
                Err(MalformedAuthorizerResponse::ContextValue { .. })
            ));
        }
        assert_eq!(
            parse(r#""me""#, r#","context":"x""#),
            Err(MalformedAuthorizerResponse::Context("text"))
        );
    }

    #[test]
    fn principal_and_policy_are_required() {
        assert_eq!(
            parse("1", ""),
            Err(MalformedAuthorizerResponse::NotText("principalId"))
        );
        let of = |payload: &str| parse_authorizer_response(payload.as_bytes(), 64);
        assert_eq!(
            of(r#"{"statusCode":401}"#),
            Err(MalformedAuthorizerResponse::NotText("principalId"))
        );
        assert_eq!(
            of(r#"{"principalId":"me"}"#),
            Err(MalformedAuthorizerResponse::NoPolicy)
        );
        assert_eq!(
            of("null"),
            Err(MalformedAuthorizerResponse::NotAnObject("null"))
        );
        assert!(matches!(
            of(&"x".repeat(65)),
            Err(MalformedAuthorizerResponse::TooLong {
                found: 65,
                allowed: 64
            })
        ));
    }
}
