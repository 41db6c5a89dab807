//! JSON values as Java prints them.

use serde_json::Value;

use super::number::Number;

/// A JSON value as AWS makes text of it: `[a, b]` and `{k=v, k2=v2}` without quotes, as Java's
/// collections print, and `null` as nothing (data-plane spec 4.2).
pub fn to_java_string(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => {
            let mut text = String::new();
            push_java_string(&mut text, other);
            text
        }
    }
}

fn push_java_string(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => Number::of_json(number).push(text),
        Value::String(inner) => text.push_str(inner),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                push_java_string(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(key);
                text.push('=');
                push_java_string(text, member);
            }
            text.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::expression::tests::any_json;

    #[test]
    fn values_print_as_java_collections_do() {
        for (value, text) in [
            (json!("item"), "item"),
            (json!(null), ""),
            (json!(1.5), "1.5"),
            (json!(1e20), "1.0E20"),
            (json!(true), "true"),
            (json!(["item1", "item2"]), "[item1, item2]"),
            (
                json!({"k": "v", "k2": {"n": [1, null]}, "e": []}),
                "{k=v, k2={n=[1, null]}, e=[]}",
            ),
        ] {
            assert_eq!(to_java_string(&value), text);
        }
    }

    proptest! {
        #[test]
        fn any_json_has_a_java_text(value in any_json()) {
            prop_assert_eq!(to_java_string(&value).is_empty(), value.is_null() || value == "");
        }
    }
}
