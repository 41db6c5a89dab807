//! Expressions of Python.

use std::rc::Rc;

use tree_sitter::Node;

use super::{parameters, pattern};
use crate::check::source::{
    lower::{Lower, children_of, has_token, line_of, number},
    syntax::{
        Argument, Entry, Expression, ExpressionKind as Kind, Function, Operator, Pattern,
        Statement, StatementKind,
    },
};

pub(super) fn argument(value: Expression) -> Argument {
    Argument {
        name: None,
        value,
        is_spread: false,
    }
}

pub(super) fn expression(lower: &Lower<'_>, node: Node<'_>) -> Expression {
    let line = line_of(node);
    let Some(lower) = lower.deeper() else {
        return Expression::nothing(line);
    };
    Expression::new(line, kind(&lower, node))
}

fn kind(lower: &Lower<'_>, node: Node<'_>) -> Kind {
    let line = line_of(node);
    let of = |name: &str| {
        let child = node.child_by_field_name(name);
        Box::new(child.map_or_else(
            || Expression::nothing(line),
            |child| expression(lower, child),
        ))
    };
    let children = || {
        let children = children_of(node).into_iter();
        children.map(|child| expression(lower, child)).collect()
    };
    match node.kind() {
        "identifier" => Kind::Name(lower.text(node)),
        "attribute" => {
            let attribute = node.child_by_field_name("attribute");
            let name = attribute.map_or_else(String::new, |name| lower.text(name));
            Kind::Member {
                object: of("object"),
                name,
                is_optional: false,
            }
        }
        "subscript" => Kind::Index(of("value"), of("subscript")),
        "call" => Kind::Call {
            callee: of("function"),
            arguments: arguments(lower, node),
            is_new: false,
        },
        "string" => string(lower, node),
        "concatenated_string" => Kind::Template(children()),
        "integer" | "float" => Kind::Number(number(&lower.text(node))),
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        "none" | "ellipsis" => Kind::Nothing,
        "dictionary" => Kind::Object(dictionary(lower, node)),
        "list" | "tuple" | "set" | "expression_list" => Kind::List(children()),
        "list_comprehension"
        | "set_comprehension"
        | "generator_expression"
        | "dictionary_comprehension" => comprehension(lower, node),
        "binary_operator" => Kind::Binary {
            operator: if has_token(node, "+") {
                Operator::Add
            } else if has_token(node, "*") {
                Operator::Multiply
            } else {
                Operator::Other
            },
            left: of("left"),
            right: of("right"),
        },
        "boolean_operator" => Kind::Binary {
            operator: if has_token(node, "and") {
                Operator::And
            } else {
                Operator::Or
            },
            left: of("left"),
            right: of("right"),
        },
        "comparison_operator" => comparison(lower, node),
        "not_operator" => Kind::Not(of("argument")),
        "conditional_expression" => {
            let mut parts: Vec<Expression> = children();
            if parts.len() != 3 {
                return Kind::Other(parts);
            }
            let otherwise = parts.pop().map(Box::new);
            let condition = parts.pop().map(Box::new);
            let then = parts.pop().map(Box::new);
            match (condition, then, otherwise) {
                (Some(condition), Some(then), Some(otherwise)) => Kind::Conditional {
                    condition,
                    then,
                    otherwise,
                },
                _ => Kind::Nothing,
            }
        }
        "lambda" => {
            let body = node.child_by_field_name("body");
            let value = body.map(|body| expression(lower, body));
            Kind::Function(Rc::new(Function {
                name: String::new(),
                line,
                parameters: parameters(lower, node),
                body: vec![Statement::new(line, StatementKind::Return(value))],
                is_async: false,
            }))
        }
        "await" => {
            let inner = node.named_child(0);
            Kind::Await(Box::new(inner.map_or_else(
                || Expression::nothing(line),
                |inner| expression(lower, inner),
            )))
        }
        "parenthesized_expression" => match node.named_child(0) {
            Some(inner) => kind(lower, inner),
            None => Kind::Nothing,
        },
        "named_expression" => {
            let name = node.child_by_field_name("name");
            let target = name.map_or(Pattern::Nothing, |name| pattern(lower, name));
            Kind::Assign(Box::new(target), of("value"))
        }
        _ => Kind::Other(children()),
    }
}

