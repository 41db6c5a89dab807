//! The one place that turns a control-plane error into its HTTP answer.

use bytes::Bytes;
use gatepost_gateway::new_id;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{admission::Inadmissible, shapes::ShapeError};

/// Why an operation gave nothing. The texts are what the caller reads as `message`
/// (control-and-observability spec D.5).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ControlPlaneError {
    #[error("Invalid {resource} identifier specified {id}")]
    NotFound { resource: &'static str, id: String },
    #[error("Invalid {0} identifier specified")]
    NotFoundUnnamed(&'static str),
    #[error("The {0} resource specified in the request was not found.")]
    NotFoundInDomain(&'static str),
    #[error("Invalid Usage Plan ID specified")]
    NotFoundUsagePlan,
    #[error("Invalid ARN specified: no API, stage or domain name has the tags of {0}")]
    NotFoundTagged(String),
    #[error("Invalid maxResults {0}: must be a whole number, 1 or more")]
    InvalidMaxResults(String),
    #[error("Invalid nextToken: must be the nextToken of the page before")]
    InvalidNextToken,
    #[error("Invalid limit {0}: must be a whole number, 1 or more")]
    InvalidLimit(String),
    #[error("Invalid position: must be the position of the page before")]
    InvalidPosition,
    #[error("Invalid date {0}: startDate and endDate must be days such as 2026-09-25")]
    InvalidDate(String),
    #[error("Invalid dates: startDate must not be after endDate, nor more than 90 days before it")]
    InvalidDates,
    #[error("Invalid request: {0} does not decode to UTF-8")]
    NotUtf8(String),
    #[error("API Stage not found: {0}")]
    NotFoundApiStage(String),
    #[error("{0}")]
    Shape(#[from] ShapeError),
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    OfTemplate(String),
    #[error("{0}")]
    LimitExceeded(String),
    #[error("{message}")]
    TooManyRequests {
        limit_type: &'static str,
        message: String,
    },
    #[error("the change could not be kept, so it was not made: {0}")]
    NotKept(String),
    #[error("Missing Authentication Token")]
    UnknownOperation,
    #[error(
        "{0} is not there yet in Gatepost: nothing in it depends on that; call it on AWS, or leave \
         it out"
    )]
    NotThereYet(&'static str),
}

/// What the caller asks for cannot be.
pub(super) fn bad_request(message: impl Into<String>) -> ControlPlaneError {
    ControlPlaneError::BadRequest(message.into())
}

impl From<Inadmissible> for ControlPlaneError {
    fn from(refused: Inadmissible) -> Self {
        Self::BadRequest(refused.answer())
    }
}

/// For what is not admitted because of something else of the API.
pub(super) fn conflict(refused: Inadmissible) -> ControlPlaneError {
    ControlPlaneError::Conflict(refused.answer())
}

impl ControlPlaneError {
    fn status_and_type(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound { .. }
            | Self::NotFoundUnnamed(_)
            | Self::NotFoundInDomain(_)
            | Self::NotFoundUsagePlan
            | Self::NotFoundApiStage(_)
            | Self::NotFoundTagged(_) => (StatusCode::NOT_FOUND, "NotFoundException"),
            Self::InvalidMaxResults(_)
            | Self::InvalidNextToken
            | Self::InvalidLimit(_)
            | Self::InvalidPosition
            | Self::InvalidDate(_)
            | Self::InvalidDates
            | Self::Shape(ShapeError::Validation(_))
            | Self::BadRequest(_)
            | Self::NotUtf8(_) => (StatusCode::BAD_REQUEST, "BadRequestException"),
            Self::Shape(ShapeError::Serialization(_)) => {
                (StatusCode::BAD_REQUEST, "SerializationException")
            }
            Self::Conflict(_) | Self::OfTemplate(_) => (StatusCode::CONFLICT, "ConflictException"),
            Self::LimitExceeded(_) => (StatusCode::TOO_MANY_REQUESTS, "LimitExceededException"),
            Self::TooManyRequests { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException")
            }
            Self::NotKept(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerErrorException",
            ),
            // What AWS answers where no operation is.
            Self::UnknownOperation => {
                (StatusCode::FORBIDDEN, "MissingAuthenticationTokenException")
            }
            Self::NotThereYet(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplementedException"),
        }
    }
}

/// An answer with the headers that all have.
pub(super) fn response(status: StatusCode, body: &Value) -> Response<Bytes> {
    // What is deleted has no body.
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, id) in [
        ("x-amzn-requestid", new_id::uuid()),
        ("x-amz-apigw-id", new_id::request_id().as_str().to_owned()),
    ] {
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert(name, id);
        }
    }
    response
}

/// The answer to an operation that gave nothing.
pub(super) fn error_response(error: &ControlPlaneError) -> Response<Bytes> {
    let (status, error_type) = error.status_and_type();
    let mut body = json!({ "message": error.to_string() });
    if let ControlPlaneError::TooManyRequests { limit_type, .. } = error {
        body["limitType"] = json!(limit_type);
    }
    let mut response = response(status, &body);
    response
        .headers_mut()
        .insert("x-amzn-errortype", HeaderValue::from_static(error_type));
    response
}
