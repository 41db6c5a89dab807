//! `GetModelTemplate`: a mapping template that makes what a model's schema describes, for its author to
//! go on from.

use gatepost_model::model::Model;
use serde_json::{Map, Value, json};

pub(super) fn body(model: &Model) -> Value {
    // With `disableSchemaValidation` it may be anything.
    let schema = serde_json::from_str(&model.schema).unwrap_or_default();
    json!({ "value": format!("#set($inputRoot = $input.path('$'))\n{}", sample(&schema, "")) })
}

/// An example of what the schema describes, its lines indented.
fn sample(schema: &Value, indent: &str) -> String {
    let inner = format!("{indent}  ");
    let properties = schema.get("properties").and_then(Value::as_object);
    match (schema.get("type").and_then(Value::as_str), properties) {
        (_, Some(properties)) if !properties.is_empty() => object(properties, indent, &inner),
        (Some("array"), _) => array(schema.get("items").unwrap_or(&Value::Null), indent),
        (Some("string"), _) => "\"foo\"".to_owned(),
        (Some("integer"), _) => "42".to_owned(),
        (Some("number"), _) => "3.149".to_owned(),
        (Some("boolean"), _) => "true".to_owned(),
        _ => "{ }".to_owned(),
    }
}

fn object(properties: &Map<String, Value>, indent: &str, inner: &str) -> String {
    let members: Vec<String> = properties
        .iter()
        .map(|(name, schema)| {
            let name = Value::from(name.as_str());
            format!("{inner}{name} : {}", sample(schema, inner))
        })
        .collect();
    format!("{{\n{}\n{indent}}}", members.join(",\n"))
}

/// The `TODO` is AWS's, to whoever goes on from the template.
fn array(items: &Value, indent: &str) -> String {
    // At the top nothing is indented.
    let inner = if indent.is_empty() { "" } else { "  " };
    let at = format!("{indent}{inner}");
    format!(
        "[\n{at}##TODO: Update this foreach loop to reference array from input json\n\
         {at}#foreach($elem in $inputRoot)\n{at} {}\n{at}#if($foreach.hasNext),#end\n{at}#end\n\
         {indent}]",
        sample(items, &at)
    )
}

#[cfg(test)]
mod tests {
    use gatepost_wire::template::Template;

    use super::*;

    fn template(schema: &str) -> String {
        let made = body(&Model {
            model_id: "model1".into(),
            name: "Text".to_owned(),
            content_type: None,
            description: None,
            schema: schema.to_owned(),
        });
        let text = made["value"].as_str().unwrap().to_owned();
        assert!(Template::parse(&text).is_ok(), "{text}");
        text
    }

    #[test]
    fn a_template_has_an_example_of_each_member() {
        let schema = r#"{
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": "number"},
                "c": {"properties": {"on": {"type": "boolean"}, "any": {}}},
                "tags": {"type": "array", "items": {"type": "string"}}
            }
        }"#;
        assert_eq!(
            template(schema),
            "#set($inputRoot = $input.path('$'))\n\
             {\n  \
               \"a\" : 42,\n  \
               \"b\" : 3.149,\n  \
               \"c\" : {\n    \
                 \"on\" : true,\n    \
                 \"any\" : { }\n  \
               },\n  \
               \"tags\" : [\n    \
                 ##TODO: Update this foreach loop to reference array from input json\n    \
                 #foreach($elem in $inputRoot)\n     \
                 \"foo\"\n    \
                 #if($foreach.hasNext),#end\n    \
                 #end\n  \
               ]\n\
             }"
        );
    }

    #[test]
    fn a_list_and_what_says_nothing_have_templates_too() {
        assert_eq!(
            template(r#"{"type": "array", "items": {"properties": {"age": {"type": "integer"}}}}"#),
            "#set($inputRoot = $input.path('$'))\n\
             [\n\
             ##TODO: Update this foreach loop to reference array from input json\n\
             #foreach($elem in $inputRoot)\n \
             {\n  \"age\" : 42\n}\n\
             #if($foreach.hasNext),#end\n\
             #end\n\
             ]"
        );
        for schema in ["{}", "{", "true", r#"{"type": "object"}"#] {
            assert_eq!(
                template(schema),
                "#set($inputRoot = $input.path('$'))\n{ }",
                "{schema}"
            );
        }
    }
}
