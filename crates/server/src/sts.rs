//! STS, as far as tools ask it who they are: `GetCallerIdentity` (query protocol, 2011-06-15).

use bytes::Bytes;
use gatepost_gateway::new_id;
use gatepost_model::principal::Principal;
use gatepost_wire::sigv4::SigV4Error;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;

use crate::auth::VerifiedRequest;

/// The operations of STS that are not `GetCallerIdentity`.
const NOT_THERE_YET: [&str; 10] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetDelegatedAccessToken",
    "GetFederationToken",
    "GetSessionToken",
    "GetWebIdentityToken",
];

/// Why STS refuses.
#[derive(Debug, thiserror::Error)]
enum StsError {
    #[error("Missing Action")]
    MissingAction,
    #[error("{}", signature_text(.0))]
    Signature(SigV4Error),
    #[error("Could not find operation {0} for version 2011-06-15")]
    InvalidAction(String),
    #[error(
        "{0} is not there yet in Gatepost: it issues no credentials; any that are set are taken"
    )]
    NotImplemented(String),
}

/// Answers a request whose parameters are the body of a `POST`, or the query of a `GET`. Nobody
/// needs a policy to be told who they are.
pub fn handle(request: &VerifiedRequest<'_>) -> Response<Bytes> {
    let query = request.head.uri.query().unwrap_or_default().as_bytes();
    let form = if request.body.is_empty() {
        query
    } else {
        &request.body
    };
    answer(form, request.caller().principal())
}

/// The answer to a request whose signature is refused.
pub fn refused(error: &SigV4Error) -> Response<Bytes> {
    error_response(&StsError::Signature(error.clone()), &new_id::uuid())
}

fn answer(form: &[u8], caller: &Principal) -> Response<Bytes> {
    let request_id = new_id::uuid();
    match act(form, caller, &request_id) {
        Ok(body) => response(StatusCode::OK, body, &request_id),
        Err(error) => error_response(&error, &request_id),
    }
}

fn act(form: &[u8], caller: &Principal, request_id: &str) -> Result<String, StsError> {
    let action = parameter(form, "Action").ok_or(StsError::MissingAction)?;
    match action.as_str() {
        "GetCallerIdentity" => Ok(get_caller_identity(caller, request_id)),
        name if NOT_THERE_YET.contains(&name) => Err(StsError::NotImplemented(action)),
        _ => Err(StsError::InvalidAction(action)),
    }
}

fn get_caller_identity(caller: &Principal, request_id: &str) -> String {
    let (arn, user_id) = (escape(&caller.to_string()), escape(caller.user_id()));
    let account_id = escape(caller.account_id());
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
         <GetCallerIdentityResult>\n    \
         <Arn>{arn}</Arn>\n    \
         <UserId>{user_id}</UserId>\n    \
         <Account>{account_id}</Account>\n  \
         </GetCallerIdentityResult>\n  \
         <ResponseMetadata>\n    \
         <RequestId>{request_id}</RequestId>\n  \
         </ResponseMetadata>\n\
         </GetCallerIdentityResponse>\n"
    )
}

fn error_response(error: &StsError, request_id: &str) -> Response<Bytes> {
    let (status, code) = match error {
        StsError::MissingAction => (StatusCode::BAD_REQUEST, "MissingAction"),
        StsError::Signature(error) => signature_code(error),
        StsError::InvalidAction(_) => (StatusCode::BAD_REQUEST, "InvalidAction"),
        StsError::NotImplemented(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
    };
    let message = escape(&error.to_string());
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
         <Error>\n    \
         <Type>Sender</Type>\n    \
         <Code>{code}</Code>\n    \
         <Message>{message}</Message>\n  \
         </Error>\n  \
         <RequestId>{request_id}</RequestId>\n\
         </ErrorResponse>\n"
    );
    response(status, body, request_id)
}

/// The query protocol has names of its own for what is wrong with a signature.
fn signature_code(error: &SigV4Error) -> (StatusCode, &'static str) {
    match error.error_type() {
        "MissingAuthenticationTokenException" => {
            (StatusCode::FORBIDDEN, "MissingAuthenticationToken")
        }
        "UnrecognizedClientException" => (StatusCode::FORBIDDEN, "InvalidClientTokenId"),
        "IncompleteSignatureException" => (StatusCode::BAD_REQUEST, "IncompleteSignature"),
        _ => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
    }
}

fn signature_text(error: &SigV4Error) -> String {
    match error {
        SigV4Error::MissingAuthenticationToken => {
            "Request is missing Authentication Token".to_owned()
        }
        error => error.to_string(),
    }
}

fn response(status: StatusCode, body: String, request_id: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    response
}

/// The value of a form's parameter, decoded; bytes that are no UTF-8 are replaced.
fn parameter(form: &[u8], name: &str) -> Option<String> {
    let form = String::from_utf8_lossy(form);
    let (_, value) = form
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)?;
    let value = value.replace('+', " ");
    Some(percent_decode_str(&value).decode_utf8_lossy().into_owned())
}

/// Text as XML character data; characters that XML cannot hold are replaced.
fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => "\u{fffd}".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use gatepost_model::principal::PrincipalKind;

    use super::*;

    fn call(form: &str) -> (u16, String) {
        let root = Principal::new("000000000000", PrincipalKind::Root);
        let response = answer(form.as_bytes(), &root);
        assert_eq!(response.headers()["content-type"], "text/xml");
        let request_id = response.headers()["x-amzn-requestid"].to_str().unwrap();
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        (
            response.status().as_u16(),
            body.replace(request_id, "{request id}"),
        )
    }

    #[test]
    fn a_signature_is_refused_by_the_names_of_the_query_protocol() {
        let response = refused(&SigV4Error::MissingAuthenticationToken);
        assert_eq!(response.status(), 403);
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(
            body.contains(
                "<Code>MissingAuthenticationToken</Code>\n    \
                 <Message>Request is missing Authentication Token</Message>"
            ),
            "{body}"
        );
        let response = refused(&SigV4Error::UnrecognizedClient);
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(body.contains("<Code>InvalidClientTokenId</Code>"), "{body}");
    }

    #[test]
    fn whom_nobody_knows_is_the_accounts_root() {
        let (status, body) = call("Action=GetCallerIdentity&Version=2011-06-15");
        assert_eq!(status, 200);
        assert_eq!(
            body,
            r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::000000000000:root</Arn>
    <UserId>000000000000</UserId>
    <Account>000000000000</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>{request id}</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
"#
        );
    }

    #[test]
    fn an_operation_that_is_not_there_yet_is_named() {
        let (status, body) = call("Version=2011-06-15&Action=AssumeRole&RoleArn=arn%3Aaws");
        assert_eq!(status, 501);
        assert_eq!(
            body,
            r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>NotImplemented</Code>
    <Message>AssumeRole is not there yet in Gatepost: it issues no credentials; any that are set are taken</Message>
  </Error>
  <RequestId>{request id}</RequestId>
</ErrorResponse>
"#
        );
    }

    #[test]
    fn what_is_no_operation_is_quoted_harmlessly() {
        let (status, body) = call("Action=%3Cb%3E+%26%00");
        assert_eq!(status, 400);
        assert!(body.contains("<Code>InvalidAction</Code>"), "{body}");
        assert!(
            body.contains("Could not find operation &lt;b&gt; &amp;\u{fffd} for"),
            "{body}"
        );
        let (status, body) = call("");
        assert_eq!(status, 400);
        assert!(body.contains("<Code>MissingAction</Code>"), "{body}");
    }
}
