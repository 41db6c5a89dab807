//! Lambda's own API, as far as programs that invoke functions need it
//! (control-and-observability spec F.1).

use std::{collections::HashMap, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use gatepost_gateway::{integration::invoke_function::InvokeFunction, new_id};
use gatepost_model::{
    arn::FunctionReference,
    invocation::{InvocationType, InvokeError, InvokeRequest, InvokeResponse},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts,
};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{error_body, invocation::new_trace_id, made::MadeFunctions, operations};
use crate::{
    auth::{AccessDenied, Authorized, VerifiedRequest},
    respond,
    shapes::{Matched, lambda::Operation},
    target::decode,
};

/// `X-Amz-Client-Context` may be this long.
const MAX_CLIENT_CONTEXT: usize = 3583;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Answers a request to a path under `/2015-03-31/` and Lambda's other API versions: `lambda`
/// invokes functions, wherever they run, `runner` knows those of this machine. What is not built yet answers 501 with the operation's name.
pub async fn handle(
    functions: &Arc<MadeFunctions>,
    lambda: &dyn InvokeFunction,
    request: VerifiedRequest<'_>,
) -> Response<Full<Bytes>> {
    match carry_out(functions, lambda, &request).await {
        Ok(response) => response,
        Err(Refusal::Denied(denied)) => respond::access_denied(&denied),
        Err(Refusal::Failed(error)) => refuse(&error),
    }
}

/// Why an operation gives nothing.
pub(super) enum Refusal {
    Denied(AccessDenied),
    Failed(InvokeError),
}

impl From<AccessDenied> for Refusal {
    fn from(denied: AccessDenied) -> Self {
        Self::Denied(denied)
    }
}

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        Self::Failed(error)
    }
}

async fn carry_out(
    functions: &Arc<MadeFunctions>,
    lambda: &dyn InvokeFunction,
    request: &VerifiedRequest<'_>,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let uri = &request.head.uri;
    let steps: Vec<String> = uri.path().split('/').skip(1).map(decode).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let query = query(uri.query().unwrap_or_default());
    let qualifier = query.get("Qualifier").map(String::as_str);
    let may = |action: &str, name: &str, qualifier: Option<&str>| {
        request.authorize(action, &function_arn(request, name, qualifier))
    };
    let answer = match (&request.head.method, steps.as_slice()) {
        (&Method::POST, ["2015-03-31", "functions", name, "invocations"]) => {
            let call = may("lambda:InvokeFunction", name, qualifier)?;
            invoke(lambda, name, qualifier, &call).await
        }
        (
            &Method::POST,
            ["2014-11-13", "functions", name, "invoke-async"]
            | ["2014-11-13", "functions", name, "invoke-async", ""],
        ) => {
            let call = may("lambda:InvokeAsync", name, None)?;
            invoke_async(lambda, name, &call).await
        }
        (method, steps) => {
            let path_query = uri.query().unwrap_or_default();
            match Matched::<Operation>::find(method, steps, path_query) {
                Some(Matched::Operation(operation, members)) => {
                    return operations::carry_out(functions, operation, members, request).await;
                }
                Some(Matched::Other(name)) => Err(error_body::not_implemented(name)),
                None => {
                    let unknown = format!("{method} /{}", steps.join("/"));
                    Err(error_body::not_implemented(&unknown))
                }
            }
        }
    };
    Ok(answer?)
}

/// The name of the operation when its request carries a function's code.
pub(crate) fn operation_with_code(head: &Parts) -> Option<&'static str> {
    let path = head.uri.path().strip_prefix("/2015-03-31/functions")?;
    match head.method {
        Method::POST if path.is_empty() || path == "/" => Some("CreateFunction"),
        Method::PUT if path.ends_with("/code") => Some("UpdateFunctionCode"),
        _ => None,
    }
}

/// The function in policies: `arn:aws:lambda:{region}:{account}:function:{name}`, and the qualifier
/// behind it when there is one. Functions are found by name alone, so whatever region and account
/// the caller wrote, the policies about the function here decide.
pub(super) fn function_arn(
    request: &VerifiedRequest<'_>,
    name: &str,
    qualifier: Option<&str>,
) -> String {
    let (region, account) = (request.region(), request.account_id());
    let (name, qualified) = match FunctionReference::parse(name) {
        Ok(function) => (function.name.to_string(), function.qualifier),
        // No function has such a name.
        Err(_) => (name.to_owned(), None),
    };
    let qualifier = qualified.as_deref().or(qualifier);
    let qualifier = qualifier.map_or_else(String::new, |qualifier| format!(":{qualifier}"));
    format!("arn:aws:lambda:{region}:{account}:function:{name}{qualifier}")
}

