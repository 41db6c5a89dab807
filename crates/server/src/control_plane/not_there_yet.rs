//! The operations that Gatepost does not have yet, so that each is refused by its name and none
//! looks like a success.

use http::Method;

use super::rescue::{ControlPlaneError, bad_request};
use crate::shapes::{Matched, apigateway, apigatewayv2};

const CHANGE: &str = "its APIs come from templates; change the template, and it is deployed again";
const READ: &str = "nothing in Gatepost depends on it; call it on AWS, or leave it out";

/// What AWS has for HTTP APIs only.
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
    if let Some(operation) = operation.filter(|operation| OF_HTTP_APIS.contains(operation)) {
        return bad_request(format!(
            "{operation} is supported for HTTP APIs only, and Gatepost serves WebSocket APIs"
        ));
    }
    let mend = if method == Method::GET { READ } else { CHANGE };
    operation.map_or(ControlPlaneError::UnknownOperation, |operation| {
        ControlPlaneError::NotThereYet { operation, mend }
    })
}

/// The error for a path under `/v2/` that nothing here reads.
pub(super) fn refuse_read(resource: &[&str]) -> ControlPlaneError {
    let segments = [&["v2"], resource].concat();
    refuse(&Method::GET, &segments, "")
}
