//! The models of a route as they are served (data-plane spec 5.11).

use std::{collections::HashMap, sync::Arc};

use gatepost_wire::{
    expression::{ExpressionError, selection::SelectionExpression},
    json_schema::{InvalidSchema, JsonSchema},
};

/// How a route's messages are validated.
#[derive(Debug)]
pub struct RequestValidation {
    /// `modelSelectionExpression`.
    pub model_selection_expression: SelectionExpression,
    /// `requestModels`: selection key to model.
    pub request_models: HashMap<Box<str>, Arc<DeployedModel>>,
}

/// A model as it is served.
#[derive(Debug)]
pub struct DeployedModel {
    /// `name`.
    pub name: String,
    /// `schema`, compiled. An invalid one is deployed with `disableSchemaValidation` only, and
    /// fails every message.
    pub schema: Result<JsonSchema, InvalidSchema>,
}

impl RequestValidation {
    /// Parses a `modelSelectionExpression`: `$default`, as AWS's console writes it, is the key.
    ///
    /// # Errors
    /// [`ExpressionError`].
    pub fn parse_expression(expression: &str) -> Result<SelectionExpression, ExpressionError> {
        SelectionExpression::parse(match expression {
            "$default" => "\\$default",
            expression => expression,
        })
    }

    /// The model of a selection key: its own, else that of `$default`.
    pub fn model(&self, key: &str) -> Option<&DeployedModel> {
        let model = self.request_models.get(key);
        model
            .or_else(|| self.request_models.get("$default"))
            .map(AsRef::as_ref)
    }
}
