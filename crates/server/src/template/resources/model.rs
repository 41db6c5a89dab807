//! `AWS::ApiGatewayV2::Model`.

use gatepost_model::model::Model;

use super::{ApiDraft, Declared, Reading};
use crate::template::document::Value;

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    if let Some(model) = model(declared, reading) {
        api.definition.models.push(model);
    }
}

fn model(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<Model> {
    let properties = declared.properties(
        &["ApiId", "Name", "Schema"],
        &["ContentType", "Description"],
        reading,
    )?;
    let schema = properties.node("Schema")?;
    let schema = match &schema.value {
        Value::Map(_) => schema.to_json().to_string(),
        _ => properties.string("Schema")?,
    };
    if serde_json::from_str::<serde::de::IgnoredAny>(&schema).is_err() {
        properties.error("Schema", "the Schema is not JSON", "write a JSON Schema");
    }
    Some(Model {
        model_id: declared.id.as_str().into(),
        name: properties.string("Name")?,
        content_type: properties.string("ContentType"),
        description: properties.string("Description"),
        schema,
    })
}
