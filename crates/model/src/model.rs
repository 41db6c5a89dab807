//! A model: a JSON Schema (draft 4) that messages of a route are validated against.

use crate::ModelId;

/// `Model`.
#[derive(Debug, Clone, PartialEq, Eq)]
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
