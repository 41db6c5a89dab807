use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::expression::tests::any_json;

/// Compiles the first of some models of the API `abcdef1234`.
fn compile(models: &[(&str, &str)]) -> Result<JsonSchema, InvalidSchema> {
    let schemas = models.iter().copied().collect();
    let models_of_api = Models {
        api_id: "abcdef1234",
        schemas: &schemas,
    };
    JsonSchema::compile(models[0].0, models_of_api)
}

fn compile_json(schema: &Value) -> Result<JsonSchema, InvalidSchema> {
    compile(&[("M", &schema.to_string())])
}

/// What is told of a message, empty when it is valid.
fn told(schema: &Value, message: &Value) -> String {
    let schema = compile_json(schema).unwrap();
    let told = schema.validate(&message.to_string());
    told.err().unwrap_or_default()
}

/// The texts of the first group were seen on AWS (`$context.error.validationErrorString`); the
/// others are those of the same validator.
#[test]
fn mistakes_are_told_in_the_words_of_aws() {
    let object = |name: &str, schema: Value| json!({"properties": {name: schema}});
    for (schema, message, expected) in [
        (
            json!({"required": ["type", "transactionId", "timestamp"]}),
            json!({}),
            r#"[object has missing required properties (["timestamp","transactionId","type"])]"#,
        ),
        (
            object("timestamp", json!({"minimum": 315_529_200_000_u64})),
            json!({"timestamp": 1}),
            "[numeric instance is lower than the required minimum (minimum: 315529200000, found: 1)]",
        ),
        (
            object("amount", json!({"type": "number"})),
            json!({"amount": "100"}),
            r#"[instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])]"#,
        ),
        (
            object("id", json!({"type": "string"})),
            json!({"id": true}),
            r#"[instance type (boolean) does not match any allowed primitive type (allowed: ["string"])]"#,
        ),
        (
            object("state", json!({"enum": ["SENT", "EXPIRED"]})),
            json!({"state": "INVALID"}),
            r#"[instance value ("INVALID") not found in enum (possible values: ["SENT","EXPIRED"])]"#,
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            json!({}),
            "[instance failed to match exactly one schema (matched 0 out of 2)]",
        ),
        // From here on as the validator has them.
        (
            json!({"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": false}),
            json!({"z": 1, "a": 1, "xy": 1, "b": 1}),
            r#"[object instance has properties which are not allowed by the schema: ["b","z"]]"#,
        ),
        (
            json!({"allOf": [{"minimum": 2}, {"type": "integer"}]}),
            json!(1),
            "[instance failed to match all required schemas (matched only 1 out of 2)]",
        ),
        (
            json!({"anyOf": [{"minimum": 2}, {"type": "string"}]}),
            json!(1),
            "[instance failed to match at least one required schema among 2]",
        ),
        (
            json!({"not": {}}),
            json!(1),
            "[instance matched a schema which it should not have]",
        ),
        (
            json!({"minimum": 1, "exclusiveMinimum": true}),
            json!(1.0),
            "[numeric instance is not strictly greater than the required minimum 1]",
        ),
        (
            json!({"maximum": 1}),
            json!(1.5),
            "[numeric instance is greater than the required maximum (maximum: 1, found: 1.5)]",
        ),
        (
            json!({"maximum": 1, "exclusiveMaximum": true}),
            json!(1),
            "[numeric instance is not strictly lower than the required maximum 1]",
        ),
        (
            json!({"multipleOf": 0.01}),
            json!(100.001),
            "[remainder of division is not zero (100.001 / 0.01)]",
        ),
        (
            json!({"minLength": 2}),
            json!("ü"),
            r#"[string "ü" is too short (length: 1, required minimum: 2)]"#,
        ),
        (
            json!({"maxLength": 2}),
            json!("abc"),
            r#"[string "abc" is too long (length: 3, maximum allowed: 2)]"#,
        ),
        (
            json!({"pattern": "^[a-z]$"}),
            json!("AB"),
            r#"[ECMA 262 regex "^[a-z]$" does not match input string "AB"]"#,
        ),
        (
            json!({"format": "email"}),
            json!("joe"),
            r#"[string "joe" is not a valid email address]"#,
        ),
        (
            json!({"minItems": 2}),
            json!([1]),
            "[array is too short: must have at least 2 elements but instance has 1 elements]",
        ),
        (
            json!({"maxItems": 0}),
            json!([1]),
            "[array is too long: must have at most 0 elements but instance has 1 elements]",
        ),
        (
            json!({"uniqueItems": true}),
            json!([1, {"a": 1}, {"a": 1.0}]),
            "[array must not contain duplicate elements]",
        ),
        (
            json!({"items": [{}], "additionalItems": false}),
            json!([1, 2]),
            "[schema only allows 1 elements in array but instance has 2 elements]",
        ),
        (
            json!({"minProperties": 1}),
            json!({}),
            "[object has too few properties (found 0 but schema requires at least 1)]",
        ),
        (
            json!({"maxProperties": 0}),
            json!({"a": 1}),
            "[object has too many properties (found 1 but schema requires at most 0)]",
        ),
        (
            json!({"dependencies": {"a": ["c", "b"]}}),
            json!({"a": 1, "b": 1}),
            r#"[property "a" of object has missing property dependencies (schema requires ["b","c"]; missing: ["c"])]"#,
        ),
        // Of one value in the order of the keywords' names, of several in that of their own.
        (
            json!({"properties": {"b": {"type": "string"}, "a": {"type": "string", "minimum": 9}}}),
            json!({"b": 1, "a": 1}),
            r#"[numeric instance is lower than the required minimum (minimum: 9, found: 1), instance type (integer) does not match any allowed primitive type (allowed: ["string"]), instance type (integer) does not match any allowed primitive type (allowed: ["string"])]"#,
        ),
        // What is in a value that does not match is not looked at.
        (
            json!({"required": ["x"], "properties": {"a": {"type": "string"}}}),
            json!({"a": 1}),
            r#"[object has missing required properties (["x"])]"#,
        ),
    ] {
        assert_eq!(told(&schema, &message), expected, "{schema}");
    }
}

