//! Text to the parts of a selection expression.

use super::{ExpressionError, JsonPath, Part, Variable};
use crate::expression::named;

pub(super) fn parse(expression: &str) -> Result<Vec<Part>, ExpressionError> {
    if expression.is_empty() {
        return Err(ExpressionError::Empty);
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = expression;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\$") {
            literal.push('$');
            rest = after;
        } else if c == '$' {
            let (path, after) = variable_path(&rest[1..], expression)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Variable(variable(path)?));
            rest = after;
        } else {
            literal.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// Splits the path of a variable, with or without braces, from what follows it.
fn variable_path<'e>(
    after_dollar: &'e str,
    expression: &str,
) -> Result<(&'e str, &'e str), ExpressionError> {
    let Some(braced) = after_dollar.strip_prefix('{') else {
        return Ok(after_dollar.split_at(path_length(after_dollar)));
    };
    let end = path_length(braced);
    match braced[end..].strip_prefix('}') {
        Some(after) => Ok((&braced[..end], after)),
        None => Err(ExpressionError::syntax(
            expression,
            "a `${` is not closed by `}` after its path",
        )),
    }
}

/// How much of `text` may belong to a path: names, dots, brackets with all that is in them, and
/// functions without arguments.
fn path_length(text: &str) -> usize {
    let mut quote = None;
    let mut brackets = 0;
    let mut escaped = false;
    let mut call = false;
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', Some(_)) => escaped = true,
            (c, Some(open)) => quote = Some(open).filter(|open| *open != c),
            ('\'' | '"', None) if brackets > 0 => quote = Some(c),
            (']', None) if brackets > 0 => brackets -= 1,
            ('[', None) => brackets += 1,
            (_, None) if brackets > 0 => {}
            ('(', None) if text[at..].starts_with("()") => call = true,
            (')', None) if call => call = false,
            ('.' | '_' | '-' | '*', None) => {}
            (c, None) if c.is_alphanumeric() => {}
            _ => return at,
        }
    }
    text.len()
}

fn variable(path: &str) -> Result<Variable, ExpressionError> {
    match path {
        "request.basepath" => return Ok(Variable::RequestBasepath),
        "integration.response.statuscode" => return Ok(Variable::IntegrationStatus),
        _ => {}
    }
    if let Some(below) = path.strip_prefix("request.body") {
        return body_path(below, path).map(Variable::RequestBody);
    }
    if let Some(below) = path.strip_prefix("integration.response.body") {
        return body_path(below, path).map(Variable::IntegrationBody);
    }
    named(
        path,
        &[
            ("request.header.", Variable::RequestHeader),
            ("request.querystring.", Variable::RequestQuerystring),
            ("context.", Variable::Context),
            ("stageVariables.", Variable::StageVariable),
            ("integration.response.header.", Variable::IntegrationHeader),
            (
                "integration.response.multivalueheader.",
                Variable::IntegrationMultiValueHeader,
            ),
        ],
    )
    .ok_or_else(|| ExpressionError::UnknownVariable(path.to_owned()))
}

/// The path below `request.body`.
fn body_path(below: &str, path: &str) -> Result<JsonPath, ExpressionError> {
    if below.is_empty() || below.starts_with(['.', '[']) {
        JsonPath::parse(&format!("${below}"))
    } else {
        Err(ExpressionError::UnknownVariable(path.to_owned()))
    }
}
