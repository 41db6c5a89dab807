//! The operations that Gatepost does not have, so that each is refused by its name and none looks
//! like a success.

use http::Method;

use super::rescue::{ControlPlaneError, bad_request};
use crate::shapes::{Matched, apigateway, apigatewayv2};

/// What AWS has for HTTP APIs only (control-and-observability spec D.2).
const OF_HTTP_APIS: [&str; 5] = [
    "DeleteCorsConfiguration",
    "ExportApi",
    "ImportApi",
    "ReimportApi",
    "ResetAuthorizersCache",
];

/// The error for what nothing here answers.
pub(super) fn refuse(method: &Method, segments: &[&str], query: &str) -> ControlPlaneError {
    let operation = if segments.first() == Some(&"v2") {
        Matched::<apigatewayv2::Operation>::find(method, segments, query).map(|found| found.name())
    } else {
        Matched::<apigateway::Operation>::find(method, segments, query).map(|found| found.name())
    };
    match operation {
        None => ControlPlaneError::UnknownOperation,
        Some(operation) if OF_HTTP_APIS.contains(&operation) => bad_request(format!(
            "{operation} is supported for HTTP APIs only, and Gatepost serves WebSocket APIs"
        )),
        Some(operation) => ControlPlaneError::NotThereYet(operation),
    }
}

/// The error for a path under `/v2/` that nothing here reads.
pub(super) fn refuse_read(resource: &[&str]) -> ControlPlaneError {
    let segments = [&["v2"], resource].concat();
    refuse(&Method::GET, &segments, "")
}
