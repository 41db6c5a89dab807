//! Mapping templates: Apache Velocity as AWS extends it (data-plane spec 5.7).
//!
//! So far the dialect has text and the references `$context.…`, `$input.body`, `$input.json('…')`
//! and `$stageVariables.…`, each also as `${…}` and `$!…`. All else is refused when it is parsed.

mod cursor;
mod parser;
mod reference;
mod render;

use gatepost_model::request_context::RequestContext;

use crate::expression::json_path::JsonPath;

/// The greatest template, bytes. AWS: 300 KB.
const MAX_TEMPLATE_BYTES: usize = 300 * 1024;
/// The greatest rendered text, bytes: Lambda's greatest synchronous payload.
const MAX_OUTPUT_BYTES: usize = 6 * 1024 * 1024;

/// A parsed mapping template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Text(String),
    Reference(Reference),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reference {
    /// `$context.{path}`.
    Context(String),
    /// `$input.body`.
    InputBody,
    /// `$input.json('{path}')`.
    InputJson(JsonPath),
    /// `$stageVariables.{name}`.
    StageVariable(String),
}

/// What a template is rendered with: [`TemplateInput::new`], and what else there is by name.
#[derive(Debug, Clone, Copy)]
pub struct TemplateInput<'a> {
    /// `$context` and `$stageVariables`.
    pub context: &'a RequestContext,
    /// `$input`: the message, or in a response template the integration's answer.
    pub body: &'a str,
    /// `$input.params()`: the handshake's; nothing for messages.
    pub params: Params<'a>,
    /// `$context.status`, once there is one.
    pub status: Option<u16>,
    /// `$context.error`, after a failure.
    pub error: Option<&'a ErrorContext>,
}

/// `$input.params()`: what the handshake's request had beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Params<'a> {
    /// `header`, by the names that events show.
    pub headers: &'a [(String, String)],
    /// `querystring`, decoded.
    pub query: &'a [(String, String)],
}

/// `$context.error`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorContext {
    /// `message`; `messageString` is the same as a JSON text.
    pub message: String,
    /// `responseType`, such as `BAD_REQUEST_BODY`.
    pub response_type: Option<String>,
    /// `validationErrorString`.
    pub validation_error_string: Option<String>,
}

impl<'a> TemplateInput<'a> {
    /// The input of a request without parameters, status or error.
    pub fn new(context: &'a RequestContext, body: &'a str) -> Self {
        Self {
            context,
            body,
            params: Params::default(),
            status: None,
            error: None,
        }
    }
}

/// Why a template cannot be used or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Velocity that is not supported yet.
    #[error(
        "{line}:{column}: `{what}` is not supported yet; a template may have `$context.…`, \
         `$input.body`, `$input.json('…')` and `$stageVariables.…`"
    )]
    NotYet {
        /// The directive or reference.
        what: String,
        /// Its line, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
    },
    /// A reference that breaks the grammar.
    #[error("{line}:{column}: {problem}")]
    Syntax {
        /// What is wrong, and the mend.
        problem: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// The template is too long.
    #[error("the template has {0} bytes; at most {MAX_TEMPLATE_BYTES} are allowed")]
    TooLong(usize),
    /// What was rendered is too long.
    #[error("the template renders to more than {MAX_OUTPUT_BYTES} bytes")]
    OutputTooLong,
    /// `$input.json` of a body that is not JSON.
    #[error("Could not parse request body into json: {0}")]
    BodyIsNotJson(String),
}

impl Template {
    /// Parses a template.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(TemplateError::TooLong(source.len()));
        }
        parser::parse(source).map(|nodes| Self { nodes })
    }

    /// Renders the template. What is unknown or unset is nothing.
    pub fn render(&self, input: &TemplateInput<'_>) -> Result<String, TemplateError> {
        render::render(&self.nodes, input)
    }
}

#[cfg(test)]
mod tests;