#[test]
fn what_is_no_json_is_told() {
    let schema = compile_json(&json!({})).unwrap();
    let told = schema.validate("hello").unwrap_err();
    assert!(
        told.starts_with("[Could not parse request body into json: "),
        "{told}"
    );
    assert!(schema.validate("").is_err());
}

#[test]
fn keywords_say_nothing_of_values_of_other_types() {
    let schema = json!({
        "minimum": 9, "minLength": 9, "pattern": "x", "format": "email", "minItems": 9,
        "required": ["x"], "minProperties": 9, "multipleOf": 7,
    });
    assert_eq!(told(&schema, &json!(null)), "");
    assert_eq!(told(&json!({"items": [{"type": "null"}]}), &json!([])), "");
    assert_eq!(
        told(
            &json!({"items": {}, "additionalItems": false}),
            &json!([1, 2])
        ),
        ""
    );
}

const NODE: &str = r##"{
    "properties": {
        "value": {"$ref": "https://apigateway.amazonaws.com/restapis/abcdef1234/models/Value"},
        "next": {"$ref": "#"}
    },
    "required": ["value"]
}"##;
const VALUE: &str =
    r##"{"$ref": "#/definitions/a%25b~1c", "definitions": {"a%b/c": {"type": "integer"}}}"##;

