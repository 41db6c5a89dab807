//! Expressions, compiled: names are already slots of the row or fields of its event.

use std::sync::Arc;

use super::{event::Event, function::Function, period::Period, value::Value};
use crate::expression::java_regex::{JavaRegex, JavaRegexError};

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    Literal(Value),
    /// What an earlier command made.
    Slot(usize),
    /// A field of the event.
    Field(Arc<str>),
    Negative(Box<Expression>),
    /// Operators of one precedence, from left to right.
    Arithmetic(Box<Expression>, Vec<(Arithmetic, Expression)>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    /// `like`, or `=~`.
    Like(Box<Expression>, Pattern),
    /// `in […]`.
    In(Box<Expression>, Vec<Expression>),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Call(Function, Vec<Expression>),
    /// `datefloor`, `dateceil` or `bin`.
    Round(Box<Expression>, Period, Rounding),
    /// What was aggregated, in the expressions of `stats`.
    Aggregate(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    Down,
    Up,
}

/// What a text must have.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// It contains this.
    Contains(String),
    Regex(JavaRegex),
}

/// A row of results: an event, what commands made of it, and, in `stats`, what was aggregated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'r> {
    pub(super) event: Option<&'r Event>,
    pub(super) slots: &'r [Value],
    pub(super) aggregates: &'r [Value],
    pub(super) now_ms: i64,
}

impl Expression {
    /// The value in a row. A regular expression that takes too long fails.
    pub(super) fn value(&self, row: Scope<'_>) -> Result<Value, JavaRegexError> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Slot(slot) => row.slots[*slot].clone(),
            Self::Aggregate(index) => row.aggregates[*index].clone(),
            Self::Field(name) => match row.event {
                Some(event) => event.field(name),
                None => Value::Null,
            },
            Self::Negative(operand) => {
                let number = operand.value(row)?.as_number();
                number.map_or(Value::Null, |number| Value::number(-number))
            }
            Self::Arithmetic(first, rest) => {
                let mut result = first.value(row)?.as_number();
                for (operator, operand) in rest {
                    let operand = operand.value(row)?.as_number();
                    result = result.zip(operand).map(|(a, b)| operator.apply(a, b));
                }
                result.map_or(Value::Null, Value::number)
            }
            Self::Compare(comparison, one, other) => comparison
                .holds(&one.value(row)?, &other.value(row)?)
                .into(),
            Self::Like(text, pattern) => {
                let text = text.value(row)?;
                (!text.is_null() && pattern.matches(&text.as_text())?).into()
            }
            Self::In(value, elements) => {
                let value = value.value(row)?;
                let mut found = false;
                for element in elements {
                    found |= Comparison::Equal.holds(&value, &element.value(row)?);
                }
                found.into()
            }
            Self::Not(condition) => (!condition.holds(row)?).into(),
            Self::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(row)? {
                        return Ok(false.into());
                    }
                }
                true.into()
            }
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(row)? {
                        return Ok(true.into());
                    }
                }
                false.into()
            }
            Self::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(argument.value(row)?);
                }
                function.call(&values, row.now_ms)
            }
            Self::Round(time, period, rounding) => match (time.value(row)?, rounding) {
                (Value::Time(ms), Rounding::Down) => Value::Time(period.floor(ms)),
                (Value::Time(ms), Rounding::Up) => Value::Time(period.ceil(ms)),
                (value, rounding) => value.as_number().map_or(Value::Null, |ms| {
                    // A number is milliseconds.
                    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
                    let ms = ms as i64;
                    Value::Time(match rounding {
                        Rounding::Down => period.floor(ms),
                        Rounding::Up => period.ceil(ms),
                    })
                }),
            },
        })
    }

    /// Whether a condition holds.
    pub(super) fn holds(&self, row: Scope<'_>) -> Result<bool, JavaRegexError> {
        Ok(self.value(row)?.is_true())
    }
}

impl Arithmetic {
    fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Remainder => a % b,
            Self::Power => a.powf(b),
        }
    }
}

impl Comparison {
    /// Whether it holds. What is not there is only unequal, to everything.
    fn holds(self, one: &Value, other: &Value) -> bool {
        let order = one.compare(other);
        match self {
            Self::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            Self::NotEqual => !order.is_some_and(std::cmp::Ordering::is_eq),
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

impl Pattern {
    fn matches(&self, text: &str) -> Result<bool, JavaRegexError> {
        match self {
            Self::Contains(part) => Ok(text.contains(part)),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}
