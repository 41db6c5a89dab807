//! `AWS::ApiGatewayV2::Model`, and how routes name models.

use std::collections::BTreeMap;

use gatepost_gateway::deployed::RequestValidation;
use gatepost_model::{model::Model, route::RouteKey};
use gatepost_wire::json_schema::{JsonSchema, Models};

use super::{ApiDraft, Declared, Reading};
use crate::template::{
    diagnostic::did_you_mean,
    document::{Position, Value},
    properties::Properties,
};

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    match model(declared, reading, api) {
        Some((model, schema_position)) => {
            api.definition.models.push(model);
            api.schema_positions.push(schema_position);
        }
        None => reading.mark_broken(declared),
    }
}

fn model(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    api: &ApiDraft,
) -> Option<(Model, Position)> {
    let properties = declared.properties(
        &["ApiId", "Name", "Schema"],
        &["ContentType", "Description"],
        reading,
    )?;
    let node = properties.node("Schema")?;
    let schema = match &node.value {
        Value::Map(_) => node.to_json().to_string(),
        _ => properties.string("Schema")?,
    };
    let name = properties.string("Name")?;
    if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric()) {
        let message = format!("Model name must be alphanumeric: {name}");
        properties.error("Name", message, "use letters and digits");
    }
    if api.definition.models.iter().any(|model| model.name == name) {
        let message = format!("Model with name {name} already exists for this API");
        properties.error("Name", message, "rename one of them");
    }
    let model = Model {
        model_id: declared.id.as_str().into(),
        name,
        content_type: properties.string("ContentType"),
        description: properties.string("Description"),
        schema,
    };
    Some((model, node.position))
}

/// Checks the schemas, once all models of the API are there to refer to. With
/// `DisableSchemaValidation` AWS deploys what is wrong.
pub(super) fn check_schemas(api: &ApiDraft, reading: &Reading<'_>) {
    let models = &api.definition.models;
    let schemas: BTreeMap<&str, &str> = models
        .iter()
        .map(|model| (model.name.as_str(), model.schema.as_str()))
        .collect();
    for (model, position) in models.iter().zip(&api.schema_positions) {
        let of_api = Models {
            api_id: &api.api_id,
            schemas: &schemas,
        };
        let Err(error) = JsonSchema::compile(&model.name, of_api) else {
            continue;
        };
        // A fault of a model that this one refers to is told there.
        if error.model != model.name {
            continue;
        }
        let diagnostics = reading.diagnostics();
        if api.definition.disable_schema_validation {
            let message = format!("every message that {} validates fails", model.name);
            diagnostics.warn(*position, message, error.mend());
        } else {
            diagnostics.error(*position, error.message(), error.mend());
        }
    }
}

/// `ModelSelectionExpression` and `RequestModels` of a route.
pub(super) fn of_route(
    properties: &Properties<'_>,
    route_key: &RouteKey,
    reading: &Reading<'_>,
    api: &ApiDraft,
) -> (Option<String>, BTreeMap<String, String>) {
    let expression = properties.string("ModelSelectionExpression");
    let models = properties.string_map("RequestModels");
    for entry in properties.entries_of("RequestModels") {
        let Some(name) = models.get(&entry.key) else {
            continue;
        };
        let known = &api.definition.models;
        if known.iter().any(|model| model.name == *name) {
            continue;
        }
        let by_id = known.iter().find(|model| model.model_id.as_str() == name);
        let mend = if let Some(model) = by_id {
            format!("that is its id; write its Name, {}", model.name)
        } else {
            let names = known.iter().map(|model| model.name.as_str());
            did_you_mean(
                name,
                names,
                "name an AWS::ApiGatewayV2::Model of the same API",
            )
        };
        reading.unless_broken(name, || {
            let message = format!("Invalid Model identifier specified {name}");
            properties.diagnostics.error(entry.position, message, mend);
        });
    }
    let is_lifecycle = matches!(route_key, RouteKey::Connect | RouteKey::Disconnect);
    match &expression {
        None if models.is_empty() => {}
        None => properties.warn_on_aws_too(
            "RequestModels",
            format!(
                "the messages of route {route_key} are not validated: it has no \
                     ModelSelectionExpression"
            ),
            "add `ModelSelectionExpression: $default`, which selects the model `$default`",
        ),
        Some(_) if is_lifecycle => properties.warn_on_aws_too(
            "ModelSelectionExpression",
            format!("route {route_key} has no message that a model could validate"),
            "remove it",
        ),
        Some(_) if models.is_empty() => properties.warn_on_aws_too(
            "ModelSelectionExpression",
            format!("every message of route {route_key} fails: it has no RequestModels"),
            "add `RequestModels: {$default: MODEL}`",
        ),
        Some(expression) => {
            if let Err(error) = RequestValidation::parse_expression(expression) {
                properties.error("ModelSelectionExpression", error.to_string(), "");
            }
        }
    }
    (expression, models)
}
