//! `AWS_PROXY` and `AWS` with a Lambda function: the call of the function (data-plane spec 5.2,
//! 5.3).

use base64::{Engine, engine::general_purpose::STANDARD};
use gatepost_model::{
    fault::{Fault, FaultKind},
    function_policy::ApiSource,
    invocation::{INVALID_PERMISSIONS, InvocationType, InvokeRequest},
};
use hyper::HeaderMap;

use super::{
    IntegrationAnswer, LambdaAnswer, invoke_function::InvokeFunction, parameters::Parameters,
};
use crate::deployed::LambdaFunction;

/// A call of a Lambda function.
#[derive(Debug)]
pub struct LambdaCall {
    request: InvokeRequest,
}

impl LambdaCall {
    /// The call of `function` with this payload, by `source` unless a role invokes. Mapped
    /// parameters are those of the Invoke API: the header `X-Amz-Invocation-Type` with `Event` makes it asynchronous.
    ///
    /// # Errors
    /// `Internal server error` when the URI, with stage variables filled in, names no function, or
    /// a parameter is none of the Invoke API's.
    pub fn build(
        function: &LambdaFunction,
        parameters: &Parameters,
        payload: Vec<u8>,
        source: ApiSource,
    ) -> Result<Self, Fault> {
        let configuration = |detail: String| Fault::new(FaultKind::ApiConfiguration, detail);
        let name = function.name().ok_or_else(|| {
            configuration(format!("Invalid Lambda function URI: {}", function.uri))
        })?;
        let invocation_type = match parameters.header("x-amz-invocation-type") {
            None | Some("RequestResponse") => InvocationType::RequestResponse,
            Some("Event") => InvocationType::Event,
            Some("DryRun") => InvocationType::DryRun,
            Some(other) => {
                let detail = format!("`{other}` is no X-Amz-Invocation-Type");
                return Err(configuration(detail));
            }
        };
        let client_context = parameters
            .header("x-amz-client-context")
            .map(|text| {
                STANDARD
                    .decode(text)
                    .ok()
                    .and_then(|json| String::from_utf8(json).ok())
            })
            .map(|decoded| {
                decoded.ok_or_else(|| configuration("X-Amz-Client-Context is no base64".into()))
            })
            .transpose()?;
        Ok(Self {
            request: InvokeRequest {
                qualifier: parameters.query("Qualifier").map(str::to_owned),
                invocation_type,
                client_context,
                trace_id: parameters.header("x-amzn-trace-id").map(str::to_owned),
                source: (!function.by_role).then_some(source),
                ..InvokeRequest::synchronous(name, payload)
            },
        })
    }

    /// The function's ARN or name.
    pub fn function(&self) -> &str {
        &self.request.function
    }

    /// What it is invoked with.
    pub fn payload(&self) -> &[u8] {
        &self.request.payload
    }

    pub(super) async fn invoke(
        self,
        lambda: &dyn InvokeFunction,
    ) -> Result<IntegrationAnswer, Fault> {
        let answer = lambda.invoke(self.request).await.map_err(|error| {
            if error.is_denied() {
                let detail = format!("{INVALID_PERMISSIONS}: {}", error.message);
                return Fault::new(FaultKind::ApiConfiguration, detail);
            }
            let detail = format!(
                "Lambda invocation failed with status: {}. {error}",
                error.status
            );
            let fault = Fault::new(FaultKind::IntegrationFailure, detail);
            // Nothing was taken: too many at once, no process, or nobody there.
            if error.never_sent || error.status == 429 {
                fault.never_sent()
            } else {
                fault
            }
        })?;
        Ok(IntegrationAnswer {
            status: answer.status,
            headers: HeaderMap::new(),
            body: answer.payload.into(),
            lambda: Some(LambdaAnswer {
                request_id: answer.request_id,
                is_function_error: answer.function_error.is_some(),
            }),
        })
    }
}
