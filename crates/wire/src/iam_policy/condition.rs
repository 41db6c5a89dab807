//! `Condition`: operators, keys and values, compiled when the policy is read.

mod date;

use std::{cmp::Ordering, net::IpAddr};

use gatepost_model::network::Network;
use serde_json::{Map, Value};

use self::date::date_ms;
use super::{
    InvalidPolicy, Unsupported,
    keys::{Key, RequestKeys, UnknownHere},
    pattern::{Case, Pattern},
    statement::pattern_of,
};

/// One operator on one key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    key: Key,
    test: Test,
    /// `Not` in the operator's name: no value may match.
    negated: bool,
    /// `IfExists`: a request without the key passes.
    if_exists: bool,
}

/// How a key's value is compared. One of the values must match.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    Text {
        values: Vec<Pattern>,
        case: Case,
    },
    /// Each of the six parts of an ARN by itself.
    Arn(Vec<Vec<Pattern>>),
    Number(Compare, Vec<f64>),
    /// Milliseconds since the epoch.
    Date(Compare, Vec<u64>),
    Bool(Vec<bool>),
    Network(Vec<Network>),
    /// `Null`: whether the key is missing.
    Null(Vec<bool>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl Compare {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "Equals" => Self::Equals,
            "LessThan" => Self::LessThan,
            "LessThanEquals" => Self::LessThanEquals,
            "GreaterThan" => Self::GreaterThan,
            "GreaterThanEquals" => Self::GreaterThanEquals,
            _ => return None,
        })
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equals => order.is_eq(),
            Self::LessThan => order.is_lt(),
            Self::LessThanEquals => order.is_le(),
            Self::GreaterThan => order.is_gt(),
            Self::GreaterThanEquals => order.is_ge(),
        }
    }
}

/// What a condition block says, and what of it is not evaluated here.
pub(super) fn parse(
    block: &Value,
    variables: bool,
    unsupported: &mut Vec<Unsupported>,
) -> Result<Vec<Condition>, InvalidPolicy> {
    let operators = block.as_object().ok_or(InvalidPolicy::Condition)?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        for (key, values) in keys.as_object().ok_or(InvalidPolicy::Condition)? {
            let values = texts(values)?;
            match condition(operator, key, &values, variables) {
                Ok(condition) => conditions.push(condition),
                Err(reason) => unsupported.push(reason),
            }
        }
    }
    Ok(conditions)
}

/// Values are texts, and numbers and booleans are taken for theirs.
fn texts(values: &Value) -> Result<Vec<String>, InvalidPolicy> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(Map { .. }) => Err(InvalidPolicy::Condition),
    };
    match values {
        Value::Array(values) => values.iter().map(text).collect(),
        value => Ok(vec![text(value)?]),
    }
}

fn condition(
    operator: &str,
    key: &str,
    values: &[String],
    variables: bool,
) -> Result<Condition, Unsupported> {
    let (name, if_exists) = match operator.strip_suffix("IfExists") {
        Some(name) => (name, true),
        None => (operator, false),
    };
    let unknown = || Unsupported::Operator(operator.to_owned());
    let invalid = |value: &str| Unsupported::Value {
        operator: operator.to_owned(),
        value: value.to_owned(),
    };
    let all = |parse: &dyn Fn(&str) -> Option<f64>| -> Result<Vec<f64>, Unsupported> {
        let one = |value: &String| parse(value).ok_or_else(|| invalid(value));
        values.iter().map(one).collect()
    };
    let (kind, negated) = negation(name);
    let text = |wildcards, case| {
        let values = values
            .iter()
            .map(|value| pattern_of(value, wildcards, variables))
            .collect::<Result<_, _>>()?;
        Ok(Test::Text { values, case })
    };
    let test = match kind {
        "StringEquals" => text(false, Case::Matters)?,
        "StringEqualsIgnoreCase" => text(false, Case::Ignored)?,
        "StringLike" => text(true, Case::Matters)?,
        "ArnEquals" | "ArnLike" => Test::Arn(
            values
                .iter()
                .map(|arn| arn_parts(arn, variables))
                .collect::<Result<_, _>>()?,
        ),
        "Bool" => Test::Bool(booleans(values, &invalid)?),
        "Null" if !if_exists => Test::Null(booleans(values, &invalid)?),
        "IpAddress" => {
            let network = |value: &String| value.parse::<Network>().map_err(|_| invalid(value));
            Test::Network(values.iter().map(network).collect::<Result<_, _>>()?)
        }
        kind => match (kind.strip_prefix("Numeric"), kind.strip_prefix("Date")) {
            (Some(compare), _) => Test::Number(
                Compare::parse(compare).ok_or_else(unknown)?,
                all(&|value| value.parse().ok().filter(|number: &f64| number.is_finite()))?,
            ),
            (_, Some(compare)) => {
                let date = |value: &String| date_ms(value).ok_or_else(|| invalid(value));
                Test::Date(
                    Compare::parse(compare).ok_or_else(unknown)?,
                    values.iter().map(date).collect::<Result<_, _>>()?,
                )
            }
            (None, None) => return Err(unknown()),
        },
    };
    Ok(Condition {
        key: Key::parse(key).ok_or_else(|| Unsupported::Key(key.to_owned()))?,
        test,
        negated,
        if_exists,
    })
}

