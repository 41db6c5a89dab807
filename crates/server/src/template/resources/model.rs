//! `AWS::ApiGatewayV2::Model`, and how routes name models.

use std::collections::BTreeMap;

use gatepost_model::{model::Model, route::RouteKey};

use super::{ApiDraft, Declared, Reading};
use crate::{
    admission,
    template::{
        diagnostic::did_you_mean,
        document::{Position, Value},
        properties::Properties,
    },
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
    properties.admitted("Name", admission::model::name(&name));
    let others = &api.definition.models;
    properties.admitted("Name", admission::model::unique_name(&name, others));
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
    let diagnostics = reading.diagnostics();
    let models = &api.definition.models;
    for (at, error) in admission::model::invalid_schemas(&api.api_id, models) {
        let position = api.schema_positions[at];
        if api.definition.disable_schema_validation {
            let message = format!("every message that {} validates fails", error.model);
            diagnostics.warn(position, message, error.mend());
        } else {
            let refused = admission::model::invalid_schema(&error);
            diagnostics.error(position, refused.to_string(), refused.mend());
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
        let by_id = known.iter().find(|model| model.model_id.as_str() == name);
        let mend = || match by_id {
            Some(model) => format!("that is its id; write its Name, {}", model.name),
            None => did_you_mean(
                name,
                known.iter().map(|model| model.name.as_str()),
                "name an AWS::ApiGatewayV2::Model of the same API",
            ),
        };
        if let Err(refused) = admission::route::request_model(name, &api.definition, mend) {
            let diagnostics = properties.diagnostics;
            reading.unless_broken(name, || {
                diagnostics.error(entry.position, refused.to_string(), refused.mend());
            });
        }
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
            let admitted = admission::route::model_selection_expression(expression);
            properties.admitted("ModelSelectionExpression", admitted);
        }
    }
    (expression, models)
}
