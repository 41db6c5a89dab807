//! Integrations: calling the backend of a route. The kinds differ by what they call: a Lambda
//! function, an AWS service, an HTTP backend, nothing (`MOCK`).

pub mod aws_service;
pub mod bulkhead;
pub mod client_certificate;
pub mod cloudwatch_logs;
mod connector;
pub mod credentials;
pub mod egress;
pub mod function_endpoints;
pub mod http;
pub mod http_client;
pub mod http_error;
pub mod invoke_endpoint;
pub mod invoke_function;
pub mod lambda;
pub mod mock;
pub mod outward;
pub mod parameters;
pub mod sign;
mod trace;
pub mod vpc_link;

use std::{
    future::ready,
    pin::{Pin, pin},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use gatepost_model::fault::Fault;
use hyper::HeaderMap;

use crate::{
    clock::millis_since, deployed::DeployedIntegration, gateway::Gateway, observe::RequestLog,
};
use aws_service::ServiceCall;
use bulkhead::{NoAnswer, Wait};
use http::HttpCall;
use lambda::LambdaCall;
use mock::MockCall;

pub(crate) use trace::log_lambda_request;

/// What is sent to a backend, and on whose behalf.
pub struct IntegrationRequest {
    /// The integration.
    pub integration: Arc<DeployedIntegration>,
    /// The call.
    pub call: Call,
}

/// A call of a backend, all filled in.
pub enum Call {
    /// Of a Lambda function: `AWS_PROXY`, `AWS`.
    Lambda(LambdaCall),
    /// Of an AWS service: `AWS`.
    Service(ServiceCall),
    /// Of an HTTP backend: `HTTP_PROXY`, `HTTP`.
    Http(HttpCall),
    /// Of nothing: `MOCK`.
    Mock(MockCall),
}

/// What a backend answered, before the integration response.
#[derive(Debug)]
pub struct IntegrationAnswer {
    /// The HTTP status: the backend's, the Invoke API's, `MOCK`'s.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: the backend's, or what the function returned.
    pub body: Bytes,
    /// What else Lambda says.
    pub lambda: Option<LambdaAnswer>,
}

/// What the Invoke API says beside the function's answer.
#[derive(Debug)]
pub struct LambdaAnswer {
    /// `x-amzn-RequestId`.
    pub request_id: String,
    /// Whether the function failed, and the body is its error document.
    pub is_function_error: bool,
}

impl IntegrationRequest {
    /// The answer of an integration that calls nothing.
    pub fn answer_at_once(&self) -> Option<IntegrationAnswer> {
        match &self.call {
            Call::Mock(call) => Some(call.answer()),
            Call::Lambda(_) | Call::Service(_) | Call::Http(_) => None,
        }
    }
}

/// Calls the backend when it is its turn, and waits for its answer.
///
/// # Errors
/// A [`Fault`]: the backend cannot be called, broke, or took too long.
pub async fn invoke(
    gateway: &Gateway,
    request: IntegrationRequest,
    wait: Wait,
    log: &mut RequestLog,
) -> Result<IntegrationAnswer, Fault> {
    if let Some(answer) = request.answer_at_once() {
        return Ok(answer);
    }
    let timeout = request.integration.timeout;
    let (bulkhead, series) = (&request.integration.bulkhead, &request.integration.series);
    let config = &gateway.config;
    let began = Instant::now();
    // In a box of the call's own size: all that is around it is moved and kept for each message.
    let call: Pin<Box<dyn Future<Output = _> + Send + '_>> = match request.call {
        Call::Mock(call) => Box::pin(ready(Ok(call.answer()))),
        Call::Lambda(call) => Box::pin(call.invoke(&*config.lambda)),
        Call::Service(call) => {
            let services = &config.outward.services;
            Box::pin(call.send(&config.outward.http, services))
        }
        Call::Http(call) => Box::pin(call.send()),
    };
    let answer = pin!(bulkhead.call(wait, timeout, call));
    let answer = log.while_waiting(answer).await;
    let latency_ms = millis_since(began);
    series.integration_took(latency_ms);
    log.integration_answered(latency_ms);
    let answer = answer.map_err(NoAnswer::of_integration)??;
    answer.log(latency_ms, log);
    Ok(answer)
}
