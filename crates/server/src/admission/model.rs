//! Models.

use std::collections::BTreeMap;

use gatepost_model::model::Model;
use gatepost_wire::json_schema::{InvalidSchema, JsonSchema, Models, Problem};

use super::Inadmissible;

/// `name`.
pub(crate) fn name(name: &str) -> Result<(), Inadmissible> {
    if !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!("Model name must be alphanumeric: {name}"),
        "use letters and digits",
    ))
}

/// `name`, which no other model of the API may have.
pub(crate) fn unique_name<'a>(
    name: &str,
    others: impl IntoIterator<Item = &'a Model>,
) -> Result<(), Inadmissible> {
    if others.into_iter().all(|other| other.name != name) {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!("Model with name {name} already exists for this API"),
        "rename one of them",
    ))
}

/// Which of the models, by index, have schemas that cannot be compiled, and why. A fault of a model
/// that others refer to is told of that one alone.
pub(crate) fn invalid_schemas(api_id: &str, models: &[Model]) -> Vec<(usize, InvalidSchema)> {
    let schemas = schemas(models);
    let numbered = models.iter().enumerate();
    numbered
        .filter_map(|(at, model)| Some((at, fault(model, api_id, &schemas)?)))
        .collect()
}

/// Why the schema of the model at this index cannot be compiled.
pub(crate) fn invalid_schema_of(
    api_id: &str,
    models: &[Model],
    at: usize,
) -> Result<(), Inadmissible> {
    match fault(&models[at], api_id, &schemas(models)) {
        Some(error) => Err(invalid_schema(&error)),
        None => Ok(()),
    }
}

/// The model, if there is one, whose schema refers to a model of this name, which is not there.
pub(crate) fn missing_model<'a>(
    name: &str,
    api_id: &str,
    models: &'a [Model],
) -> Option<&'a Model> {
    let schemas = schemas(models);
    let refers = |error: InvalidSchema| match error.problem {
        Problem::Reference { reference, .. } => {
            let document = reference.split('#').next().unwrap_or_default();
            let model = document.rsplit_once("/models/");
            model.is_some_and(|(_, model)| model == name)
        }
        _ => false,
    };
    let mut naming = models.iter().filter(|model| model.schema.contains(name));
    naming.find(|model| fault(model, api_id, &schemas).is_some_and(refers))
}

/// The schemas by the models' names.
fn schemas(models: &[Model]) -> BTreeMap<&str, &str> {
    let models = models.iter();
    models
        .map(|model| (model.name.as_str(), model.schema.as_str()))
        .collect()
}

/// What is wrong with a model's own schema.
fn fault(model: &Model, api_id: &str, schemas: &BTreeMap<&str, &str>) -> Option<InvalidSchema> {
    let error = JsonSchema::compile(&model.name, Models { api_id, schemas }).err()?;
    (error.model == model.name).then_some(error)
}

/// What is said of a schema, unless `disableSchemaValidation` lets it be.
pub(crate) fn invalid_schema(error: &InvalidSchema) -> Inadmissible {
    Inadmissible::of_aws(error.message(), error.mend())
}
