//! `HTTP` and `HTTP_PROXY`: the call of an HTTP backend (data-plane spec 5.5).

use std::borrow::Cow;

use bytes::Bytes;
use gatepost_model::{
    fault::{Fault, FaultKind},
    request_context::RequestContext,
};
use gatepost_wire::lambda_event::HandshakeRequest;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request,
    header::{CONTENT_TYPE, USER_AGENT},
};

use super::{
    IntegrationAnswer,
    http_client::HttpClient,
    parameters::{Parameters, insert},
};
use crate::{deployed::HttpEndpoint, new_id};

/// Handshake headers that concern one hop only and are not passed on.
const HOP_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A call of an HTTP backend.
#[derive(Debug)]
pub struct HttpCall {
    request: Request<Full<Bytes>>,
    body: Bytes,
    client: HttpClient,
}

impl HttpCall {
    /// The call of `endpoint` with these parameters and this body of this type. `passed_on` is the handshake
    /// whose headers go along, as those of `$connect` do with `HTTP_PROXY`.
    ///
    /// # Errors
    /// `Internal server error` when the URL, with stage variables and parameters filled in, is
    /// none, or when a stage variable names no VPC link.
    pub fn build(
        endpoint: &HttpEndpoint,
        context: &RequestContext,
        parameters: &Parameters,
        (content_type, body): (&str, Bytes),
        passed_on: Option<&HandshakeRequest>,
    ) -> Result<Self, Fault> {
        let client = endpoint
            .client
            .clone()
            .map_err(|error| Fault::new(FaultKind::ApiConfiguration, error.to_string()))?;
        let url = endpoint.url.as_ref().map_err(Clone::clone);
        let uri = url
            .and_then(|url| url.fill(|name| parameters.path(name), &parameters.query))
            .map_err(|error| Fault::new(FaultKind::ApiConfiguration, error.to_string()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in passed_on.into_iter().flat_map(handshake_headers) {
            insert(&mut headers, &name, &value, true);
        }
        let trace_id = passed_on.map(|handshake| handshake.trace_id.as_str());
        add_own_headers(&mut headers, context, trace_id);
        insert(&mut headers, CONTENT_TYPE.as_str(), content_type, false);
        parameters.override_headers(&mut headers);
        let has_body = !matches!(endpoint.method, Method::GET | Method::HEAD);
        let body = if has_body { body } else { Bytes::new() };
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = endpoint.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(Self {
            request,
            body,
            client,
        })
    }

    /// What is sent, and its body.
    pub fn request(&self) -> (&Request<Full<Bytes>>, &Bytes) {
        (&self.request, &self.body)
    }

    pub(super) async fn send(self) -> Result<IntegrationAnswer, Fault> {
        let answer = self.client.send(self.request).await?;
        let (parts, body) = answer.into_parts();
        Ok(IntegrationAnswer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            lambda: None,
        })
    }
}

/// The headers that tell a backend who calls: of HTTP backends and AWS services.
pub(super) fn add_own_headers(
    headers: &mut HeaderMap,
    context: &RequestContext,
    trace_id: Option<&str>,
) {
    let api_id = &context.connection.api_id;
    let trace_id = trace_id.map_or_else(
        || new_id::trace_id(context.request_time_ms).into(),
        Cow::Borrowed,
    );
    let agent = format!("AmazonAPIGateway_{api_id}");
    for (name, value) in [
        ("x-amzn-apigateway-api-id", api_id.as_str()),
        ("x-amzn-trace-id", &trace_id),
        (USER_AGENT.as_str(), &agent),
    ] {
        insert(headers, name, value, false);
    }
}

/// The client's headers as the backend of `$connect` sees them.
fn handshake_headers(handshake: &HandshakeRequest) -> impl Iterator<Item = (String, String)> {
    let sent = handshake
        .headers
        .iter()
        .filter(|(name, _)| {
            !HOP_HEADERS.contains(&name.as_str()) && !name.starts_with("x-forwarded-")
        })
        .cloned();
    let forwarded = [
        ("x-forwarded-for", handshake.source_ip.clone()),
        ("x-forwarded-port", handshake.port.to_string()),
        ("x-forwarded-proto", handshake.proto.to_owned()),
    ];
    sent.chain(forwarded.map(|(name, value)| (name.to_owned(), value)))
}
