//! The functions at a path's end: `$.list.length()`, `$..price.sum()`.

use super::{
    JsonPath,
    document::{Kind, Node},
    evaluate::{Found, TooMuchWork, Work, evaluate},
    filter::Literal,
};
use crate::expression::number::Number;

/// A call at the end of a path.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(super) function: Function,
    pub(super) arguments: Vec<Argument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Length,
    Keys,
    Sum,
    Min,
    Max,
    Average,
    StandardDeviation,
    Concat,
    First,
    Last,
    Index,
}

/// An argument of a function: a path from the root, or a literal.
#[derive(Debug, Clone)]
pub(super) enum Argument {
    Path(JsonPath),
    Literal(Literal),
}

/// A value that is in no document.
#[derive(Debug, Clone)]
pub(crate) enum Made {
    Number(Number),
    Text(String),
    Texts(Vec<String>),
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "length" | "size" => Self::Length,
            "keys" => Self::Keys,
            "sum" => Self::Sum,
            "min" => Self::Min,
            "max" => Self::Max,
            "avg" => Self::Average,
            "stddev" => Self::StandardDeviation,
            "concat" => Self::Concat,
            "first" => Self::First,
            "last" => Self::Last,
            "index" => Self::Index,
            _ => return None,
        })
    }

    /// How many arguments it may have.
    pub(super) fn arguments(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Length | Self::Keys | Self::First | Self::Last => 0..=0,
            Self::Index => 1..=1,
            Self::Sum | Self::Min | Self::Max | Self::Average | Self::StandardDeviation => 0..=16,
            Self::Concat => 1..=16,
        }
    }
}

/// Calls a function on what the path before it found.
pub(super) fn call<'p, 'd, N: Node<'d>>(
    call: &'p Call,
    found: Found<'p, N>,
    root: N,
    work: &mut Work,
) -> Result<Found<'p, N>, TooMuchWork> {
    let (node, list) = match found {
        Found::One(node) => (Some(node), None),
        Found::Many(nodes) => (None, Some(nodes)),
        // The parser lets no function follow anything else.
        _ => return Ok(Found::Nothing),
    };
    let items = || -> Vec<N> {
        list.clone().unwrap_or_else(|| {
            let mut items = Vec::new();
            if let Some(node) = node.filter(|node| matches!(node.kind(), Kind::Array(_))) {
                node.children(&mut |_, item| items.push(item));
            }
            items
        })
    };
    let length = match (node.map(N::kind), &list) {
        (Some(Kind::Array(length) | Kind::Object(length)), _) => Some(length),
        (_, Some(list)) => Some(list.len()),
        _ => None,
    };
    work.spend(length.unwrap_or(1))?;
    let one = |node: Option<N>| node.map_or(Found::Nothing, Found::One);
    Ok(match call.function {
        Function::Length => match length {
            Some(length) => Found::Made(Made::Number(Number::Whole(length as i128))),
            None => Found::Nothing,
        },
        Function::Keys => {
            let mut keys = Vec::new();
            match node.filter(|node| matches!(node.kind(), Kind::Object(_))) {
                Some(node) => node.children(&mut |key, _| keys.extend(key.map(Into::into))),
                None => return Ok(Found::Nothing),
            }
            Found::Made(Made::Texts(keys))
        }
        Function::First => one(items().into_iter().next()),
        Function::Last => one(items().into_iter().next_back()),
        Function::Index => {
            let index = numbers(&call.arguments, root, work)?.first().copied();
            let items = items();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "no list is as long as that"
            )]
            let index = index.map(|index| index as i64);
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let index = index.map(|index| if index < 0 { index + length } else { index });
            one(index
                .and_then(|index| usize::try_from(index).ok())
                .and_then(|index| items.get(index).copied()))
        }
        Function::Concat => {
            let mut text = String::new();
            for item in items() {
                if let Kind::Text(item) = item.kind() {
                    work.spend(item.len())?;
                    text.push_str(item);
                }
            }
            texts(&call.arguments, root, work, &mut text)?;
            Found::Made(Made::Text(text))
        }
        aggregation => {
            let mut all: Vec<f64> = items()
                .into_iter()
                .filter_map(|item| match item.kind() {
                    Kind::Number(number) => Some(number.as_f64()),
                    _ => None,
                })
                .collect();
            all.extend(numbers(&call.arguments, root, work)?);
            match aggregate(aggregation, &all) {
                Some(number) => Found::Made(Made::Number(Number::Double(number))),
                None => Found::Nothing,
            }
        }
    })
}

/// Jayway computes all of them as doubles.
fn aggregate(function: Function, all: &[f64]) -> Option<f64> {
    if all.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a list's length fits")]
    let count = all.len() as f64;
    let sum: f64 = all.iter().sum();
    Some(match function {
        Function::Min => all.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Max => all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Average => sum / count,
        Function::StandardDeviation => {
            let squares: f64 = all.iter().map(|number| number * number).sum();
            (squares / count - (sum / count).powi(2)).max(0.0).sqrt()
        }
        _ => sum,
    })
}

fn numbers<'d, N: Node<'d>>(
    arguments: &[Argument],
    root: N,
    work: &mut Work,
) -> Result<Vec<f64>, TooMuchWork> {
    let mut numbers = Vec::new();
    for argument in arguments {
        match argument {
            Argument::Literal(Literal::Number(number)) => numbers.push(number.as_f64()),
            Argument::Literal(_) => {}
            Argument::Path(path) => each(path, root, work, &mut |kind| {
                if let Kind::Number(number) = kind {
                    numbers.push(number.as_f64());
                }
            })?,
        }
    }
    Ok(numbers)
}

fn texts<'d, N: Node<'d>>(
    arguments: &[Argument],
    root: N,
    work: &mut Work,
    text: &mut String,
) -> Result<(), TooMuchWork> {
    for argument in arguments {
        match argument {
            Argument::Literal(Literal::Text(literal)) => text.push_str(literal),
            Argument::Literal(Literal::Number(number)) => number.push(text),
            Argument::Literal(_) => {}
            Argument::Path(path) => {
                let before = text.len();
                each(path, root, work, &mut |kind| match kind {
                    Kind::Text(found) => text.push_str(found),
                    Kind::Number(number) => number.push(text),
                    _ => {}
                })?;
                work.spend(text.len() - before)?;
            }
        }
    }
    Ok(())
}

/// Every value that an argument's path finds; those of a list one by one.
fn each<'d, N: Node<'d>>(
    path: &JsonPath,
    root: N,
    work: &mut Work,
    visit: &mut dyn FnMut(Kind<'d>),
) -> Result<(), TooMuchWork> {
    match evaluate(path, root, root, work)? {
        Found::One(node) => match node.kind() {
            Kind::Array(length) => {
                work.spend(length)?;
                node.children(&mut |_, item| visit(item.kind()));
            }
            kind => visit(kind),
        },
        Found::Many(nodes) => nodes.into_iter().for_each(|node| visit(node.kind())),
        Found::Made(Made::Number(number)) => visit(Kind::Number(number)),
        _ => {}
    }
    Ok(())
}
