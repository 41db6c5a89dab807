//! `HTTP_PROXY`: the message goes to an HTTP backend as it is, with mapped parameters
//! (data-plane spec 5.5, 5.6).

use std::time::{Duration, Instant};

use bytes::Bytes;
use gatepost_model::{
    fault::{Fault, FaultKind},
    request_context::{EventType, RequestContext},
};
use gatepost_wire::{
    execution_log::{Entry, Severity, mask_headers, mask_url, shown},
    expression::parameter_mapping::{MappingInput, MappingTarget, ParameterMapping},
    lambda_event::HandshakeRequest,
};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Uri,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};

use super::{IntegrationReply, http_client::HttpClient};
use crate::{clock::millis_since, new_id, observe::RequestLog};

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
pub struct HttpProxyRequest {
    request: Request<Full<Bytes>>,
    /// The body, for the log.
    body: Bytes,
    /// `timeoutInMillis`.
    pub timeout: Duration,
}

impl HttpProxyRequest {
    /// Builds the call. On `$connect` the client's handshake headers go along, as on AWS.
    ///
    /// # Errors
    /// `Internal server error` when the URL, with stage variables and parameters filled in, is
    /// none.
    pub fn build(
        uri: &str,
        method: Option<&Method>,
        request_parameters: &[ParameterMapping],
        context: &RequestContext,
        body: &str,
        handshake: Option<&HandshakeRequest>,
        timeout: Duration,
    ) -> Result<Self, Fault> {
        let mut headers = HeaderMap::new();
        if let Some(handshake) = handshake {
            for (name, value) in handshake_headers(handshake) {
                insert(&mut headers, &name, &value, true);
            }
        }
        let api_id = &context.connection.api_id;
        let trace_id = handshake.map_or_else(
            || new_id::trace_id(context.request_time_ms),
            |handshake| handshake.trace_id.clone(),
        );
        insert(
            &mut headers,
            "x-amzn-apigateway-api-id",
            api_id.as_str(),
            false,
        );
        insert(&mut headers, "x-amzn-trace-id", &trace_id, false);
        insert(
            &mut headers,
            USER_AGENT.as_str(),
            &format!("AmazonAPIGateway_{api_id}"),
            false,
        );
        insert(
            &mut headers,
            CONTENT_TYPE.as_str(),
            "application/json",
            false,
        );

        let json = matches!(context.event_type, EventType::Message(_))
            .then(|| serde_json::from_str(body).ok())
            .flatten();
        let input = MappingInput {
            context,
            body: json.as_ref(),
            headers: handshake.map_or(&[], |handshake| &handshake.headers),
            query: handshake.map_or(&[], |handshake| &handshake.query),
        };
        let mut target = Target {
            uri: uri.to_owned(),
            query: Vec::new(),
        };
        for mapping in request_parameters {
            let values = mapping.resolve(&input);
            match &mapping.target {
                MappingTarget::Header(name) => {
                    for (nth, value) in values.iter().enumerate() {
                        insert(&mut headers, name, value, nth > 0);
                    }
                }
                MappingTarget::Querystring(name) => {
                    target
                        .query
                        .extend(values.into_iter().map(|value| (name.clone(), value)));
                }
                MappingTarget::Path(name) => {
                    target.fill(name, values.first().map_or("", String::as_str));
                }
            }
        }
        let method = method.cloned().unwrap_or(Method::POST);
        let body = if matches!(method, Method::GET | Method::HEAD) {
            ""
        } else {
            body
        };
        let body = Bytes::copy_from_slice(body.as_bytes());
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method;
        *request.uri_mut() = target.uri()?;
        *request.headers_mut() = headers;
        Ok(Self {
            request,
            body,
            timeout,
        })
    }

