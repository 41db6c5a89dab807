//! Every variable, every standard format, and what clients may write into them.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    fault::{Fault, FaultKind},
    request_context::{AuthorizerContext, ConnectionContext, EventType, Identity, RequestContext},
    route::RouteKey,
};

use super::*;

fn context(user_agent: &str) -> RequestContext {
    RequestContext {
        connection: Arc::new(ConnectionContext {
            connection_id: "gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            api_id: "abcdef1234".into(),
            stage: "dev".into(),
            connected_at_ms: 1_790_294_508_000,
            domain_name: "localhost:4100".into(),
            identity: Identity::anonymous("203.0.113.7", Some(user_agent)),
            authorizer: Some(Box::new(AuthorizerContext {
                principal_id: "ann".into(),
                context: vec![("team".into(), "blue".into())],
                usage_identifier_key: None,
                integration_latency_ms: 12,
            })),
        }),
        request_id: "EP5yqFByIAMElXw=".into(),
        request_time_ms: 1_790_294_508_123,
        route_key: RouteKey::Custom("send".into()),
        event_type: EventType::Message("hbgBH8-ydQAYKEjZQA==".into()),
        stage_variables: Arc::new(BTreeMap::new()),
    }
}

fn row(user_agent: &str) -> AccessLogRow {
    AccessLogRow {
        subject: Subject::Event {
            context: context(user_agent),
            has_route: true,
        },
        status: 200,
        integration_latency_ms: Some(41),
        endpoint_request_id: Some("5f8c5b6e-0000-4000-8000-1b9c00000000".into()),
        fault: None,
        authorizer: None,
    }
}

fn render(format: &str, row: &AccessLogRow) -> String {
    AccessLogFormat::parse(format).unwrap().render(row)
}

/// The value of each variable, without which AWS takes no format.
fn values(names: &str, row: &AccessLogRow) -> String {
    let variables: Vec<_> = names
        .split(' ')
        .map(|name| format!("$context.{name}"))
        .collect();
    let line = render(&format!("$context.requestId {}", variables.join(" ")), row);
    line.split_once(' ').unwrap().1.to_owned()
}

#[test]
fn the_variables_of_a_message_have_its_values_and_all_others_are_a_dash() {
    let row = row("agent");
    assert_eq!(
        values(
            "apiId stage domainName requestId extendedRequestId requestTimeEpoch",
            &row
        ),
        "abcdef1234 dev localhost:4100 EP5yqFByIAMElXw= EP5yqFByIAMElXw= 1790294508123"
    );
    assert_eq!(values("requestTime", &row), "25/Sep/2026:00:01:48 +0000");
    assert_eq!(
        values(
            "routeKey eventType status messageId connectionId connectedAt",
            &row
        ),
        "send MESSAGE 200 hbgBH8-ydQAYKEjZQA== gbgBH8-ydQAYKEjZQA== 1790294508000"
    );
    assert_eq!(
        values("identity.sourceIp identity.userAgent", &row),
        "203.0.113.7 agent"
    );
    assert_eq!(
        values(
            "authorizer.principalId authorizer.team integrationLatency",
            &row
        ),
        "ann blue 41"
    );
    assert_eq!(
        values("awsEndpointRequestId", &row),
        "5f8c5b6e-0000-4000-8000-1b9c00000000"
    );
    let unset = "identity.accountId identity.apiKey identity.apiKeyId identity.caller \
        identity.cognitoAuthenticationProvider identity.cognitoAuthenticationType \
        identity.cognitoIdentityId identity.cognitoIdentityPoolId identity.principalOrgId \
        identity.user identity.userArn authorizer.error authorizer.status authorizer.latency \
        authorizer.requestId authorizer.integrationStatus authorize.error authorize.latency \
        authorize.status authenticate.error authenticate.latency authenticate.status \
        integration.error integration.integrationStatus integration.latency \
        integration.requestId integration.status integrationStatus error.message \
        error.messageString error.responseType error.validationErrorString waf.error \
        waf.latency waf.status httpMethod resourcePath responseLength nonsense";
    let dashes = vec!["-"; unset.split_whitespace().count()].join(" ");
    let unset: Vec<_> = unset.split_whitespace().collect();
    assert_eq!(values(&unset.join(" "), &row), dashes);
}

#[test]
fn a_fault_and_an_authorizer_have_their_variables() {
    let mut row = row("agent");
    row.status = 502;
    row.fault = Some(Box::new(Fault::new(
        FaultKind::IntegrationFailure,
        "secret",
    )));
    assert_eq!(
        values("status error.responseType error.message", &row),
        "502 INTEGRATION_FAILURE Internal server error"
    );
    assert_eq!(
        values("error.messageString", &row),
        "\"Internal server error\""
    );
    row.fault = Some(Box::new(Fault::bad_request_body(
        "m".into(),
        "[missing \"text\"]".into(),
    )));
    assert_eq!(
        values("error.validationErrorString", &row),
        "[missing \\\"text\\\"]"
    );
    row.authorizer = Some(Box::new(AuthorizerOutcome {
        request_id: Some("r".into()),
        latency_ms: 7,
        integration_status: Some(200),
    }));
    let names = "authorizer.status authorizer.integrationStatus authorizer.latency \
                 authorizer.integrationLatency authorizer.requestId authorizer.error";
    assert_eq!(values(names, &row), "200 200 7 7 r -");
    row.fault = Some(Box::new(Fault::new(FaultKind::Unauthorized, "")));
    assert_eq!(values(names, &row), "401 200 7 7 r Unauthorized");
}

