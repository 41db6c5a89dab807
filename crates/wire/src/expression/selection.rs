//! Selection expressions: how a route, a template or an API key is chosen (data-plane spec 4.2).

mod parser;
mod pick;

use serde_json::Value;

use super::{ExpressionError, json_path::JsonPath};

/// A selection expression: literals and variables, evaluated once and never recursively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionExpression {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(Variable),
}

/// A variable of a selection expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// `request.body.{path}`.
    RequestBody(JsonPath),
    /// `request.header.{name}`.
    RequestHeader(String),
    /// `request.querystring.{name}`.
    RequestQuerystring(String),
    /// `request.basepath`: the API mapping key.
    RequestBasepath,
    /// `context.{path}`.
    Context(String),
    /// `stageVariables.{name}`.
    StageVariable(String),
    /// `integration.response.statuscode`.
    IntegrationStatus,
    /// `integration.response.header.{name}`.
    IntegrationHeader(String),
    /// `integration.response.multivalueheader.{name}`.
    IntegrationMultiValueHeader(String),
    /// `integration.response.body.{path}`.
    IntegrationBody(JsonPath),
}

impl SelectionExpression {
    /// Parses an expression such as `$request.body.action`,
    /// `${request.body.service}/${request.body.action}`, `constant` or `\$default`.
    pub fn parse(expression: &str) -> Result<Self, ExpressionError> {
        parser::parse(expression).map(|parts| Self { parts })
    }

    /// Evaluates the expression with the variables' values; one without a value is nothing.
    pub fn evaluate(&self, lookup: &mut dyn FnMut(&Variable) -> Option<String>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(variable) => {
                    text.push_str(&lookup(variable).unwrap_or_default());
                }
            }
        }
        text
    }

    /// Evaluates an expression over the message's body; all other variables are nothing.
    pub fn evaluate_request_body(&self, body: &Value) -> String {
        self.evaluate(&mut |variable| match variable {
            Variable::RequestBody(path) => path.text(body),
            _ => None,
        })
    }

    /// The variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(variable) => Some(variable),
            Part::Literal(_) => None,
        })
    }
}

/// The route key that a message selects; `None` when the body is not JSON, which is for
/// `$default`. A constant expression selects its route whatever the body is.
pub fn select_route_key(expression: &SelectionExpression, body: &str) -> Option<String> {
    let mut is_json = true;
    let key = expression.evaluate(&mut |variable| match variable {
        Variable::RequestBody(path) => pick::text(body, path).unwrap_or_else(|_not_json| {
            is_json = false;
            None
        }),
        _ => None,
    });
    is_json.then_some(key)
}

#[cfg(test)]
mod tests;
