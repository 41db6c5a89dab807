//! Small answers that several servers give.

use crate::auth::AccessDenied;
use bytes::Bytes;
use gatepost_gateway::new_id;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue},
};

/// `x-amzn-ErrorType`: from it the SDKs take the exception's type.
pub const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// `x-amzn-RequestId`.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// `x-amz-apigw-id`.
pub const APIGW_ID: HeaderName = HeaderName::from_static("x-amz-apigw-id");

/// An empty answer.
pub fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// A JSON answer.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A text of our own.
pub fn text(text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// A page.
pub fn html(page: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(page));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// The page that AWS's front end answers malformed HTTP with (data-plane spec 1.2).
pub fn bad_request_page() -> Response<Full<Bytes>> {
    const PAGE: &str = "<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n\
        <center><h1>400 Bad Request</h1></center>\r\n</body>\r\n</html>\r\n";
    let mut response = Response::new(Full::from(PAGE));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    closing(response)
}

/// The answer is the last one on its socket.
pub fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// An AWS error: `x-amzn-ErrorType` and `{"message":"…"}`.
pub fn error(status: StatusCode, error_type: &'static str, message: &str) -> Response<Full<Bytes>> {
    let body = gatepost_wire::management_api::message_body(message);
    let mut response = json(status, body);
    let headers = response.headers_mut();
    headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type));
    add_request_ids(headers);
    response
}

/// `403 AccessDeniedException`, whose body says `Message`, unlike all others (data-plane spec 8.4).
pub fn access_denied(denied: &AccessDenied) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "Message": denied.to_string() }).to_string();
    let mut response = json(StatusCode::FORBIDDEN, body);
    let headers = response.headers_mut();
    let error_type = HeaderValue::from_static("AccessDeniedException");
    headers.insert(ERROR_TYPE, error_type);
    add_request_ids(headers);
    response
}

/// `403 {"message":"Forbidden"}`: unknown API, stage or path.
pub fn forbidden() -> Response<Full<Bytes>> {
    error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden")
}

/// Adds `x-amzn-RequestId` and `x-amz-apigw-id`.
pub fn add_request_ids(headers: &mut HeaderMap) {
    insert(headers, REQUEST_ID, &new_id::uuid());
    insert(headers, APIGW_ID, new_id::request_id().as_str());
}

/// Sets a header whose value is made here.
pub fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
