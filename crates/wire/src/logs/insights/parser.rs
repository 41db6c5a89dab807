//! From the text of a query to its operators.

mod commands;
mod expressions;

use std::{ops::Range, sync::Arc};

use super::{
    MAX_CHARACTERS, MalformedQuery,
    aggregate::Aggregate,
    expression::Expression,
    lexer::{Lexer, Token},
    query::{Column, Query},
};
use crate::expression::java_regex::JavaRegexError;

/// How deeply expressions may nest.
const MAX_DEPTH: usize = 32;
/// What commands may make for a row, and fields of the result.
const MAX_NAMES: usize = 200;

pub(super) fn parse(query: &str) -> Result<Query, MalformedQuery> {
    let mut lexer = Lexer::new(query);
    if query.chars().nth(MAX_CHARACTERS).is_some() {
        let message = format!("the query has more than {MAX_CHARACTERS} characters");
        return Err(lexer.malformed(message, 0..query.len()));
    }
    let (token, range) = lexer.next()?;
    let parser = Parser {
        lexer,
        token,
        range,
        end: 0,
        names: Names::default(),
        grouping: None,
        depth: 0,
    };
    parser.query()
}

/// What a name means at a place of the query.
#[derive(Default)]
struct Names {
    /// What commands made: slots of the row.
    slots: Vec<Arc<str>>,
    /// Whether rows are those of `stats`: then nothing else has a name.
    is_behind_stats: bool,
}

/// The `stats` whose expressions are read.
struct Grouping {
    aggregates: Vec<Aggregate>,
    /// What names mean in the rows that are aggregated.
    row_names: Names,
}

impl Names {
    fn behind_stats() -> Self {
        Self {
            slots: Vec::new(),
            is_behind_stats: true,
        }
    }

    fn find(&self, name: &str) -> Option<Expression> {
        let slot = self.slots.iter().position(|known| &**known == name);
        slot.map(Expression::Slot)
    }
}

struct Parser<'q> {
    lexer: Lexer<'q>,
    /// The next word, and where it is.
    token: Token,
    range: Range<usize>,
    /// Where the word before ends.
    end: usize,
    names: Names,
    grouping: Option<Grouping>,
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, MalformedQuery> {
        let (token, range) = self.lexer.next()?;
        self.end = self.range.end;
        self.range = range;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn unexpected(&self) -> MalformedQuery {
        self.lexer.unexpected(self.range.clone())
    }

    fn take_symbol(&mut self, symbol: &str) -> Result<bool, MalformedQuery> {
        let is_there = matches!(self.token, Token::Symbol(next) if next == symbol);
        if is_there {
            self.advance()?;
        }
        Ok(is_there)
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), MalformedQuery> {
        if self.take_symbol(symbol)? {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn take_keyword(&mut self, keyword: &str) -> Result<bool, MalformedQuery> {
        let is_there = self.token.is(keyword);
        if is_there {
            self.advance()?;
        }
        Ok(is_there)
    }

    /// A name that is given, behind `as`.
    fn new_name(&mut self) -> Result<String, MalformedQuery> {
        if let Token::Name(name) | Token::Quoted(name) = &self.token {
            let name = name.clone();
            self.advance()?;
            return Ok(name);
        }
        Err(self.unexpected())
    }

    /// A new slot of the row.
    fn add_slot(&mut self, name: &str, range: Range<usize>) -> Result<usize, MalformedQuery> {
        if self.names.slots.iter().any(|known| &**known == name) {
            let message = format!("Ephemeral field is already defined: {name}");
            return Err(self.lexer.malformed(message, range));
        }
        if self.names.slots.len() == MAX_NAMES {
            let message = format!("the query makes more than {MAX_NAMES} fields");
            return Err(self.lexer.malformed(message, range));
        }
        self.names.slots.push(name.into());
        Ok(self.names.slots.len() - 1)
    }

    /// What a name means here.
    fn field(&self, name: &str, range: Range<usize>) -> Result<Expression, MalformedQuery> {
        if let Some(slot) = self.names.find(name) {
            return Ok(slot);
        }
        if self.names.is_behind_stats {
            let message = format!("Unknown symbols found in or after stats: {name}");
            return Err(self.lexer.malformed(message, range));
        }
        Ok(Expression::Field(name.into()))
    }

    fn regex_error(&self, error: &JavaRegexError, range: Range<usize>) -> MalformedQuery {
        self.lexer.malformed(error, range)
    }
}

/// `column`, once.
fn show(columns: &mut Vec<Column>, column: Column) {
    if columns.len() < MAX_NAMES && !columns.iter().any(|shown| shown.name == column.name) {
        columns.push(column);
    }
}
