//! The integration response: what becomes of a backend's answer. A proxy's answer is taken as it
//! is; of the custom kinds an integration response is selected and its template rendered
//! (data-plane spec 3.4, 5.8).

use bytes::Bytes;
use gatepost_model::{
    fault::{Fault, FaultKind},
    integration::ContentHandlingStrategy,
    request_context::EventType,
};
use gatepost_wire::{
    execution_log::shown,
    lambda_event::HandshakeRequest,
    lambda_response::{function_error, parse_proxy_response},
};
use hyper::{HeaderMap, header::CONTENT_TYPE};

use super::{
    select_route::RoutedRequest,
    transformation::{TransformationInput, to_binary, to_text},
};
use crate::{
    deployed::{Backend, IntegrationResponses, ResponseSelection},
    integration::{IntegrationAnswer, LambdaAnswer},
    observe::RequestLog,
};

/// What an integration came to.
#[derive(Debug, Clone, Default)]
pub struct IntegrationReply {
    /// The status: a proxy function's `statusCode`, the backend's, `MOCK`'s.
    pub status: u16,
    /// Whether the backend named a status itself.
    pub has_status: bool,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there is none.
    pub body: Bytes,
    /// What the body is.
    pub body_is: ReplyBody,
    /// What went wrong behind an answer that an integration response made something of.
    pub problem: Option<String>,
}

/// What a reply's body is; it matters on stages with `binary_frames` only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReplyBody {
    /// Text.
    #[default]
    Text,
    /// Base64: a function said `isBase64Encoded`.
    Base64,
    /// The bytes of a backend, as its `Content-Type` says.
    Raw,
}

impl IntegrationReply {
    /// The reply of a route without an integration.
    pub fn nothing() -> Self {
        Self {
            status: 200,
            has_status: true,
            ..Self::default()
        }
    }

    /// The subprotocol that a `$connect` integration chose.
    pub fn subprotocol(&self) -> Option<&str> {
        self.last_header("sec-websocket-protocol")
    }

    /// `Content-Type`.
    pub fn content_type(&self) -> Option<&str> {
        self.last_header("content-type")
    }

