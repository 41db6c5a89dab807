//! The events, byte for byte as data-plane spec §3 and 9.2 write them.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    request_context::{
        ApiKeyIdentity, AuthorizerContext, ConnectionContext, EventType, Identity, RequestContext,
        Signer,
    },
    route::RouteKey,
    secret::Secret,
};

use super::*;

const HOST: &str = "abcdef1234.execute-api.us-east-1.amazonaws.com";

fn context(route_key: &str, event_type: EventType, request_time_ms: u64) -> RequestContext {
    RequestContext {
        connection: Arc::new(connection()),
        request_id: "EOn8HGNeoAMEPSQ=".into(),
        request_time_ms,
        route_key: RouteKey::parse(route_key).unwrap(),
        event_type,
        stage_variables: Arc::default(),
    }
}

fn connection() -> ConnectionContext {
    ConnectionContext {
        connection_id: "gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
        api_id: "abcdef1234".into(),
        stage: "dev".into(),
        connected_at_ms: 1_790_294_508_123,
        domain_name: HOST.into(),
        identity: Identity::anonymous("203.0.113.7", Some("curl")),
        authorizer: None,
    }
}

fn with_authorizer(mut context: RequestContext) -> RequestContext {
    context.connection = Arc::new(ConnectionContext {
        authorizer: Some(Box::new(AuthorizerContext {
            principal_id: "user-1".into(),
            context: vec![
                ("tenant".into(), "blue".into()),
                ("principalId".into(), "shadowed".into()),
            ],
            usage_identifier_key: None,
            integration_latency_ms: 21,
        })),
        ..connection()
    });
    context
}

