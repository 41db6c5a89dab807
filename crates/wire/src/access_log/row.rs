//! What a row may tell of a request: every `$context` variable of WebSocket APIs (spec B.1).

use gatepost_model::{
    ApiId, RequestId, StageName,
    fault::Fault,
    request_context::{Identity, RequestContext, clf_time},
};
use serde_json::Value;

use crate::execution_log::Masked;

/// A request that was answered.
#[derive(Debug, Clone)]
pub struct AccessLogRow {
    /// What was asked.
    pub subject: Subject,
    /// `status`.
    pub status: u16,
    /// `integrationLatency`, milliseconds.
    pub integration_latency_ms: Option<u64>,
    /// `awsEndpointRequestId`.
    pub endpoint_request_id: Option<Box<str>>,
    /// What went wrong.
    pub fault: Option<Box<Fault>>,
    /// What the authorizer of `$connect` came to.
    pub authorizer: Option<Box<AuthorizerOutcome>>,
}

/// What was asked.
#[derive(Debug, Clone)]
pub enum Subject {
    /// An event of a connection.
    Event {
        /// Its context.
        context: RequestContext,
        /// Whether a route was selected, so that `routeKey` has a value.
        has_route: bool,
    },
    /// A call of `@connections`.
    ConnectionsCall(Box<ConnectionsCall>),
}

/// A call of `@connections`, as a row tells of it.
#[derive(Debug, Clone)]
pub struct ConnectionsCall {
    /// `apiId`.
    pub api_id: ApiId,
    /// `stage`.
    pub stage: StageName,
    /// `domainName`.
    pub domain_name: Box<str>,
    /// `requestId`: a UUID.
    pub request_id: RequestId,
    /// `extendedRequestId`.
    pub extended_request_id: RequestId,
    /// `requestTimeEpoch`, milliseconds since the epoch.
    pub request_time_ms: u64,
    /// The HTTP method in `routeKey`.
    pub method: Box<str>,
    /// `connectionId`, as the caller wrote it.
    pub connection_id: Box<str>,
    /// `identity`.
    pub identity: Identity,
}

/// What an authorizer came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizerOutcome {
    /// `authorizer.requestId`: the one of the function's own log.
    pub request_id: Option<Box<str>>,
    /// `authorizer.latency` and `authorizer.integrationLatency`, milliseconds.
    pub latency_ms: u64,
    /// `authorizer.integrationStatus`: that of the invocation.
    pub integration_status: Option<u16>,
}

/// A variable of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    Status,
    RouteKey,
    ApiKey,
    IntegrationLatency,
    EndpointRequestId,
    ErrorMessage,
    ErrorMessageString,
    ErrorResponseType,
    ErrorValidation,
    AuthorizerError,
    AuthorizerLatency,
    AuthorizerStatus,
    AuthorizerIntegrationStatus,
    AuthorizerRequestId,
    /// One of the request itself, or one that is never set.
    OfRequest(Box<str>),
}

impl Variable {
    pub(super) fn parse(name: &str) -> Self {
        match name {
            "status" => Self::Status,
            "routeKey" => Self::RouteKey,
            "identity.apiKey" => Self::ApiKey,
            "integrationLatency" => Self::IntegrationLatency,
            "awsEndpointRequestId" => Self::EndpointRequestId,
            "error.message" => Self::ErrorMessage,
            "error.messageString" => Self::ErrorMessageString,
            "error.responseType" => Self::ErrorResponseType,
            "error.validationErrorString" => Self::ErrorValidation,
            "authorizer.error" => Self::AuthorizerError,
            "authorizer.latency" | "authorizer.integrationLatency" => Self::AuthorizerLatency,
            "authorizer.status" => Self::AuthorizerStatus,
            "authorizer.integrationStatus" => Self::AuthorizerIntegrationStatus,
            "authorizer.requestId" => Self::AuthorizerRequestId,
            // AWS leaves `integration.*` and `integrationStatus` unset on WebSocket APIs (spec B.3).
            _ => Self::OfRequest(name.into()),
        }
    }

    /// Whether its value is JSON, with its quotes.
    pub(super) fn is_json(&self) -> bool {
        matches!(self, Self::ErrorMessageString)
    }
}

impl AccessLogRow {
    /// The value of a variable.
    pub(super) fn value(&self, variable: &Variable) -> Option<String> {
        let fault = self.fault.as_deref();
        let authorizer = self.authorizer.as_deref();
        match variable {
            Variable::Status => Some(self.status.to_string()),
            Variable::RouteKey => self.subject.route_key(),
            Variable::ApiKey => {
                let key = self.subject.identity().api_key.as_ref()?;
                Some(Masked::api_key(&key.api_key).as_str().to_owned())
            }
            Variable::IntegrationLatency => self.integration_latency_ms.map(|ms| ms.to_string()),
            Variable::EndpointRequestId => self.endpoint_request_id.as_deref().map(str::to_owned),
            Variable::ErrorMessage => fault.map(|fault| fault.message().to_owned()),
            Variable::ErrorMessageString => {
                fault.map(|fault| Value::from(fault.message()).to_string())
            }
            Variable::ErrorResponseType => fault.map(|it| it.kind.response_type().to_owned()),
            Variable::ErrorValidation => {
                fault.and_then(|it| Some(it.validation.as_ref()?.error_string.clone()))
            }
            Variable::AuthorizerError => {
                let fault = fault.filter(|fault| fault.kind.is_of_authorizer())?;
                authorizer.map(|_| fault.message().to_owned())
            }
            Variable::AuthorizerLatency => authorizer.map(|it| it.latency_ms.to_string()),
            Variable::AuthorizerStatus => authorizer.map(|_| {
                let refused = fault.filter(|fault| fault.kind.is_of_authorizer());
                refused
                    .map_or(200, |fault| fault.kind.handshake_status())
                    .to_string()
            }),
            Variable::AuthorizerIntegrationStatus => {
                Some(authorizer?.integration_status?.to_string())
            }
            Variable::AuthorizerRequestId => authorizer?.request_id.as_deref().map(str::to_owned),
            Variable::OfRequest(name) => self.subject.value(name),
        }
    }
}

impl Subject {
    /// `requestId`.
    pub fn request_id(&self) -> &str {
        match self {
            Self::Event { context, .. } => context.request_id.as_str(),
            Self::ConnectionsCall(call) => call.request_id.as_str(),
        }
    }

    fn route_key(&self) -> Option<String> {
        match self {
            Self::Event { context, has_route } => has_route.then(|| context.route_key.to_string()),
            Self::ConnectionsCall(call) => {
                Some(format!("{} /@connections/{{connectionId}}", call.method))
            }
        }
    }

    fn identity(&self) -> &Identity {
        match self {
            Self::Event { context, .. } => &context.connection.identity,
            Self::ConnectionsCall(call) => &call.identity,
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        let call = match self {
            Self::Event { context, .. } => return context.variable(name),
            Self::ConnectionsCall(call) => call,
        };
        let value = match name {
            "apiId" => call.api_id.as_str(),
            "stage" => call.stage.as_str(),
            "domainName" => &call.domain_name,
            "requestId" => call.request_id.as_str(),
            "extendedRequestId" => call.extended_request_id.as_str(),
            "eventType" => "CONNECTION_API",
            "connectionId" => &call.connection_id,
            "requestTime" => return Some(clf_time(call.request_time_ms)),
            "requestTimeEpoch" => return Some(call.request_time_ms.to_string()),
            _ => call.identity.variable(name.strip_prefix("identity.")?)?,
        };
        Some(value.to_owned())
    }
}
