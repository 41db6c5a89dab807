//! The one place where a failed `@connections` call becomes bytes (data-plane spec 8.4).

use bytes::Bytes;
use gatepost_gateway::{observe::Refused, pipeline::throttle::Throttled};
use gatepost_model::connection::{GoneReason, InvalidConnectionId};
use gatepost_wire::{
    management_api::{invalid_connection_id_body, message_body},
    sigv4::SigV4Error,
};
use http_body_util::Full;
use hyper::{
    Method, Response, StatusCode,
    header::{HeaderName, HeaderValue},
};

use super::{call::Call, success};
use crate::{
    admin,
    auth::AccessDenied,
    endpoint::Endpoint,
    respond,
    target::{Target, TargetError},
};

const GONE_REASON: HeaderName = HeaderName::from_static("x-gatepost-gone-reason");
const GONE_HELP: HeaderName = HeaderName::from_static("x-gatepost-gone-help");

/// Why an `@connections` call fails.
#[derive(Debug)]
pub(super) enum Failure {
    /// 413, from the front end: bare.
    TooLarge,
    /// The request's body ended early.
    Broken,
    /// No such API or stage.
    Target(TargetError),
    /// 400.
    InvalidId(InvalidConnectionId),
    /// 403: not signed, or not by whom it says.
    Signature(SigV4Error),
    /// 403: the caller's policies do not allow it.
    AccessDenied(AccessDenied),
    /// 410.
    Gone(GoneReason),
    /// 429: the client's outbox is full.
    LimitExceeded,
    /// 503: another Gatepost holds the connection, and did not say what became of the call.
    Unknown,
    /// 429: the account's rate is exceeded.
    Throttled(Throttled),
    /// A method that the API does not have.
    NoMethod,
}

impl Failure {
    /// What the observer is told of a call that the caller must change.
    pub(super) fn into_refused(self) -> Option<Refused> {
        match self {
            Self::Gone(reason) => Some(Refused::Gone(reason)),
            Self::InvalidId(reason) => Some(Refused::Invalid(reason)),
            Self::Signature(error) => Some(Refused::Denied(error.to_string())),
            Self::AccessDenied(denied) => Some(Refused::Denied(denied.to_string())),
            _ => None,
        }
    }

    /// The name of the reason, and of its page; none where the call names no connection.
    pub(super) fn slug(&self) -> Option<&'static str> {
        match self {
            Self::Broken | Self::Target(_) | Self::Unknown | Self::NoMethod => None,
            Self::TooLarge => Some("payload-too-large"),
            Self::InvalidId(reason) => Some(reason.slug()),
            Self::Signature(_) => Some("invalid-signature"),
            Self::AccessDenied(_) => Some("access-denied"),
            Self::Gone(reason) => Some(reason.slug()),
            Self::LimitExceeded => Some("limit-exceeded"),
            Self::Throttled(_) => Some("throttled"),
        }
    }

    /// Why the call is refused, in words, and how to mend it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::TooLarge => "The message is greater than max_message_bytes.".into(),
            Self::Broken => "The body ended early.".into(),
            Self::Target(error) => format!("Forbidden: {error}."),
            Self::InvalidId(reason) => format!(
                "Invalid connectionId ({}): {reason}. To mend it: {}.",
                reason.slug(),
                reason.advice()
            ),
            Self::Signature(error) => format!("{}: {error}", error.error_type()),
            Self::AccessDenied(denied) => format!("AccessDeniedException: {denied}"),
            Self::Gone(reason) => format!(
                "Gone ({}): {}. To mend it: {}.",
                reason.slug(),
                reason.describe(),
                reason.advice()
            ),
            Self::LimitExceeded => "The client reads more slowly than is posted to it: its outbox \
                                    is full. To mend it: post again later, or less."
                .into(),
            Self::Unknown => "Another Gatepost holds the connection, and did not say in time what \
                              became of the call. To mend it: call again."
                .into(),
            Self::Throttled(throttled) => format!("{throttled}."),
            Self::NoMethod => "No such operation.".into(),
        }
    }
}

/// The answer to a failed call. With an endpoint, 410 and 400 say why, and where more is said.
pub(super) fn response(
    failure: &Failure,
    target: &Target,
    call: &Call,
    reasons_at: Option<&Endpoint>,
) -> Response<Full<Bytes>> {
    let Call {
        id_text, method, ..
    } = call;
    let mut slug = None;
    let mut response = match failure {
        Failure::TooLarge => respond::closing(respond::status(StatusCode::PAYLOAD_TOO_LARGE)),
        Failure::Broken => respond::closing(respond::status(StatusCode::BAD_REQUEST)),
        Failure::Target(TargetError::NoMethod { path }) => {
            let text = no_method(&format!("{path}/@connections/{id_text}"), method);
            respond::error(StatusCode::FORBIDDEN, "ForbiddenException", &text)
        }
        Failure::Target(TargetError::Unknown(_) | TargetError::Disabled) => respond::forbidden(),
        Failure::InvalidId(reason) => {
            slug = Some(reason.slug());
            let mut response =
                respond::json(StatusCode::BAD_REQUEST, invalid_connection_id_body(id_text));
            let error_type = HeaderValue::from_static("BadRequestException");
            let headers = response.headers_mut();
            headers.insert(respond::ERROR_TYPE, error_type);
            response
        }
        Failure::Signature(error) => respond::error(
            StatusCode::FORBIDDEN,
            error.error_type(),
            &error.to_string(),
        ),
        Failure::AccessDenied(denied) => respond::access_denied(denied),
        Failure::Gone(reason) => {
            slug = Some(reason.slug());
            typed(success(StatusCode::GONE, Bytes::new()), "GoneException")
        }
        Failure::LimitExceeded | Failure::Throttled(_) => typed(
            success(StatusCode::TOO_MANY_REQUESTS, Bytes::new()),
            "LimitExceededException",
        ),
        Failure::Unknown => respond::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailableException",
            "Service Unavailable",
        ),
        Failure::NoMethod => {
            let path = target.segments.join("/");
            let text = no_method(&format!("{path}/@connections/{id_text}"), method);
            let response = respond::json(StatusCode::FORBIDDEN, message_body(&text));
            typed(response, "ForbiddenException")
        }
    };
    if !matches!(failure, Failure::TooLarge | Failure::Broken) {
        call.put_ids(&mut response);
    }
    if let (Some(endpoint), Some(slug)) = (reasons_at, slug) {
        let headers = response.headers_mut();
        headers.insert(GONE_REASON, HeaderValue::from_static(slug));
        respond::insert(headers, GONE_HELP, &admin::error_page_url(endpoint, slug));
    }
    response
}

fn no_method(path: &str, method: &Method) -> String {
    format!("No method found matching route {path} for http method {method}.")
}

fn typed(mut response: Response<Full<Bytes>>, error_type: &'static str) -> Response<Full<Bytes>> {
    response
        .headers_mut()
        .insert(respond::ERROR_TYPE, HeaderValue::from_static(error_type));
    response
}
