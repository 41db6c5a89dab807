//! A compiled query.

use std::sync::Arc;

use super::{
    MalformedQuery, aggregate::Aggregate, expression::Expression, extraction::Extraction, parser,
};

/// A compiled query.
#[derive(Debug, Clone)]
pub struct Query {
    pub(super) operators: Vec<Operator>,
    /// What each row of the result shows.
    pub(super) columns: Vec<Column>,
    /// How many slots a row has that comes from an event.
    pub(super) slots: usize,
}

/// What is done with rows, one after the other.
#[derive(Debug, Clone)]
pub(super) enum Operator {
    Filter(Expression),
    /// Sets a slot.
    Assign(usize, Expression),
    /// Takes pieces of a text into slots.
    Extract {
        from: Expression,
        extraction: Box<Extraction>,
        slots: Vec<usize>,
    },
    Stats(Stats),
    /// By what, and whether the greatest comes first.
    Sort(Vec<(Expression, bool)>),
    Limit(usize),
    Dedup(Vec<Expression>),
}

/// `stats`: makes a row of each group, whose slots are what is shown and then the keys.
#[derive(Debug, Clone)]
pub(super) struct Stats {
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) shown: Vec<Expression>,
    pub(super) keys: Vec<Expression>,
    /// All slots of the new rows.
    pub(super) slots: usize,
}

/// A field of the result.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: Arc<str>,
    pub(super) value: Expression,
}

impl Query {
    /// Compiles a query.
    pub fn parse(query: &str) -> Result<Self, MalformedQuery> {
        parser::parse(query)
    }
}
