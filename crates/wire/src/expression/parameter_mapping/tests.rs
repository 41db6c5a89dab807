use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    request_context::{ConnectionContext, EventType, Identity},
    route::RouteKey,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::expression::tests::any_json;

fn context() -> RequestContext {
    RequestContext {
        connection: Arc::new(ConnectionContext {
            connection_id: "gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            api_id: "abcdef1234".into(),
            stage: "dev".into(),
            connected_at_ms: 0,
            domain_name: "localhost:4100".into(),
            identity: Identity::anonymous("203.0.113.7", None),
            authorizer: None,
        }),
        request_id: "EOn8HGNeoAMEPSQ=".into(),
        request_time_ms: 0,
        route_key: RouteKey::Default,
        event_type: EventType::Connect,
        stage_variables: Arc::new(BTreeMap::from([("table".into(), "rooms".into())])),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn resolve(target: &str, source: &str, body: &Value) -> Vec<String> {
    ParameterMapping::parse(target, source)
        .unwrap()
        .resolve(&MappingInput {
            context: &context(),
            body: Some(body),
            headers: &pairs(&[
                ("x-user", "ann"),
                ("X-User", "bob"),
                ("X-Bad", "a\r\nHost: b"),
            ]),
            query: &pairs(&[("token", "a"), ("token", "b"), ("Token", "c")]),
        })
}

#[test]
fn every_source_is_resolved() {
    let body = json!({"user": {"name": "ann", "tags": ["x", "y"], "none": null}});
    for (source, values) in [
        ("route.request.header.X-User", &["bob"][..]),
        ("route.request.multivalueheader.x-user", &["ann", "bob"]),
        ("route.request.header.missing", &[]),
        ("route.request.querystring.token", &["b"]),
        ("route.request.multivaluequerystring.token", &["a", "b"]),
        ("route.request.body.user.name", &["ann"]),
        ("route.request.body.user.tags", &["[x, y]"]),
        ("route.request.body.user.none", &[]),
        ("route.request.body.user.missing", &[]),
        ("route.request.body['user']['name']", &["ann"]),
        ("context.connectionId", &["gbgBH8-ydQAYKEjZQA=="]),
        ("context.authorizer.principalId", &[]),
        ("stageVariables.table", &["rooms"]),
        ("stageVariables.missing", &[]),
        ("'static value'", &["static value"]),
        ("''", &[""]),
    ] {
        let resolved = resolve("integration.request.header.h", source, &body);
        assert_eq!(resolved, values, "{source}");
    }
}

#[test]
fn values_with_line_ends_resolve_to_nothing() {
    let bad = "route.request.header.X-Bad";
    assert!(resolve("integration.request.header.h", bad, &json!({})).is_empty());
    assert!(resolve("integration.request.querystring.q", bad, &json!({})).is_empty());
    for value in ["a\nb", "a\rb", "a\0b"] {
        let body = json!({ "v": value });
        assert!(
            resolve(
                "integration.request.header.h",
                "route.request.body.v",
                &body
            )
            .is_empty()
        );
    }
}

#[test]
fn a_value_cannot_leave_its_segment_of_the_path() {
    for (value, fits) in [
        ("room-1", true),
        ("", false),
        ("a.b", true),
        ("a/b", false),
        ("..", false),
        (".", false),
        ("a?b", false),
        ("a#b", false),
        ("%2f", false),
        ("a\\b", false),
    ] {
        let body = json!({ "v": value });
        let resolved = resolve(
            "integration.request.path.room",
            "route.request.body.v",
            &body,
        );
        assert_eq!(!resolved.is_empty(), fits, "{value}");
    }
}

#[test]
fn headers_that_frame_the_request_are_no_targets() {
    for name in [
        "Transfer-Encoding",
        "content-length",
        "Connection",
        "Upgrade",
        "TE",
        "Trailer",
        "Expect",
    ] {
        assert_eq!(
            ParameterMapping::parse(&format!("integration.request.header.{name}"), "'x'"),
            Err(ExpressionError::ForbiddenHeader(name.to_owned()))
        );
    }
}

#[test]
fn a_client_does_not_choose_the_host() {
    let target = "integration.request.header.Host";
    for source in [
        "route.request.body.host",
        "route.request.header.Host",
        "context.domainName",
    ] {
        assert_eq!(
            ParameterMapping::parse(target, source),
            Err(ExpressionError::ForbiddenHeader("Host".to_owned()))
        );
    }
    for source in ["'backend.example.com'", "stageVariables.host"] {
        assert!(ParameterMapping::parse(target, source).is_ok());
    }
}

#[test]
fn what_is_no_target_or_source_is_refused() {
    for target in [
        "",
        "header.x",
        "integration.request.header",
        "integration.request.header.",
        "integration.request.header.a b",
        "integration.request.body.x",
        "integration.response.header.x",
    ] {
        assert_eq!(
            MappingTarget::parse(target),
            Err(ExpressionError::UnknownTarget(target.to_owned()))
        );
    }
    for source in [
        "",
        "'open",
        "'",
        "static",
        "$context.stage",
        "context.",
        "route.request.bodyguard",
        "route.request.header.a b",
        "route.request.path.x",
    ] {
        assert_eq!(
            MappingSource::parse(source),
            Err(ExpressionError::UnknownSource(source.to_owned()))
        );
    }
}

proptest! {
    #[test]
    fn no_value_that_resolves_holds_a_line_end(
        value in prop_oneof![any_json(), any::<String>().prop_map(Value::from)],
    ) {
        for place in ["header", "querystring", "path"] {
            let target = format!("integration.request.{place}.x");
            for resolved in resolve(&target, "route.request.body.v", &json!({ "v": value })) {
                prop_assert!(!resolved.contains(['\r', '\n', '\0']));
            }
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(
        target in r"(integration\.request\.)?(header|path)?[.a\r]{0,4}",
        source in r"(route\.request\.)?(body|header|context)?['.\[\]a*]{0,6}",
    ) {
        if let Ok(mapping) = ParameterMapping::parse(&target, &source) {
            let context = context();
            mapping.resolve(&MappingInput {
                context: &context, body: None, headers: &[], query: &[],
            });
        }
    }
}