/// The operator without its `Not`: `StringNotLike` is `StringLike`, `NotIpAddress` is `IpAddress`.
fn negation(operator: &str) -> (&str, bool) {
    match operator {
        "StringNotEquals" => ("StringEquals", true),
        "StringNotEqualsIgnoreCase" => ("StringEqualsIgnoreCase", true),
        "StringNotLike" => ("StringLike", true),
        "ArnNotEquals" => ("ArnEquals", true),
        "ArnNotLike" => ("ArnLike", true),
        "NumericNotEquals" => ("NumericEquals", true),
        "DateNotEquals" => ("DateEquals", true),
        "NotIpAddress" => ("IpAddress", true),
        operator => (operator, false),
    }
}

fn booleans(
    values: &[String],
    invalid: &dyn Fn(&str) -> Unsupported,
) -> Result<Vec<bool>, Unsupported> {
    values
        .iter()
        .map(|value| match value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(invalid(value)),
        })
        .collect()
}

/// The six parts of an ARN; a colon in a variable's name parts nothing.
fn arn_parts(arn: &str, variables: bool) -> Result<Vec<Pattern>, Unsupported> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut in_variable = false;
    for (at, c) in arn.char_indices() {
        match c {
            '{' if arn[..at].ends_with('$') => in_variable = true,
            '}' => in_variable = false,
            ':' if !in_variable && parts.len() < 5 => {
                parts.push(pattern_of(&arn[start..at], true, variables)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(pattern_of(&arn[start..], true, variables)?);
    Ok(parts)
}

fn is_arn(value: &str) -> bool {
    value.starts_with("arn:") && value.matches(':').count() >= 5
}

impl Condition {
    /// Whether the condition holds for a request.
    pub(super) fn holds(&self, keys: &RequestKeys<'_>) -> Result<bool, UnknownHere> {
        let value = keys.value(self.key)?;
        if let Test::Null(expected) = &self.test {
            return Ok(expected.contains(&value.is_none()));
        }
        match value {
            // A negated operator holds for a request without the key.
            None => Ok(self.if_exists || self.negated),
            Some(value) => Ok(self.test.matches(&value, keys)? != self.negated),
        }
    }
}

impl Test {
    fn matches(&self, value: &str, keys: &RequestKeys<'_>) -> Result<bool, UnknownHere> {
        let like = |pattern: &Pattern, text: &str, case| {
            pattern.matches(text, keys, case).ok_or(UnknownHere)
        };
        Ok(match self {
            Self::Text { values, case } => {
                let mut any = false;
                for pattern in values {
                    any |= like(pattern, value, *case)?;
                }
                any
            }
            Self::Arn(arns) => {
                let parts: Vec<&str> = value.splitn(6, ':').collect();
                let mut any = false;
                for arn in arns {
                    // `*` alone is any ARN.
                    let parts = if arn.len() == 1 { &[value][..] } else { &parts };
                    let mut all = arn.len() == parts.len() && is_arn(value);
                    for (pattern, part) in arn.iter().zip(parts) {
                        all &= like(pattern, part, Case::Matters)?;
                    }
                    any |= all;
                }
                any
            }
            Self::Number(compare, values) => value.parse::<f64>().is_ok_and(|number| {
                let mut orders = values.iter().filter_map(|value| number.partial_cmp(value));
                orders.any(|order| compare.holds(order))
            }),
            Self::Date(compare, values) => date_ms(value)
                .is_some_and(|date| values.iter().any(|value| compare.holds(date.cmp(value)))),
            Self::Bool(values) => values.iter().any(|wanted| value == wanted.to_string()),
            Self::Network(networks) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| networks.iter().any(|network| network.contains(address))),
            Self::Null(_) => false,
        })
    }
}
