use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    request_context::{AuthorizerContext, ConnectionContext, EventType, Identity},
    route::RouteKey,
};
use proptest::prelude::*;

use super::*;
use crate::expression::tests::any_json;

fn context() -> RequestContext {
    RequestContext {
        connection: Arc::new(ConnectionContext {
            connection_id: "gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            api_id: "abcdef1234".into(),
            stage: "dev".into(),
            connected_at_ms: 1_790_294_508_123,
            domain_name: "localhost:4100".into(),
            identity: Identity::anonymous("203.0.113.7", None),
            authorizer: Some(Box::new(AuthorizerContext {
                principal_id: "ann".into(),
                context: vec![("tenant".into(), "blue".into())],
                usage_identifier_key: None,
                integration_latency_ms: 1,
            })),
        }),
        request_id: "EOn8HGNeoAMEPSQ=".into(),
        request_time_ms: 1_790_294_508_124,
        route_key: RouteKey::Custom("send".into()),
        event_type: EventType::Message("gbgBIc-zdQAYKEjZQA==".into()),
        stage_variables: Arc::new(BTreeMap::from([("table".into(), "rooms".into())])),
    }
}

fn render(template: &str, body: &str) -> Result<String, TemplateError> {
    Template::parse(template)?.render(&TemplateInput::new(&context(), body))
}

const BODY: &str = r#"{"user": "ann \"a\"", "tags": ["x", 1, null], "o": {"a-b": true}}"#;

#[test]
fn text_and_references_render() {
    for (template, text) in [
        ("", ""),
        (r#"{"statusCode":200}"#, r#"{"statusCode":200}"#),
        (
            r#"{"id":"$context.connectionId","user":"$context.authorizer.principalId"}"#,
            r#"{"id":"gbgBH8-ydQAYKEjZQA==","user":"ann"}"#,
        ),
        ("${context.routeKey}Room", "sendRoom"),
        ("$!context.stage.", "dev."),
        ("$!{context.identity.sourceIp}!", "203.0.113.7!"),
        ("[$context.unknown][$context.authorizer.tenant]", "[][blue]"),
        ("<$input.body>", &format!("<{BODY}>")),
        ("$input.json('$.user')", r#""ann \"a\"""#),
        (r#"$input.json("$.tags")"#, r#"["x",1,null]"#),
        ("$input.json( '$.o' )", r#"{"a-b":true}"#),
        ("${input.json('$.tags[1]')}", "1"),
        ("$input.json('$.missing')", r#""""#),
        ("$input.json(\"$['o']['a-b']\")", "true"),
        (
            "$stageVariables.table ${stageVariables.table}s $stageVariables['table'] \
             ${stageVariables[\"table\"]} $stageVariables.missing",
            "rooms roomss rooms rooms ",
        ),
    ] {
        assert_eq!(render(template, BODY).as_deref(), Ok(text), "{template}");
    }
}

#[test]
fn dollars_and_hashes_that_begin_nothing_are_text() {
    for template in [
        "$5",
        "$",
        "$!5",
        "$.x",
        "a$$",
        "# 1",
        "#fff",
        "#",
        "\\n \\\\ \\\"",
        "é$ä",
    ] {
        assert_eq!(render(template, "").as_deref(), Ok(template));
    }
}

#[test]
fn an_identifier_takes_the_hyphen_as_in_velocity() {
    assert_eq!(
        render("$context.stage-x ${context.stage}-x", "").as_deref(),
        Ok(" dev-x")
    );
}

#[test]
fn an_empty_body_is_an_empty_object_and_another_text_fails() {
    assert_eq!(render("$input.json('$')", "").as_deref(), Ok("{}"));
    assert_eq!(render("$input.body", "not JSON").as_deref(), Ok("not JSON"));
    assert!(matches!(
        render("$input.json('$')", "not JSON"),
        Err(TemplateError::BodyIsNotJson(_))
    ));
}

#[test]
fn values_are_not_rendered_again() {
    let body = r#"{"user": "$context.connectionId"}"#;
    assert_eq!(
        render("$input.json('$.user')", body).as_deref(),
        Ok(r#""$context.connectionId""#)
    );
}

#[test]
fn what_is_not_supported_yet_is_refused_with_its_place() {
    for (template, what) in [
        ("#set($x = 1)", "#set"),
        ("#if(true)x#end", "#if"),
        ("#{else}", "#{else"),
        ("#foo($x)", "#foo"),
        ("## comment", "##"),
        ("#* comment *#", "#*"),
        ("#[[ raw ]]#", "#[["),
        ("$util.urlEncode('x')", "$util.urlEncode('x')"),
        ("$input.path('$.x')", "$input.path('$.x')"),
        ("$input.params('x')", "$input.params('x')"),
        ("$input.json($x)", "$input.json("),
        ("$input.json(\"$x\")", "$input.json(\"$x\""),
        ("$input.json('$').length()", "$input.json('$').length()"),
        ("$input.body.x", "$input.body.x"),
        ("$context", "$context"),
        ("$context.stage.length()", "$context.stage.length()"),
        ("$context['stage']", "$context['stage']"),
        ("$stageVariables", "$stageVariables"),
        ("$stageVariables[0]", "$stageVariables["),
        ("$stageVariables.table[]", "$stageVariables.table["),
        ("$foo", "$foo"),
        ("\\$context.stage", "\\$"),
        ("\\#set", "\\#"),
    ] {
        let error = render(&format!("{{\n  é{template}"), BODY).unwrap_err();
        let expected = TemplateError::NotYet {
            what: what.to_owned(),
            line: 2,
            column: 4,
        };
        assert_eq!(error, expected, "{template}");
    }
}

#[test]
fn broken_references_are_refused_with_their_place() {
    for (template, problem) in [
        ("${", "1:1: a name must follow `${`"),
        (" ${context.stage", "1:2: `${` is not closed by `}`"),
        ("\n$input.json('$.x", "2:1: a quote is not closed"),
        (
            "$input.json('$[')",
            "1:1: `$[`: expected an index, a quoted name or `*` after `[`",
        ),
    ] {
        let error = render(template, "").unwrap_err();
        assert_eq!(error.to_string(), problem, "{template}");
    }
}

#[test]
fn template_and_output_are_bounded() {
    let long = "x".repeat(300 * 1024 + 1);
    assert_eq!(Template::parse(&long), Err(TemplateError::TooLong(307_201)));
    let template = "$input.body".repeat(7);
    let body = "x".repeat(1024 * 1024);
    assert_eq!(render(&template, &body), Err(TemplateError::OutputTooLong));
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(
        template in r"([a $#!{}()\[\]'.\\é]|\$input|\.json\('|\$context\.a|stageVariables){0,10}",
        body in ".{0,8}",
    ) {
        let _ = render(&template, &body);
    }

    #[test]
    fn text_without_velocity_renders_as_it_is(text in r"[^$#\\]{0,40}") {
        prop_assert_eq!(render(&text, ""), Ok(text));
    }

    #[test]
    fn any_value_of_the_body_renders_as_json(value in any_json()) {
        let body = serde_json::json!({ "x": value }).to_string();
        prop_assert_eq!(render("$input.json('$.x')", &body), Ok(value.to_string()));
    }
}
