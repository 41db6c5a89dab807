//! The small languages in which routes and integrations pick values: `JSONPath`, selection
//! expressions and parameter mappings.

pub mod java_regex;
mod java_text;
pub mod json_path;
pub(crate) mod number;
pub mod parameter_mapping;
pub mod selection;

pub use java_text::to_java_string;

/// Why an expression cannot be used, with the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// The expression is empty.
    #[error("the expression is empty; write a variable such as `$request.body.action`")]
    Empty,
    /// The expression breaks its grammar.
    #[error("`{expression}`: {problem}")]
    Syntax {
        /// The whole expression.
        expression: String,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// A variable that does not exist.
    #[error(
        "`{0}` is no variable; write a literal `$` as `\\$`, or one of `request.body.…`, \
         `request.header.…`, `request.querystring.…`, `request.basepath`, `context.…`, \
         `stageVariables.…`, `integration.response.…`"
    )]
    UnknownVariable(String),
    /// A mapping target that does not exist.
    #[error(
        "`{0}` is no mapping target; write `integration.request.header.NAME`, \
         `integration.request.querystring.NAME` or `integration.request.path.NAME`"
    )]
    UnknownTarget(String),
    /// A mapping target that would change how the request is framed or routed.
    #[error(
        "header `{0}` belongs to the connection to the backend and cannot be mapped; choose \
         another name (`Host` may have a static value or a stage variable)"
    )]
    ForbiddenHeader(String),
    /// A mapping source that does not exist.
    #[error(
        "`{0}` is no mapping source; write `route.request.body.…`, `route.request.header.…`, \
         `route.request.querystring.…`, `context.…`, `stageVariables.…` or a text in single \
         quotes"
    )]
    UnknownSource(String),
}

impl ExpressionError {
    fn syntax(expression: &str, problem: impl Into<String>) -> Self {
        Self::Syntax {
            expression: expression.to_owned(),
            problem: problem.into(),
        }
    }
}

/// Makes a variable of the name that follows its prefix.
type FromName<T> = fn(String) -> T;

/// What `kinds` make of `PREFIX.NAME`: each pairs a prefix with what is made of the name after it.
fn named<T>(text: &str, kinds: &[(&str, FromName<T>)]) -> Option<T> {
    kinds.iter().find_map(|(prefix, make)| {
        let name = text.strip_prefix(prefix)?;
        is_parameter_name(name).then(|| make(name.to_owned()))
    })
}

/// `^[a-zA-Z0-9._$-]+$`, as AWS demands of names in mappings.
fn is_parameter_name(name: &str) -> bool {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b"._$-".contains(&c);
    !name.is_empty() && name.bytes().all(is_allowed)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    /// JSON of all kinds, a few levels deep.
    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[ab]", inner), 0..4).prop_map(Value::from_iter),
            ]
        })
    }
}