fn handshake(query: &[(&str, &str)]) -> HandshakeRequest {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    HandshakeRequest {
        headers: [
            ("host", HOST),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("x-forwarded-for", "10.0.0.1"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
        ]
        .iter()
        .map(owned)
        .collect(),
        query: query.iter().map(owned).collect(),
        source_ip: "203.0.113.7".into(),
        port: 443,
        proto: "https",
        trace_id: "Root=1-65d2f0c0-0123456789abcdef01234567".into(),
    }
}

fn text(event: Vec<u8>) -> String {
    String::from_utf8(event).unwrap()
}

/// The pieces joined, so that a long line can be written in parts.
fn line(parts: &[&str]) -> String {
    parts.concat()
}

const HEADERS: &str = concat!(
    r#""headers":{"Cookie":"b=2","Host":"abcdef1234.execute-api.us-east-1.amazonaws.com","#,
    r#""Sec-WebSocket-Key":"dGhlIHNhbXBsZSBub25jZQ==","Sec-WebSocket-Version":"13","#,
    r#""X-Amzn-Trace-Id":"Root=1-65d2f0c0-0123456789abcdef01234567","#,
    r#""X-Forwarded-For":"203.0.113.7","X-Forwarded-Port":"443","X-Forwarded-Proto":"https"},"#,
    r#""multiValueHeaders":{"Cookie":["a=1","b=2"],"#,
    r#""Host":["abcdef1234.execute-api.us-east-1.amazonaws.com"],"#,
    r#""Sec-WebSocket-Key":["dGhlIHNhbXBsZSBub25jZQ=="],"Sec-WebSocket-Version":["13"],"#,
    r#""X-Amzn-Trace-Id":["Root=1-65d2f0c0-0123456789abcdef01234567"],"#,
    r#""X-Forwarded-For":["203.0.113.7"],"X-Forwarded-Port":["443"],"X-Forwarded-Proto":["https"]}"#,
);

const CONNECT_CONTEXT: &str = concat!(
    r#""eventType":"CONNECT","extendedRequestId":"EOn8HGNeoAMEPSQ=","#,
    r#""requestTime":"25/Sep/2026:00:01:48 +0000","messageDirection":"IN","stage":"dev","#,
    r#""connectedAt":1790294508123,"requestTimeEpoch":1790294508124,"#,
    r#""identity":{"userAgent":"curl","sourceIp":"203.0.113.7"},"requestId":"EOn8HGNeoAMEPSQ=","#,
    r#""domainName":"abcdef1234.execute-api.us-east-1.amazonaws.com","#,
    r#""connectionId":"gbgBH8-ydQAYKEjZQA==","apiId":"abcdef1234"}"#,
);

#[test]
fn connect_without_query_has_no_query_members() {
    let context = context("$connect", EventType::Connect, 1_790_294_508_124);
    assert_eq!(
        text(connect_event(&context, &handshake(&[]))),
        line(&[
            "{",
            HEADERS,
            r#","requestContext":{"routeKey":"$connect","#,
            CONNECT_CONTEXT,
            r#","isBase64Encoded":false}"#,
        ])
    );
}

#[test]
fn connect_shows_the_last_query_value_and_all_and_the_authorizer_with_its_latency() {
    let mut context = with_authorizer(context("$connect", EventType::Connect, 1_790_294_508_124));
    context.stage_variables = Arc::new(BTreeMap::from([("table".into(), "rooms".into())]));
    let request = handshake(&[("token", "a"), ("room", "\"x\""), ("token", "b")]);
    assert_eq!(
        text(connect_event(&context, &request)),
        line(&[
            "{",
            HEADERS,
            r#","queryStringParameters":{"token":"b","room":"\"x\""},"#,
            r#""multiValueQueryStringParameters":{"token":["a","b"],"room":["\"x\""]},"#,
            r#""stageVariables":{"table":"rooms"},"requestContext":{"routeKey":"$connect","#,
            r#""authorizer":{"tenant":"blue","principalId":"user-1","integrationLatency":21},"#,
            CONNECT_CONTEXT,
            r#","isBase64Encoded":false}"#,
        ])
    );
}

const MESSAGE_CONTEXT: &str = concat!(
    r#""messageId":"gbgBIc-zdQAYKEjZQA==","#,
    r#""eventType":"MESSAGE","extendedRequestId":"EOn8HGNeoAMEPSQ=","#,
    r#""requestTime":"25/Sep/2026:00:01:50 +0000","messageDirection":"IN","stage":"dev","#,
    r#""connectedAt":1790294508123,"requestTimeEpoch":1790294510456,"#,
    r#""identity":{"userAgent":"curl","sourceIp":"203.0.113.7"},"requestId":"EOn8HGNeoAMEPSQ=","#,
    r#""domainName":"abcdef1234.execute-api.us-east-1.amazonaws.com","#,
    r#""connectionId":"gbgBH8-ydQAYKEjZQA==","apiId":"abcdef1234"},"#,
    r#""body":"{\"action\":\"sendmessage\",\"data\":\"hi\"}","isBase64Encoded":false}"#,
);

#[test]
fn message_has_request_context_and_body_only() {
    let event_type = EventType::Message("gbgBIc-zdQAYKEjZQA==".into());
    let context = context("sendmessage", event_type, 1_790_294_510_456);
    let body = r#"{"action":"sendmessage","data":"hi"}"#;
    assert_eq!(
        text(message_event(&context, body, false)),
        line(&[
            r#"{"requestContext":{"routeKey":"sendmessage","#,
            MESSAGE_CONTEXT
        ])
    );
    assert_eq!(
        text(message_event(&with_authorizer(context), body, false)),
        line(&[
            r#"{"requestContext":{"routeKey":"sendmessage","#,
            r#""authorizer":{"tenant":"blue","principalId":"user-1"},"#,
            MESSAGE_CONTEXT,
        ])
    );
}

#[test]
fn disconnect_has_four_odd_headers_and_says_why() {
    let event_type = EventType::Disconnect {
        status_code: 1005,
        reason: "Client-side close frame status not set".into(),
    };
    let context = context("$disconnect", event_type, 1_790_294_521_001);
    assert_eq!(
        text(disconnect_event(&context)),
        line(&[
            r#"{"headers":{"Host":"abcdef1234.execute-api.us-east-1.amazonaws.com","#,
            r#""x-api-key":"","X-Forwarded-For":"","x-restapi":""},"#,
            r#""multiValueHeaders":{"Host":["abcdef1234.execute-api.us-east-1.amazonaws.com"],"#,
            r#""x-api-key":[""],"X-Forwarded-For":[""],"x-restapi":[""]},"#,
            r#""requestContext":{"routeKey":"$disconnect","disconnectStatusCode":1005,"#,
            r#""eventType":"DISCONNECT","extendedRequestId":"EOn8HGNeoAMEPSQ=","#,
            r#""requestTime":"25/Sep/2026:00:02:01 +0000","messageDirection":"IN","#,
            r#""disconnectReason":"Client-side close frame status not set","stage":"dev","#,
            r#""connectedAt":1790294508123,"requestTimeEpoch":1790294521001,"#,
            r#""identity":{"userAgent":"curl","sourceIp":"203.0.113.7"},"#,
            r#""requestId":"EOn8HGNeoAMEPSQ=","#,
            r#""domainName":"abcdef1234.execute-api.us-east-1.amazonaws.com","#,
            r#""connectionId":"gbgBH8-ydQAYKEjZQA==","apiId":"abcdef1234"},"#,
            r#""isBase64Encoded":false}"#,
        ])
    );
}

#[test]
fn identity_has_the_members_of_a_signature_and_an_api_key_in_the_order_of_aws() {
    let mut context = context("$connect", EventType::Connect, 1_790_294_508_124);
    let mut connection = connection();
    connection.identity.signer = Some(Box::new(Signer {
        account_id: "123456789012".into(),
        user_id: "AIDAEXAMPLE".into(),
        user_arn: "arn:aws:iam::123456789012:user/ann".into(),
        access_key: "AKIAEXAMPLE".into(),
    }));
    connection.identity.api_key = Some(Box::new(ApiKeyIdentity {
        api_key: Secret::new("key-value"),
        api_key_id: "a1b2c3d4e5".into(),
    }));
    context.connection = Arc::new(connection);
    let identity = concat!(
        r#""identity":{"apiKey":"key-value","userArn":"arn:aws:iam::123456789012:user/ann","#,
        r#""apiKeyId":"a1b2c3d4e5","userAgent":"curl","accountId":"123456789012","#,
        r#""caller":"AIDAEXAMPLE","sourceIp":"203.0.113.7","accessKey":"AKIAEXAMPLE","#,
        r#""user":"AIDAEXAMPLE"}"#,
    );
    let event = text(message_event(&context, "hi", false));
    assert!(event.contains(identity), "{event}");
    for (variable, value) in [
        ("accountId", "123456789012"),
        ("apiKey", "key-value"),
        ("apiKeyId", "a1b2c3d4e5"),
        ("caller", "AIDAEXAMPLE"),
        ("sourceIp", "203.0.113.7"),
        ("user", "AIDAEXAMPLE"),
        ("userAgent", "curl"),
        ("userArn", "arn:aws:iam::123456789012:user/ann"),
        ("accessKey", "AKIAEXAMPLE"),
    ] {
        let resolved = context.variable(&format!("identity.{variable}"));
        assert_eq!(resolved.as_deref(), Some(value), "{variable}");
    }
    assert_eq!(context.variable("identity.cognitoIdentityId"), None);
}

#[test]
fn authorizer_sees_connection_and_upgrade_and_empty_maps() {
    let mut context = context("$connect", EventType::Connect, 1_790_294_508_124);
    context.connection = Arc::new(ConnectionContext {
        identity: Identity::anonymous("203.0.113.7", None),
        ..connection()
    });
    let mut request = handshake(&[]);
    request.headers.truncate(3);
    let arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/dev/$connect";
    assert_eq!(
        text(authorizer_event(&context, &request, arn)),
        line(&[
            r#"{"type":"REQUEST","methodArn":"#,
            r#""arn:aws:execute-api:us-east-1:123456789012:abcdef1234/dev/$connect","#,
            r#""headers":{"Connection":"upgrade","content-length":"0","#,
            r#""Host":"abcdef1234.execute-api.us-east-1.amazonaws.com","Upgrade":"websocket","#,
            r#""X-Amzn-Trace-Id":"Root=1-65d2f0c0-0123456789abcdef01234567","#,
            r#""X-Forwarded-For":"203.0.113.7","X-Forwarded-Port":"443","#,
            r#""X-Forwarded-Proto":"https"},"#,
            r#""multiValueHeaders":{"Connection":["upgrade"],"content-length":["0"],"#,
            r#""Host":["abcdef1234.execute-api.us-east-1.amazonaws.com"],"#,
            r#""Upgrade":["websocket"],"#,
            r#""X-Amzn-Trace-Id":["Root=1-65d2f0c0-0123456789abcdef01234567"],"#,
            r#""X-Forwarded-For":["203.0.113.7"],"X-Forwarded-Port":["443"],"#,
            r#""X-Forwarded-Proto":["https"]},"#,
            r#""queryStringParameters":{},"multiValueQueryStringParameters":{},"#,
            r#""stageVariables":{},"requestContext":{"routeKey":"$connect","#,
            &CONNECT_CONTEXT.replace(r#""userAgent":"curl","#, ""),
            "}",
        ])
    );
}
