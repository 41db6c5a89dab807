//! Expressions to values, with Velocity's operators.

use std::cmp::Ordering;

use super::{
    document::ITEM_BYTES,
    problem::Problem,
    render::{Outcome, Renderer},
    syntax::{Expression, Operator},
    value::{Map, Value},
};
use crate::expression::number::Number;

/// How deeply lists and maps are compared.
const MAX_DEPTH: usize = 64;

impl<'a> Renderer<'a> {
    pub(super) fn evaluate(&mut self, expression: &'a Expression) -> Outcome<Value<'a>> {
        self.budget.steps(1)?;
        Ok(match expression {
            Expression::Text(text) => Value::Text(super::value::Text::Borrowed(text)),
            Expression::Number(number) => Value::Number(*number),
            Expression::Bool(flag) => Value::Bool(*flag),
            Expression::Reference(reference) => return self.reference(reference),
            Expression::Not(negated) => Value::Bool(!self.is_true(negated)?),
            Expression::Chain(chain) => return self.deeper(|this| this.chain(&chain.0, &chain.1)),
            Expression::Interpolated(nodes) => {
                let text = self.deeper(|this| this.captured(|this| this.nodes(nodes)))?;
                Value::Text(text)
            }
            Expression::Range(ends) => return self.deeper(|this| this.range(&ends.0, &ends.1)),
            Expression::List(items) => return self.deeper(|this| this.list_literal(items)),
            Expression::Map(members) => return self.deeper(|this| this.map_literal(members)),
        })
    }

    /// Truth as Velocity sees it: everything but `false` and nothing.
    pub(super) fn is_true(&mut self, expression: &'a Expression) -> Outcome<bool> {
        Ok(match self.evaluate(expression)? {
            Value::Null => false,
            Value::Bool(flag) => flag,
            _ => true,
        })
    }

    fn list_literal(&mut self, items: &'a [Expression]) -> Outcome<Value<'a>> {
        self.budget.memory(items.len() * ITEM_BYTES)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.evaluate(item)?);
        }
        Ok(Value::List(self.heap.add_list(values)))
    }

    fn map_literal(&mut self, members: &'a [(Expression, Expression)]) -> Outcome<Value<'a>> {
        let mut map = Map::default();
        for (key, value) in members {
            let key = self.evaluate(key)?;
            let value = self.evaluate(value)?;
            let key = self.key(&key)?;
            self.pay_member()?;
            map.0.insert(key, value);
        }
        Ok(Value::Map(self.heap.add_map(map)))
    }

    /// Every whole number from the one to the other, upwards or downwards.
    fn range(&mut self, first: &'a Expression, last: &'a Expression) -> Outcome<Value<'a>> {
        let (Value::Number(Number::Whole(first)), Value::Number(Number::Whole(last))) =
            (self.evaluate(first)?, self.evaluate(last)?)
        else {
            return Ok(Value::Null);
        };
        let length =
            usize::try_from(first.abs_diff(last)).map_or(usize::MAX, |l| l.saturating_add(1));
        self.budget.memory(length.saturating_mul(ITEM_BYTES))?;
        let number = |whole| Value::Number(Number::Whole(whole));
        let items = if first <= last {
            (first..=last).map(number).collect()
        } else {
            (last..=first).rev().map(number).collect()
        };
        Ok(Value::List(self.heap.add_list(items)))
    }

