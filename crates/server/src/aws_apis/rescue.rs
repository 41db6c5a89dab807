//! A request that is not signed, or not by whom it says: the answer in the service's protocol.

use bytes::Bytes;
use gatepost_wire::sigv4::SigV4Error;
use http_body_util::Full;
use hyper::{Response, StatusCode, header::HeaderValue};
use serde_json::json;

use super::Service;
use crate::{respond, sts};

/// The answer of `service` to a request whose signature is refused.
pub(super) fn refused(service: &Service, error: &SigV4Error) -> Response<Full<Bytes>> {
    match service {
        Service::ApiGateway | Service::Lambda => respond::error(
            StatusCode::FORBIDDEN,
            error.error_type(),
            &error.to_string(),
        ),
        Service::Sts => sts::refused(error).map(Full::new),
        // The JSON protocols answer every fault of the caller with 400.
        Service::Logs | Service::Monitoring | Service::Other(_) => {
            let error_type = error.error_type();
            let body = json!({ "__type": error_type, "message": error.to_string() });
            let mut response = respond::json(StatusCode::BAD_REQUEST, body.to_string());
            let headers = response.headers_mut();
            headers.insert(respond::ERROR_TYPE, HeaderValue::from_static(error_type));
            respond::add_request_ids(headers);
            response
        }
    }
}
