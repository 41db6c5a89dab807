//! A failed stage: whose fault it is, what the client is told, what the log says.

use crate::MessageId;

/// The greatest detail, characters, before ` [TRUNCATED]`: what a backend or a client sent may be
/// part of it, and events and logs must stay lines.
const MAX_DETAIL: usize = 1024;

/// Whose fault a failure is; feeds `ClientError`, `IntegrationError` and `ExecutionError`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The client's: `ClientError`.
    Client,
    /// The backend answered with an error: `IntegrationError`.
    Integration,
    /// The backend could not be called, or broke: `ExecutionError`.
    Gateway,
}

/// What goes wrong on the way of a request, in AWS's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// No route matched and there is no `$default`.
    Forbidden,
    /// An identity source is missing, or the authorizer said so.
    Unauthorized,
    /// The authorizer's policy denies explicitly.
    ExplicitDeny,
    /// The authorizer's policy allows nothing that matches.
    ImplicitDeny,
    /// An unsigned request to an `AWS_IAM` route.
    MissingAuthenticationToken,
    /// A signature that is none of this request.
    InvalidSignature,
    /// A signer who may not do it.
    AccessDenied,
    /// The authorizer failed.
    AuthorizerFailure,
    /// The authorizer's answer is not one.
    AuthorizerConfiguration,
    /// The integration failed.
    IntegrationFailure,
    /// The integration took too long.
    IntegrationTimeout,
    /// The request body may not be passed on.
    UnsupportedMediaType,
    /// A required request parameter is missing.
    BadRequestParameters,
    /// The message is not what its model says.
    BadRequestBody,
    /// An API key is required, and there is none that may use the stage.
    InvalidApiKey,
    /// Too many requests.
    Throttled,
    /// More requests than the quota of the usage plan.
    QuotaExceeded,
    /// The API's configuration cannot work.
    ApiConfiguration,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Forbidden,
        Self::Unauthorized,
        Self::ExplicitDeny,
        Self::ImplicitDeny,
        Self::MissingAuthenticationToken,
        Self::InvalidSignature,
        Self::AccessDenied,
        Self::AuthorizerFailure,
        Self::AuthorizerConfiguration,
        Self::IntegrationFailure,
        Self::IntegrationTimeout,
        Self::UnsupportedMediaType,
        Self::BadRequestParameters,
        Self::BadRequestBody,
        Self::InvalidApiKey,
        Self::Throttled,
        Self::QuotaExceeded,
        Self::ApiConfiguration,
    ];

    /// The stable name, which is that of its page too.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Unauthorized => "unauthorized",
            Self::ExplicitDeny => "explicit-deny",
            Self::ImplicitDeny => "implicit-deny",
            Self::MissingAuthenticationToken => "missing-authentication-token",
            Self::InvalidSignature => "invalid-signature",
            Self::AccessDenied => "access-denied",
            Self::AuthorizerFailure => "authorizer-failure",
            Self::AuthorizerConfiguration => "authorizer-configuration",
            Self::IntegrationFailure => "integration-failure",
            Self::IntegrationTimeout => "integration-timeout",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::BadRequestParameters => "bad-request-parameters",
            Self::BadRequestBody => "bad-request-body",
            Self::InvalidApiKey => "invalid-api-key",
            Self::Throttled => "throttled",
            Self::QuotaExceeded => "quota-exceeded",
            Self::ApiConfiguration => "api-configuration",
        }
    }

    /// `message` as AWS writes it in the error frame or body (data-plane spec §1.5, §6).
    pub fn message(self) -> &'static str {
        match self {
            Self::Forbidden | Self::InvalidApiKey => "Forbidden",
            Self::Unauthorized => "Unauthorized",
            Self::ExplicitDeny => {
                "User is not authorized to access this resource with an explicit deny in an \
                 identity-based policy"
            }
            Self::ImplicitDeny => {
                "User is not authorized to access this resource because no identity-based policy \
                 allows the execute-api:Invoke action"
            }
            Self::MissingAuthenticationToken => "Missing Authentication Token",
            Self::InvalidSignature => {
                "The request signature we calculated does not match the signature you provided."
            }
            Self::AccessDenied => "User is not authorized to access this resource",
            Self::AuthorizerConfiguration => "",
            Self::AuthorizerFailure | Self::IntegrationFailure | Self::ApiConfiguration => {
                "Internal server error"
            }
            Self::IntegrationTimeout => "Endpoint request timed out",
            Self::UnsupportedMediaType => "Unsupported Media Type",
            Self::BadRequestParameters => "Missing required request parameters",
            Self::BadRequestBody => "Bad request body",
            Self::Throttled => "Too Many Requests",
            Self::QuotaExceeded => "Limit Exceeded",
        }
    }

    /// The HTTP status of a handshake that fails so (data-plane spec §1.5, §14).
    pub fn handshake_status(self) -> u16 {
        match self {
            Self::BadRequestParameters | Self::BadRequestBody => 400,
            Self::Unauthorized => 401,
            Self::Forbidden
            | Self::ExplicitDeny
            | Self::ImplicitDeny
            | Self::MissingAuthenticationToken
            | Self::InvalidSignature
            | Self::AccessDenied
            | Self::InvalidApiKey => 403,
            Self::UnsupportedMediaType => 415,
            Self::Throttled | Self::QuotaExceeded => 429,
            Self::AuthorizerFailure | Self::AuthorizerConfiguration | Self::ApiConfiguration => 500,
            Self::IntegrationFailure => 502,
            Self::IntegrationTimeout => 504,
        }
    }

    /// `$context.error.responseType`: AWS's name of the response (control-and-observability spec
    /// B.3).
    pub fn response_type(self) -> &'static str {
        match self {
            Self::Forbidden => "DEFAULT_4XX",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::ExplicitDeny | Self::ImplicitDeny | Self::AccessDenied => "ACCESS_DENIED",
            Self::MissingAuthenticationToken => "MISSING_AUTHENTICATION_TOKEN",
            Self::InvalidSignature => "INVALID_SIGNATURE",
            Self::AuthorizerFailure => "AUTHORIZER_FAILURE",
            Self::AuthorizerConfiguration => "AUTHORIZER_CONFIGURATION_ERROR",
            Self::IntegrationFailure => "INTEGRATION_FAILURE",
            Self::IntegrationTimeout => "INTEGRATION_TIMEOUT",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::BadRequestParameters => "BAD_REQUEST_PARAMETERS",
            Self::BadRequestBody => "BAD_REQUEST_BODY",
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::Throttled => "THROTTLED",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::ApiConfiguration => "API_CONFIGURATION_ERROR",
        }
    }

    /// Whether a Lambda authorizer refused, or failed.
    pub fn is_of_authorizer(self) -> bool {
        matches!(
            self,
            Self::Unauthorized
                | Self::ExplicitDeny
                | Self::ImplicitDeny
                | Self::AuthorizerFailure
                | Self::AuthorizerConfiguration
        )
    }

    /// Whose fault it is.
    pub fn blame(self) -> Blame {
        match self {
            Self::Forbidden
            | Self::Unauthorized
            | Self::ExplicitDeny
            | Self::ImplicitDeny
            | Self::MissingAuthenticationToken
            | Self::InvalidSignature
            | Self::AccessDenied
            | Self::UnsupportedMediaType
            | Self::BadRequestParameters
            | Self::BadRequestBody
            | Self::InvalidApiKey
            | Self::Throttled
            | Self::QuotaExceeded => Blame::Client,
            Self::AuthorizerFailure
            | Self::AuthorizerConfiguration
            | Self::IntegrationFailure
            | Self::IntegrationTimeout
            | Self::ApiConfiguration => Blame::Gateway,
        }
    }
}