fn arguments(lower: &Lower<'_>, call: Node<'_>) -> Vec<Argument> {
    let Some(list) = call.child_by_field_name("arguments") else {
        return Vec::new();
    };
    if list.kind() == "generator_expression" {
        return vec![argument(expression(lower, list))];
    }
    let nodes = children_of(list).into_iter();
    nodes
        .map(|node| match node.kind() {
            "keyword_argument" => Argument {
                name: node
                    .child_by_field_name("name")
                    .map(|name| lower.text(name)),
                value: node.child_by_field_name("value").map_or_else(
                    || Expression::nothing(line_of(node)),
                    |value| expression(lower, value),
                ),
                is_spread: false,
            },
            "list_splat" | "dictionary_splat" => Argument {
                name: None,
                value: node.named_child(0).map_or_else(
                    || Expression::nothing(line_of(node)),
                    |value| expression(lower, value),
                ),
                is_spread: true,
            },
            _ => argument(expression(lower, node)),
        })
        .collect()
}

fn dictionary(lower: &Lower<'_>, node: Node<'_>) -> Vec<Entry> {
    let entries = children_of(node).into_iter();
    entries
        .filter_map(|entry| {
            let of = |name: &str| Some(expression(lower, entry.child_by_field_name(name)?));
            match entry.kind() {
                "pair" => Some(Entry::Pair(of("key")?, of("value")?)),
                "dictionary_splat" => Some(Entry::Spread(expression(lower, entry.named_child(0)?))),
                _ => None,
            }
        })
        .collect()
}

fn comprehension(lower: &Lower<'_>, node: Node<'_>) -> Kind {
    let line = line_of(node);
    let body = node.child_by_field_name("body");
    let mut element = match body {
        // The values of a dictionary are what matters.
        Some(pair) if pair.kind() == "pair" => pair
            .child_by_field_name("value")
            .map(|value| expression(lower, value)),
        Some(body) => Some(expression(lower, body)),
        None => None,
    }
    .unwrap_or_else(|| Expression::nothing(line));
    let clauses = children_of(node).into_iter();
    let clauses: Vec<Node<'_>> = clauses
        .filter(|clause| clause.kind() == "for_in_clause")
        .collect();
    for clause in clauses.into_iter().rev() {
        let left = clause.child_by_field_name("left");
        let over = clause.child_by_field_name("right");
        let kind = Kind::Comprehension {
            item: Box::new(left.map_or(Pattern::Nothing, |left| pattern(lower, left))),
            over: Box::new(
                over.map_or_else(|| Expression::nothing(line), |over| expression(lower, over)),
            ),
            element: Box::new(element),
        };
        element = Expression::new(line, kind);
    }
    element.kind
}

fn comparison(lower: &Lower<'_>, node: Node<'_>) -> Kind {
    let mut parts: Vec<Expression> = children_of(node)
        .into_iter()
        .map(|child| expression(lower, child))
        .collect();
    let operator = ["==", "!=", "in", "is"]
        .into_iter()
        .find(|token| has_token(node, token));
    let operator = match operator {
        Some("==" | "is") => Operator::Equal,
        Some("!=") => Operator::NotEqual,
        Some("in") => Operator::In,
        _ => Operator::Other,
    };
    match (parts.pop(), parts.pop(), parts.is_empty()) {
        (Some(right), Some(left), true) => Kind::Binary {
            operator,
            left: Box::new(left),
            right: Box::new(right),
        },
        _ => Kind::Nothing,
    }
}

fn string(lower: &Lower<'_>, node: Node<'_>) -> Kind {
    let line = line_of(node);
    let mut prefix = String::new();
    let mut parts = Vec::new();
    let mut walk = node.walk();
    for child in node.children(&mut walk) {
        match child.kind() {
            "string_start" => prefix = lower.text(child).to_ascii_lowercase(),
            "string_content" => {
                let text = lower.text(child);
                let text = if prefix.contains('r') {
                    text
                } else {
                    unescaped(&text)
                };
                parts.push(Expression::new(line, Kind::Text(text)));
            }
            "interpolation" => {
                let inner = child.child_by_field_name("expression");
                parts.extend(inner.map(|inner| expression(lower, inner)));
            }
            _ => {}
        }
    }
    let lengths = parts.iter().map(|part| match &part.kind {
        Kind::Text(text) => text.len(),
        _ => 0,
    });
    if prefix.contains('b') && lower.text(node).contains("\\x") {
        return Kind::Bytes(lengths.sum());
    }
    if parts.len() > 1 || prefix.contains('f') {
        return Kind::Template(parts);
    }
    match parts.pop() {
        Some(Expression {
            kind: Kind::Text(text),
            ..
        }) => Kind::Text(text),
        _ => Kind::Text(String::new()),
    }
}

fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => result.push('\n'),
                Some('t') => result.push('\t'),
                Some('r') => result.push('\r'),
                Some('\n') | None => {}
                Some(other) => result.push(other),
            },
            (c, false) => result.push(c),
        }
    }
    result
}
