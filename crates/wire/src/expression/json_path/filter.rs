//! Filters: `[?(@.price < 10 && @.tag in ['a', 'b'])]`.

use std::cmp::Ordering;

use super::{
    JsonPath,
    document::{Kind, Node},
    evaluate::{Found, TooMuchWork, Work, evaluate},
    function::Made,
};
use crate::expression::{java_regex::JavaRegex, number::Number};

/// What a value must be to be selected.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    /// The path leads somewhere.
    Exists(Operand),
    Compare(Operand, Operator, Operand),
    /// `=~ /pattern/flags`: the whole text matches.
    Matches(Operand, JavaRegex),
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// `@…`, from the value in question.
    Here(JsonPath),
    /// `$…`, from the root.
    Root(JsonPath),
    Literal(Literal),
    List(Vec<Literal>),
}

#[derive(Debug, Clone)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
    AnyOf,
    NoneOf,
    SubsetOf,
}

/// An operand's value.
enum Evaluated<'f, N> {
    /// A path that leads nowhere.
    Undefined,
    Node(N),
    Nodes(Vec<N>),
    Literal(&'f Literal),
    List(&'f [Literal]),
    Made(Made),
}

/// A value that can be compared.
#[derive(Clone, Copy)]
enum Comparable<'c, N> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'c str),
    Container(N),
}

/// How deeply lists and objects are compared.
const MAX_DEPTH: usize = 128;

/// Whether a filter lets `node` through.
pub(super) fn accepts<'d, N: Node<'d>>(
    filter: &Filter,
    node: N,
    root: N,
    work: &mut Work,
) -> Result<bool, TooMuchWork> {
    work.spend(1)?;
    Ok(match filter {
        Filter::Any(filters) => {
            for filter in filters {
                if accepts(filter, node, root, work)? {
                    return Ok(true);
                }
            }
            false
        }
        Filter::All(filters) => {
            for filter in filters {
                if !accepts(filter, node, root, work)? {
                    return Ok(false);
                }
            }
            true
        }
        Filter::Not(filter) => !accepts(filter, node, root, work)?,
        Filter::Exists(operand) => match operand.evaluate(node, root, work)? {
            Evaluated::Undefined => false,
            Evaluated::Nodes(nodes) => !nodes.is_empty(),
            _ => true,
        },
        Filter::Matches(operand, regex) => {
            let evaluated = operand.evaluate(node, root, work)?;
            match comparable(&evaluated) {
                Some(Comparable::Text(text)) => {
                    work.spend(regex.cost(text.len(), text.len()))?;
                    regex.is_match(text).map_err(|_| TooMuchWork)?
                }
                _ => false,
            }
        }
        Filter::Compare(left, operator, right) => {
            let left = left.evaluate(node, root, work)?;
            let right = right.evaluate(node, root, work)?;
            compare(&left, *operator, &right, work)?
        }
    })
}

impl Operand {
    fn evaluate<'f, 'd, N: Node<'d>>(
        &'f self,
        node: N,
        root: N,
        work: &mut Work,
    ) -> Result<Evaluated<'f, N>, TooMuchWork> {
        let (path, start) = match self {
            Self::Here(path) => (path, node),
            Self::Root(path) => (path, root),
            Self::Literal(literal) => return Ok(Evaluated::Literal(literal)),
            Self::List(literals) => return Ok(Evaluated::List(literals)),
        };
        Ok(match evaluate(path, start, root, work)? {
            Found::One(node) => Evaluated::Node(node),
            Found::Many(nodes) => Evaluated::Nodes(nodes),
            Found::Made(made) => Evaluated::Made(made),
            // The parser lets no filter pick several members.
            Found::Nothing | Found::Members(_) | Found::ManyMembers(_) => Evaluated::Undefined,
        })
    }
}

