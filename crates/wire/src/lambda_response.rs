//! What a Lambda function behind an `AWS_PROXY` integration answers.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The proxy response. Every member may be missing: on message routes a function may answer
/// nothing at all (data-plane spec 3.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyResponse {
    /// `statusCode`; the text `"200"` counts as the number.
    pub status_code: Option<u16>,
    /// `headers`, then `multiValueHeaders`.
    pub headers: Vec<(String, String)>,
    /// `body`.
    pub body: Option<String>,
    /// `isBase64Encoded`.
    pub is_base64_encoded: bool,
}

/// An answer that is no proxy response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedProxyResponse {
    /// Not JSON.
    #[error("the function's answer is not JSON: {0}")]
    NotJson(String),
    /// JSON, but neither an object nor `null`.
    #[error("the function answered {0}; return an object with `statusCode` and `body`")]
    NotAnObject(&'static str),
    /// A member of the wrong type.
    #[error("`{member}` of the function's answer is {found}; {mend}")]
    Member {
        /// The member's name.
        member: &'static str,
        /// What it is.
        found: &'static str,
        /// What it must be.
        mend: &'static str,
    },
    /// A status that HTTP does not have.
    #[error("`statusCode` of the function's answer is {0}; return a number from 100 to 599")]
    StatusCode(String),
}

/// Parses the payload of an invocation. Nothing and `null` are an empty response.
pub fn parse_proxy_response(payload: &[u8]) -> Result<ProxyResponse, MalformedProxyResponse> {
    if payload.trim_ascii().is_empty() {
        return Ok(ProxyResponse::default());
    }
    let answer = serde_json::from_slice(payload)
        .map_err(|error| MalformedProxyResponse::NotJson(error.to_string()))?;
    let mut members = match answer {
        Value::Object(members) => members,
        Value::Null => return Ok(ProxyResponse::default()),
        other => return Err(MalformedProxyResponse::NotAnObject(kind(&other))),
    };
    let mut headers = single_headers(&members)?;
    headers.extend(multi_value_headers(&members)?);
    Ok(ProxyResponse {
        status_code: status_code(&members)?,
        headers,
        is_base64_encoded: is_base64_encoded(&members)?,
        body: body(members.remove("body"))?,
    })
}

fn status_code(members: &Map<String, Value>) -> Result<Option<u16>, MalformedProxyResponse> {
    let text = match members.get("statusCode") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => {
            return Err(MalformedProxyResponse::StatusCode(kind(other).to_owned()));
        }
    };
    // Some languages write whole numbers as 200.0.
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    match digits.parse() {
        Ok(status @ 100..=599) => Ok(Some(status)),
        _ => Err(MalformedProxyResponse::StatusCode(text)),
    }
}

fn body(body: Option<Value>) -> Result<Option<String>, MalformedProxyResponse> {
    match body {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => match scalar_text(&other) {
            Some(text) => Ok(Some(text)),
            None => Err(MalformedProxyResponse::Member {
                member: "body",
                found: kind(&other),
                mend: "make it text, for example with JSON.stringify or json.dumps",
            }),
        },
    }
}

fn is_base64_encoded(members: &Map<String, Value>) -> Result<bool, MalformedProxyResponse> {
    match members.get("isBase64Encoded") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(encoded)) => Ok(*encoded),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(other) => Err(MalformedProxyResponse::Member {
            member: "isBase64Encoded",
            found: kind(other),
            mend: "return true or false",
        }),
    }
}

fn single_headers(
    members: &Map<String, Value>,
) -> Result<Vec<(String, String)>, MalformedProxyResponse> {
    let mut headers = Vec::new();
    for (name, value) in object(members, "headers")? {
        push_header(&mut headers, "headers", name, value)?;
    }
    Ok(headers)
}

fn multi_value_headers(
    members: &Map<String, Value>,
) -> Result<Vec<(String, String)>, MalformedProxyResponse> {
    let member = "multiValueHeaders";
    let mut headers = Vec::new();
    for (name, values) in object(members, member)? {
        match values {
            Value::Array(values) => {
                for value in values {
                    push_header(&mut headers, member, name, value)?;
                }
            }
            Value::Null => {}
            other => {
                return Err(MalformedProxyResponse::Member {
                    member,
                    found: kind(other),
                    mend: "give each header a list of values",
                });
            }
        }
    }
    Ok(headers)
}

/// The entries of an object member; none when it is missing or `null`.
fn object<'m>(
    members: &'m Map<String, Value>,
    member: &'static str,
) -> Result<impl Iterator<Item = (&'m String, &'m Value)>, MalformedProxyResponse> {
    match members.get(member) {
        None | Some(Value::Null) => Ok(None.into_iter().flatten()),
        Some(Value::Object(entries)) => Ok(Some(entries).into_iter().flatten()),
        Some(other) => Err(MalformedProxyResponse::Member {
            member,
            found: kind(other),
            mend: "return an object of header names and values",
        }),
    }
}

