//! What a data trace shows of the call of a backend and of its answer
//! (control-and-observability spec A.3).

use std::borrow::Cow;

use bytes::Bytes;
use gatepost_model::request_context::RequestContext;
use gatepost_wire::execution_log::{Entry, Severity, mask_headers, mask_url, shown};
use http_body_util::Full;
use hyper::{HeaderMap, Request};

use super::{Call, IntegrationAnswer};
use crate::observe::RequestLog;

impl Call {
    /// Writes where the call goes and what it carries.
    pub(crate) fn log(&self, context: &RequestContext, log: &mut RequestLog) {
        let uri = match self {
            Self::Mock(_) => return,
            Self::Lambda(call) => {
                let source = format!("{}/{}", context.connection.stage, context.route_key);
                log_lambda_request(call.function(), context, &source, call.payload(), log)
            }
            Self::Http(call) => log_http_request(call.request(), log),
            Self::Service(call) => log_http_request(call.request(), log),
        };
        log.write(&Entry::SendingRequest(&uri));
    }
}

/// Writes an HTTP request, and gives its URI.
fn log_http_request(
    (request, body): (&Request<Full<Bytes>>, &Bytes),
    log: &mut RequestLog,
) -> String {
    let uri = mask_url(&request.uri().to_string()).into_owned();
    log.write(&Entry::EndpointRequest {
        uri: &uri,
        headers: mask_headers(texts(request.headers())),
        body: shown(&String::from_utf8_lossy(body)),
    });
    uri
}

/// Writes the call of a function, and gives its URI. `source` is what calls: `{stage}/{routeKey}`
/// or `authorizers/{authorizerId}`. The headers of AWS's signature are not among those shown: here
/// nobody signs.
pub(crate) fn log_lambda_request(
    function: &str,
    context: &RequestContext,
    source: &str,
    payload: &[u8],
    log: &mut RequestLog,
) -> String {
    let api_id = context.connection.api_id.as_str();
    // `arn:aws:lambda:{region}:{account}:function:{name}`; a bare name has neither.
    let part = |n| function.split(':').nth(n).unwrap_or_default();
    let (region, account) = (part(3), part(4));
    let host = format!("lambda.{region}.amazonaws.com");
    let uri = format!("https://{host}/2015-03-31/functions/{function}/invocations");
    let agent = format!("AmazonAPIGateway_{api_id}");
    let source_arn = format!("arn:aws:execute-api:{region}:{account}:{api_id}/{source}");
    let headers = [
        ("x-amzn-apigateway-api-id", api_id),
        ("Accept", "application/json"),
        ("User-Agent", &agent),
        ("Host", &host),
        ("x-amzn-lambda-integration-tag", context.request_id.as_str()),
        ("X-Amz-Source-Arn", &source_arn),
    ];
    let headers = headers.map(|(name, value)| (name, Cow::from(value)));
    log.write(&Entry::EndpointRequest {
        uri: &uri,
        headers: mask_headers(headers.into_iter()),
        body: shown(&String::from_utf8_lossy(payload)),
    });
    uri
}

impl IntegrationAnswer {
    /// Writes the answer, which took so long.
    pub(super) fn log(&self, latency_ms: u64, log: &mut RequestLog) {
        if !log.writes(Severity::DataTrace) {
            return;
        }
        let headers = match &self.lambda {
            None => mask_headers(texts(&self.headers)),
            Some(lambda) => {
                let length = self.body.len().to_string();
                let headers = [
                    ("Content-Type", Some("application/json")),
                    ("Content-Length", Some(&length)),
                    ("x-amzn-RequestId", Some(&lambda.request_id)),
                    (
                        "X-Amz-Function-Error",
                        lambda.is_function_error.then_some("Unhandled"),
                    ),
                ];
                let headers = headers.into_iter();
                mask_headers(headers.filter_map(|(name, value)| Some((name, value?.into()))))
            }
        };
        log.write(&Entry::EndpointResponse {
            status: self.status,
            latency_ms,
            headers,
            body: shown(&String::from_utf8_lossy(&self.body)),
        });
    }
}

/// Names and values.
fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
}