#[test]
fn references_lead_to_definitions_to_other_models_and_back_to_the_schema() {
    let schema = compile(&[("Node", NODE), ("Value", VALUE)]).unwrap();
    let valid = r#"{"value": 1, "next": {"value": 2, "next": {"value": 3}}}"#;
    assert_eq!(schema.validate(valid), Ok(()));
    let told = schema.validate(r#"{"value": 1, "next": {"next": {"value": 3}}}"#);
    assert_eq!(
        told.unwrap_err(),
        r#"[object has missing required properties (["value"])]"#
    );
    assert!(schema.validate(r#"{"value": "1"}"#).is_err());
}

#[test]
fn a_bad_schema_is_refused_with_the_words_of_aws_and_its_place() {
    const INVALID: &str = "Invalid model specified: Validation Result: warnings : [], errors : \
                           [Invalid model schema specified]";
    const REFERENCE: &str = "Invalid model specified: Validation Result: warnings : [], errors : \
                             [Invalid model schema specified, Model reference must be in canonical \
                             form]";
    for (schema, message, mend) in [
        (
            json!({"$id": "x", "properties": {"a": {}}}),
            "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
             schema specified. Unsupported keyword(s): [\"$id\"]]",
            "M #: remove what JSON Schema draft 4 does not have",
        ),
        (
            json!({"properties": {"a/b": {"type": "text"}}}),
            INVALID,
            "M #/properties/a~1b: type is \"text\", which is no type",
        ),
        (
            json!({"required": []}),
            INVALID,
            "M #: required must be a list of at least one property name",
        ),
        (
            json!({"enum": ["A", "A"]}),
            INVALID,
            "M #: enum has a value twice",
        ),
        (
            json!({"definitions": {"unused": {"minLength": -1}}}),
            INVALID,
            "M #/definitions/unused: minLength must be a whole number, not below 0",
        ),
        (
            json!({"exclusiveMinimum": true}),
            INVALID,
            "M #: exclusiveMinimum needs minimum",
        ),
        (
            json!({"multipleOf": 0}),
            INVALID,
            "M #: multipleOf must be a number above 0",
        ),
        (
            json!({"items": 1}),
            INVALID,
            "M #: items must be a schema or a list of schemas",
        ),
        (
            json!({"items": [1]}),
            INVALID,
            "M #/items/0: a schema must be an object",
        ),
        (
            json!({"anyOf": []}),
            INVALID,
            "M #: anyOf must be a list of at least one schema",
        ),
        (
            json!({"$ref": "http://169.254.169.254/latest"}),
            REFERENCE,
            "M #: `http://169.254.169.254/latest` leads out of this API, where Gatepost never \
             follows: write #/definitions/NAME, or \
             https://apigateway.amazonaws.com/restapis/API/models/NAME with a model of this API",
        ),
        (
            json!({"items": {"$ref": "https://apigateway.amazonaws.com/restapis/abcdef1234/models/X"}}),
            REFERENCE,
            "M #/items: `https://apigateway.amazonaws.com/restapis/abcdef1234/models/X` names no \
             model: write #/definitions/NAME, or \
             https://apigateway.amazonaws.com/restapis/API/models/NAME with a model of this API",
        ),
        (
            json!({"$ref": "#/definitions/x"}),
            REFERENCE,
            "M #: `#/definitions/x` names no schema: write #/definitions/NAME, or \
             https://apigateway.amazonaws.com/restapis/API/models/NAME with a model of this API",
        ),
        (
            json!({"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#"}}}),
            INVALID,
            "M #: the reference leads back to itself",
        ),
    ] {
        let error = compile_json(&schema).unwrap_err();
        assert_eq!(error.message(), message, "{schema}");
        assert_eq!(error.mend(), mend, "{schema}");
    }
    let no_json = compile(&[("M", "{")]).unwrap_err();
    assert_eq!(no_json.message(), INVALID);
    let long = format!(r#"{{"title": "{}"}}"#, "x".repeat(MAX_SCHEMA_CHARS));
    assert_eq!(
        compile(&[("M", &long)]).unwrap_err().problem,
        Problem::TooLong
    );
    assert!(compile_json(&json!({"pattern": "("})).is_err());
    assert!(compile_json(&json!(true)).is_err());
}

#[test]
fn a_schema_that_never_ends_is_refused() {
    let endless = [
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"not": {"anyOf": [{"$ref": "#"}]}}),
        json!({"dependencies": {"a": {"$ref": "#"}}}),
        json!({"definitions": {"a": {"oneOf": [{"$ref": "#/definitions/a"}]}}}),
    ];
    for schema in endless {
        let error = compile_json(&schema).unwrap_err();
        assert!(
            error.mend().contains("refers to itself"),
            "{}",
            error.mend()
        );
    }
    let mut deep = json!({});
    for _ in 0..33 {
        deep = json!({"allOf": [deep]});
    }
    assert!(compile_json(&deep).is_err());
}

/// Two branches that refer to the same schema, so often that their paths cannot be counted.
fn fan(depth: usize) -> Value {
    let mut definitions = serde_json::Map::new();
    for level in 0..depth {
        let next = json!({"$ref": format!("#/definitions/{}", level + 1)});
        definitions.insert(level.to_string(), json!({"anyOf": [next, next]}));
    }
    definitions.insert(depth.to_string(), json!({"type": "string"}));
    json!({"$ref": "#/definitions/0", "definitions": definitions})
}

#[track_caller]
fn assert_quick(schema: &Value, message: &Value, is_valid: bool) {
    let schema = compile_json(schema).unwrap();
    let message = message.to_string();
    let started = Instant::now();
    let told = schema.validate(&message);
    // Far more than it takes, far less than what is not bounded.
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(told.is_ok(), is_valid);
    assert!(told.err().unwrap_or_default().len() < 4096);
}

#[test]
fn hostile_schemas_and_messages_are_bounded() {
    assert_quick(&fan(30), &json!(1), false);
    // Each level of the message doubles the paths through this one.
    let branch = |kind: &str| json!({"properties": {"next": {"$ref": "#"}, "kind": {"enum": [kind]}}, "type": "object"});
    let tree = json!({"anyOf": [branch("a"), branch("b")]});
    let mut message = json!(1);
    for _ in 0..100 {
        message = json!({"next": message, "kind": "a"});
    }
    assert_quick(&tree, &message, false);
    // All told, in a schema that is told twice of everything.
    let told_twice = json!({"items": {"type": "null"}, "dependencies": {"a": {}}});
    assert_quick(
        &told_twice,
        &Value::from(vec!["x".repeat(1000); 120]),
        false,
    );
    let evil = json!({"items": {"pattern": "^(?=(a+)+$)b"}});
    let texts = vec!["a".repeat(40); 3000];
    assert_quick(&evil, &Value::from(texts), false);
    let unique: Vec<Value> = (0..20_000).map(Value::from).collect();
    assert_quick(&json!({"uniqueItems": true}), &Value::from(unique), true);
    let nested = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let schema = compile_json(&json!({"items": {"$ref": "#"}})).unwrap();
    assert!(schema.validate(&nested).is_err());
    let nested = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    assert!(schema.validate(&nested).is_ok());
}

/// A search that was given up is no answer: where "no" would let a message pass, it must not.
#[test]
fn a_message_that_a_search_gives_up_on_never_passes() {
    let evil = r"evil(?!\.com)";
    let text = format!("{} evil", "evil.com".repeat(21_000));
    for (schema, message) in [
        (
            json!({"properties": {"text": {"not": {"pattern": evil}}}}),
            json!({"text": text}),
        ),
        (
            json!({"oneOf": [{"type": "object"}, {"properties": {"text": {"pattern": evil}}}]}),
            json!({"text": text}),
        ),
        (
            json!({"patternProperties": {evil: {"type": "null"}}}),
            json!({&text: 1}),
        ),
        (
            json!({"patternProperties": {evil: {}}, "additionalProperties": false}),
            json!({&text: 1}),
        ),
    ] {
        assert_eq!(
            told(&schema, &message),
            "[the validation takes too many steps]",
            "{schema}"
        );
    }
}

/// Clients write the texts that `format: regex` holds; one message cannot ask for many of them.
#[test]
fn expressions_of_clients_are_bounded() {
    let message = Value::from(vec![r"(?i)\pL{40}"; 6800]);
    let formats =
        |count: usize| json!({"items": {"allOf": vec![json!({"format": "regex"}); count]}});
    assert_eq!(told(&formats(1), &message), "");
    assert_eq!(
        told(&formats(2), &message),
        "[the validation takes too many steps]"
    );
}

#[test]
fn the_told_text_is_short_and_on_one_line() {
    let told = told(
        &json!({"type": "null", "enum": [1]}),
        &json!("a\nb\u{1b}[31m".repeat(500)),
    );
    assert!(!told.contains(['\n', '\u{1b}']));
    assert!(told.len() < 1100, "{}", told.len());
    // Nor does the schema break it.
    let told = self::told(&json!({"pattern": "a\nb"}), &json!("x"));
    assert_eq!(
        told,
        r#"[ECMA 262 regex "a\u000ab" does not match input string "x"]"#
    );
}

/// Schemas with all keywords, a few levels deep.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        prop::sample::select(vec![
            "array", "boolean", "integer", "null", "number", "object", "string"
        ])
        .prop_map(|name| json!({"type": name})),
        any_json().prop_map(|value| json!({"enum": [value]})),
        (any::<i8>(), any::<bool>())
            .prop_map(|(bound, flag)| json!({"minimum": bound, "exclusiveMinimum": flag})),
        (0..3_u8).prop_map(
            |count| json!({"maxLength": count, "minItems": count, "maxProperties": count})
        ),
        "[ab^$.*]{1,3}".prop_map(|pattern| json!({"pattern": pattern})),
        Just(json!({"required": ["a"], "uniqueItems": true, "multipleOf": 0.5})),
        Just(json!({"items": {"$ref": "#"}})),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"allOf": all})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|any| json!({"anyOf": any})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|one| json!({"oneOf": one})),
            inner.clone().prop_map(|not| json!({"not": not})),
            (inner.clone(), inner.clone()).prop_map(|(named, others)| json!({
                "properties": {"a": named}, "additionalProperties": others
            })),
            (inner.clone(), inner).prop_map(|(first, others)| json!({
                "items": [first], "additionalItems": others
            })),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_a_schema_or_refused(text: String, value in any_json()) {
        let _ = compile(&[("M", &text)]);
        let _ = compile_json(&value);
    }

    #[test]
    fn a_schema_and_its_negation_never_agree(schema in any_schema(), message in any_json()) {
        let message = message.to_string();
        let not = json!({"not": schema});
        if let (Ok(schema), Ok(not)) = (compile_json(&schema), compile_json(&not)) {
            // `#` is the whole schema, which the negation is not.
            prop_assume!(!schema.schemas.iter().any(|schema| schema.is_shared));
            prop_assert_ne!(schema.validate(&message).is_ok(), not.validate(&message).is_ok());
        }
    }

    #[test]
    fn a_value_is_in_its_own_enumeration(value in any_json()) {
        let schema = compile_json(&json!({"enum": [value]})).unwrap();
        prop_assert_eq!(schema.validate(&value.to_string()), Ok(()));
    }

    #[test]
    fn mistakes_are_told_of_what_is_wrong_only(schema in any_schema(), message in any_json()) {
        if let Ok(schema) = compile_json(&schema)
            && let Err(told) = schema.validate(&message.to_string())
        {
            prop_assert!(told.len() > 2 && told.starts_with('[') && told.ends_with(']'));
        }
    }
}
