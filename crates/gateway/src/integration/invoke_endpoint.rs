//! Lambda behind any endpoint that speaks the Invoke API: AWS itself, `sam local start-lambda`,
//! the Runtime Interface Emulator, another Gatepost.

use aws_credential_types::Credentials;
use bytes::Bytes;
use gatepost_model::{
    arn::FunctionReference,
    invocation::{InvocationType, InvokeError, InvokeRequest, InvokeResponse},
};
use http_body_util::Full;
use hyper::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;

use super::{
    http_client::HttpClient,
    invoke_function::{Invocation, InvokeFunction},
    sign::{Scope, sign},
};
use crate::new_id;

/// The account in the ARNs of functions that belong to none.
const NO_ACCOUNT: &str = "000000000000";

/// A client of one Invoke endpoint.
#[derive(Debug, Clone)]
pub struct InvokeEndpoint {
    client: HttpClient,
    /// Scheme and authority, without a trailing slash; or the whole URL of a function.
    base: String,
    region: String,
    credentials: Credentials,
}

impl InvokeEndpoint {
    /// A client of the endpoint at `base`, e.g. `http://localhost:3001`. One that ends in
    /// `/invocations` is called as it is, whatever the function: the Runtime Interface Emulator's
    /// is always called `function`.
    pub fn new(client: HttpClient, base: &str, region: &str, credentials: Credentials) -> Self {
        Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            credentials,
        }
    }

    fn request(&self, invoke: &InvokeRequest) -> Result<Request<Full<Bytes>>, String> {
        let uri = self.uri(invoke);
        let kind = match invoke.invocation_type {
            InvocationType::RequestResponse => "RequestResponse",
            InvocationType::Event => "Event",
            InvocationType::DryRun => "DryRun",
        };
        let mut request = Request::post(uri)
            .header("content-type", "application/json")
            .header("x-amz-invocation-type", kind)
            .body(Full::new(Bytes::from(invoke.payload.clone())))
            .map_err(|error| error.to_string())?;
        if let Some(trace_id) = &invoke.trace_id
            && let Ok(trace_id) = trace_id.parse()
        {
            request.headers_mut().insert("x-amzn-trace-id", trace_id);
        }
        let scope = Scope {
            region: &self.region,
            service: "lambda",
        };
        sign(&mut request, &invoke.payload, &self.credentials, scope)
            .map_err(|error| error.to_string())?;
        Ok(request)
    }

    fn uri(&self, invoke: &InvokeRequest) -> String {
        if self.base.ends_with("/invocations") {
            return self.base.clone();
        }
        let mut function = invoke.function.clone();
        let mut qualifier = invoke.qualifier.clone();
        // An ARN of the account that stands for none names nothing elsewhere, a name may.
        if let Ok(reference) = FunctionReference::parse(&function)
            && let Some((_, account)) = &reference.region_and_account
            && account == NO_ACCOUNT
        {
            function = reference.name.to_string();
            qualifier = qualifier.or(reference.qualifier);
        }
        let function = function.replace('%', "%25").replace(':', "%3A");
        let mut uri = format!("{}/2015-03-31/functions/{function}/invocations", self.base);
        if let Some(qualifier) = qualifier {
            uri.push_str("?Qualifier=");
            uri.push_str(&qualifier.replace('$', "%24"));
        }
        uri
    }

    async fn call(&self, invoke: InvokeRequest) -> Result<InvokeResponse, InvokeError> {
        let request = self.request(&invoke).map_err(no_answer)?;
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|error| InvokeError {
                never_sent: error.is_never_sent(),
                ..no_answer(error.to_string())
            })?;
        read_answer(answer)
    }
}

impl InvokeFunction for InvokeEndpoint {
    fn invoke(&self, request: InvokeRequest) -> Invocation<'_> {
        Box::pin(self.call(request))
    }
}

fn no_answer(message: String) -> InvokeError {
    InvokeError {
        status: 502,
        error_type: "ServiceException".into(),
        message,
        reason: None,
        never_sent: false,
    }
}

/// Reads an answer of the Invoke API. Emulators tell of a function's error in three ways: by the
/// header, by a status of 500 and more, or only by the document (control-and-observability F.7).
fn read_answer(answer: Response<Bytes>) -> Result<InvokeResponse, InvokeError> {
    let (parts, body) = answer.into_parts();
    let header = |name: &str| text_of(&parts.headers, name);
    let document: Option<Value> = serde_json::from_slice(&body).ok();
    let member = |name: &str| {
        document
            .as_ref()
            .and_then(|document| document.get(name)?.as_str())
            .map(str::to_owned)
    };
    let is_error_document = member("errorMessage").is_some();
    let function_error = header("x-amz-function-error").or_else(|| {
        let by_status = parts.status.is_server_error() && is_error_document;
        let by_document =
            parts.status == StatusCode::OK && is_error_document && member("errorType").is_some();
        (by_status || by_document).then(|| "Unhandled".to_owned())
    });
    if function_error.is_none() && !parts.status.is_success() {
        return Err(InvokeError {
            status: parts.status.as_u16(),
            error_type: header("x-amzn-errortype")
                .map_or_else(|| "ServiceException".into(), |kind| kind.replace(':', "")),
            message: member("Message")
                .or_else(|| member("message"))
                .unwrap_or_default(),
            reason: member("Reason"),
            never_sent: false,
        });
    }
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
        log_tail: None,
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

    #[test]
    fn a_functions_error_is_recognised_in_every_emulators_way() {
        let document = r#"{"errorMessage":"no","errorType":"Error"}"#;
        for answer in [
            answer(200, Some(("x-amz-function-error", "Unhandled")), document),
            answer(500, None, document),
            answer(200, None, document),
        ] {
            let response = read_answer(answer).unwrap();
            assert_eq!(response.function_error.as_deref(), Some("Unhandled"));
        }
        let response = read_answer(answer(200, None, r#"{"errorMessage":"mine"}"#)).unwrap();
        assert_eq!(response.function_error, None);
        let error = read_answer(answer(
            404,
            Some(("x-amzn-errortype", "ResourceNotFoundException")),
            r#"{"Type":"User","Message":"Function not found: x"}"#,
        ))
        .unwrap_err();
        assert_eq!(error.status, 404);
        assert_eq!(error.message, "Function not found: x");
    }
}
