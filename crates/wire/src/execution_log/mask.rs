//! What is secret never reaches a log: only its last characters do (spec A.1).

use std::{borrow::Cow, fmt::Write as _, sync::Arc};

use gatepost_model::{
    request_context::{ApiKeyIdentity, ConnectionContext, RequestContext},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lambda_event::HandshakeRequest;

/// Characters that stay readable.
const KEPT: usize = 6;

/// Text in which nothing secret stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Masked<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Masked<'a> {
    /// `****` and the last six characters. What is so short that they would tell it keeps none.
    pub fn value(secret: &str) -> Self {
        Self(format!("****{}", last(secret)).into())
    }

    /// As many stars as an API key has characters, and its last six in their place.
    pub fn api_key(key: &Secret) -> Self {
        Self(key.masked().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that has been looked through.
    pub(super) fn trusted(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }
}

fn last(secret: &str) -> &str {
    let characters = secret.chars().count();
    if characters < 2 * KEPT {
        return "";
    }
    let start = secret.char_indices().nth(characters - KEPT);
    start.map_or("", |(start, _)| &secret[start..])
}

/// Headers as AWS prints them, `name=value, name=value`; what lets somebody in is masked.
pub fn mask_headers<'a>(headers: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> Masked<'static> {
    let mut text = String::new();
    for (name, value) in headers {
        if !text.is_empty() {
            text.push_str(", ");
        }
        let value = mask_if(is_secret_header(name), &value);
        // Writing to a String does not fail.
        let _ = write!(text, "{name}={value}");
    }
    Masked::trusted(text)
}

/// The values by which a client says who it is, `name=****last6, …`.
pub fn mask_identity(values: impl Iterator<Item = (String, String)>) -> Masked<'static> {
    let values: Vec<String> = values
        .map(|(name, value)| format!("{name}={}", Masked::value(&value).as_str()))
        .collect();
    Masked::trusted(values.join(", "))
}

/// The context in which the API key is masked, for the events that a data trace shows; `None` when
/// there is none.
pub fn mask_context(context: &RequestContext) -> Option<RequestContext> {
    let api_key = context.connection.identity.api_key.as_deref()?;
    let mut connection = ConnectionContext::clone(&context.connection);
    connection.identity.api_key = Some(Box::new(ApiKeyIdentity {
        api_key: Secret::new(api_key.api_key.masked()),
        api_key_id: api_key.api_key_id.clone(),
    }));
    Some(RequestContext {
        connection: Arc::new(connection),
        ..context.clone()
    })
}

/// An authorizer's answer in which `usageIdentifierKey`, which is an API key, is masked.
pub fn mask_authorizer_result(body: &str) -> Cow<'_, str> {
    const MEMBER: &str = "usageIdentifierKey";
    let Ok(mut answer) = serde_json::from_str::<Value>(body) else {
        return body.into();
    };
    let Some(Value::String(key)) = answer.get_mut(MEMBER) else {
        return body.into();
    };
    let masked = Secret::new(std::mem::take(key));
    let written = format!("\"{}\"", masked.reveal());
    if body.contains(&written) {
        return body
            .replace(&written, &format!("\"{}\"", masked.masked()))
            .into();
    }
    // Written with escapes: it is not found in the text, so the text is written again.
    *key = masked.masked();
    answer.to_string().into()
}

/// A URL in whose query what lets somebody in is masked.
pub fn mask_url(url: &str) -> Cow<'_, str> {
    let Some((before, query)) = url.split_once('?') else {
        return url.into();
    };
    let pairs: Vec<Cow<'_, str>> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if is_secret_parameter(name) => {
                format!("{name}={}", Masked::value(value).as_str()).into()
            }
            _ => pair.into(),
        })
        .collect();
    format!("{before}?{}", pairs.join("&")).into()
}

