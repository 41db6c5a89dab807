//! What an Invoke endpoint answers.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use gatepost_model::invocation::{InvokeError, InvokeResponse};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::retry::Failed;
use crate::new_id;

/// How an endpoint tells of a function's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// By the header only.
    Aws,
    /// By the header, by a status of 500 and more, or only by the document
    /// (control-and-observability F.7).
    Emulator,
}

pub(super) fn no_answer(message: String) -> InvokeError {
    InvokeError {
        status: 502,
        error_type: "ServiceException".into(),
        message,
        reason: None,
        never_sent: false,
    }
}

/// Reads an answer of the Invoke API.
pub(super) fn read_answer(
    answer: Response<Bytes>,
    dialect: Dialect,
) -> Result<InvokeResponse, Failed> {
    let (parts, body) = answer.into_parts();
    let header = |name: &str| text_of(&parts.headers, name);
    let is_emulator = dialect == Dialect::Emulator;
    let document: Option<Value> = (is_emulator || !parts.status.is_success())
        .then(|| serde_json::from_slice(&body).ok())
        .flatten();
    let member = |name: &str| {
        document
            .as_ref()
            .and_then(|document| document.get(name)?.as_str())
            .map(str::to_owned)
    };
    let is_error_document = is_emulator && member("errorMessage").is_some();
    let function_error = header("x-amz-function-error").or_else(|| {
        let by_status = parts.status.is_server_error() && is_error_document;
        let by_document =
            parts.status == StatusCode::OK && is_error_document && member("errorType").is_some();
        (by_status || by_document).then(|| "Unhandled".to_owned())
    });
    if function_error.is_none() && !parts.status.is_success() {
        let error = InvokeError {
            status: parts.status.as_u16(),
            // What is behind a colon is where AWS documents it.
            error_type: header("x-amzn-errortype")
                .and_then(|kind| kind.split(':').next().map(str::to_owned))
                .unwrap_or_else(|| "ServiceException".into()),
            message: member("Message")
                .or_else(|| member("message"))
                .unwrap_or_default(),
            reason: member("Reason"),
            never_sent: false,
        };
        let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
        return Err(Failed::answered(error, retry_after));
    }
    let log_tail = header("x-amz-log-result")
        .and_then(|text| STANDARD.decode(text).ok())
        .map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok(InvokeResponse {
        status: if function_error.is_some() {
            200
        } else {
            parts.status.as_u16()
        },
        request_id: header("x-amzn-requestid").unwrap_or_else(new_id::uuid),
        executed_version: header("x-amz-executed-version").unwrap_or_else(|| "$LATEST".into()),
        function_error,
        payload: body.to_vec(),
        log_tail,
    })
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, header: Option<(&str, &str)>, body: &str) -> Response<Bytes> {
        let mut response = Response::builder().status(status);
        if let Some((name, value)) = header {
            response = response.header(name, value);
        }
        response
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap()
    }

    const DOCUMENT: &str = r#"{"errorMessage":"no","errorType":"Error"}"#;

    #[test]
    fn a_functions_error_is_recognised_in_every_emulators_way() {
        for answer in [
            answer(200, Some(("x-amz-function-error", "Unhandled")), DOCUMENT),
            answer(500, None, DOCUMENT),
            answer(200, None, DOCUMENT),
        ] {
            let response = read_answer(answer, Dialect::Emulator).unwrap();
            assert_eq!(response.function_error.as_deref(), Some("Unhandled"));
        }
        let own = answer(200, None, r#"{"errorMessage":"mine"}"#);
        let response = read_answer(own, Dialect::Emulator).unwrap();
        assert_eq!(response.function_error, None);
    }

    #[test]
    fn at_aws_only_the_header_tells_of_a_functions_error() {
        let response = read_answer(answer(200, None, DOCUMENT), Dialect::Aws).unwrap();
        assert_eq!(response.function_error, None);
        let header = Some(("x-amz-function-error", "Handled"));
        let response = read_answer(answer(200, header, DOCUMENT), Dialect::Aws).unwrap();
        assert_eq!(response.function_error.as_deref(), Some("Handled"));
    }

    #[test]
    fn a_refusal_keeps_its_status_type_and_message() {
        let kind = "ResourceNotFoundException:http://internal.amazon.com/coral/x/";
        let refused = answer(
            404,
            Some(("x-amzn-errortype", kind)),
            r#"{"Type":"User","Message":"Function not found: x"}"#,
        );
        let error = read_answer(refused, Dialect::Aws).unwrap_err().into_error();
        assert_eq!(error.status, 404);
        assert_eq!(error.error_type, "ResourceNotFoundException");
        assert_eq!(error.message, "Function not found: x");
    }
}
