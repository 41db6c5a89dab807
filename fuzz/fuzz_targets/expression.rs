//! An expression, and behind a line of `---` a message: as a selection expression, a `JSONPath`, the
//! source and the target of a parameter mapping, and a regular expression of Java's.
#![no_main]

use gatepost_wire::expression::{
    java_regex::JavaRegex,
    json_path::JsonPath,
    parameter_mapping::{MappingInput, ParameterMapping},
    selection::{SelectionExpression, select_route_key},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let [expression, body] = gatepost_fuzz::parts(input);
    let json = serde_json::from_str(body).ok();
    if let Ok(selection) = SelectionExpression::parse(expression) {
        let selected = select_route_key(&selection, body);
        if let Some(json) = &json {
            assert_eq!(selected, Some(selection.evaluate_request_body(json)));
        }
    }
    if let (Ok(path), Some(json)) = (JsonPath::parse(expression), &json) {
        path.text(json);
    }
    let context = gatepost_fuzz::context();
    let mapping_input = MappingInput {
        context: &context,
        body: json.as_ref(),
        headers: &[],
        query: &[],
    };
    for (target, source) in [
        ("integration.request.header.x", expression),
        (expression, "route.request.body.a"),
    ] {
        if let Ok(mapping) = ParameterMapping::parse(target, source) {
            for value in mapping.resolve(&mapping_input) {
                assert!(!value.contains(['\r', '\n', '\0']));
            }
        }
    }
    if let Ok(regex) = JavaRegex::new(expression) {
        if let Ok(Some(found)) = regex.find_from(body, 0) {
            assert!(body.get(found.range.clone()).is_some());
            assert_eq!(found.group(0), &body[found.range.clone()]);
        }
        // A whole text that matches can be found in itself.
        let whole = JavaRegex::whole(expression).expect("what is one pattern is the other");
        if whole.is_match(body) == Ok(true) {
            assert_ne!(regex.is_match(body), Ok(false));
        }
    }
});
