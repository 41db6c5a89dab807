//! Expressions: `or`, `and`, `not`, comparisons, sums, products, powers, signs, in this order.

use super::{MAX_DEPTH, Parser};
use crate::{
    expression::java_regex::JavaRegex,
    logs::insights::{
        MalformedQuery,
        aggregate::{Aggregate, Kind},
        expression::{Arithmetic, Comparison, Expression, Pattern, Rounding},
        function::Function,
        lexer::Token,
        value::Value,
    },
};

type Parsed = Result<Expression, MalformedQuery>;

/// Operators of one precedence.
type Operators = [(&'static str, Arithmetic)];
const SUMS: &Operators = &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)];
const PRODUCTS: &Operators = &[
    ("*", Arithmetic::Multiply),
    ("/", Arithmetic::Divide),
    ("%", Arithmetic::Remainder),
];

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed {
        let mut conditions = vec![self.all()?];
        while self.take_keyword("or")? {
            conditions.push(self.all()?);
        }
        Ok(one_or(conditions, Expression::Any))
    }

    fn all(&mut self) -> Parsed {
        let mut conditions = vec![self.negation()?];
        while self.take_keyword("and")? {
            conditions.push(self.negation()?);
        }
        Ok(one_or(conditions, Expression::All))
    }

    fn negation(&mut self) -> Parsed {
        if self.take_keyword("not")? {
            let condition = self.nested(Self::negation)?;
            return Ok(not(condition));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.sum()?;
        let comparison = match self.token {
            Token::Symbol("=") => Comparison::Equal,
            Token::Symbol("!=") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            Token::Symbol("=~") => return self.like(left),
            Token::Name(_) => return self.comparison_in_words(left),
            _ => return Ok(left),
        };
        self.advance()?;
        let right = self.sum()?;
        Ok(Expression::Compare(comparison, left.into(), right.into()))
    }

    /// `like`, `in`, and both behind `not`.
    fn comparison_in_words(&mut self, left: Expression) -> Parsed {
        let is_negated = self.take_keyword("not")?;
        let condition = if self.token.is("like") {
            self.like(left)?
        } else if self.token.is("in") {
            self.elements(left)?
        } else if is_negated {
            return Err(self.unexpected());
        } else {
            return Ok(left);
        };
        Ok(if is_negated {
            not(condition)
        } else {
            condition
        })
    }

    /// What stands behind `like` or `=~`, which is the next word: a text or a regular expression.
    fn like(&mut self, left: Expression) -> Parsed {
        if let Some((source, range)) = self.lexer.regex()? {
            let regex = JavaRegex::new(&source).map_err(|e| self.regex_error(&e, range))?;
            self.advance()?;
            return Ok(Expression::Like(left.into(), Pattern::Regex(regex)));
        }
        self.advance()?;
        let Token::Text(text) = &self.token else {
            return Err(self.unexpected());
        };
        let pattern = Pattern::Contains(text.clone());
        self.advance()?;
        Ok(Expression::Like(left.into(), pattern))
    }

    /// `in [300, 400]`.
    fn elements(&mut self, left: Expression) -> Parsed {
        self.advance()?;
        self.expect_symbol("[")?;
        let mut elements = Vec::new();
        loop {
            elements.push(self.sum()?);
            if !self.take_symbol(",")? {
                break;
            }
        }
        self.expect_symbol("]")?;
        Ok(Expression::In(left.into(), elements))
    }

    fn sum(&mut self) -> Parsed {
        self.chain(SUMS, Self::product)
    }

    fn product(&mut self) -> Parsed {
        self.chain(PRODUCTS, Self::power)
    }

    fn chain(&mut self, operators: &Operators, operand: fn(&mut Self) -> Parsed) -> Parsed {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Token::Symbol(symbol) = self.token
            && let Some((_, operator)) = operators.iter().find(|(known, _)| *known == symbol)
        {
            self.advance()?;
            rest.push((*operator, operand(self)?));
        }
        Ok(if rest.is_empty() {
            first
        } else {
            Expression::Arithmetic(first.into(), rest)
        })
    }

    fn power(&mut self) -> Parsed {
        let base = self.sign()?;
        if !self.take_symbol("^")? {
            return Ok(base);
        }
        let exponent = self.nested(Self::power)?;
        let rest = vec![(Arithmetic::Power, exponent)];
        Ok(Expression::Arithmetic(base.into(), rest))
    }

    fn sign(&mut self) -> Parsed {
        if self.take_symbol("-")? {
            let operand = self.nested(Self::sign)?;
            return Ok(Expression::Negative(operand.into()));
        }
        self.operand()
    }

    fn operand(&mut self) -> Parsed {
        let range = self.range.clone();
        match self.token.clone() {
            Token::Number(number) => {
                self.advance()?;
                Ok(Expression::Literal(Value::number(number)))
            }
            Token::Text(text) => {
                self.advance()?;
                Ok(Expression::Literal(Value::text(text)))
            }
            Token::Symbol("(") => {
                self.advance()?;
                let inside = self.nested(Self::expression)?;
                self.expect_symbol(")")?;
                Ok(inside)
            }
            Token::Quoted(name) => {
                self.advance()?;
                self.field(&name, range)
            }
            Token::Name(name) => {
                self.advance()?;
                if self.take_symbol("(")? {
                    return self.nested(|parser| parser.call(&name, range));
                }
                match name.to_ascii_lowercase().as_str() {
                    "true" => Ok(Expression::Literal(true.into())),
                    "false" => Ok(Expression::Literal(false.into())),
                    // Where an operand is missing.
                    "and" | "or" | "by" | "as" | "like" | "in" => Err(self.lexer.unexpected(range)),
                    _ => self.field(&name, range),
                }
            }
            Token::Period(_) | Token::Symbol(_) | Token::End => Err(self.unexpected()),
        }
    }

    /// A call, behind its parenthesis.
    fn call(&mut self, name: &str, range: std::ops::Range<usize>) -> Parsed {
        if let Some(kind) = Kind::named(name) {
            return self.aggregate(kind, range);
        }
        let rounding = match name.to_ascii_lowercase().as_str() {
            "bin" => {
                let time = self.field("@timestamp", range)?;
                return self.rounded(time, Rounding::Down);
            }
            "datefloor" => Some(Rounding::Down),
            "dateceil" => Some(Rounding::Up),
            _ => None,
        };
        if let Some(rounding) = rounding {
            let time = self.expression()?;
            self.expect_symbol(",")?;
            return self.rounded(time, rounding);
        }
        let Some(function) = Function::named(name) else {
            return Err(self.lexer.unexpected(range));
        };
        let mut arguments = Vec::new();
        if !self.take_symbol(")")? {
            loop {
                arguments.push(self.expression()?);
                if !self.take_symbol(",")? {
                    break;
                }
            }
            self.expect_symbol(")")?;
        }
        if !function.takes(arguments.len()) {
            let message = format!("{name} does not take {} arguments", arguments.len());
            return Err(self.lexer.malformed(message, range.start..self.end));
        }
        Ok(Expression::Call(function, arguments))
    }

    /// A period and a parenthesis.
    fn rounded(&mut self, time: Expression, rounding: Rounding) -> Parsed {
        let Token::Period(period) = self.token else {
            return Err(self.unexpected());
        };
        self.advance()?;
        self.expect_symbol(")")?;
        Ok(Expression::Round(time.into(), period, rounding))
    }

    fn aggregate(&mut self, mut kind: Kind, range: std::ops::Range<usize>) -> Parsed {
        // Only in `stats`, and not within another.
        let Some(mut grouping) = self.grouping.take() else {
            return Err(self.lexer.unexpected(range));
        };
        std::mem::swap(&mut self.names, &mut grouping.row_names);
        let counts_all =
            kind == Kind::Count && (self.take_symbol("*")? || self.token == Token::Symbol(")"));
        let argument = if counts_all {
            None
        } else {
            Some(self.expression()?)
        };
        if let Kind::Percentile(percentage) = &mut kind {
            self.expect_symbol(",")?;
            *percentage = match self.token {
                Token::Number(number) if (0.0..=100.0).contains(&number) => number,
                _ => return Err(self.unexpected()),
            };
            self.advance()?;
        }
        self.expect_symbol(")")?;
        std::mem::swap(&mut self.names, &mut grouping.row_names);
        grouping.aggregates.push(Aggregate { kind, argument });
        let index = grouping.aggregates.len() - 1;
        self.grouping = Some(grouping);
        Ok(Expression::Aggregate(index))
    }

    /// One level deeper.
    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth == MAX_DEPTH {
            return Err(self.unexpected());
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

fn one_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn not(condition: Expression) -> Expression {
    Expression::Not(condition.into())
}