/// The handshake with masked headers and query, for the events that a data trace shows.
pub fn mask_handshake(handshake: &HandshakeRequest) -> HandshakeRequest {
    let mask = |pairs: &[(String, String)], is_secret: fn(&str) -> bool| {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), mask_if(is_secret(name), value).into_owned()))
            .collect()
    };
    HandshakeRequest {
        headers: mask(&handshake.headers, is_secret_header),
        query: mask(&handshake.query, is_secret_parameter),
        ..handshake.clone()
    }
}

fn mask_if(is_secret: bool, value: &str) -> Cow<'_, str> {
    if is_secret {
        Masked::value(value).0
    } else {
        value.into()
    }
}

/// Whether a header lets somebody in. Subprotocols do too: browsers can set no other header, so
/// tokens travel there.
fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "cookie" | "set-cookie" | "sec-websocket-protocol"
    ) || names_a_secret(&name)
}

fn is_secret_parameter(name: &str) -> bool {
    names_a_secret(&name.to_ascii_lowercase())
}

/// Whether a name, in lower case, says that its value is secret.
fn names_a_secret(name: &str) -> bool {
    const PARTS: [&str; 12] = [
        "auth",
        "token",
        "secret",
        "password",
        "passwd",
        "api-key",
        "api_key",
        "apikey",
        "jwt",
        "signature",
        "credential",
        "session",
    ];
    const WHOLE: [&str; 7] = ["key", "sig", "code", "ticket", "sid", "pwd", "otp"];
    PARTS.iter().any(|part| name.contains(part)) || WHOLE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_six_characters_of_a_secret_stay_unless_they_would_tell_it() {
        assert_eq!(
            Masked::api_key(&Secret::new("0123456789012345678901bMZHBg")).as_str(),
            "**********************bMZHBg"
        );
        assert_eq!(
            Masked::value("Bearer eyJhbGciOiJub25lIn0.e30.").as_str(),
            "****0.e30."
        );
        assert_eq!(Masked::value("ann").as_str(), "****");
        assert_eq!(Masked::value("ääääääääääää").as_str(), "****ääääää");
    }

    #[test]
    fn an_authorizers_answer_keeps_all_but_the_api_key() {
        let answer = r#"{ "principalId": "ann", "usageIdentifierKey" : "0123456789abcdefghij" }"#;
        assert_eq!(
            mask_authorizer_result(answer),
            r#"{ "principalId": "ann", "usageIdentifierKey" : "**************efghij" }"#
        );
        assert_eq!(
            mask_authorizer_result(r#"{"usageIdentifierKey":"\u0030123456789abcdefghij"}"#),
            r#"{"usageIdentifierKey":"**************efghij"}"#
        );
        for other in [
            r#"{"principalId":"ann"}"#,
            r#"{"usageIdentifierKey":7}"#,
            "none",
            "",
        ] {
            assert_eq!(mask_authorizer_result(other), other);
        }
    }

    #[test]
    fn headers_and_queries_keep_what_lets_nobody_in() {
        let headers = [
            ("Host", "example.com"),
            ("Authorization", "Basic YWxhZGRpbjpvcGVuc2VzYW1l"),
            ("X-Api-Key", "0123456789abcdef"),
            ("X-Amz-Security-Token", "FwoGZXIvYXdzEXAMPLE"),
            ("Cookie", "session=0123456789"),
            ("Sec-WebSocket-Protocol", "chat, token.0123456789"),
        ];
        assert_eq!(
            mask_headers(
                headers
                    .into_iter()
                    .map(|(name, value)| (name, value.into()))
            )
            .as_str(),
            "Host=example.com, Authorization=****VzYW1l, X-Api-Key=****abcdef, \
             X-Amz-Security-Token=****XAMPLE, Cookie=****456789, \
             Sec-WebSocket-Protocol=****456789"
        );
        assert_eq!(
            mask_url("https://h/p?room=a&X-Amz-Signature=0123456789abcdef&token="),
            "https://h/p?room=a&X-Amz-Signature=****abcdef&token=****"
        );
        assert_eq!(mask_url("https://h/p"), "https://h/p");
    }
}
