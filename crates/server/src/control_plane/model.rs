//! `GetModels`, `GetModel`.

use gatepost_model::{api::Api, model::Model};
use serde_json::{Value, json};

use super::{json::present, rescue::ControlPlaneError};

pub(super) fn find<'a>(api: &'a Api, model_id: &str) -> Result<&'a Model, ControlPlaneError> {
    api.definition
        .models
        .iter()
        .find(|model| id(model) == model_id)
        .ok_or_else(|| not_found(model_id))
}

pub(super) fn not_found(model_id: &str) -> ControlPlaneError {
    ControlPlaneError::NotFound {
        resource: "Model",
        id: model_id.to_owned(),
    }
}

pub(super) fn id(model: &Model) -> &str {
    model.model_id.as_str()
}

pub(super) fn body(model: &Model) -> Value {
    present(json!({
        "contentType": model.content_type,
        "description": model.description,
        "modelId": model.model_id.as_str(),
        "name": model.name,
        "schema": model.schema,
    }))
}
