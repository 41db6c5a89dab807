//! One invocation of a Lambda function through the Invoke API.

use crate::function_policy::ApiSource;

/// `X-Amz-Invocation-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InvocationType {
    /// Wait for the answer.
    #[default]
    RequestResponse,
    /// Queue the event and answer 202.
    Event,
    /// Only check, answer 204.
    DryRun,
}

/// What is asked of a function.
#[derive(Debug, Clone)]
pub struct InvokeRequest {
    /// Name, partial ARN or ARN, perhaps with a qualifier.
    pub function: String,
    /// `Qualifier` when it is not in `function`.
    pub qualifier: Option<String>,
    /// How to invoke.
    pub invocation_type: InvocationType,
    /// The event, JSON.
    pub payload: Vec<u8>,
    /// `X-Amz-Log-Type: Tail`.
    pub tail_log: bool,
    /// `X-Amz-Client-Context`, decoded.
    pub client_context: Option<String>,
    /// `X-Amzn-Trace-Id` to pass on.
    pub trace_id: Option<String>,
    /// What of API Gateway invokes, when the function's own policy must allow it. `None` when the
    /// caller's policies decide: those of a user, or of the role of `credentialsArn`.
    pub source: Option<ApiSource>,
}

impl InvokeRequest {
    /// A synchronous invocation that its caller may make.
    pub fn synchronous(function: &str, payload: Vec<u8>) -> Self {
        Self {
            function: function.to_owned(),
            qualifier: None,
            invocation_type: InvocationType::RequestResponse,
            payload,
            tail_log: false,
            client_context: None,
            trace_id: None,
            source: None,
        }
    }
}

/// What the Invoke API answers when it accepted the request.
#[derive(Debug, Clone)]
pub struct InvokeResponse {
    /// 200, 202 or 204.
    pub status: u16,
    /// `x-amzn-RequestId`: the request id in the function's own log lines.
    pub request_id: String,
    /// `X-Amz-Executed-Version`.
    pub executed_version: String,
    /// `X-Amz-Function-Error`.
    pub function_error: Option<String>,
    /// The function's answer or its error document.
    pub payload: Vec<u8>,
    /// The last 4 KB of the log, when asked for; not yet base64.
    pub log_tail: Option<String>,
}

/// What API Gateway logs of a function that it may not invoke (control-and-observability spec A.7).
pub const INVALID_PERMISSIONS: &str =
    "Execution failed due to configuration error: Invalid permissions on Lambda function";

/// Why the Invoke API refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct InvokeError {
    /// HTTP status.
    pub status: u16,
    /// `x-amzn-ErrorType`, e.g. `ResourceNotFoundException`.
    pub error_type: String,
    /// `Message` (or `message`) of the body.
    pub message: String,
    /// `Reason` of a `TooManyRequestsException`.
    pub reason: Option<String>,
    /// Whether the event is still to come: the function surely got nothing of it, or Gatepost stops
    /// before anybody knows.
    pub never_sent: bool,
}

impl InvokeError {
    /// Whether whoever invokes may not.
    pub fn is_denied(&self) -> bool {
        self.status == 403
    }
}