    fn chain(
        &mut self,
        first: &'a Expression,
        others: &'a [(Operator, Expression)],
    ) -> Outcome<Value<'a>> {
        // All operators of a chain have one precedence: `||` and `&&` have one each.
        if let Some((operator @ (Operator::Or | Operator::And), _)) = others.first() {
            let decides = *operator == Operator::Or;
            let mut flag = self.is_true(first)?;
            for (_, operand) in others {
                if flag == decides {
                    break;
                }
                flag = self.is_true(operand)?;
            }
            return Ok(Value::Bool(flag));
        }
        let mut value = self.evaluate(first)?;
        let mut source = first;
        for (operator, operand) in others {
            let right = self.evaluate(operand)?;
            value = self.operate(*operator, (value, source), (right, operand))?;
            source = operand;
        }
        Ok(value)
    }

    fn operate(
        &mut self,
        operator: Operator,
        (left, left_source): (Value<'a>, &'a Expression),
        (right, right_source): (Value<'a>, &'a Expression),
    ) -> Outcome<Value<'a>> {
        self.budget.steps(1)?;
        let order = match (&left, &right) {
            (Value::Number(left), Value::Number(right)) => left.compare(*right),
            // Velocity orders numbers only.
            _ => None,
        };
        Ok(match operator {
            Operator::Equal => Value::Bool(self.are_equal(&left, &right)?),
            Operator::NotEqual => Value::Bool(!self.are_equal(&left, &right)?),
            Operator::Less => Value::Bool(order == Some(Ordering::Less)),
            Operator::LessOrEqual => Value::Bool(order.is_some_and(Ordering::is_le)),
            Operator::Greater => Value::Bool(order == Some(Ordering::Greater)),
            Operator::GreaterOrEqual => Value::Bool(order.is_some_and(Ordering::is_ge)),
            Operator::Add => match (&left, &right) {
                (Value::Number(left), Value::Number(right)) => calculate(operator, *left, *right)?,
                (Value::Text(_), _) | (_, Value::Text(_)) => {
                    let text = self.captured(|this| {
                        this.push_operand(&left, left_source)?;
                        this.push_operand(&right, right_source)
                    })?;
                    Value::Text(text)
                }
                _ => Value::Null,
            },
            _ => match (&left, &right) {
                (Value::Number(left), Value::Number(right)) => calculate(operator, *left, *right)?,
                _ => Value::Null,
            },
        })
    }

    /// An operand that is joined to a text: without a value as its source, like anywhere.
    fn push_operand(&mut self, value: &Value<'a>, source: &'a Expression) -> Outcome<()> {
        match (value, source) {
            (Value::Null, Expression::Reference(reference)) if !reference.is_quiet => {
                self.push(&reference.source)
            }
            (value, _) => self.print(value),
        }
    }

    /// Equality as Velocity has it: of numbers by value, of other kinds with each other by text.
    pub(super) fn are_equal(&mut self, left: &Value<'a>, right: &Value<'a>) -> Outcome<bool> {
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Null, _) | (_, Value::Null) => false,
            (Value::Text(left), Value::Text(right)) => {
                self.budget.bytes(left.len().min(right.len()))?;
                left == right
            }
            (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => {
                self.same(left, right, MAX_DEPTH)?
            }
            (left, right) if is_one_kind(left, right) => self.same(left, right, MAX_DEPTH)?,
            (left, right) => self.text_of(left)? == self.text_of(right)?,
        })
    }

    /// `equals`: the same kind and the same content.
    pub(super) fn same(
        &mut self,
        left: &Value<'a>,
        right: &Value<'a>,
        depth_left: usize,
    ) -> Outcome<bool> {
        self.budget.steps(1)?;
        if depth_left == 0 {
            return Err(Problem::TooDeep.into());
        }
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => {
                left.compare(*right) == Some(Ordering::Equal)
            }
            (Value::Text(left), Value::Text(right)) => {
                self.budget.bytes(left.len().min(right.len()))?;
                left == right
            }
            (Value::List(left), Value::List(right)) => {
                if left == right {
                    return Ok(true);
                }
                let length = self.heap.list(*left).len();
                if length != self.heap.list(*right).len() {
                    return Ok(false);
                }
                for index in 0..length {
                    let one = self.heap.list(*left)[index].clone();
                    let other = self.heap.list(*right)[index].clone();
                    if !self.same(&one, &other, depth_left - 1)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Map(left), Value::Map(right)) => {
                if left == right {
                    return Ok(true);
                }
                let length = self.heap.map(*left).0.len();
                if length != self.heap.map(*right).0.len() {
                    return Ok(false);
                }
                for index in 0..length {
                    let Some((key, one)) = self.heap.map(*left).0.get_index(index) else {
                        return Ok(false);
                    };
                    let one = one.clone();
                    let Some(other) = self.heap.map(*right).0.get(key).cloned() else {
                        return Ok(false);
                    };
                    if !self.same(&one, &other, depth_left - 1)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Entry(left), Value::Entry(right)) => left == right,
            (Value::Loop(left), Value::Loop(right)) => left == right,
            (Value::Host(left), Value::Host(right)) => left == right,
            _ => false,
        })
    }
}

fn is_one_kind(left: &Value<'_>, right: &Value<'_>) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// Arithmetic: of whole numbers it stays whole, by cutting; by zero there is no result.
fn calculate(operator: Operator, left: Number, right: Number) -> Result<Value<'static>, Problem> {
    let number = match (left, right) {
        (Number::Whole(left), Number::Whole(right)) => {
            if right == 0 && matches!(operator, Operator::Divide | Operator::Remainder) {
                return Ok(Value::Null);
            }
            let result = match operator {
                Operator::Add => left.checked_add(right),
                Operator::Subtract => left.checked_sub(right),
                Operator::Multiply => left.checked_mul(right),
                Operator::Divide => left.checked_div(right),
                _ => left.checked_rem(right),
            };
            let too_large = || Problem::method("arithmetic", "a number is too large");
            Number::Whole(result.ok_or_else(too_large)?)
        }
        (left, right) => {
            let (left, right) = (left.as_f64(), right.as_f64());
            if right == 0.0 && matches!(operator, Operator::Divide | Operator::Remainder) {
                return Ok(Value::Null);
            }
            Number::Double(match operator {
                Operator::Add => left + right,
                Operator::Subtract => left - right,
                Operator::Multiply => left * right,
                Operator::Divide => left / right,
                _ => left % right,
            })
        }
    };
    Ok(Value::Number(number))
}
