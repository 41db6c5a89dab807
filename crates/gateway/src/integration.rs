//! Integrations: calling the backend of a route, a file per kind.

pub mod egress;
pub mod function_endpoints;
pub mod http_client;
pub mod http_proxy;
pub mod invoke_endpoint;
pub mod invoke_function;
pub mod lambda_proxy;
pub(crate) mod lambda_trace;
pub mod mock;

use std::time::Duration;

use gatepost_model::fault::{Fault, FaultKind};

use crate::{gateway::Gateway, observe::RequestLog};
use http_proxy::HttpProxyRequest;
use lambda_proxy::LambdaProxyRequest;
use mock::MockRequest;

/// What is sent to a backend.
pub enum IntegrationRequest {
    /// `AWS_PROXY`.
    LambdaProxy(LambdaProxyRequest),
    /// `HTTP_PROXY`.
    HttpProxy(HttpProxyRequest),
    /// `MOCK`.
    Mock(MockRequest),
}

/// What a backend answered.
#[derive(Debug, Clone, Default)]
pub struct IntegrationReply {
    /// The status: Lambda's `statusCode`, the backend's status, `MOCK`'s.
    pub status: u16,
    /// Whether the backend named a status itself.
    pub has_status: bool,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
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
        self.headers
            .iter()
            .rev()
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"))
            .map(|(_, value)| value.as_str())
    }
}

/// Calls the backend and waits for its answer.
///
/// # Errors
/// A [`Fault`]: the backend cannot be called, broke, or took too long.
pub async fn invoke(
    gateway: &Gateway,
    request: IntegrationRequest,
    log: &mut RequestLog,
) -> Result<IntegrationReply, Fault> {
    match request {
        IntegrationRequest::Mock(mock) => mock.reply(),
        IntegrationRequest::LambdaProxy(lambda) => {
            let timeout = lambda.timeout.min(gateway.limits().integration_timeout);
            within(timeout, lambda.invoke(&*gateway.config.lambda, log)).await
        }
        IntegrationRequest::HttpProxy(http) => {
            let timeout = http.timeout.min(gateway.limits().integration_timeout);
            within(timeout, http.send(&gateway.config.http, log)).await
        }
    }
}

async fn within(
    timeout: Duration,
    answer: impl Future<Output = Result<IntegrationReply, Fault>>,
) -> Result<IntegrationReply, Fault> {
    tokio::time::timeout(timeout, answer)
        .await
        .unwrap_or_else(|_| {
            let detail = "Execution failed due to a timeout error";
            Err(Fault::new(FaultKind::IntegrationTimeout, detail))
        })
}
