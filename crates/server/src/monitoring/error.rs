//! Why CloudWatch refuses.

use gatepost_gateway::store::ReadError;
use hyper::StatusCode;

use crate::auth::AccessDenied;

/// The texts are what the caller reads.
#[derive(Debug, thiserror::Error)]
pub(super) enum MonitoringError {
    #[error("The parameter {0} is required.")]
    Missing(&'static str),
    #[error("{0}")]
    InvalidValue(String),
    #[error("{0}")]
    InvalidCombination(String),
    #[error("the parameters are not what the operation takes: {0}")]
    Input(String),
    #[error("{0} of the service monitoring is not there yet in Gatepost")]
    NotThereYet(String),
    #[error(
        "metric math is not there yet in Gatepost: ask for the metrics by MetricStat (query {0})"
    )]
    Expression(String),
    #[error("the request names no operation: send Action, or X-Amz-Target")]
    NoOperation,
    #[error(transparent)]
    AccessDenied(AccessDenied),
    #[error(transparent)]
    Store(#[from] ReadError),
    #[error("the server stops: call the next one")]
    Stopped,
}

impl MonitoringError {
    /// The status, the shape in JSON, and the code of the query protocol.
    pub(super) fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Missing(_) => (
                StatusCode::BAD_REQUEST,
                "MissingRequiredParameterException",
                "MissingParameter",
            ),
            Self::InvalidValue(_) => (
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                "InvalidParameterValue",
            ),
            Self::InvalidCombination(_) => (
                StatusCode::BAD_REQUEST,
                "InvalidParameterCombinationException",
                "InvalidParameterCombination",
            ),
            Self::Input(_) => (
                StatusCode::BAD_REQUEST,
                "SerializationException",
                "MalformedInput",
            ),
            Self::NoOperation => (StatusCode::BAD_REQUEST, "MissingAction", "MissingAction"),
            Self::AccessDenied(_) => (
                StatusCode::FORBIDDEN,
                "AccessDeniedException",
                "AccessDenied",
            ),
            Self::NotThereYet(_) | Self::Expression(_) => (
                StatusCode::NOT_IMPLEMENTED,
                "NotImplementedException",
                "NotImplemented",
            ),
            Self::Store(_) | Self::Stopped => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServiceFault",
                "InternalServiceError",
            ),
        }
    }
}
