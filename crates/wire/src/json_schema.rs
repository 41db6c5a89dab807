//! JSON Schema, draft 4, as API Gateway's models use it (data-plane spec 5.11): what a schema may
//! say, which messages match, and in which words it is told that one does not.
//!
//! A schema is compiled once, at deployment. Validation is bounded whatever schema and message are:
//! each pair of a shared subschema and a value is looked at once, within a number of steps that
//! grows with the message only. General validators are not: with a schema that refers to itself
//! under two branches, a message of 20 levels keeps them busy for minutes.

mod check;
mod compile;
mod format;
mod keyword;
mod number;
mod pattern;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::{check::Check, compile::Compiler, keyword::Schema};

/// The greatest schema, characters. Source: `CreateModel`, `schema`.
pub const MAX_SCHEMA_CHARS: usize = 32 * 1024;

/// The models of an API, which may refer to each other.
#[derive(Debug, Clone, Copy)]
pub struct Models<'a> {
    /// `apiId`, which stands in references to models.
    pub api_id: &'a str,
    /// The schemas by the models' names.
    pub schemas: &'a BTreeMap<&'a str, &'a str>,
}

/// A compiled schema. The first of its subschemas is itself.
#[derive(Debug)]
pub struct JsonSchema {
    schemas: Vec<Schema>,
}

/// A schema that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct InvalidSchema {
    /// The model whose schema it is: the compiled one, or one that it refers to.
    pub model: String,
    /// A JSON Pointer to the place in the schema, `#/properties/name`.
    pub place: String,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It is longer than [`MAX_SCHEMA_CHARS`].
    TooLong,
    /// It is no JSON.
    NotJson(String),
    /// Keywords that draft 4 does not have.
    UnsupportedKeywords(Vec<String>),
    /// A reference that is neither within the schema nor to a model of the API.
    Reference {
        /// The reference.
        reference: String,
        /// What is the matter with it.
        what: &'static str,
    },
    /// A keyword's value.
    Value(String),
}

impl InvalidSchema {
    /// What AWS answers.
    pub fn message(&self) -> String {
        let more = match &self.problem {
            Problem::TooLong => return "Model schema is too large".into(),
            Problem::NotJson(_) | Problem::Value(_) => String::new(),
            Problem::UnsupportedKeywords(keywords) => {
                let keywords: Vec<_> = keywords.iter().map(|word| format!("{word:?}")).collect();
                format!(". Unsupported keyword(s): [{}]", keywords.join(","))
            }
            Problem::Reference { .. } => ", Model reference must be in canonical form".into(),
        };
        format!(
            "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
             schema specified{more}]"
        )
    }

    /// Where it is and what to do, which AWS does not tell.
    pub fn mend(&self) -> String {
        let (model, place) = (&self.model, &self.place);
        let at = format!("{model} {place}");
        match &self.problem {
            Problem::TooLong => format!("{model}: write at most {MAX_SCHEMA_CHARS} characters"),
            Problem::NotJson(error) => format!("{model} is no JSON: {error}"),
            Problem::UnsupportedKeywords(_) => {
                format!("{at}: remove what JSON Schema draft 4 does not have")
            }
            Problem::Reference { reference, what } => format!(
                "{at}: `{reference}` {what}: write #/definitions/NAME, or \
                 https://apigateway.amazonaws.com/restapis/API/models/NAME with a model of this API"
            ),
            Problem::Value(what) => format!("{at}: {what}"),
        }
    }
}

impl JsonSchema {
    /// Compiles the schema of the model `name`, with all that it refers to.
    ///
    /// # Errors
    /// [`InvalidSchema`]: the first place that is wrong.
    pub fn compile(name: &str, models: Models<'_>) -> Result<Self, InvalidSchema> {
        Compiler::new(models).compile(name)
    }

    /// Validates a message.
    ///
    /// # Errors
    /// `$context.error.validationErrorString`: what does not match, as AWS words it, bounded and
    /// on one line.
    pub fn validate(&self, body: &str) -> Result<(), String> {
        let instance = serde_json::from_str(body).map_err(|error| {
            let error = error.to_string();
            format!("[Could not parse request body into json: {error}]")
        })?;
        Check::new(&self.schemas, body.len()).validate(&instance)
    }
}
