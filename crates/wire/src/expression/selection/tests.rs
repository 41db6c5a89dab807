use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::expression::tests::any_json;

fn select(expression: &str, body: &str) -> Option<String> {
    select_route_key(&SelectionExpression::parse(expression).unwrap(), body)
}

#[test]
fn a_route_is_selected_by_what_the_message_says() {
    let body = r#"{"service": "chat", "action": "join", "n": 1, "l": ["item1", "item2"],
                   "o": {"do": "it", "k": null}, "s": [{"t": "a"}, {"t": "b"}]}"#;
    for (expression, key) in [
        ("$request.body.action", "join"),
        ("${request.body.action}", "join"),
        (
            "${request.body.service}/${request.body.action}",
            "chat/join",
        ),
        ("$request.body.service/$request.body.action", "chat/join"),
        (
            "${request.body.action}-${request.body.invalidPath}",
            "join-",
        ),
        ("$request.body.o.do", "it"),
        ("$request.body['o']['do']", "it"),
        ("${request.body['o']['do']}!", "it!"),
        ("$request.body.n", "1"),
        ("$request.body.l", "[item1, item2]"),
        ("$request.body.l[1]", "item2"),
        ("$request.body.s[*].t", "[a, b]"),
        ("$request.body.s[?(@.t == 'b')].t", "[b]"),
        ("$request.body.s[?(@.t in ['b', 'c'])].t!", "[b]!"),
        ("${request.body..t}", "[a, b]"),
        ("$request.body.l.length()(x)", "2(x)"),
        ("$request.body['action','n']", "{action=join, n=1}"),
        ("$request.body.action]", "join]"),
        ("$request.body.o", "{do=it, k=null}"),
        ("$request.body.o.k", ""),
        ("$request.body.action.deeper", ""),
        ("$request.header.action", ""),
        ("action", "action"),
        ("\\$default", "$default"),
    ] {
        assert_eq!(
            select(expression, body).as_deref(),
            Some(key),
            "{expression}"
        );
    }
}

#[test]
fn a_body_that_is_not_json_selects_nothing() {
    for body in ["", "hi", "{", r#"{"action":"a"} x"#, "{'action':'a'}"] {
        assert_eq!(select("$request.body.action", body), None, "{body:?}");
        assert_eq!(select("$request.body.l[0]", body), None, "{body:?}");
    }
}

#[test]
fn a_constant_expression_selects_its_route_whatever_the_body_is() {
    assert_eq!(select("action", "not JSON").as_deref(), Some("action"));
}

#[test]
fn paths_miss_in_json_that_is_no_object() {
    for body in [
        "1",
        "-1",
        "1.5",
        r#""action""#,
        "null",
        "true",
        r#"["action"]"#,
    ] {
        assert_eq!(select("$request.body.action", body).as_deref(), Some(""));
    }
}

#[test]
fn of_equal_members_the_last_counts() {
    let body = r#"{"action": "first", "action": "last"}"#;
    assert_eq!(
        select("$request.body.action", body).as_deref(),
        Some("last")
    );
}

#[test]
fn values_are_not_evaluated_again() {
    let body = r#"{"action": "$request.body.other", "other": "x"}"#;
    assert_eq!(
        select("$request.body.action", body).as_deref(),
        Some("$request.body.other")
    );
}

#[test]
fn variables_of_all_sources_are_looked_up() {
    let expression = SelectionExpression::parse(
        "$request.header.x-api-key ${request.querystring.q} $request.basepath \
         $context.authorizer.usageIdentifierKey ${stageVariables.v} \
         $integration.response.statuscode $integration.response.header.Content-Type \
         ${integration.response.multivalueheader.H} $integration.response.body.errorMessage",
    )
    .unwrap();
    let expected = [
        Variable::RequestHeader("x-api-key".into()),
        Variable::RequestQuerystring("q".into()),
        Variable::RequestBasepath,
        Variable::Context("authorizer.usageIdentifierKey".into()),
        Variable::StageVariable("v".into()),
        Variable::IntegrationStatus,
        Variable::IntegrationHeader("Content-Type".into()),
        Variable::IntegrationMultiValueHeader("H".into()),
        Variable::IntegrationBody(JsonPath::parse("$.errorMessage").unwrap()),
    ];
    assert!(expression.variables().eq(&expected));
    let text = expression.evaluate(&mut |variable| {
        matches!(variable, Variable::IntegrationStatus).then(|| "200".to_owned())
    });
    assert_eq!(text, "     200   ");
}

#[test]
fn expressions_that_mean_nothing_are_refused() {
    assert_eq!(SelectionExpression::parse(""), Err(ExpressionError::Empty));
    for expression in [
        "$default",
        "$",
        "${}",
        "$request.headers.x",
        "$request.header.",
        "$request.bodyguard",
        "$stageVariables",
    ] {
        let error = SelectionExpression::parse(expression);
        assert!(
            matches!(error, Err(ExpressionError::UnknownVariable(_))),
            "{expression}: {error:?}"
        );
    }
    for expression in [
        "${request.body.a",
        "${request.body.a b}",
        "$request.body..",
        "$request.body[",
    ] {
        let error = SelectionExpression::parse(expression);
        assert!(
            matches!(error, Err(ExpressionError::Syntax { .. })),
            "{expression}: {error:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_and_any_message_evaluated(
        expression in r"([a$\\{}.\[\]']|\$request\.body|request\.header){0,8}",
        body in ".{0,16}",
    ) {
        if let Ok(expression) = SelectionExpression::parse(&expression) {
            select_route_key(&expression, &body);
            expression.evaluate_request_body(&json!({"a": body}));
        }
    }

    #[test]
    fn picking_from_text_finds_what_a_parsed_body_has(
        body in any_json(),
        expression in prop::sample::select(vec![
            "$request.body", "$request.body.a", "$request.body.a.b", "${request.body.b}${request.body.a.a}",
        ]),
    ) {
        let expression = SelectionExpression::parse(expression).unwrap();
        prop_assert_eq!(
            select_route_key(&expression, &body.to_string()),
            Some(expression.evaluate_request_body(&body))
        );
    }
}