fn push_header(
    headers: &mut Vec<(String, String)>,
    member: &'static str,
    name: &str,
    value: &Value,
) -> Result<(), MalformedProxyResponse> {
    match scalar_text(value) {
        Some(text) => headers.push((name.to_owned(), text)),
        None if value.is_null() => {}
        None => {
            return Err(MalformedProxyResponse::Member {
                member,
                found: kind(value),
                mend: "header values must be text, numbers or booleans",
            });
        }
    }
    Ok(())
}

/// Text, numbers and booleans as text.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a value is, to follow "is".
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The document that Lambda answers when a function fails (`X-Amz-Function-Error`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionErrorDocument {
    /// `errorMessage`: what the function threw.
    pub error_message: String,
    /// `errorType`.
    pub error_type: String,
}

/// The error document in a payload; `None` when the payload is not one.
pub fn function_error(payload: &[u8]) -> Option<FunctionErrorDocument> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        error_message: Option<Value>,
        error_type: Option<Value>,
    }
    let document: Document = serde_json::from_slice(payload).ok()?;
    if document.error_message.is_none() && document.error_type.is_none() {
        return None;
    }
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    Some(FunctionErrorDocument {
        error_message: text(document.error_message),
        error_type: text(document.error_type),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::expression::tests::any_json;

    fn parse(payload: &str) -> Result<ProxyResponse, MalformedProxyResponse> {
        parse_proxy_response(payload.as_bytes())
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_whole_response_is_read_with_headers_as_text() {
        let response = parse(
            r#"{"statusCode": 200, "headers": {"a": "x", "b": 1, "gone": null},
                "multiValueHeaders": {"a": ["y", true]}, "body": "hi", "isBase64Encoded": true}"#,
        );
        assert_eq!(
            response,
            Ok(ProxyResponse {
                status_code: Some(200),
                headers: pairs(&[("a", "x"), ("b", "1"), ("a", "y"), ("a", "true")]),
                body: Some("hi".into()),
                is_base64_encoded: true,
            })
        );
    }

    #[test]
    fn nothing_is_an_empty_response() {
        for payload in ["", "  \n", "null", "{}"] {
            assert_eq!(parse(payload), Ok(ProxyResponse::default()), "{payload:?}");
        }
    }

    #[test]
    fn a_status_may_be_text_or_a_whole_float() {
        for payload in [
            r#"{"statusCode":"201"}"#,
            r#"{"statusCode":201}"#,
            r#"{"statusCode":201.0}"#,
        ] {
            assert_eq!(parse(payload).unwrap().status_code, Some(201), "{payload}");
        }
        for payload in [
            r#"{"statusCode":"ok"}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":200.5}"#,
            r#"{"statusCode":70000}"#,
            r#"{"statusCode":[200]}"#,
        ] {
            let error = parse(payload).unwrap_err();
            assert!(
                matches!(error, MalformedProxyResponse::StatusCode(_)),
                "{payload}"
            );
        }
    }

    #[test]
    fn an_object_as_body_is_malformed_and_says_the_mend() {
        assert_eq!(
            parse(r#"{"body":{"a":1}}"#).unwrap_err().to_string(),
            "`body` of the function's answer is an object; make it text, for example with \
             JSON.stringify or json.dumps"
        );
        assert_eq!(parse(r#"{"body":7}"#).unwrap().body.as_deref(), Some("7"));
    }

    #[test]
    fn other_shapes_are_malformed() {
        assert!(matches!(
            parse("{"),
            Err(MalformedProxyResponse::NotJson(_))
        ));
        assert_eq!(
            parse(r#""ok""#),
            Err(MalformedProxyResponse::NotAnObject("text"))
        );
        for payload in [
            r#"{"headers":[]}"#,
            r#"{"headers":{"a":{}}}"#,
            r#"{"multiValueHeaders":{"a":"x"}}"#,
            r#"{"isBase64Encoded":1}"#,
        ] {
            assert!(
                matches!(parse(payload), Err(MalformedProxyResponse::Member { .. })),
                "{payload}"
            );
        }
    }

    #[test]
    fn an_error_document_is_recognised() {
        let document =
            function_error(br#"{"errorMessage":"Unauthorized","errorType":"Exception"}"#);
        assert_eq!(
            document,
            Some(FunctionErrorDocument {
                error_message: "Unauthorized".into(),
                error_type: "Exception".into(),
            })
        );
        assert_eq!(
            function_error(br#"{"errorMessage":"Unauthorized"}"#),
            Some(FunctionErrorDocument {
                error_message: "Unauthorized".into(),
                error_type: String::new(),
            })
        );
        assert_eq!(function_error(br#"{"statusCode":200}"#), None);
        assert_eq!(function_error(b"Task timed out"), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(
            member in prop::sample::select(vec![
                "statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded",
            ]),
            value in any_json(),
            garbage in any::<Vec<u8>>(),
        ) {
            let _ = parse(&Value::from_iter([(member, value)]).to_string());
            let _ = parse_proxy_response(&garbage);
            function_error(&garbage);
        }
    }
}
