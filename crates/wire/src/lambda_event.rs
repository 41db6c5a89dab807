//! The events that API Gateway sends to Lambda: keys, their order and their presence are AWS's.

mod headers;
mod multi_value;
mod request_context;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use gatepost_model::request_context::RequestContext;
use serde::Serialize;

use self::{
    headers::EventHeaders,
    multi_value::{AllOfEach, LastOfEach, group},
    request_context::RequestContextView,
};

/// What of the handshake the `$connect` route and its authorizer see.
#[derive(Debug, Clone)]
pub struct HandshakeRequest {
    /// Header names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The decoded query, in order.
    pub query: Vec<(String, String)>,
    /// The client's address.
    pub source_ip: String,
    /// The port that the client used.
    pub port: u16,
    /// `http` or `https`.
    pub proto: &'static str,
    /// `X-Amzn-Trace-Id`.
    pub trace_id: String,
}

/// The headers of the handshake as integrations of `$connect` may ask for them: those of the
/// `CONNECT` event, the client's own words about where it comes from replaced.
pub fn connect_headers(request: &HandshakeRequest) -> Vec<(String, String)> {
    let headers = EventHeaders::new(request);
    let mut pairs = Vec::with_capacity(request.headers.len() + 4);
    for (name, values) in headers.of_connect() {
        let of_name = values
            .iter()
            .map(|value| (name.to_string(), (*value).to_owned()));
        pairs.extend(of_name);
    }
    pairs
}

/// The `CONNECT` event (data-plane spec 3.1).
pub fn connect_event(context: &RequestContext, request: &HandshakeRequest) -> Vec<u8> {
    let headers = EventHeaders::new(request);
    let headers = headers.of_connect();
    let query = group(
        request
            .query
            .iter()
            .map(|(name, value)| (name.into(), &**value)),
    );
    to_json(
        4096,
        &ConnectEvent {
            headers: LastOfEach(&headers),
            multi_value_headers: AllOfEach(&headers),
            query_string_parameters: (!query.is_empty()).then_some(LastOfEach(&query)),
            multi_value_query_string_parameters: (!query.is_empty()).then_some(AllOfEach(&query)),
            stage_variables: &context.stage_variables,
            request_context: RequestContextView::new(context),
            is_base64_encoded: false,
        },
    )
}

/// The `MESSAGE` event (data-plane spec 3.2); `body` is the text that the client sent, or its bytes
/// in base64.
pub fn message_event(context: &RequestContext, body: &str, is_base64_encoded: bool) -> Vec<u8> {
    // Quotes are escaped: a JSON body grows by about an eighth.
    to_json(
        1024 + body.len() + body.len() / 4,
        &MessageEvent {
            stage_variables: &context.stage_variables,
            request_context: RequestContextView::new(context),
            body,
            is_base64_encoded,
        },
    )
}

/// The `DISCONNECT` event (data-plane spec 3.3) with its four odd headers.
pub fn disconnect_event(context: &RequestContext) -> Vec<u8> {
    let headers = group([
        ("Host".into(), &*context.connection.domain_name),
        ("x-api-key".into(), ""),
        ("X-Forwarded-For".into(), ""),
        ("x-restapi".into(), ""),
    ]);
    to_json(
        1536,
        &DisconnectEvent {
            headers: LastOfEach(&headers),
            multi_value_headers: AllOfEach(&headers),
            stage_variables: &context.stage_variables,
            request_context: RequestContextView::new(context),
            is_base64_encoded: false,
        },
    )
}

/// The event of a Lambda `REQUEST` authorizer (data-plane spec 9.2).
pub fn authorizer_event(
    context: &RequestContext,
    request: &HandshakeRequest,
    method_arn: &str,
) -> Vec<u8> {
    let headers = EventHeaders::new(request);
    let headers = headers.of_authorizer();
    let query = group(
        request
            .query
            .iter()
            .map(|(name, value)| (name.into(), &**value)),
    );
    to_json(
        4096,
        &AuthorizerEvent {
            event_type: "REQUEST",
            method_arn,
            headers: LastOfEach(&headers),
            multi_value_headers: AllOfEach(&headers),
            query_string_parameters: LastOfEach(&query),
            multi_value_query_string_parameters: AllOfEach(&query),
            stage_variables: &context.stage_variables,
            request_context: RequestContextView::new(context),
        },
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectEvent<'a> {
    headers: LastOfEach<'a>,
    multi_value_headers: AllOfEach<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<LastOfEach<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_query_string_parameters: Option<AllOfEach<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stage_variables: &'a BTreeMap<String, String>,
    request_context: RequestContextView<'a>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageEvent<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stage_variables: &'a BTreeMap<String, String>,
    request_context: RequestContextView<'a>,
    body: &'a str,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DisconnectEvent<'a> {
    headers: LastOfEach<'a>,
    multi_value_headers: AllOfEach<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stage_variables: &'a BTreeMap<String, String>,
    request_context: RequestContextView<'a>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizerEvent<'a> {
    #[serde(rename = "type")]
    event_type: &'static str,
    method_arn: &'a str,
    headers: LastOfEach<'a>,
    multi_value_headers: AllOfEach<'a>,
    query_string_parameters: LastOfEach<'a>,
    multi_value_query_string_parameters: AllOfEach<'a>,
    stage_variables: &'a BTreeMap<String, String>,
    request_context: RequestContextView<'a>,
}

fn to_json(capacity: usize, event: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut json, event)
        .expect("text keys and plain values, written to memory, cannot fail");
    json
}