fn compare<'d, N: Node<'d>>(
    left: &Evaluated<'_, N>,
    operator: Operator,
    right: &Evaluated<'_, N>,
    work: &mut Work,
) -> Result<bool, TooMuchWork> {
    let order = || order(comparable(left)?, comparable(right)?);
    let equal = |left, right, work: &mut Work| match (comparable(left), comparable(right)) {
        (Some(left), Some(right)) => same(left, right, work),
        _ => Ok(false),
    };
    Ok(match operator {
        Operator::Equal => equal(left, right, work)?,
        Operator::NotEqual => !equal(left, right, work)?,
        Operator::Less => order() == Some(Ordering::Less),
        Operator::LessOrEqual => order().is_some_and(Ordering::is_le),
        Operator::Greater => order() == Some(Ordering::Greater),
        Operator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
        Operator::In => is_in(left, right, work)?,
        Operator::NotIn => !is_in(left, right, work)?,
        Operator::Contains => match (comparable(left), comparable(right)) {
            (Some(Comparable::Text(text)), Some(Comparable::Text(part))) => {
                work.spend(text.len() / 16 + 1)?;
                text.contains(part)
            }
            _ => is_in(right, left, work)?,
        },
        Operator::Size => match comparable(right) {
            Some(Comparable::Number(number)) => size(left).is_some_and(|size| {
                number
                    .compare(Number::Whole(size as i128))
                    .is_some_and(Ordering::is_eq)
            }),
            _ => false,
        },
        Operator::Empty => match comparable(right) {
            Some(Comparable::Bool(flag)) => size(left).is_some_and(|size| (size == 0) == flag),
            _ => false,
        },
        Operator::AnyOf => overlap(left, right, work)?.is_some_and(|(common, _)| common > 0),
        Operator::NoneOf => overlap(left, right, work)?.is_some_and(|(common, _)| common == 0),
        Operator::SubsetOf => {
            overlap(left, right, work)?.is_some_and(|(common, all)| common == all)
        }
    })
}

fn comparable<'e, 'd: 'e, N: Node<'d>>(value: &'e Evaluated<'e, N>) -> Option<Comparable<'e, N>> {
    Some(match value {
        Evaluated::Node(node) => comparable_node(*node),
        Evaluated::Literal(literal) => comparable_literal(literal),
        Evaluated::Made(Made::Number(number)) => Comparable::Number(*number),
        Evaluated::Made(Made::Text(text)) => Comparable::Text(text),
        _ => return None,
    })
}

fn comparable_literal<N>(literal: &Literal) -> Comparable<'_, N> {
    match literal {
        Literal::Null => Comparable::Null,
        Literal::Bool(flag) => Comparable::Bool(*flag),
        Literal::Number(number) => Comparable::Number(*number),
        Literal::Text(text) => Comparable::Text(text),
    }
}

fn comparable_node<'d, N: Node<'d>>(node: N) -> Comparable<'d, N> {
    match node.kind() {
        Kind::Null => Comparable::Null,
        Kind::Bool(flag) => Comparable::Bool(flag),
        Kind::Number(number) => Comparable::Number(number),
        Kind::Text(text) => Comparable::Text(text),
        Kind::Array(_) | Kind::Object(_) => Comparable::Container(node),
    }
}