/// A failure on the way of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// What went wrong; decides what the client is told.
    pub kind: FaultKind,
    /// What the client is told, when that names its request; else it is the kind's message.
    pub public: Option<Box<str>>,
    /// What happened, for the log, cut after 1,024 characters; never sent to the client.
    pub detail: String,
    /// What the validation found, with [`FaultKind::BadRequestBody`].
    pub validation: Option<Box<FailedValidation>>,
    /// Whether the backend surely got nothing of the request, so that it may be sent again.
    pub never_sent: bool,
}

/// A message that is not what its model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedValidation {
    /// The message, which the client is told in place of the request.
    pub message_id: MessageId,
    /// `$context.error.validationErrorString`.
    pub error_string: String,
}

impl Fault {
    /// A fault with its detail for the log.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            public: None,
            detail: bounded(detail.into()),
            validation: None,
            never_sent: false,
        }
    }

    /// The fault of a message that is not what its model says.
    pub fn bad_request_body(message_id: MessageId, error_string: String) -> Self {
        Self {
            kind: FaultKind::BadRequestBody,
            public: None,
            detail: bounded(format!(
                "Request body does not match model schema for content type application/json: \
                 {error_string}"
            )),
            validation: Some(Box::new(FailedValidation {
                message_id,
                error_string,
            })),
            never_sent: false,
        }
    }

    /// A fault of which the client is told all that is known of it.
    pub fn public(kind: FaultKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind,
            public: Some(message.as_str().into()),
            detail: bounded(message),
            validation: None,
            never_sent: false,
        }
    }

    /// The same, of a request of which the backend surely got nothing.
    pub fn never_sent(self) -> Self {
        Self {
            never_sent: true,
            ..self
        }
    }

    /// `message` as the client reads it.
    pub fn message(&self) -> &str {
        self.public
            .as_deref()
            .unwrap_or_else(|| self.kind.message())
    }
}

fn bounded(mut detail: String) -> String {
    if let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL) {
        detail.truncate(end);
        detail.push_str(" [TRUNCATED]");
    }
    detail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_detail_is_longer_than_a_line_of_the_log() {
        let new = |detail: String| Fault::new(FaultKind::ApiConfiguration, detail);
        let whole = "ü".repeat(1024);
        assert_eq!(new(whole.clone()).detail, whole);
        let cut = format!("{whole} [TRUNCATED]");
        assert_eq!(new("ü".repeat(1025)).detail, cut);
        let public = Fault::public(FaultKind::AccessDenied, "ü".repeat(1_000_000));
        assert_eq!(public.detail, cut);
        let invalid = Fault::bad_request_body(MessageId::new("m"), "x".repeat(1_000_000));
        assert_eq!(invalid.detail.len(), 1024 + " [TRUNCATED]".len());
    }

    #[test]
    fn all_are_all_and_each_has_a_name_of_its_own() {
        for (position, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position);
        }
        assert_eq!(
            FaultKind::ApiConfiguration as usize + 1,
            FaultKind::ALL.len()
        );
        let mut slugs = FaultKind::ALL.map(FaultKind::slug).to_vec();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), FaultKind::ALL.len());
    }
}
