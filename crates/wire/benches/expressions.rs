//! How long a message takes in templates, paths, selection expressions and mappings:
//! `cargo bench -p gatepost-wire --bench expressions`. Counts that CI compares are in
//! `instructions.rs`.
#![expect(clippy::unwrap_used, reason = "inputs are known to be good")]

use std::{collections::BTreeMap, sync::Arc};

use divan::{Bencher, black_box};
use gatepost_model::{
    request_context::{ConnectionContext, EventType, Identity, RequestContext},
    route::RouteKey,
};
use gatepost_wire::{
    expression::{
        json_path::JsonPath,
        parameter_mapping::{MappingInput, ParameterMapping},
        selection::{SelectionExpression, select_route_key},
    },
    template::{Template, TemplateInput},
};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn context() -> RequestContext {
    RequestContext {
        connection: Arc::new(ConnectionContext {
            connection_id: "gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            api_id: "abcdef1234".into(),
            stage: "dev".into(),
            connected_at_ms: 1_790_294_508_123,
            domain_name: "abcdef1234.execute-api.us-east-1.amazonaws.com".into(),
            identity: Identity::anonymous("203.0.113.7", Some("curl")),
            authorizer: None,
        }),
        request_id: "EOn8HGNeoAMEPSQ=".into(),
        request_time_ms: 1_790_294_509_456,
        route_key: RouteKey::parse("sendMessage").unwrap(),
        event_type: EventType::Message("EOn8HfQsoAMCFXQ=".into()),
        stage_variables: Arc::new(BTreeMap::from([("table".into(), "rooms".into())])),
    }
}

/// A message with `items` items.
fn message(items: usize) -> Value {
    let items: Vec<Value> = (0..items)
        .map(|id| json!({"id": id, "price": id * 3 % 50, "note": "it's \"quoted\""}))
        .collect();
    json!({"action": "sendMessage", "room": "lobby", "items": items})
}

/// Templates as users write them.
const TEMPLATES: [(&str, &str); 6] = [
    ("text", r#"{"statusCode":200}"#),
    (
        "references",
        r#"{"id":"$context.connectionId","room":$input.json('$.room'),"all":$input.json('$')}"#,
    ),
    (
        "loop",
        r#"#set($root = $input.path('$'))[#foreach($item in $root.items){"id":$item.id,"note":"$util.escapeJavaScript($item.note).replaceAll("\\'", "'")"}#if($foreach.hasNext),#end#end]"#,
    ),
    (
        "conditions",
        "#if($context.routeKey == 'x' && $input.path('$.room') == 'lobby')a#elseif(2 * 3 > 5)b#end",
    ),
    (
        "ttl",
        r#"#set($ttl = $context.requestTimeEpoch / 1000 + 7200){"ttl":{"N":"$ttl"},"table":"$stageVariables.table"}"#,
    ),
    ("whole_context", "$context"),
];

const NAMES: [&str; 6] = [
    "text",
    "references",
    "loop",
    "conditions",
    "ttl",
    "whole_context",
];

#[divan::bench(args = NAMES)]
fn render_a_template(bencher: Bencher<'_, '_>, name: &str) {
    let source = TEMPLATES
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap()
        .1;
    let template = Template::parse(source).unwrap();
    let (context, body) = (context(), message(10).to_string());
    bencher.bench(|| {
        template
            .render(&TemplateInput::new(&context, black_box(&body)))
            .unwrap()
    });
}

#[divan::bench(args = NAMES)]
fn parse_a_template(bencher: Bencher<'_, '_>, name: &str) {
    let source = TEMPLATES
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap()
        .1;
    bencher.bench(|| Template::parse(black_box(source)).unwrap());
}

#[divan::bench(args = ["$.room", "$.items[*].id", "$..id", "$.items[?(@.price < 20)].id", "$.items.length()"])]
fn find_by_json_path(bencher: Bencher<'_, '_>, path: &str) {
    let path = JsonPath::parse(path).unwrap();
    let body = message(100);
    bencher.bench(|| path.text(black_box(&body)));
}

#[divan::bench(args = ["$request.body.action", "${request.body.action}/${request.body.room}", "$request.body.items[0].id"])]
fn select_a_route(bencher: Bencher<'_, '_>, expression: &str) {
    let expression = SelectionExpression::parse(expression).unwrap();
    let body = message(10).to_string();
    bencher.bench(|| select_route_key(&expression, black_box(&body)));
}

#[divan::bench(args = ["context.connectionId", "route.request.body.room", "route.request.body.items[*].id", "'static'"])]
fn map_a_parameter(bencher: Bencher<'_, '_>, source: &str) {
    let mapping = ParameterMapping::parse("integration.request.header.x", source).unwrap();
    let (context, body) = (context(), message(10));
    let input = MappingInput {
        context: &context,
        body: Some(&body),
        headers: &[],
        query: &[],
    };
    bencher.bench(|| mapping.resolve(black_box(&input)));
}

/// Templates that go on until they are stopped: none may take long before.
const ENDLESS: [&str; 9] = [
    "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])#end#end#end",
    "#foreach($a in [1..1000])#foreach($b in [1..1000])$context.requestTime#end#end",
    "#foreach($a in [1..1000])#set($x = $input.path('$..id'))#end",
    "#foreach($a in [1..1000])#set($x = $input.json('$.items[?(@.note =~ /(.|.)*x/)]'))#end",
    "#foreach($a in [1..1000])#set($x = $input.body.replaceAll('.*x|.', 'y'))#end",
    "#foreach($a in [1..1000])#set($x = $input.body.matches('(.|.)*(.|.)*\\1'))#end",
    "#foreach($a in [1..10000])#set($x = $input.body.split(\"a(?=b)|$a\"))#end",
    "#set($l = [1..20000])#foreach($a in $l)#set($x = $l.contains(0))#end",
    "#set($m = {})#foreach($a in [1..1000000])#set($x = $m.put($a, $a))#end",
];

#[divan::bench(args = ENDLESS, sample_count = 1, sample_size = 1)]
fn stop_a_template(bencher: Bencher<'_, '_>, source: &str) {
    let template = Template::parse(source).unwrap();
    let (context, body) = (context(), message(2000).to_string());
    bencher.bench(|| {
        template
            .render(&TemplateInput::new(&context, black_box(&body)))
            .unwrap_err()
    });
}
