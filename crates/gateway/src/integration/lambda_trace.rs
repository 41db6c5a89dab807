//! What a data trace shows of the call of a function: of a Lambda integration, or of an authorizer.

use std::time::Instant;

use gatepost_model::{invocation::InvokeResponse, request_context::RequestContext};
use gatepost_wire::execution_log::{Entry, Severity, mask_headers, shown};

use crate::{clock::millis_since, observe::RequestLog};

/// Writes the call, and gives its URI. `source` is what calls: `{stage}/{routeKey}` or
/// `authorizers/{authorizerId}`; in `event` secrets are masked already. The headers of AWS's
/// signature are not among those shown: nobody signs here.
pub(crate) fn log_request(
    function: &str,
    context: &RequestContext,
    source: &str,
    event: &[u8],
    log: &mut RequestLog,
) -> String {
    let api_id = context.connection.api_id.as_str();
    // `arn:aws:lambda:{region}:{account}:function:{name}`; a bare name has neither.
    let part = |n| function.split(':').nth(n).unwrap_or_default();
    let (region, account) = (part(3), part(4));
    let host = format!("lambda.{region}.amazonaws.com");
    let uri = format!("https://{host}/2015-03-31/functions/{function}/invocations");
    let headers = [
        ("x-amzn-apigateway-api-id", api_id),
        ("Accept", "application/json"),
        ("User-Agent", &format!("AmazonAPIGateway_{api_id}")),
        ("Host", &host),
        ("x-amzn-lambda-integration-tag", context.request_id.as_str()),
        (
            "X-Amz-Source-Arn",
            &format!("arn:aws:execute-api:{region}:{account}:{api_id}/{source}"),
        ),
    ];
    log.write(&Entry::EndpointRequest {
        uri: &uri,
        headers: mask_headers(headers.into_iter()),
        body: shown(&String::from_utf8_lossy(event)),
    });
    uri
}

/// Writes the function's answer.
pub(crate) fn log_response(answer: &InvokeResponse, began: Instant, log: &mut RequestLog) {
    if !log.writes(Severity::DataTrace) {
        return;
    }
    let length = answer.payload.len().to_string();
    let mut headers = vec![
        ("Content-Type", "application/json"),
        ("Content-Length", &length),
        ("x-amzn-RequestId", &answer.request_id),
        ("X-Amz-Executed-Version", &answer.executed_version),
    ];
    if let Some(error) = &answer.function_error {
        headers.push(("X-Amz-Function-Error", error));
    }
    log.write(&Entry::EndpointResponse {
        status: answer.status,
        latency_ms: millis_since(began),
        headers: mask_headers(headers.into_iter()),
        body: shown(&String::from_utf8_lossy(&answer.payload)),
    });
}