async fn invoke(
    lambda: &dyn InvokeFunction,
    name: &str,
    qualifier: Option<&str>,
    call: &Authorized<'_>,
) -> Result<Response<Full<Bytes>>, InvokeError> {
    let (headers, body) = (&call.request().head.headers, call.request().body.clone());
    let trace_id = text(headers, TRACE_ID.as_str()).map_or_else(new_trace_id, str::to_owned);
    let invocation_type = match text(headers, "x-amz-invocation-type") {
        None | Some("RequestResponse") => InvocationType::RequestResponse,
        Some("Event") => InvocationType::Event,
        Some("DryRun") => InvocationType::DryRun,
        Some(other) => {
            return Err(not_in_enum(
                other,
                "invocationType",
                "[Event, RequestResponse, DryRun]",
            ));
        }
    };
    let tail_log = match text(headers, "x-amz-log-type") {
        None | Some("None") => false,
        Some("Tail") => true,
        Some(other) => return Err(not_in_enum(other, "logType", "[None, Tail]")),
    };
    let request = InvokeRequest {
        function: name.to_owned(),
        qualifier: qualifier.map(str::to_owned),
        invocation_type,
        payload: body.into(),
        tail_log: tail_log && invocation_type == InvocationType::RequestResponse,
        client_context: client_context(headers, invocation_type)?,
        trace_id: Some(trace_id.clone()),
        source: None,
    };
    let answer = lambda.invoke(request).await?;
    Ok(invoke_response(answer, &trace_id))
}

fn invoke_response(answer: InvokeResponse, trace_id: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.payload.into()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        "x-amzn-remapped-content-length",
        HeaderValue::from_static("0"),
    );
    let log_tail = answer.log_tail.map(|tail| BASE64_STANDARD.encode(tail));
    for (name, value) in [
        (REQUEST_ID, Some(answer.request_id.as_str())),
        (TRACE_ID, Some(trace_id)),
        (
            HeaderName::from_static("x-amz-executed-version"),
            Some(&answer.executed_version),
        ),
        (
            HeaderName::from_static("x-amz-function-error"),
            answer.function_error.as_deref(),
        ),
        (
            HeaderName::from_static("x-amz-log-result"),
            log_tail.as_deref(),
        ),
    ] {
        if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    response
}

/// The deprecated `InvokeAsync`: `{"Status":202}`.
async fn invoke_async(
    lambda: &dyn InvokeFunction,
    name: &str,
    call: &Authorized<'_>,
) -> Result<Response<Full<Bytes>>, InvokeError> {
    let body = call.request().body.clone();
    let request = InvokeRequest {
        function: name.to_owned(),
        qualifier: None,
        invocation_type: InvocationType::Event,
        payload: body.into(),
        tail_log: false,
        client_context: None,
        trace_id: None,
        source: None,
    };
    let answer = lambda.invoke(request).await?;
    Ok(json_response(
        StatusCode::ACCEPTED,
        &answer.request_id,
        &json!({"Status": 202}),
    ))
}

fn client_context(
    headers: &HeaderMap,
    invocation_type: InvocationType,
) -> Result<Option<String>, InvokeError> {
    let Some(encoded) = headers.get("x-amz-client-context") else {
        return Ok(None);
    };
    let invalid =
        || error_body::client_context("Client context must be a valid Base64-encoded JSON object.");
    if encoded.len() > MAX_CLIENT_CONTEXT {
        return Err(invalid());
    }
    let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| invalid())?;
    let object: serde_json::Map<String, Value> =
        serde_json::from_slice(&decoded).map_err(|_| invalid())?;
    // Written anew, it is one line and fits the header in which the function gets it.
    let context = Value::Object(object).to_string();
    Ok((invocation_type == InvocationType::RequestResponse).then_some(context))
}

fn not_in_enum(value: &str, member: &str, values: &str) -> InvokeError {
    error_body::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         Member must satisfy enum value set: {values}"
    ))
}

fn refuse(error: &InvokeError) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &new_id::uuid(), &error_body::of(error));
    let headers = response.headers_mut();
    if let Ok(error_type) = HeaderValue::from_str(&error.error_type) {
        headers.insert(ERROR_TYPE, error_type);
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

pub(super) fn json_response(
    status: StatusCode,
    request_id: &str,
    body: &Value,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn query(text: &str) -> HashMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