#[test]
fn a_call_of_connections_has_its_own_values() {
    let call = ConnectionsCall {
        api_id: "abcdef1234".into(),
        stage: "dev".into(),
        domain_name: "localhost:4100".into(),
        request_id: "5f8c5b6e-0000-4000-8000-1b9c00000000".into(),
        extended_request_id: "EP5yqFByIAMElXw=".into(),
        request_time_ms: 1_790_294_508_123,
        method: "POST".into(),
        connection_id: "gbgBH8-ydQAYKEjZQA==".into(),
        identity: Identity::anonymous("203.0.113.7", Some("Boto3/1.44")),
    };
    let row = AccessLogRow {
        subject: Subject::ConnectionsCall(Box::new(call)),
        status: 410,
        integration_latency_ms: Some(0),
        ..row("")
    };
    assert_eq!(
        values(
            "eventType requestId extendedRequestId status integrationLatency",
            &row
        ),
        "CONNECTION_API 5f8c5b6e-0000-4000-8000-1b9c00000000 EP5yqFByIAMElXw= 410 0"
    );
    assert_eq!(
        values("routeKey", &row),
        "POST /@connections/{connectionId}"
    );
    assert_eq!(
        values(
            "connectionId connectedAt messageId error.message identity.userAgent",
            &row
        ),
        "gbgBH8-ydQAYKEjZQA== - - - Boto3/1.44"
    );
}

#[test]
fn a_value_stays_in_its_place_in_every_format() {
    let hostile = row("a\",\"b\\ <c> & 'd'\r\n\u{1b}\u{2028}e");
    for (format, expected) in [
        (
            r#"{"id":"$context.requestId","agent":"$context.identity.userAgent"}"#,
            r#"{"id":"EP5yqFByIAMElXw=","agent":"a\",\"b\\ <c> & 'd'\u000d\u000a\u001b\u2028e"}"#,
        ),
        (
            "<request id=\"$context.requestId\"> <agent>$context.identity.userAgent</agent> \
             </request>",
            "<request id=\"EP5yqFByIAMElXw=\"> <agent>a&quot;,&quot;b\\ &lt;c&gt; &amp; \
             &apos;d&apos;\\u000d\\u000a\\u001b\\u2028e</agent> </request>",
        ),
        (
            "$context.requestId,$context.identity.userAgent,$context.status",
            "EP5yqFByIAMElXw=,\"a\"\",\"\"b\\ <c> & 'd'\\u000d\\u000a\\u001b\\u2028e\",200",
        ),
        (
            "$context.requestId \"$context.identity.userAgent\"",
            "EP5yqFByIAMElXw= \"a\\\",\\\"b\\\\ <c> & 'd'\\u000d\\u000a\\u001b\\u2028e\"",
        ),
    ] {
        assert_eq!(render(format, &hostile), expected);
    }
    let json = r#"{"id":"$context.requestId","agent":"$context.identity.userAgent"}"#;
    let parsed: serde_json::Value = serde_json::from_str(&render(json, &hostile)).unwrap();
    assert_eq!(parsed["agent"], "a\",\"b\\ <c> & 'd'\r\n\u{1b}\u{2028}e");
}

#[test]
fn literals_stay_as_they_are_and_names_end_where_no_name_goes_on() {
    assert_eq!(
        render(
            "$context.requestId. $context. $contextual $context.status!",
            &row("")
        ),
        "EP5yqFByIAMElXw=. $context. $contextual 200!"
    );
    assert_eq!(
        render("$context.extendedRequestId\n", &row("")),
        "EP5yqFByIAMElXw="
    );
}

#[test]
fn what_aws_refuses_is_refused_in_its_words() {
    let refused = |format: &str| AccessLogFormat::parse(format).unwrap_err().to_string();
    assert_eq!(
        refused("literal-only"),
        "The following errors are found in Access Log Format: Access Log format must include \
         either $context.requestId or $context.extendedRequestId : 'literal-only'"
    );
    assert_eq!(
        refused("$context.requestId\n$context.status"),
        "The following errors are found in Access Log Format: Access Log format must be single \
         line: '$context.requestId\n$context.status'"
    );
    assert!(AccessLogFormat::parse(&format!("$context.requestId{}", "x".repeat(3072))).is_err());
    assert!(AccessLogFormat::parse("$context.requestIdentity").is_err());
    assert_eq!(
        log_group_of_arn("not-an-arn").unwrap_err().to_string(),
        "Invalid ARN specified in the request. ARNs must start with 'arn:': not-an-arn"
    );
    for (arn, name) in [
        (
            "arn:aws:logs:us-east-1:000000000000:log-group:mine",
            Some("mine"),
        ),
        (
            "arn:aws:logs:us-east-1:000000000000:log-group:/a/b:*",
            Some("/a/b"),
        ),
        ("arn:aws:firehose:us-east-1:0:deliverystream/x", None),
        ("arn:aws:logs:us-east-1:0:log-group:", None),
    ] {
        assert_eq!(log_group_of_arn(arn).ok(), name, "{arn}");
    }
}
