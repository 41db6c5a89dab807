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
    let schemas: BTreeMap<&str, &str> = models
        .iter()
        .map(|model| (model.name.as_str(), model.schema.as_str()))
        .collect();
    let of_api = Models {
        api_id,
        schemas: &schemas,
    };
    let invalid = |(at, model): (usize, &Model)| {
        let error = JsonSchema::compile(&model.name, of_api).err()?;
        (error.model == model.name).then_some((at, error))
    };
    models.iter().enumerate().filter_map(invalid).collect()
}

/// The model, if there is one, whose schema refers to a model of this name, which is not there.
pub(crate) fn missing_model<'a>(
    name: &str,
    api_id: &str,
    models: &'a [Model],
) -> Option<&'a Model> {
    let refers = |error: &InvalidSchema| match &error.problem {
        Problem::Reference { reference, .. } => {
            let document = reference.split('#').next().unwrap_or_default();
            document
                .rsplit_once("/models/")
                .is_some_and(|(_, model)| model == name)
        }
        _ => false,
    };
    let invalid = invalid_schemas(api_id, models);
    let found = invalid.iter().find(|(_, error)| refers(error))?;
    models.get(found.0)
}

/// What is said of a schema, unless `disableSchemaValidation` lets it be.
pub(crate) fn invalid_schema(error: &InvalidSchema) -> Inadmissible {
    Inadmissible::of_aws(error.message(), error.mend())
}
