//! The Lambda Runtime API, version 2018-06-01 (control-and-observability spec F.4), on a loopback
//! port of each process's own: whoever reaches another function's port could take its events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{
    error_body::{self, MAX_PAYLOAD},
    invocation::Job,
    log_stream::epoch_millis,
    process::{NotRunning, Process},
};

const VERSION: &str = "/2018-06-01/runtime/";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// Serves one connection of a process.
pub(super) async fn serve(stream: TcpStream, process: Arc<Process>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let process = Arc::clone(&process);
        async move { Ok::<_, Infallible>(handle(&process, request).await) }
    });
    // A connection that breaks shows as the end of the process or at the invocation's timeout.
    let _ = http1::Builder::new()
        .header_read_timeout(None)
        // A client that asks for the next event behind its answer gets both answers in one write.
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn handle(process: &Arc<Process>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if comes_from_a_browser(request.headers()) {
        return refuse(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "this is not for browsers",
        );
    }
    let path = request.uri().path().to_owned();
    let Some(call) = path.strip_prefix(VERSION) else {
        return refuse(
            StatusCode::NOT_FOUND,
            "NotFound",
            "no such call of the Runtime API",
        );
    };
    let steps: Vec<&str> = call.split('/').collect();
    match (request.method(), steps.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(process).await,
        (&Method::POST, ["invocation", request_id, "response"]) => {
            response(process, request_id, request).await
        }
        (&Method::POST, ["invocation", request_id, "error"]) => {
            error(process, request_id, request).await
        }
        (&Method::POST, ["init", "error"]) => init_error(process, request).await,
        _ => refuse(
            StatusCode::NOT_FOUND,
            "NotFound",
            "no such call of the Runtime API",
        ),
    }
}

/// Web pages can send requests to any local port, under another name even without an origin.
fn comes_from_a_browser(headers: &HeaderMap) -> bool {
    let is_ours = |host: &HeaderValue| host.as_bytes().starts_with(b"127.0.0.1:");
    headers.contains_key(header::ORIGIN) || !headers.get(header::HOST).is_some_and(is_ours)
}

async fn next(process: &Arc<Process>) -> Response<Full<Bytes>> {
    process
        .next_event(event_response)
        .await
        .unwrap_or_else(|NotRunning| {
            refuse(
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                "the last event is not answered yet",
            )
        })
}

fn event_response(job: &Job, time_left: Duration) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(job.payload.clone()));
    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let deadline = epoch_millis() + u64::try_from(time_left.as_millis()).unwrap_or_default();
    headers.insert("lambda-runtime-deadline-ms", deadline.into());
    for (name, value) in [
        ("lambda-runtime-aws-request-id", Some(&job.request_id)),
        (
            "lambda-runtime-invoked-function-arn",
            Some(&job.function_arn),
        ),
        ("lambda-runtime-trace-id", Some(&job.trace_id)),
        ("lambda-runtime-client-context", job.client_context.as_ref()),
    ] {
        // What no header can carry was not a header of the invocation either.
        if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

async fn response(
    process: &Arc<Process>,
    request_id: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    match body(request).await {
        Ok((payload, None)) => outcome(process.answer(request_id, payload, false)),
        Ok((_, Some(streaming_error))) => {
            outcome(process.answer(request_id, streaming_error, true))
        }
        Err(BodyError::TooLarge) => {
            // The process may go on; only this answer is lost.
            let _ = process.answer(request_id, error_body::response_too_large(), true);
            refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                &format!("Exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes)."),
            )
        }
        Err(BodyError::Broken) => broken(),
    }
}

async fn error(
    process: &Arc<Process>,
    request_id: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    match body(request).await {
        Ok((document, _)) => outcome(process.answer(request_id, document, true)),
        Err(BodyError::TooLarge) => {
            outcome(process.answer(request_id, error_body::response_too_large(), true))
        }
        Err(BodyError::Broken) => broken(),
    }
}

async fn init_error(process: &Arc<Process>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let error_type = request
        .headers()
        .get(ERROR_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("Runtime.Unknown")
        .to_owned();
    match body(request).await {
        Ok((document, _)) => outcome(process.init_failed(document, &error_type)),
        Err(_) => broken(),
    }
}

enum BodyError {
    TooLarge,
    Broken,
}

/// The body, and the error that a streamed response carries in its trailers. One that is too large
/// is read to its end, so that the client gets to read the refusal.
async fn body(request: Request<Incoming>) -> Result<(Vec<u8>, Option<Vec<u8>>), BodyError> {
    let mut incoming = request.into_body();
    let (mut payload, mut length, mut failure) = (Vec::new(), 0_usize, None);
    while let Some(frame) = incoming.frame().await {
        match frame.map_err(|_| BodyError::Broken)?.into_data() {
            Ok(data) => {
                length = length.saturating_add(data.len());
                if length <= MAX_PAYLOAD {
                    payload.extend_from_slice(&data);
                }
            }
            Err(frame) => failure = frame.into_trailers().ok().and_then(|t| streaming_error(&t)),
        }
    }
    if length > MAX_PAYLOAD {
        return Err(BodyError::TooLarge);
    }
    Ok((payload, failure))
}

fn streaming_error(trailers: &HeaderMap) -> Option<Vec<u8>> {
    trailers.get(ERROR_TYPE)?;
    let body = trailers
        .get(ERROR_BODY)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    Some(BASE64_STANDARD.decode(body).unwrap_or_default())
}

fn outcome(outcome: Result<(), NotRunning>) -> Response<Full<Bytes>> {
    match outcome {
        Ok(()) => answer(
            StatusCode::ACCEPTED,
            Bytes::from_static(b"{\"status\":\"OK\"}\n"),
        ),
        Err(NotRunning) => refuse(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "Invalid request ID",
        ),
    }
}

fn broken() -> Response<Full<Bytes>> {
    refuse(
        StatusCode::BAD_REQUEST,
        "InvalidBody",
        "the body breaks off",
    )
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    let document = serde_json::json!({"errorMessage": message, "errorType": error_type});
    answer(status, document.to_string().into())
}

fn answer(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
