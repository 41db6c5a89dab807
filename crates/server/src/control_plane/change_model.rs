//! `CreateModel`, `UpdateModel`, `DeleteModel`.

use gatepost_gateway::new_id::resource_id;
use gatepost_model::{api::ApiDefinition, model::Model, route::Route};
use serde_json::Value;

use super::{
    changes::Answer,
    model,
    patch::{replace, set},
    rescue::{ControlPlaneError, conflict},
};
use crate::{
    admission::model as admission,
    shapes::apigatewayv2::{CreateModelRequest, DeleteModelRequest, UpdateModelRequest},
};

fn position(definition: &ApiDefinition, model_id: &str) -> Result<usize, ControlPlaneError> {
    let mut models = definition.models.iter();
    models
        .position(|known| model::id(known) == model_id)
        .ok_or_else(|| model::not_found(model_id))
}

pub(super) fn create(definition: &mut ApiDefinition, request: CreateModelRequest) -> Answer {
    let created = Model {
        model_id: resource_id::<6>().into(),
        name: request.name,
        content_type: request.content_type,
        description: request.description.filter(|text| !text.is_empty()),
        schema: request.schema,
    };
    admission::name(&created.name)?;
    admission::unique_name(&created.name, &definition.models).map_err(conflict)?;
    let body = model::body(&created);
    definition.models.push(created);
    check_schema(definition, &request.api_id, definition.models.len() - 1)?;
    Ok(body)
}

pub(super) fn update(definition: &mut ApiDefinition, request: UpdateModelRequest) -> Answer {
    let at = position(definition, &request.model_id)?;
    let mut updated = definition.models[at].clone();
    set(&mut updated.content_type, request.content_type);
    set(&mut updated.description, request.description);
    replace(&mut updated.schema, request.schema);
    replace(&mut updated.name, request.name);
    admission::name(&updated.name)?;
    let others = definition.models.iter();
    let others = others.filter(|other| other.model_id != updated.model_id);
    admission::unique_name(&updated.name, others).map_err(conflict)?;
    let body = model::body(&updated);
    let Model { name: before, .. } = std::mem::replace(&mut definition.models[at], updated);
    check_schema(definition, &request.api_id, at)?;
    let Model { name, .. } = &definition.models[at];
    if *name != before {
        // Their schemas know it by its name, and are the caller's text.
        if let Some(model) = admission::missing_model(&before, &request.api_id, &definition.models)
        {
            return Err(ControlPlaneError::Conflict(format!(
                "Cannot rename model '{before}', is referenced in model: {}",
                model.name
            )));
        }
        rename(&mut definition.routes, &before, name);
    }
    Ok(body)
}

/// Lets routes go on using a model whose name changes: they know it by that.
fn rename(routes: &mut [Route], from: &str, to: &str) {
    for route in routes {
        let of_responses = route.route_responses.iter_mut();
        let of_responses = of_responses.map(|response| &mut response.response_models);
        for models in of_responses.chain([&mut route.request_models]) {
            for name in models.values_mut().filter(|name| *name == from) {
                to.clone_into(name);
            }
        }
    }
}

/// That the model's schema can be used, unless `disableSchemaValidation` lets it be.
fn check_schema(
    definition: &ApiDefinition,
    api_id: &str,
    at: usize,
) -> Result<(), ControlPlaneError> {
    if definition.disable_schema_validation {
        return Ok(());
    }
    admission::invalid_schema_of(api_id, &definition.models, at)?;
    Ok(())
}

pub(super) fn delete(
    definition: &mut ApiDefinition,
    DeleteModelRequest { api_id, model_id }: DeleteModelRequest,
) -> Answer {
    let at = position(definition, &model_id)?;
    let Model { name, .. } = definition.models.remove(at);
    let conflict = |kind: &str, referring: &str| {
        ControlPlaneError::Conflict(format!(
            "Cannot delete model '{name}', is referenced in {kind}: {referring}"
        ))
    };
    let mut routes = definition.routes.iter();
    let is_used_by = |route: &&Route| route.request_models.values().any(|model| *model == name);
    if let Some(route) = routes.find(is_used_by) {
        return Err(conflict("route", route.route_key.as_str()));
    }
    if let Some(model) = admission::missing_model(&name, &api_id, &definition.models) {
        return Err(conflict("model", &model.name));
    }
    Ok(Value::Null)
}
