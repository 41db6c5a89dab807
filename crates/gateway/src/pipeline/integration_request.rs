//! The integration request: what is sent to the backend of a route, built from the request.

use std::sync::Arc;

use gatepost_model::{
    arn::lambda_function_of_uri,
    fault::{Fault, FaultKind},
    request_context::{EventType, RequestContext},
};
use gatepost_wire::lambda_event::{self, HandshakeRequest};

use super::select_route::RoutedRequest;
use crate::{
    deployed::{Backend, DeployedIntegration},
    integration::{
        IntegrationRequest, http_proxy::HttpProxyRequest, lambda_proxy::LambdaProxyRequest,
        mock::MockRequest,
    },
};

/// Builds the integration request of a routed request. `handshake` is there for `$connect`.
/// `None` when the route has no integration.
///
/// # Errors
/// A [`Fault`] when the integration cannot be called with this request.
pub fn build(
    request: &RoutedRequest,
    handshake: Option<&HandshakeRequest>,
) -> Result<Option<IntegrationRequest>, Fault> {
    let Some(integration) = &request.route.integration else {
        return Ok(None);
    };
    build_for(integration, &request.context, &request.body, handshake).map(Some)
}

fn build_for(
    integration: &Arc<DeployedIntegration>,
    context: &RequestContext,
    body: &str,
    handshake: Option<&HandshakeRequest>,
) -> Result<IntegrationRequest, Fault> {
    match &integration.backend {
        Backend::LambdaProxy { function } => {
            let uri = function.resolve(&context.stage_variables);
            let Some(function) = lambda_function_of_uri(&uri) else {
                let detail = format!("Invalid Lambda function URI: {uri}");
                return Err(Fault::new(FaultKind::ApiConfiguration, detail));
            };
            let event = match (&context.event_type, handshake) {
                (EventType::Connect, Some(handshake)) => {
                    lambda_event::connect_event(context, handshake)
                }
                (EventType::Disconnect { .. }, _) => lambda_event::disconnect_event(context),
                _ => lambda_event::message_event(context, body),
            };
            Ok(IntegrationRequest::LambdaProxy(LambdaProxyRequest {
                function: function.to_owned(),
                event,
                timeout: integration.timeout,
            }))
        }
        Backend::HttpProxy {
            uri,
            method,
            request_parameters,
        } => {
            let uri = uri.resolve(&context.stage_variables);
            HttpProxyRequest::build(
                &uri,
                method.as_ref(),
                request_parameters,
                context,
                body,
                handshake,
                integration.timeout,
            )
            .map(IntegrationRequest::HttpProxy)
        }
        Backend::Mock(_) => Ok(IntegrationRequest::Mock(MockRequest {
            integration: Arc::clone(integration),
            context: context.clone(),
            body: body.to_owned(),
        })),
    }
}
