//! Carrying out a query: events go in, the newest first, and rows come out.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::{
    aggregate::State,
    event::Event,
    expression::{Expression, Scope},
    query::{Operator, Query, Stats},
    value::Value,
};
use crate::expression::java_regex::JavaRegexError;

/// What a query may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows of the result.
    pub rows: usize,
    /// Bytes of what is held until the end.
    pub memory: usize,
}

/// Why a query was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// Too much is held until the end.
    #[error("the query needs more than {0} bytes of memory; narrow its time or its filter")]
    Memory(usize),
    /// A regular expression takes too long.
    #[error(transparent)]
    Regex(#[from] JavaRegexError),
}

/// What a query found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Rows of names and values; a value that is not there is left out.
    pub rows: Vec<Vec<(String, String)>>,
    /// Events that passed the filters.
    pub records_matched: u64,
}

/// A query that is being carried out.
#[derive(Debug)]
pub struct Execution<'q> {
    query: &'q Query,
    /// The state of each operator that has one.
    states: Vec<OperatorState>,
    bounds: Bounds,
    now_ms: i64,
    used: usize,
    outcome: Outcome,
}

#[derive(Debug)]
enum OperatorState {
    None,
    Groups(Groups),
    /// Rows with what they are sorted by.
    Sorted(Vec<(Vec<Value>, Row)>),
    Passed(usize),
    Met(HashSet<Vec<String>>),
}

#[derive(Debug, Default)]
struct Groups {
    /// The groups by the texts of their keys.
    indexes: HashMap<Vec<Option<String>>, usize>,
    groups: Vec<(Vec<Value>, Vec<State>)>,
}

#[derive(Debug, Clone)]
struct Row {
    event: Option<Rc<Event>>,
    slots: Vec<Value>,
}

/// What a row, a group or a set takes beside its texts, bytes.
const OVERHEAD: usize = 128;

impl Query {
    /// Begins to carry out the query, at `now_ms` since the epoch.
    pub fn start(&self, bounds: Bounds, now_ms: i64) -> Execution<'_> {
        let states = self.operators.iter().map(|operator| match operator {
            Operator::Stats(_) => OperatorState::Groups(Groups::default()),
            Operator::Sort(_) => OperatorState::Sorted(Vec::new()),
            Operator::Limit(_) => OperatorState::Passed(0),
            Operator::Dedup(_) => OperatorState::Met(HashSet::new()),
            Operator::Filter(_) | Operator::Assign(..) | Operator::Extract { .. } => {
                OperatorState::None
            }
        });
        Execution {
            states: states.collect(),
            query: self,
            bounds,
            now_ms,
            used: 0,
            outcome: Outcome::default(),
        }
    }
}

