//! The integration request: what is sent to the backend of a route, built from the request.

use std::sync::Arc;

use gatepost_model::{
    arn::lambda_function_of_uri,
    fault::{Fault, FaultKind},
    request_context::{EventType, RequestContext},
};
use gatepost_wire::{
    execution_log::{Severity, mask_handshake},
    lambda_event::{self, HandshakeRequest},
};

use super::select_route::RoutedRequest;
use crate::{
    deployed::{Backend, DeployedIntegration},
    integration::{
        IntegrationRequest, http_proxy::HttpProxyRequest, lambda_proxy::LambdaProxyRequest,
        mock::MockRequest,
    },
    observe::RequestLog,
};

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
    build_for(integration, &request.context, &request.body, handshake, log).map(Some)
}

fn build_for(
    integration: &Arc<DeployedIntegration>,
    context: &RequestContext,
    body: &str,
    handshake: Option<&HandshakeRequest>,
    log: &mut RequestLog,
) -> Result<IntegrationRequest, Fault> {
    match &integration.backend {
        Backend::LambdaProxy { function } => {
            let uri = function.resolve(&context.stage_variables);
            let Some(function) = lambda_function_of_uri(&uri) else {
                let detail = format!("Invalid Lambda function URI: {uri}");
                return Err(Fault::new(FaultKind::ApiConfiguration, detail));
            };
            let request = LambdaProxyRequest {
                function: function.to_owned(),
                event: proxy_event(context, body, handshake),
                timeout: integration.timeout,
            };
            if log.writes(Severity::DataTrace) {
                match handshake {
                    Some(handshake) => {
                        let masked = mask_handshake(handshake);
                        request.log(context, &proxy_event(context, body, Some(&masked)), log);
                    }
                    None => request.log(context, &request.event, log),
                }
            }
            Ok(IntegrationRequest::LambdaProxy(request))
        }
        Backend::HttpProxy {
            uri,
            method,
            request_parameters,
        } => {
            let uri = uri.resolve(&context.stage_variables);
            let request = HttpProxyRequest::build(
                &uri,
                method.as_ref(),
                request_parameters,
                context,
                body,
                handshake,
                integration.timeout,
            )?;
            request.log(log);
            Ok(IntegrationRequest::HttpProxy(request))
        }
        Backend::Mock(_) => Ok(IntegrationRequest::Mock(MockRequest {
            integration: Arc::clone(integration),
            context: context.clone(),
            body: body.to_owned(),
        })),
    }
}

/// The event of a proxy integration.
fn proxy_event(
    context: &RequestContext,
    body: &str,
    handshake: Option<&HandshakeRequest>,
) -> Vec<u8> {
    match (&context.event_type, handshake) {
        (EventType::Connect, Some(handshake)) => lambda_event::connect_event(context, handshake),
        (EventType::Disconnect { .. }, _) => lambda_event::disconnect_event(context),
        _ => lambda_event::message_event(context, body),
    }
}
