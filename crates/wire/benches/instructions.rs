//! The instructions that a message costs in this crate, counted under valgrind by
//! `bench/instructions`. Inputs are made before the count begins.
#![expect(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macros write functions of their own, and inputs are known to be good"
)]

use std::{hint::black_box, sync::Arc};

use gatepost_model::{
    limits::Limits,
    request_context::{ConnectionContext, EventType, Identity, RequestContext},
    route::RouteKey,
};
use gatepost_wire::{
    expression::{
        parameter_mapping::{MappingInput, ParameterMapping},
        selection::{SelectionExpression, select_route_key},
    },
    json_schema::{JsonSchema, Models},
    lambda_event::message_event,
    lambda_response::parse_proxy_response,
    template::{Template, TemplateInput},
    websocket::{Decoder, FrameLimits, Opcode, Role, encode_masked, encode_text},
};
use gungraun::{library_benchmark, library_benchmark_group, main};
use serde_json::Value;

const MESSAGE: &str =
    r#"{"action":"sendMessage","room":"lobby","data":{"text":"Grüß Gott","n":7}}"#;

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
        stage_variables: Arc::default(),
    }
}

/// What came from a client: `count` masked frames of `length` bytes each, as one read.
fn read(count: usize, length: usize) -> (Decoder, FrameLimits, Vec<u8>) {
    let mut bytes = Vec::new();
    for _ in 0..count {
        let payload = "x".repeat(length);
        encode_masked(Opcode::Text, payload.as_bytes(), [1, 2, 3, 4], &mut bytes);
    }
    let limits = FrameLimits::from(&Limits::default());
    (Decoder::new(Role::Server), limits, bytes)
}

#[library_benchmark]
#[bench::of_100_bytes(read(1, 100))]
#[bench::of_4_kib(read(1, 4096))]
#[bench::sixteen_of_100_bytes(read(16, 100))]
fn decode_frames((mut decoder, limits, mut bytes): (Decoder, FrameLimits, Vec<u8>)) -> Vec<u8> {
    let mut rest = &mut bytes[..];
    while let Ok(Some(event)) = decoder.decode(&limits, &mut rest) {
        black_box(event);
    }
    bytes
}

fn to_send(length: usize) -> (Vec<u8>, Vec<u8>) {
    (vec![b'x'; length], Vec::with_capacity(length + 16))
}

#[library_benchmark]
#[bench::of_100_bytes(to_send(100))]
#[bench::of_4_kib(to_send(4096))]
fn encode_frame((payload, mut out): (Vec<u8>, Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    encode_text(&payload, &mut out);
    (payload, out)
}

fn selection(expression: &str) -> SelectionExpression {
    SelectionExpression::parse(expression).unwrap()
}

#[library_benchmark]
#[bench::by_action(selection("$request.body.action"))]
#[bench::by_two_members(selection("${request.body.room}/${request.body.data.n}"))]
fn route_selection(expression: SelectionExpression) -> (SelectionExpression, Option<String>) {
    let selected = select_route_key(&expression, black_box(MESSAGE));
    (expression, selected)
}

#[library_benchmark]
#[bench::of_a_message(context())]
fn event_building(context: RequestContext) -> (RequestContext, Vec<u8>) {
    let event = message_event(&context, black_box(MESSAGE), false);
    (context, event)
}

#[library_benchmark]
#[bench::of_a_function()]
fn proxy_response() -> bool {
    let answer = black_box(br#"{"statusCode":200,"body":"{\"text\":\"hello\"}"}"#);
    black_box(parse_proxy_response(answer)).is_ok()
}

fn mappings() -> (Vec<ParameterMapping>, RequestContext, Value) {
    let mappings = [
        (
            "integration.request.header.connection-of",
            "context.connectionId",
        ),
        (
            "integration.request.querystring.room",
            "route.request.body.room",
        ),
        ("integration.request.header.kind", "'chat'"),
    ];
    let parsed = mappings.map(|(target, source)| ParameterMapping::parse(target, source).unwrap());
    (
        parsed.into(),
        context(),
        serde_json::from_str(MESSAGE).unwrap(),
    )
}

type Mappings = (Vec<ParameterMapping>, RequestContext, Value);

#[library_benchmark]
#[bench::of_three_parameters(mappings())]
fn parameter_mapping((mappings, context, body): Mappings) -> Mappings {
    let input = MappingInput {
        context: &context,
        body: Some(&body),
        headers: &[],
        query: &[],
    };
    for mapping in &mappings {
        black_box(mapping.resolve(&input));
    }
    (mappings, context, body)
}

fn template(source: &str) -> (Template, RequestContext) {
    (Template::parse(source).unwrap(), context())
}

const REFERENCES: &str =
    r#"{"id":"$context.connectionId","room":$input.json('$.room'),"all":$input.json('$')}"#;
const LOOP: &str = "#set($t = $context.requestTimeEpoch / 1000)#foreach($i in [1..5])\
                    $i: $t#if($foreach.hasNext),#end#end";

#[library_benchmark]
#[bench::of_three_references(template(REFERENCES))]
#[bench::of_text(template(r#"{"statusCode":200}"#))]
#[bench::of_a_loop(template(LOOP))]
fn template_rendering(
    (template, context): (Template, RequestContext),
) -> (Template, RequestContext) {
    let input = TemplateInput::new(&context, black_box(MESSAGE));
    black_box(template.render(&input).unwrap());
    (template, context)
}

fn schema() -> JsonSchema {
    let schema = r##"{
        "type": "object", "required": ["action", "room"], "additionalProperties": false,
        "properties": {
            "action": {"enum": ["sendMessage", "join", "leave"]},
            "room": {"type": "string", "pattern": "^[a-z]{1,32}$"},
            "data": {"$ref": "#/definitions/data"}
        },
        "definitions": {"data": {"properties": {
            "text": {"type": "string", "maxLength": 1000},
            "n": {"type": "integer", "minimum": 0}
        }}}
    }"##;
    let schemas = [("Message", schema)].into();
    let models = Models {
        api_id: "abcdef1234",
        schemas: &schemas,
    };
    let schema = JsonSchema::compile("Message", models).unwrap();
    // The first search of an expression pays for what all others share.
    schema.validate(MESSAGE).unwrap();
    schema
}

#[library_benchmark]
#[bench::of_a_message(schema())]
fn model_validation(schema: JsonSchema) -> JsonSchema {
    assert!(black_box(schema.validate(black_box(MESSAGE))).is_ok());
    schema
}

library_benchmark_group!(
    name = wire;
    benchmarks = decode_frames,
        encode_frame,
        route_selection,
        event_building,
        proxy_response,
        parameter_mapping,
        template_rendering,
        model_validation
);
main!(library_benchmark_groups = wire);