impl Execution<'_> {
    /// Takes in an event.
    pub fn push(&mut self, event: Event) -> Result<(), TooMuch> {
        let row = Row {
            event: Some(Rc::new(event)),
            slots: vec![Value::Null; self.query.slots],
        };
        self.pass(row, 0, true)
    }

    /// How many events passed the filters so far.
    pub fn records_matched(&self) -> u64 {
        self.outcome.records_matched
    }

    /// The rows, when there are no more events.
    pub fn finish(mut self) -> Result<Outcome, TooMuch> {
        for index in 0..self.states.len() {
            let state = std::mem::replace(&mut self.states[index], OperatorState::None);
            match (&self.query.operators[index], state) {
                (Operator::Stats(stats), OperatorState::Groups(groups)) => {
                    for (keys, states) in groups.groups {
                        let row = stats_row(stats, keys, states, self.now_ms)?;
                        self.pass(row, index + 1, false)?;
                    }
                }
                (Operator::Sort(by), OperatorState::Sorted(mut rows)) => {
                    sort(by, &mut rows);
                    for (_, row) in rows {
                        self.pass(row, index + 1, false)?;
                    }
                }
                // The others passed on what they let pass.
                _ => {}
            }
        }
        Ok(self.outcome)
    }

    /// Passes a row through the operators from this one on.
    fn pass(&mut self, mut row: Row, from: usize, is_event: bool) -> Result<(), TooMuch> {
        let query = self.query;
        let mut counts = is_event;
        for (index, operator) in query.operators.iter().enumerate().skip(from) {
            if counts && operator.ends_filters() {
                self.outcome.records_matched += 1;
                counts = false;
            }
            let scope = row.scope(self.now_ms);
            match (operator, &mut self.states[index]) {
                (Operator::Filter(condition), _) => {
                    if !condition.holds(scope)? {
                        return Ok(());
                    }
                }
                (Operator::Assign(slot, value), _) => {
                    row.slots[*slot] = value.value(scope)?;
                }
                (
                    Operator::Extract {
                        from,
                        extraction,
                        slots,
                    },
                    _,
                ) => {
                    let text = from.value(scope)?;
                    if !text.is_null()
                        && let Some(pieces) = extraction.pieces(&text.as_text())?
                    {
                        for (slot, piece) in slots.iter().zip(pieces) {
                            row.slots[*slot] = Value::text(piece);
                        }
                    }
                }
                (Operator::Stats(stats), OperatorState::Groups(groups)) => {
                    let used = groups.add(stats, scope)?;
                    return self.use_memory(used);
                }
                (Operator::Sort(by), OperatorState::Sorted(rows)) => {
                    let keys = values(by.iter().map(|(key, _)| key), scope)?;
                    let sorted = (keys, row);
                    let used = sorted_bytes(&sorted);
                    rows.push(sorted);
                    if let Some(kept) = query.rows_needed(index, self.bounds.rows)
                        && rows.len() >= kept.saturating_mul(2).max(64)
                    {
                        sort(by, rows);
                        let freed: usize = rows.drain(kept..).map(|row| sorted_bytes(&row)).sum();
                        self.used = self.used.saturating_sub(freed);
                    }
                    return self.use_memory(used);
                }
                (Operator::Limit(limit), OperatorState::Passed(passed)) => {
                    if passed == limit {
                        return Ok(());
                    }
                    *passed += 1;
                }
                (Operator::Dedup(keys), OperatorState::Met(met)) => {
                    let keys = values(keys.iter(), scope)?;
                    // Where a key is not there, nothing says that rows are the same.
                    if !keys.iter().any(Value::is_null) {
                        let keys: Vec<String> =
                            keys.iter().map(|key| key.as_text().into_owned()).collect();
                        let used = OVERHEAD + keys.iter().map(String::len).sum::<usize>();
                        if !met.insert(keys) {
                            return Ok(());
                        }
                        self.use_memory(used)?;
                    }
                }
                // An operator has the state that it was given.
                _ => return Ok(()),
            }
        }
        if counts {
            self.outcome.records_matched += 1;
        }
        self.emit(&row)
    }

    /// Adds a row to the result.
    fn emit(&mut self, row: &Row) -> Result<(), TooMuch> {
        if self.outcome.rows.len() == self.bounds.rows {
            return Ok(());
        }
        let mut fields = Vec::with_capacity(self.query.columns.len());
        let mut used = OVERHEAD;
        for column in &self.query.columns {
            let value = column.value.value(row.scope(self.now_ms))?;
            if !value.is_null() {
                let value = value.as_text().into_owned();
                used += column.name.len() + value.len() + 2 * size_of::<String>();
                fields.push((column.name.to_string(), value));
            }
        }
        self.outcome.rows.push(fields);
        self.use_memory(used)
    }

    fn use_memory(&mut self, bytes: usize) -> Result<(), TooMuch> {
        self.used += bytes;
        if self.used > self.bounds.memory {
            return Err(TooMuch::Memory(self.bounds.memory));
        }
        Ok(())
    }
}

impl Query {
    /// How many of the first rows behind an operator can still matter; nothing when all may.
    fn rows_needed(&self, operator: usize, rows: usize) -> Option<usize> {
        for next in &self.operators[operator + 1..] {
            match next {
                Operator::Assign(..) | Operator::Extract { .. } => {}
                Operator::Limit(limit) => return Some(rows.min(*limit)),
                Operator::Filter(_)
                | Operator::Stats(_)
                | Operator::Sort(_)
                | Operator::Dedup(_) => return None,
            }
        }
        Some(rows)
    }
}

