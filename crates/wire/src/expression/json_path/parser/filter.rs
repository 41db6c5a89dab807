//! Filters: from the weakest operator, `||`, to a single operand.

use super::Parser;
use crate::expression::{
    ExpressionError,
    java_regex::JavaRegex,
    json_path::filter::{Filter, Literal, Operand, Operator},
    number::Number,
};

/// The operators, each before those that it begins with.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

const WORD_OPERATORS: [(&str, Operator); 8] = [
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("subsetof", Operator::SubsetOf),
];

impl Parser<'_> {
    pub(super) fn filter(&mut self) -> Result<Filter, ExpressionError> {
        self.depth += 1;
        self.check_depth()?;
        let mut any = vec![self.conjunction()?];
        while self.take("||") {
            any.push(self.conjunction()?);
        }
        self.depth -= 1;
        Ok(if any.len() == 1 {
            any.remove(0)
        } else {
            Filter::Any(any)
        })
    }

    fn conjunction(&mut self) -> Result<Filter, ExpressionError> {
        let mut all = vec![self.condition()?];
        while self.take("&&") {
            all.push(self.condition()?);
        }
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Filter::All(all)
        })
    }

    fn condition(&mut self) -> Result<Filter, ExpressionError> {
        self.skip_spaces();
        let condition = if self.take("!") {
            self.depth += 1;
            self.check_depth()?;
            let negated = self.condition()?;
            self.depth -= 1;
            Filter::Not(Box::new(negated))
        } else if self.take("(") {
            let inner = self.filter()?;
            if !self.take(")") {
                return Err(self.error("a `(` of a filter is not closed"));
            }
            inner
        } else {
            self.comparison()?
        };
        self.skip_spaces();
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Filter, ExpressionError> {
        let left = self.operand()?;
        self.skip_spaces();
        if self.take("=~") {
            self.skip_spaces();
            let regex = self.regex()?;
            return Ok(Filter::Matches(left, regex));
        }
        let symbol = OPERATORS.into_iter().find(|(symbol, _)| self.take(symbol));
        let operator = if let Some((_, operator)) = symbol {
            operator
        } else {
            let end = self.rest.find(|c: char| !c.is_ascii_alphabetic());
            let word = &self.rest[..end.unwrap_or(self.rest.len())];
            let known = WORD_OPERATORS.into_iter().find(|(name, _)| *name == word);
            match (known, &left) {
                (Some((_, operator)), _) => {
                    self.rest = &self.rest[word.len()..];
                    operator
                }
                (None, Operand::Here(_) | Operand::Root(_)) if word.is_empty() => {
                    return Ok(Filter::Exists(left));
                }
                (None, _) if word.is_empty() => {
                    return Err(self.error("expected an operator such as `==` in a filter"));
                }
                (None, _) => {
                    let problem = format!("the operator `{word}` is not supported in filters");
                    return Err(self.error(problem));
                }
            }
        };
        self.skip_spaces();
        Ok(Filter::Compare(left, operator, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, ExpressionError> {
        self.skip_spaces();
        if self.rest.starts_with('@') {
            return self.json_path().map(Operand::Here);
        }
        if self.rest.starts_with('$') {
            return self.json_path().map(Operand::Root);
        }
        if !self.take("[") {
            return self.literal().map(Operand::Literal);
        }
        let mut literals = Vec::new();
        self.skip_spaces();
        if self.take("]") {
            return Ok(Operand::List(literals));
        }
        loop {
            self.skip_spaces();
            literals.push(self.literal()?);
            self.skip_spaces();
            if self.take("]") {
                return Ok(Operand::List(literals));
            }
            if !self.take(",") {
                return Err(self.error("expected `,` or `]` in a list of a filter"));
            }
        }
    }

    pub(super) fn literal(&mut self) -> Result<Literal, ExpressionError> {
        if self.rest.starts_with(['\'', '"']) {
            return self.quoted().map(Literal::Text);
        }
        let is_end = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '+' | '-' | '_');
        let word = &self.rest[..self.rest.find(is_end).unwrap_or(self.rest.len())];
        let literal = match word {
            "null" => Literal::Null,
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            number => match Number::of_text(number) {
                Some(number) => Literal::Number(number),
                None => {
                    return Err(self.error(
                        "expected a path, a number, a quoted text, `true`, `false` or `null`",
                    ));
                }
            },
        };
        self.rest = &self.rest[word.len()..];
        Ok(literal)
    }

    /// `/pattern/` with the flags of Java's that are known here.
    fn regex(&mut self) -> Result<JavaRegex, ExpressionError> {
        if !self.take("/") {
            return Err(self.error("expected `/pattern/` after `=~`"));
        }
        let mut end = None;
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match c {
                '/' if !escaped => {
                    end = Some(at);
                    break;
                }
                c => escaped = c == '\\' && !escaped,
            }
        }
        let Some(end) = end else {
            return Err(self.error("a `/pattern/` is not closed"));
        };
        let pattern = &self.rest[..end];
        let flags_and_rest = &self.rest[end + 1..];
        let flags_end = flags_and_rest.find(|c: char| !c.is_ascii_alphabetic());
        let flags = &flags_and_rest[..flags_end.unwrap_or(flags_and_rest.len())];
        let with_flags = if flags.is_empty() {
            pattern.to_owned()
        } else {
            format!("(?{flags}){pattern}")
        };
        let regex =
            JavaRegex::whole(&with_flags).map_err(|problem| self.error(problem.to_string()))?;
        self.rest = &flags_and_rest[flags.len()..];
        Ok(regex)
    }
}
