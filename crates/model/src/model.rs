//! A model: a JSON Schema (draft 4) that messages of a route are validated against.

use serde::{Deserialize, Serialize};

use crate::ModelId;

/// `Model`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// `modelId`.
    pub model_id: ModelId,
    /// `name`, by which routes refer to it.
    pub name: String,
    /// `contentType`.
    pub content_type: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `schema`: the JSON text.
    pub schema: String,
}