impl Operator {
    /// Whether what comes before it is all that picks events.
    fn ends_filters(&self) -> bool {
        matches!(
            self,
            Self::Stats(_) | Self::Sort(_) | Self::Limit(_) | Self::Dedup(_)
        )
    }
}

impl Row {
    fn scope(&self, now_ms: i64) -> Scope<'_> {
        Scope {
            event: self.event.as_deref(),
            slots: &self.slots,
            aggregates: &[],
            now_ms,
        }
    }

    fn bytes(&self) -> usize {
        let event = self.event.as_ref().map_or(0, |event| event.message.len());
        let slots = self.slots.iter().map(Value::heap_bytes).sum::<usize>();
        OVERHEAD + event + slots + self.slots.len() * size_of::<Value>()
    }
}

impl Groups {
    /// Takes a row into its group; gives the bytes that this needs.
    fn add(&mut self, stats: &Stats, row: Scope<'_>) -> Result<usize, TooMuch> {
        let keys = values(stats.keys.iter(), row)?;
        let text = |key: &Value| (!key.is_null()).then(|| key.as_text().into_owned());
        let texts: Vec<_> = keys.iter().map(text).collect();
        let mut used = 0;
        let index = if let Some(index) = self.indexes.get(&texts) {
            *index
        } else {
            let states = stats.aggregates.iter().map(|a| State::new(a.kind));
            let bytes: usize = texts.iter().flatten().map(String::len).sum();
            used += OVERHEAD * (1 + stats.aggregates.len()) + 2 * bytes;
            self.indexes.insert(texts, self.groups.len());
            self.groups.push((keys, states.collect()));
            self.groups.len() - 1
        };
        let at_ms = row.event.map_or(0, |event| event.pointer.timestamp_ms);
        let (_, states) = &mut self.groups[index];
        for (aggregate, state) in stats.aggregates.iter().zip(states) {
            let value = match &aggregate.argument {
                Some(argument) => argument.value(row)?,
                None => true.into(),
            };
            used += state.add(aggregate.kind, &value, at_ms);
        }
        Ok(used)
    }
}

/// The row of a group.
fn stats_row(
    stats: &Stats,
    keys: Vec<Value>,
    states: Vec<State>,
    now_ms: i64,
) -> Result<Row, TooMuch> {
    let aggregates = stats.aggregates.iter().zip(states);
    let aggregates: Vec<Value> = aggregates
        .map(|(aggregate, state)| state.value(aggregate.kind))
        .collect();
    let mut slots = vec![Value::Null; stats.slots];
    for (slot, shown) in stats.shown.iter().enumerate() {
        slots[slot] = shown.value(Scope {
            event: None,
            slots: &slots,
            aggregates: &aggregates,
            now_ms,
        })?;
    }
    for (slot, key) in slots[stats.shown.len()..].iter_mut().zip(keys) {
        *slot = key;
    }
    Ok(Row { event: None, slots })
}

fn values<'e>(
    expressions: impl Iterator<Item = &'e Expression>,
    row: Scope<'_>,
) -> Result<Vec<Value>, JavaRegexError> {
    expressions
        .map(|expression| expression.value(row))
        .collect()
}

/// The memory that a row takes with what it is sorted by, bytes.
fn sorted_bytes((keys, row): &(Vec<Value>, Row)) -> usize {
    let keys = keys.iter().map(|key| size_of::<Value>() + key.heap_bytes());
    row.bytes() + keys.sum::<usize>()
}

/// Sorts rows; those that are alike stay in their order.
fn sort(by: &[(Expression, bool)], rows: &mut [(Vec<Value>, Row)]) {
    rows.sort_by(|(one, _), (other, _)| {
        let keys = one.iter().zip(other).zip(by);
        let mut orders = keys.map(|((one, other), (_, is_descending))| {
            let order = one.sort_order(other);
            if *is_descending {
                order.reverse()
            } else {
                order
            }
        });
        orders
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
}
