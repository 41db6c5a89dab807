//! The operations that Gatepost does not have, so that each is refused by its name and none looks
//! like a success.

use http::Method;

use super::rescue::ControlPlaneError;
use crate::shapes::{Matched, apigateway, apigatewayv2};

/// Those that are for HTTP APIs only, on AWS too (control-and-observability spec D.2).
const FOR_HTTP_APIS: [&str; 5] = [
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
        Some(operation) if FOR_HTTP_APIS.contains(&operation) => {
            ControlPlaneError::ForHttpApis(operation)
        }
        Some(operation) => ControlPlaneError::NotThereYet(operation),
    }
}

/// The error for a path under `/v2/` that nothing here reads.
pub(super) fn refuse_read(resource: &[&str]) -> ControlPlaneError {
    let segments = [&["v2"], resource].concat();
    refuse(&Method::GET, &segments, "")
}
