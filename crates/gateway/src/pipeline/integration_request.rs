//! The integration request: what is sent to the backend of a route, built from the request
//! (data-plane spec 5.2–5.7).

use std::sync::Arc;

use bytes::Bytes;
use gatepost_model::{
    fault::{Fault, FaultKind},
    function_policy::ApiSource,
    integration::{ContentHandlingStrategy, PassthroughBehavior},
    request_context::{EventType, RequestContext},
};
use gatepost_wire::{
    execution_log::{Severity, mask_context, mask_handshake},
    lambda_event::{self, HandshakeRequest},
};

use super::{
    select_route::{RequestBody, RoutedRequest},
    transformation::{TransformationInput, to_binary},
};
use crate::{
    deployed::{Backend, DeployedIntegration, Transformation},
    integration::{
        Call, IntegrationRequest, aws_service::ServiceCall, http::HttpCall, lambda::LambdaCall,
        mock::MockCall,
    },
    observe::RequestLog,
};

/// `Content-Type` of what a backend gets, unless a parameter maps another.
const JSON: &str = "application/json";

/// Builds the integration request of a routed request. `handshake` is there for `$connect`.
/// `None` when the route has no integration.
///
/// # Errors
/// A [`Fault`] when the integration cannot be called with this request.
pub fn build(
    request: &RoutedRequest,
    handshake: Option<&HandshakeRequest>,
    log: &mut RequestLog,
) -> Result<Option<IntegrationRequest>, Fault> {
    let Some(integration) = &request.route.integration else {
        return Ok(None);
    };
    let call = self::call(integration, request, handshake)?;
    if log.writes(Severity::DataTrace) {
        // What is shown is a call that never had the client's secrets.
        match masked(request, handshake) {
            None => call.log(&request.context, log),
            Some((request, handshake)) => {
                let call = self::call(integration, &request, handshake.as_ref())?;
                call.log(&request.context, log);
            }
        }
    }
    Ok(Some(IntegrationRequest {
        integration: Arc::clone(integration),
        call,
    }))
}

/// The request without secrets, when it has any.
fn masked(
    request: &RoutedRequest,
    handshake: Option<&HandshakeRequest>,
) -> Option<(RoutedRequest, Option<HandshakeRequest>)> {
    let context = mask_context(&request.context);
    if context.is_none() && handshake.is_none() {
        return None;
    }
    let request = RoutedRequest {
        route: Arc::clone(&request.route),
        context: context.unwrap_or_else(|| request.context.clone()),
        body: request.body.clone(),
    };
    Some((request, handshake.map(mask_handshake)))
}

fn call(
    integration: &DeployedIntegration,
    request: &RoutedRequest,
    handshake: Option<&HandshakeRequest>,
) -> Result<Call, Fault> {
    let input = TransformationInput::of_request(request, handshake);
    let parameters = input.parameters(&integration.request_parameters);
    let transformed = |transformation| -> Result<Bytes, Fault> {
        let body = transformed_body(transformation, request, &input)?;
        converted(body.into(), integration.content_handling)
    };
    let context = &request.context;
    Ok(match &integration.backend {
        Backend::LambdaProxy(function) => Call::Lambda(LambdaCall::build(
            function,
            &parameters,
            proxy_event(request, handshake),
            source(context),
        )?),
        Backend::Lambda {
            function,
            transformation,
        } => {
            let payload = transformed(transformation)?;
            // `$connect` without a template passes an empty object, as on AWS.
            let payload = if payload.is_empty() {
                b"{}".to_vec()
            } else {
                payload.into()
            };
            Call::Lambda(LambdaCall::build(
                function,
                &parameters,
                payload,
                source(context),
            )?)
        }
        Backend::Service {
            service,
            transformation,
        } => {
            let service = service
                .as_ref()
                .map_err(|error| Fault::new(FaultKind::ApiConfiguration, error.to_string()))?;
            let body = transformed(transformation)?;
            Call::Service(ServiceCall::build(service, context, &parameters, body)?)
        }
        Backend::HttpProxy(endpoint) => {
            let body = passed_body(&request.body, integration.content_handling)?;
            let content_type = if request.body.is_base64_encoded {
                "application/octet-stream"
            } else {
                JSON
            };
            let body = (content_type, body);
            let call = HttpCall::build(endpoint, context, &parameters, body, handshake)?;
            Call::Http(call)
        }
        Backend::Http {
            endpoint,
            transformation,
        } => {
            let body = (JSON, transformed(transformation)?);
            Call::Http(HttpCall::build(endpoint, context, &parameters, body, None)?)
        }
        Backend::Mock(transformation) => {
            let body = transformed_body(transformation, request, &input)?;
            Call::Mock(MockCall::build(body.as_bytes())?)
        }
    })
}

/// The route, as permissions to invoke functions name it.
fn source(context: &RequestContext) -> ApiSource {
    let connection = &context.connection;
    ApiSource {
        api_id: connection.api_id.clone(),
        resource: format!("{}/{}", connection.stage, context.route_key),
    }
}

/// The event of `AWS_PROXY`.
fn proxy_event(request: &RoutedRequest, handshake: Option<&HandshakeRequest>) -> Vec<u8> {
    let context = &request.context;
    match (&context.event_type, handshake) {
        (EventType::Connect, Some(handshake)) => lambda_event::connect_event(context, handshake),
        (EventType::Disconnect { .. }, _) => lambda_event::disconnect_event(context),
        _ => {
            let body = &request.body;
            lambda_event::message_event(context, &body.text, body.is_base64_encoded)
        }
    }
}

/// What the chosen request template makes of the message, or the message as it is where
/// `passthroughBehavior` lets it through without a template.
fn transformed_body(
    transformation: &Transformation,
    request: &RoutedRequest,
    input: &TransformationInput<'_>,
) -> Result<String, Fault> {
    let templates = &transformation.request_templates;
    if let Some(made) = input.transform(templates, &request.body.text)? {
        return Ok(made);
    }
    let passes = match transformation.passthrough_behavior {
        PassthroughBehavior::WhenNoMatch => true,
        PassthroughBehavior::WhenNoTemplates => templates.by_key.is_empty(),
        PassthroughBehavior::Never => false,
    };
    let detail = "no request template matches and passthroughBehavior lets nothing through";
    passes
        .then(|| request.body.text.clone())
        .ok_or_else(|| Fault::new(FaultKind::UnsupportedMediaType, detail))
}

/// What a proxy sends on: the message as it is. A binary one is base64 for `CONVERT_TO_TEXT`.
fn passed_body(
    body: &RequestBody,
    strategy: Option<ContentHandlingStrategy>,
) -> Result<Bytes, Fault> {
    match strategy {
        Some(ContentHandlingStrategy::ConvertToBinary) if !body.is_base64_encoded => {
            to_binary(body.text.as_bytes())
        }
        Some(ContentHandlingStrategy::ConvertToText) => {
            Ok(Bytes::copy_from_slice(body.text.as_bytes()))
        }
        _ => Ok(body.bytes()),
    }
}

/// What a template makes is text: `CONVERT_TO_TEXT` leaves it as it is.
fn converted(body: Bytes, strategy: Option<ContentHandlingStrategy>) -> Result<Bytes, Fault> {
    match strategy {
        Some(ContentHandlingStrategy::ConvertToBinary) => to_binary(&body),
        Some(ContentHandlingStrategy::ConvertToText) | None => Ok(body),
    }
}
