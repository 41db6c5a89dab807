//! The models of a route.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    ApiId,
    api::{Api, ApiDefinition},
    route::{Route, RouteKey},
};
use gatepost_wire::json_schema::{JsonSchema, Models};

use super::CompileError;
use crate::deployed::{DeployedModel, RequestValidation};

/// How the messages of the route at `place` are validated; `None` when they are not. `$connect`
/// and `$disconnect` have no message.
pub(super) fn compile_request_validation(
    route: &Route,
    api: &Api,
    definition: &ApiDefinition,
    place: &str,
) -> Result<Option<RequestValidation>, CompileError> {
    let Some(expression) = &route.model_selection_expression else {
        return Ok(None);
    };
    if matches!(route.route_key, RouteKey::Connect | RouteKey::Disconnect) {
        return Ok(None);
    }
    let model_selection_expression = RequestValidation::parse_expression(expression)
        .map_err(|error| CompileError::new(place, format!("modelSelectionExpression: {error}")))?;
    let request_models = route
        .request_models
        .iter()
        .map(|(key, name)| {
            let model = compile_model(name, &api.api_id, definition, place)?;
            // Keys are selected by value: `\$default` is written for `$default`.
            Ok((key.replace("\\$", "$").into(), Arc::new(model)))
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(RequestValidation {
        model_selection_expression,
        request_models,
    }))
}

fn compile_model(
    name: &str,
    api_id: &ApiId,
    definition: &ApiDefinition,
    place: &str,
) -> Result<DeployedModel, CompileError> {
    let models = definition.models.iter();
    let schemas: BTreeMap<&str, &str> = models
        .map(|model| (model.name.as_str(), model.schema.as_str()))
        .collect();
    if !schemas.contains_key(name) {
        let what = format!("Invalid Model identifier specified {name}");
        return Err(CompileError::new(place, what));
    }
    let models = Models {
        api_id: api_id.as_str(),
        schemas: &schemas,
    };
    let schema = JsonSchema::compile(name, models);
    match &schema {
        Err(error) if !definition.disable_schema_validation => {
            let what = format!("{}; {}", error.message(), error.mend());
            Err(CompileError::new(place, what))
        }
        _ => Ok(DeployedModel {
            name: name.to_owned(),
            schema,
        }),
    }
}