fn order<N>(left: Comparable<'_, N>, right: Comparable<'_, N>) -> Option<Ordering> {
    match (left, right) {
        (Comparable::Number(left), Comparable::Number(right)) => left.compare(right),
        (Comparable::Text(left), Comparable::Text(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Equality: of a number and a text by what the text says, if the number stands first.
fn same<'d, N: Node<'d>>(
    left: Comparable<'_, N>,
    right: Comparable<'_, N>,
    work: &mut Work,
) -> Result<bool, TooMuchWork> {
    Ok(match (left, right) {
        (Comparable::Null, Comparable::Null) => true,
        (Comparable::Bool(left), Comparable::Bool(right)) => left == right,
        (Comparable::Number(left), Comparable::Number(right)) => {
            left.compare(right) == Some(Ordering::Equal)
        }
        (Comparable::Text(left), Comparable::Text(right)) => left == right,
        (Comparable::Number(left), Comparable::Text(right)) => {
            Number::of_text(right).is_some_and(|right| left.compare(right) == Some(Ordering::Equal))
        }
        (Comparable::Text(left), Comparable::Number(right)) => {
            let mut text = String::new();
            right.push(&mut text);
            left == text
        }
        (Comparable::Container(left), Comparable::Container(right)) => {
            same_container(left, right, work, MAX_DEPTH)?
        }
        _ => false,
    })
}

fn same_container<'d, N: Node<'d>>(
    left: N,
    right: N,
    work: &mut Work,
    depth_left: usize,
) -> Result<bool, TooMuchWork> {
    work.spend(1)?;
    let length = match (left.kind(), right.kind()) {
        (Kind::Array(left), Kind::Array(right)) | (Kind::Object(left), Kind::Object(right))
            if left == right =>
        {
            left
        }
        _ => return Ok(false),
    };
    if depth_left == 0 {
        return Err(TooMuchWork);
    }
    work.spend(length)?;
    let mut pairs = Vec::with_capacity(length);
    left.children(&mut |name, child| {
        let twin = match name {
            Some(name) => right.member(&name),
            None => right.item(pairs.len()),
        };
        pairs.push((child, twin));
    });
    for (left, right) in pairs {
        let Some(right) = right else {
            return Ok(false);
        };
        let is_same = match (comparable_node(left), comparable_node(right)) {
            (Comparable::Container(left), Comparable::Container(right)) => {
                same_container(left, right, work, depth_left - 1)?
            }
            (left, right) => same(left, right, work)?,
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The items of a list, if it is one.
fn items<'e, 'd: 'e, N: Node<'d>>(
    value: &'e Evaluated<'e, N>,
    work: &mut Work,
) -> Result<Option<Vec<Comparable<'e, N>>>, TooMuchWork> {
    let mut items: Vec<Comparable<'e, N>> = Vec::new();
    match value {
        Evaluated::List(literals) => items.extend(literals.iter().map(comparable_literal)),
        Evaluated::Nodes(nodes) => {
            for node in nodes {
                items.push(comparable_node(*node));
            }
        }
        Evaluated::Made(Made::Texts(texts)) => {
            items.extend(texts.iter().map(|text| Comparable::Text(text)));
        }
        Evaluated::Node(node) if matches!(node.kind(), Kind::Array(_)) => {
            node.children(&mut |_, item| items.push(comparable_node(item)));
        }
        _ => return Ok(None),
    }
    work.spend(items.len())?;
    Ok(Some(items))
}

fn is_in<'d, N: Node<'d>>(
    value: &Evaluated<'_, N>,
    list: &Evaluated<'_, N>,
    work: &mut Work,
) -> Result<bool, TooMuchWork> {
    let (Some(value), Some(items)) = (comparable(value), items(list, work)?) else {
        return Ok(false);
    };
    for item in items {
        if same(value, item, work)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many items of the one list the other has, and how many there are.
fn overlap<'d, N: Node<'d>>(
    left: &Evaluated<'_, N>,
    right: &Evaluated<'_, N>,
    work: &mut Work,
) -> Result<Option<(usize, usize)>, TooMuchWork> {
    let (Some(left), Some(right)) = (items(left, work)?, items(right, work)?) else {
        return Ok(None);
    };
    let mut common = 0;
    for item in &left {
        for other in &right {
            work.spend(1)?;
            if same(*item, *other, work)? {
                common += 1;
                break;
            }
        }
    }
    Ok(Some((common, left.len())))
}

fn size<'d, N: Node<'d>>(value: &Evaluated<'_, N>) -> Option<usize> {
    match value {
        Evaluated::List(literals) => Some(literals.len()),
        Evaluated::Nodes(nodes) => Some(nodes.len()),
        Evaluated::Made(Made::Texts(texts)) => Some(texts.len()),
        Evaluated::Node(node) => match node.kind() {
            Kind::Array(length) | Kind::Object(length) => Some(length),
            Kind::Text(text) => Some(text.chars().count()),
            _ => None,
        },
        _ => None,
    }
}