    fn last_header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .rfind(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Makes the reply of a backend's answer. `handshake` is there for `$connect`.
///
/// # Errors
/// A [`Fault`]: the function failed, or no integration response is for this answer.
pub fn build(
    request: &RoutedRequest,
    handshake: Option<&HandshakeRequest>,
    answer: IntegrationAnswer,
    log: &mut RequestLog,
) -> Result<IntegrationReply, Fault> {
    let request_id = endpoint_request_id(request, &answer);
    let replied = reply_of(request, handshake, answer);
    // In this order AWS writes them.
    if let Err(fault) = &replied {
        log.fault(fault);
    }
    if let Some(request_id) = request_id {
        log.endpoint_request_id(request_id);
    }
    replied
}

/// The request id that AWS's service, or Lambda, gave the call.
fn endpoint_request_id(request: &RoutedRequest, answer: &IntegrationAnswer) -> Option<String> {
    if let Some(lambda) = &answer.lambda {
        return Some(lambda.request_id.clone());
    }
    let integration = request.route.integration.as_ref()?;
    matches!(integration.backend, Backend::Service { .. })
        .then(|| answer.headers.get("x-amzn-requestid")?.to_str().ok())
        .flatten()
        .map(str::to_owned)
}

fn reply_of(
    request: &RoutedRequest,
    handshake: Option<&HandshakeRequest>,
    answer: IntegrationAnswer,
) -> Result<IntegrationReply, Fault> {
    let backend = request.route.integration.as_ref().map(|it| &it.backend);
    match backend {
        Some(Backend::LambdaProxy(_)) => lambda_proxy(&answer),
        Some(
            Backend::Lambda { transformation, .. }
            | Backend::Service { transformation, .. }
            | Backend::Http { transformation, .. }
            | Backend::Mock(transformation),
        ) => transformed(&transformation.responses, request, handshake, &answer),
        Some(Backend::HttpProxy(_)) | None => Ok(IntegrationReply {
            status: answer.status,
            has_status: true,
            headers: headers(&answer.headers, handshake.is_some()),
            body: answer.body,
            body_is: ReplyBody::Raw,
            problem: None,
        }),
    }
}

/// `AWS_PROXY`: the function answered `statusCode`, `headers`, `body`.
fn lambda_proxy(answer: &IntegrationAnswer) -> Result<IntegrationReply, Fault> {
    if let Some(fault) = function_fault(answer) {
        return Err(fault);
    }
    let response = parse_proxy_response(&answer.body).map_err(|error| {
        let detail = format!(
            "Execution failed due to configuration error: Malformed Lambda proxy response: \
             {error}{}",
            request_id(answer)
        );
        Fault::new(FaultKind::IntegrationFailure, detail)
    })?;
    Ok(IntegrationReply {
        status: response.status_code.unwrap_or(200),
        has_status: response.status_code.is_some(),
        headers: response.headers,
        body: response.body.unwrap_or_default().into(),
        body_is: if response.is_base64_encoded {
            ReplyBody::Base64
        } else {
            ReplyBody::Text
        },
        problem: None,
    })
}

/// `AWS`, `HTTP` and `MOCK`: by the integration response that the answer selects.
fn transformed(
    responses: &IntegrationResponses,
    request: &RoutedRequest,
    handshake: Option<&HandshakeRequest>,
    answer: &IntegrationAnswer,
) -> Result<IntegrationReply, Fault> {
    let (value, what) = match responses.selection {
        ResponseSelection::StatusCode => (Some(answer.status.to_string()), "status"),
        ResponseSelection::ErrorMessage => (error_message(&answer.body), "errorMessage"),
    };
    let Some(response) = responses.select(value.as_deref()) else {
        if let Some(fault) = function_fault(answer) {
            return Err(fault);
        }
        let refused = refused_by_service(request, answer);
        if responses.responses.is_empty() && !needs_response(request) {
            return Ok(IntegrationReply {
                problem: refused,
                ..IntegrationReply::nothing()
            });
        }
        let value = value.unwrap_or_default();
        let refused = refused.map(|refused| format!(": {refused}"));
        let detail = format!(
            "Execution failed due to configuration error: no integration response matches the \
             {what} `{value}`{}",
            refused.unwrap_or_default()
        );
        return Err(Fault::new(FaultKind::ApiConfiguration, detail));
    };
    let body = match response.content_handling {
        None => answer.body.clone(),
        Some(ContentHandlingStrategy::ConvertToText) => to_text(&answer.body),
        Some(ContentHandlingStrategy::ConvertToBinary) => to_binary(&answer.body)?,
    };
    let input = TransformationInput::of_response(request, handshake, answer);
    let made = input.transform(
        &response.response_templates,
        &String::from_utf8_lossy(&body),
    )?;
    let body = made.map_or(body, Bytes::from);
    Ok(IntegrationReply {
        status: status(answer),
        has_status: true,
        headers: vec![("content-type".into(), "application/json".into())],
        body,
        body_is: ReplyBody::Text,
        problem: function_fault(answer)
            .map(|fault| fault.detail)
            .or_else(|| refused_by_service(request, answer)),
    })
}

/// What an AWS service that refused a call says, with its name.
fn refused_by_service(request: &RoutedRequest, answer: &IntegrationAnswer) -> Option<String> {
    let integration = request.route.integration.as_ref()?;
    let Backend::Service {
        service: Ok(service),
        ..
    } = &integration.backend
    else {
        return None;
    };
    let body = String::from_utf8_lossy(&answer.body);
    (answer.status >= 400).then(|| {
        let said = shown(body.trim());
        format!("{} answered {} {said}", service.name(), answer.status)
    })
}

/// Whether nothing can be made of an answer without an integration response: where a client waits
/// for it.
fn needs_response(request: &RoutedRequest) -> bool {
    match request.context.event_type {
        EventType::Connect => true,
        EventType::Message(_) => request.route.two_way,
        EventType::Disconnect { .. } => false,
    }
}

/// The status that decides a handshake. A function that failed lets nobody in, even where an
/// integration response makes something of its error.
fn status(answer: &IntegrationAnswer) -> u16 {
    match &answer.lambda {
        Some(lambda) if lambda.is_function_error => {
            FaultKind::IntegrationFailure.handshake_status()
        }
        _ => answer.status,
    }
}

/// `$integration.response.body.errorMessage`.
fn error_message(body: &[u8]) -> Option<String> {
    function_error(body)
        .map(|error| error.error_message)
        .filter(|message| !message.is_empty())
}

/// The fault of a function that failed.
fn function_fault(answer: &IntegrationAnswer) -> Option<Fault> {
    answer
        .lambda
        .as_ref()
        .filter(|lambda| lambda.is_function_error)?;
    let detail = format!(
        "Lambda execution failed with status 200 due to customer function error: {}{}",
        error_message(&answer.body).unwrap_or_default(),
        request_id(answer)
    );
    Some(Fault::new(FaultKind::IntegrationFailure, detail))
}

/// How log lines name the invocation.
fn request_id(answer: &IntegrationAnswer) -> String {
    let named = |lambda: &LambdaAnswer| format!(". Lambda request id: {}", lambda.request_id);
    answer.lambda.as_ref().map(named).unwrap_or_default()
}

/// The headers of a backend: all where they may go to the client, which is in the answer to its
/// handshake, else the type of the body.
fn headers(headers: &HeaderMap, is_handshake: bool) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| is_handshake || *name == CONTENT_TYPE)
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        })
        .collect()
}