    /// Writes what a data trace shows of the call.
    pub(crate) fn log(&self, log: &mut RequestLog) {
        if log.writes(Severity::DataTrace) {
            let uri = self.request.uri().to_string();
            let uri = mask_url(&uri);
            log.write(&Entry::EndpointRequest {
                uri: &uri,
                headers: mask_headers(text_headers(self.request.headers())),
                body: shown(&String::from_utf8_lossy(&self.body)),
            });
            log.write(&Entry::SendingRequest(&uri));
        }
    }

    pub(super) async fn send(
        self,
        client: &HttpClient,
        log: &mut RequestLog,
    ) -> Result<IntegrationReply, Fault> {
        let began = Instant::now();
        let answer = log
            .while_waiting(client.send(self.request))
            .await
            .map_err(|error| Fault::new(FaultKind::IntegrationFailure, error.to_string()))?;
        if log.writes(Severity::DataTrace) {
            log.write(&Entry::EndpointResponse {
                status: answer.status().as_u16(),
                latency_ms: millis_since(began),
                headers: mask_headers(text_headers(answer.headers())),
                body: shown(&String::from_utf8_lossy(answer.body())),
            });
        }
        let headers = answer.headers().iter();
        Ok(IntegrationReply {
            status: answer.status().as_u16(),
            has_status: true,
            headers: headers
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        String::from_utf8_lossy(value.as_bytes()).into_owned(),
                    )
                })
                .collect(),
            body: Some(String::from_utf8_lossy(answer.body()).into_owned()),
        })
    }
}

/// Names and values, those that are text.
fn text_headers(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
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

/// Sets a header. A name or value that no header may have is left out: client data never becomes
/// a header that it should not be.
fn insert(headers: &mut HeaderMap, name: &str, value: &str, append: bool) {
    let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_bytes(value.as_bytes()),
    ) else {
        return;
    };
    if append {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
}

/// The URL while parameters are filled in.
struct Target {
    uri: String,
    query: Vec<(String, String)>,
}

impl Target {
    /// Fills `{name}` of the path; the value stays within its path segment.
    fn fill(&mut self, name: &str, value: &str) {
        self.uri = self
            .uri
            .replace(&format!("{{{name}}}"), &percent_encode(value));
    }

    fn uri(mut self) -> Result<Uri, Fault> {
        for (name, value) in &self.query {
            let separator = if self.uri.contains('?') { '&' } else { '?' };
            self.uri.push(separator);
            self.uri.push_str(&percent_encode(name));
            self.uri.push('=');
            self.uri.push_str(&percent_encode(value));
        }
        let problem = |what: &str| {
            let detail = format!("Invalid endpoint address: {}: {what}", self.uri);
            Fault::new(FaultKind::ApiConfiguration, detail)
        };
        let uri: Uri = self.uri.parse().map_err(|_| problem("it is no URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(problem("only http and https can be called"));
        }
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(problem("it holds a user name"));
        }
        Ok(uri)
    }
}

/// Everything but RFC 3986's unreserved characters encoded, and dot segments too.
fn percent_encode(value: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(value.len());
    let is_dots = matches!(value, "." | "..");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (byte == b'.' && !is_dots) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_data_stays_within_its_place_of_the_url() {
        let mut target = Target {
            uri: "http://h/{id}?a=1".into(),
            query: Vec::new(),
        };
        target.fill("id", "../x?y#z");
        target.query.push(("q".into(), "a&b=c".into()));
        assert_eq!(
            target.uri().unwrap(),
            "http://h/..%2Fx%3Fy%23z?a=1&q=a%26b%3Dc"
        );
        let mut target = Target {
            uri: "http://h/{id}/x".into(),
            query: Vec::new(),
        };
        target.fill("id", "..");
        assert_eq!(target.uri().unwrap(), "http://h/%2E%2E/x");
    }

    #[test]
    fn urls_that_hide_their_host_are_refused() {
        for uri in [
            "http://user@host/",
            "file:///etc/passwd",
            "/relative",
            "not a url",
        ] {
            let target = Target {
                uri: uri.into(),
                query: Vec::new(),
            };
            assert!(target.uri().is_err(), "{uri}");
        }
    }
}
