//! Mapping templates: Apache Velocity 1.7 as AWS extends it (data-plane spec 5.7).
//!
//! Templates are parsed when they are deployed, and rendered within bounds: of steps, depth, memory
//! and output, so that neither a template nor what a client sends can hang or exhaust anything.
//!
//! Where AWS is not known to the letter, this is what it does here:
//! - What is unset in `$context`, `$stageVariables`, `$input` and `$util` is false in conditions and
//!   prints nothing; every other reference without a value prints its source, as in Velocity.
//! - `connectedAt`, `requestTimeEpoch`, `disconnectStatusCode` and `status` are numbers: `+` adds to
//!   them, `/` cuts. All else of `$context` is text, which `+` joins.
//! - `$input.path` of nothing is an empty text, which is what templates compare it with.
//! - `$input.path` lends the body itself: what changes it shows in `$input.json`.
//! - Maps are in the order in which they were filled.
//! - Arguments and indexes may be any expression, not values only.

mod access;
mod budget;
mod cursor;
mod document;
mod evaluate;
mod hosts;
mod methods;
mod misnamed;
mod parser;
mod print;
mod problem;
mod render;
mod syntax;
mod value;
mod variables;

use std::collections::HashMap;

use gatepost_model::request_context::RequestContext;

use self::syntax::{Macro, Node};
pub use self::{misnamed::Misnamed, problem::Problem};

/// The greatest template, bytes. AWS: 300 KB.
const MAX_TEMPLATE_BYTES: usize = 300 * 1024;

/// A parsed mapping template.
#[derive(Debug, Clone)]
pub struct Template {
    source: Box<str>,
    body: Vec<Node>,
    macros: HashMap<Box<str>, Macro>,
    /// The names of its variables, by slot.
    names: Vec<Box<str>>,
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
    /// What breaks Velocity's grammar, or is not there here.
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
    /// Rendering failed.
    #[error("{line}:{column}: {problem}")]
    Rendering {
        /// What went wrong.
        problem: Problem,
        /// The line of the reference or call, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
    },
}

impl Template {
    /// Parses a template.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(TemplateError::TooLong(source.len()));
        }
        let parser::Parsed {
            body,
            macros,
            names,
        } = parser::parse(source)?;
        Ok(Self {
            source: source.into(),
            body,
            macros,
            names,
        })
    }

    /// The names below `$context`, `$input` and `$util` that AWS does not have, so that they print
    /// nothing, or their source.
    pub fn misnamed(&self) -> Vec<Misnamed> {
        misnamed::find(self)
    }

    /// Renders the template.
    pub fn render(&self, input: &TemplateInput<'_>) -> Result<String, TemplateError> {
        render::render(self, input).map_err(|(problem, place)| {
            let (line, column) = cursor::line_and_column(&self.source, place);
            TemplateError::Rendering {
                problem,
                line,
                column,
            }
        })
    }
}

#[cfg(test)]
mod tests;
