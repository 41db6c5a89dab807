//! `AWS_PROXY`: a Lambda function gets the event and answers `statusCode`, `headers`, `body`
//! (data-plane spec 3.4).

use std::time::Duration;

use gatepost_model::{
    fault::{Fault, FaultKind},
    invocation::InvokeRequest,
};
use gatepost_wire::lambda_response::{function_error, parse_proxy_response};

use super::{IntegrationReply, invoke_function::InvokeFunction};

/// A call of a Lambda function.
#[derive(Debug)]
pub struct LambdaProxyRequest {
    /// The function's ARN or name.
    pub function: String,
    /// The proxy event.
    pub event: Vec<u8>,
    /// `timeoutInMillis`.
    pub timeout: Duration,
}

impl LambdaProxyRequest {
    pub(super) async fn invoke(
        self,
        lambda: &dyn InvokeFunction,
    ) -> Result<IntegrationReply, Fault> {
        let failed = |detail: String| Fault::new(FaultKind::IntegrationFailure, detail);
        let answer = lambda
            .invoke(InvokeRequest::synchronous(&self.function, self.event))
            .await
            .map_err(|error| {
                failed(format!(
                    "Lambda invocation failed with status: {}. {error}",
                    error.status
                ))
            })?;
        if answer.function_error.is_some() {
            let message = function_error(&answer.payload)
                .map(|error| error.error_message)
                .unwrap_or_default();
            return Err(failed(format!(
                "Lambda execution failed with status 200 due to customer function error: \
                 {message}. Lambda request id: {}",
                answer.request_id
            )));
        }
        let response = parse_proxy_response(&answer.payload).map_err(|error| {
            failed(format!(
                "Execution failed due to configuration error: Malformed Lambda proxy response: \
                 {error}. Lambda request id: {}",
                answer.request_id
            ))
        })?;
        Ok(IntegrationReply {
            status: response.status_code.unwrap_or(200),
            has_status: response.status_code.is_some(),
            headers: response.headers,
            body: response.body,
        })
    }
}
