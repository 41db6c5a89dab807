//! The document that credentials come in: nearly the same of STS, processes, containers and instance
//! metadata.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use gatepost_model::secret::Secret;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Reads credentials. What is wrong is said without a word of the document.
pub(super) fn credentials_of(document: &Value) -> Result<Credentials, String> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let required = |name: &str| {
        let text = text(name).filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("the answer has no {name}"))
    };
    let expiry = match text("Expiration") {
        None => None,
        Some(time) => Some(
            OffsetDateTime::parse(time, &Rfc3339)
                .map(SystemTime::from)
                .map_err(|_| "its Expiration is no time such as 2026-09-25T12:00:00Z".to_owned())?,
        ),
    };
    let token = text("SessionToken").or_else(|| text("Token"));
    Ok(Credentials::new(
        required("AccessKeyId")?,
        required("SecretAccessKey")?,
        token.map(str::to_owned),
        expiry,
        "gatepost",
    ))
}

/// Reads the JSON text of a document.
pub(super) fn parse(text: &[u8]) -> Result<Credentials, String> {
    let document: Value =
        serde_json::from_slice(text).map_err(|_| "the answer is no JSON".to_owned())?;
    credentials_of(&document)
}

/// What a server said of its refusal, fit for one line.
pub(super) fn said(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(LONGEST).collect()
}

/// A value for a header that must not be shown.
pub(super) fn sensitive(value: &Secret) -> Option<hyper::header::HeaderValue> {
    let mut value = hyper::header::HeaderValue::from_str(value.reveal()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn documents_of_every_giver_are_read() {
        let process = r#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s",
            "SessionToken": "t", "Expiration": "1970-01-01T01:00:10+01:00"}"#;
        let read = parse(process.as_bytes()).unwrap();
        assert_eq!(read.access_key_id(), "A");
        assert_eq!(read.secret_access_key(), "s");
        assert_eq!(read.session_token(), Some("t"));
        assert_eq!(read.expiry(), Some(UNIX_EPOCH + Duration::from_secs(10)));
        let metadata = r#"{"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "s",
            "Token": "u", "Expiration": "2026-11-24T20:00:00Z"}"#;
        assert_eq!(
            parse(metadata.as_bytes()).unwrap().session_token(),
            Some("u")
        );
        let lasting = r#"{"AccessKeyId": "A", "SecretAccessKey": "s"}"#;
        assert_eq!(parse(lasting.as_bytes()).unwrap().expiry(), None);
    }

    #[test]
    fn what_is_wrong_with_a_document_is_said_without_its_secrets() {
        for document in [
            "hush-hush",
            r#"{"SecretAccessKey": "hush-hush"}"#,
            r#"{"AccessKeyId": "", "SecretAccessKey": "hush-hush"}"#,
            r#"{"AccessKeyId": "A", "SecretAccessKey": 7}"#,
            r#"{"AccessKeyId": "A", "SecretAccessKey": "hush-hush", "Expiration": "soon"}"#,
        ] {
            let error = parse(document.as_bytes()).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
