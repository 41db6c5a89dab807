//! What `stats` makes of the rows of a group.

use std::{
    collections::HashSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use super::{expression::Expression, value::Value};

/// An aggregate of a query.
#[derive(Debug, Clone)]
pub(super) struct Aggregate {
    pub(super) kind: Kind,
    /// Of what; nothing for `count(*)`.
    pub(super) argument: Option<Expression>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Count,
    CountDistinct,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// At which percentage.
    Percentile(f64),
    StandardDeviation,
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
}

impl Kind {
    /// The aggregate of this name; `pct` still lacks its percentage.
    pub(super) fn named(name: &str) -> Option<Self> {
        let kinds = [
            ("count", Self::Count),
            ("count_distinct", Self::CountDistinct),
            ("sum", Self::Sum),
            ("avg", Self::Average),
            ("min", Self::Minimum),
            ("max", Self::Maximum),
            ("pct", Self::Percentile(0.0)),
            ("stddev", Self::StandardDeviation),
            ("earliest", Self::Earliest),
            ("latest", Self::Latest),
            ("sortsfirst", Self::SortsFirst),
            ("sortslast", Self::SortsLast),
        ];
        let mut kinds = kinds.into_iter();
        kinds
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, kind)| kind)
    }
}

/// What is known of an aggregate so far.
#[derive(Debug)]
pub(super) enum State {
    Count(u64),
    /// Hashes of what was met.
    Distinct(HashSet<u64, BuildHasherDefault<DefaultHasher>>),
    Sum {
        sum: f64,
        count: u64,
    },
    /// By Welford's method.
    Deviation {
        count: f64,
        mean: f64,
        squares: f64,
    },
    Numbers(Vec<f64>),
    /// A value, and when it was.
    Value(Value, i64),
}

impl State {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Count => Self::Count(0),
            Kind::CountDistinct => Self::Distinct(HashSet::default()),
            Kind::Sum | Kind::Average => Self::Sum { sum: 0.0, count: 0 },
            Kind::StandardDeviation => Self::Deviation {
                count: 0.0,
                mean: 0.0,
                squares: 0.0,
            },
            Kind::Percentile(_) => Self::Numbers(Vec::new()),
            Kind::Minimum
            | Kind::Maximum
            | Kind::Earliest
            | Kind::Latest
            | Kind::SortsFirst
            | Kind::SortsLast => Self::Value(Value::Null, 0),
        }
    }

    /// Takes in a row's value; gives the bytes that it needs more.
    pub(super) fn add(&mut self, kind: Kind, value: &Value, at_ms: i64) -> usize {
        if value.is_null() {
            return 0;
        }
        match self {
            Self::Count(count) => *count += 1,
            Self::Distinct(met) => {
                let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(value.as_text());
                return if met.insert(hash) { 16 } else { 0 };
            }
            Self::Sum { sum, count } => {
                if let Some(number) = value.as_number() {
                    *sum += number;
                    *count += 1;
                }
            }
            Self::Deviation {
                count,
                mean,
                squares,
            } => {
                if let Some(number) = value.as_number() {
                    *count += 1.0;
                    let before = number - *mean;
                    *mean += before / *count;
                    *squares += before * (number - *mean);
                }
            }
            Self::Numbers(numbers) => {
                if let Some(number) = value.as_number() {
                    numbers.push(number);
                    return size_of::<f64>();
                }
            }
            Self::Value(kept, kept_ms) => {
                let replaces = kept.is_null()
                    || match kind {
                        Kind::Earliest => at_ms < *kept_ms,
                        Kind::Latest => at_ms > *kept_ms,
                        Kind::Minimum | Kind::SortsFirst => value.sort_order(kept).is_lt(),
                        _ => value.sort_order(kept).is_gt(),
                    };
                if replaces {
                    let grown = value.heap_bytes().saturating_sub(kept.heap_bytes());
                    (*kept, *kept_ms) = (value.clone(), at_ms);
                    return grown;
                }
            }
        }
        0
    }

    /// What the rows made.
    #[expect(clippy::cast_precision_loss, reason = "rows are fewer than 2^52")]
    pub(super) fn value(self, kind: Kind) -> Value {
        match self {
            Self::Count(count) => Value::number(count as f64),
            Self::Distinct(met) => Value::number(met.len() as f64),
            Self::Sum { count: 0, .. } => Value::Null,
            Self::Sum { sum, count } if kind == Kind::Average => Value::number(sum / count as f64),
            Self::Sum { sum, .. } => Value::number(sum),
            Self::Deviation { count, squares, .. } => Value::number((squares / count).sqrt()),
            Self::Numbers(numbers) => match kind {
                Kind::Percentile(percentage) => percentile(numbers, percentage),
                _ => Value::Null,
            },
            // A time is aggregated as its milliseconds.
            Self::Value(time @ Value::Time(_), _) => {
                time.as_number().map_or(Value::Null, Value::number)
            }
            Self::Value(value, _) => value,
        }
    }
}

/// The least of the numbers that so many percent are not above.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks are between 0 and the count of numbers"
)]
fn percentile(mut numbers: Vec<f64>, percentage: f64) -> Value {
    if numbers.is_empty() {
        return Value::Null;
    }
    let rank = (percentage / 100.0 * numbers.len() as f64).ceil().max(1.0) as usize;
    let index = rank.min(numbers.len()) - 1;
    let (_, number, _) = numbers.select_nth_unstable_by(index, f64::total_cmp);
    Value::number(*number)
}
