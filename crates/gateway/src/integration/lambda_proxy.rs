//! `AWS_PROXY`: a Lambda function gets the event and answers `statusCode`, `headers`, `body`
//! (data-plane spec 3.4).

use std::time::{Duration, Instant};

use gatepost_model::{
    fault::{Fault, FaultKind},
    invocation::{InvokeRequest, InvokeResponse},
    request_context::RequestContext,
};
use gatepost_wire::{
    execution_log::Entry,
    lambda_response::{function_error, parse_proxy_response},
};

use super::{IntegrationReply, invoke_function::InvokeFunction, lambda_trace};
use crate::observe::RequestLog;

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

/// AWS's line for an answer that is none (control-and-observability spec A.7).
pub(crate) const MALFORMED_PROXY_RESPONSE: &str =
    "Execution failed due to configuration error: Malformed Lambda proxy response";

impl LambdaProxyRequest {
    /// Writes what a data trace shows of the call; `event` is the one whose secrets are masked.
    pub(crate) fn log(&self, context: &RequestContext, event: &[u8], log: &mut RequestLog) {
        let source = format!("{}/{}", context.connection.stage, context.route_key);
        let uri = lambda_trace::log_request(&self.function, context, &source, event, log);
        log.write(&Entry::SendingRequest(&uri));
    }

    pub(super) async fn invoke(
        self,
        lambda: &dyn InvokeFunction,
        log: &mut RequestLog,
    ) -> Result<IntegrationReply, Fault> {
        let failed = |detail: String| Fault::new(FaultKind::IntegrationFailure, detail);
        let began = Instant::now();
        let request = InvokeRequest::synchronous(&self.function, self.event);
        let answer = log
            .while_waiting(lambda.invoke(request))
            .await
            .map_err(|error| {
                failed(format!(
                    "Lambda invocation failed with status: {}. {error}",
                    error.status
                ))
            })?;
        lambda_trace::log_response(&answer, began, log);
        let reply = read_answer(&answer, log);
        if let Err(fault) = &reply {
            // AWS tells of it before it names the call.
            log.fault(fault);
        }
        log.endpoint_request_id(&answer.request_id);
        reply
    }
}

/// What the function said, as a reply.
fn read_answer(answer: &InvokeResponse, log: &mut RequestLog) -> Result<IntegrationReply, Fault> {
    let failed = |detail: String| Fault::new(FaultKind::IntegrationFailure, detail);
    if answer.function_error.is_some() {
        let message = function_error(&answer.payload)
            .map(|error| error.error_message)
            .unwrap_or_default();
        return Err(failed(format!(
            "Lambda execution failed with status 200 due to customer function error: {message}. \
             Lambda request id: {}",
            answer.request_id
        )));
    }
    let response = parse_proxy_response(&answer.payload).map_err(|error| {
        log.write(&Entry::Failed(MALFORMED_PROXY_RESPONSE));
        failed(format!(
            "Malformed Lambda proxy response: {error}. Lambda request id: {}",
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
