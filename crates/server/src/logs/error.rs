//! The one place that turns an error of CloudWatch Logs into its HTTP answer.

use std::borrow::Cow;

use bytes::Bytes;
use gatepost_gateway::store::{LogChangeError, ReadError};
use gatepost_wire::logs::{filter_pattern::InvalidFilterPattern, insights::MalformedQuery};
use http_body_util::Full;
use hyper::{Response, StatusCode, header::HeaderValue};
use serde_json::json;

use crate::{auth::AccessDenied, respond};

/// Why an operation gave nothing. The texts are what the caller reads as `message`
/// (control-and-observability spec G.1).
#[derive(Debug, thiserror::Error)]
pub(super) enum LogsError {
    #[error("The specified log group does not exist.")]
    NoSuchGroup,
    #[error("The specified log stream does not exist.")]
    NoSuchStream,
    /// As `StartQuery` says it.
    #[error("{0}")]
    NoGroupToQuery(String),
    #[error("The specified query does not exist.")]
    NoSuchQuery,
    #[error("The specified query is not running.")]
    NotRunning,
    #[error("Account maximum query concurrency limit of [{0}] reached.")]
    TooManyQueries(usize),
    #[error("{text}")]
    MalformedQuery {
        text: String,
        mistake: MalformedQuery,
    },
    #[error("queries in the language {0} are not there yet in Gatepost: leave out queryLanguage")]
    QueryLanguage(String),
    #[error("The specified log record does not exist.")]
    NoSuchRecord,
    #[error("The specified nextToken is invalid.")]
    InvalidToken,
    #[error(
        "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}"
    )]
    Constraint {
        value: String,
        member: Cow<'static, str>,
        constraint: String,
    },
    #[error("{0}")]
    InvalidParameter(&'static str),
    #[error("LogGroup name and LogGroup ARN are mutually exclusive parameters.")]
    NameAndArn,
    #[error(transparent)]
    FilterPattern(#[from] InvalidFilterPattern),
    #[error("The specified log group already exists")]
    GroupExists,
    #[error("The specified log stream already exists")]
    StreamExists,
    #[error("{0} too large: {1} bytes exceeds limit of {2}")]
    TooLarge(&'static str, usize, usize),
    #[error("The log group may have {0} tags at most.")]
    TooManyTags(usize),
    #[error("The log group is protected from deletion: call PutLogGroupDeletionProtection first.")]
    Protected,
    #[error("the body is not what the operation takes: {0}")]
    Serialization(String),
    #[error(transparent)]
    AccessDenied(AccessDenied),
    #[error(transparent)]
    Store(#[from] ReadError),
    #[error(transparent)]
    NotWritten(LogChangeError),
    #[error("the server stops: call the next one")]
    Stopped,
}

impl LogsError {
    fn status_and_type(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchGroup
            | Self::NoSuchStream
            | Self::NoGroupToQuery(_)
            | Self::NoSuchQuery
            | Self::NoSuchRecord => (StatusCode::BAD_REQUEST, "ResourceNotFoundException"),
            Self::TooManyQueries(_) => (StatusCode::BAD_REQUEST, "LimitExceededException"),
            Self::MalformedQuery { .. } => (StatusCode::BAD_REQUEST, "MalformedQueryException"),
            Self::QueryLanguage(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplementedException"),
            Self::InvalidToken
            | Self::Constraint { .. }
            | Self::InvalidParameter(_)
            | Self::FilterPattern(_)
            | Self::TooLarge(..)
            | Self::NotRunning => (StatusCode::BAD_REQUEST, "InvalidParameterException"),
            Self::GroupExists | Self::StreamExists => {
                (StatusCode::BAD_REQUEST, "ResourceAlreadyExistsException")
            }
            Self::TooManyTags(_) => (StatusCode::BAD_REQUEST, "TooManyTagsException"),
            Self::NameAndArn | Self::Protected => (StatusCode::BAD_REQUEST, "ValidationException"),
            Self::Serialization(_) => (StatusCode::BAD_REQUEST, "SerializationException"),
            Self::AccessDenied(_) => (StatusCode::BAD_REQUEST, "AccessDeniedException"),
            Self::Store(_) | Self::NotWritten(_) | Self::Stopped => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailableException",
            ),
        }
    }

    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let (status, error_type) = self.status_and_type();
        let member = match self {
            Self::AccessDenied(_) => "Message",
            _ => "message",
        };
        let mut body = json!({ "__type": error_type, member: self.to_string() });
        if let Self::MalformedQuery { mistake, .. } = self {
            body["queryCompileError"] = json!({
                "location": { "startCharOffset": mistake.start, "endCharOffset": mistake.end },
                "message": mistake.message,
            });
        }
        let mut response = super::response(status, &body);
        response
            .headers_mut()
            .insert(respond::ERROR_TYPE, HeaderValue::from_static(error_type));
        response
    }
}

impl From<LogChangeError> for LogsError {
    fn from(error: LogChangeError) -> Self {
        match error {
            LogChangeError::NoSuchGroup => Self::NoSuchGroup,
            LogChangeError::NoSuchStream => Self::NoSuchStream,
            LogChangeError::GroupExists => Self::GroupExists,
            LogChangeError::StreamExists => Self::StreamExists,
            LogChangeError::Protected => Self::Protected,
            LogChangeError::TooManyTags(most) => Self::TooManyTags(most),
            LogChangeError::Failed(error) => Self::Store(error),
            error @ LogChangeError::NotWritten => Self::NotWritten(error),
        }
    }
}
