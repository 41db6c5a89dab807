//! Expressions of JavaScript and TypeScript.

use std::rc::Rc;

use tree_sitter::Node;

use super::{class, function, key_text, pattern};
use crate::check::source::{
    lower::{Lower, children_of, has_token, line_of, number},
    syntax::{Argument, Entry, Expression, ExpressionKind as Kind, Operator, Pattern},
};

pub(super) fn expression(lower: &Lower<'_>, node: Node<'_>) -> Expression {
    let line = line_of(node);
    let Some(lower) = lower.deeper() else {
        return Expression::nothing(line);
    };
    Expression::new(line, kind(&lower, node))
}

fn kind(lower: &Lower<'_>, node: Node<'_>) -> Kind {
    let line = line_of(node);
    let field = |name: &str| node.child_by_field_name(name);
    let of = |name: &str| {
        Box::new(field(name).map_or_else(
            || Expression::nothing(line),
            |child| expression(lower, child),
        ))
    };
    let first = || match node.named_child(0) {
        Some(child) => kind(lower, child),
        None => Kind::Nothing,
    };
    let children = || {
        let children = children_of(node).into_iter();
        children.map(|child| expression(lower, child)).collect()
    };
    match node.kind() {
        "identifier" | "this" | "super" | "undefined" => Kind::Name(lower.text(node)),
        "member_expression" => {
            let property = field("property");
            let name = property.map_or_else(String::new, |name| lower.text(name));
            Kind::Member {
                object: of("object"),
                name,
                is_optional: field("optional_chain").is_some(),
            }
        }
        "subscript_expression" => Kind::Index(of("object"), of("index")),
        "call_expression" => call(lower, node),
        "new_expression" => Kind::Call {
            callee: of("constructor"),
            arguments: arguments(lower, node),
            is_new: true,
        },
        "await_expression" => Kind::Await(Box::new(Expression::new(line, first()))),
        "string" => Kind::Text(text_of_string(lower, node)),
        "template_string" => template(lower, node),
        "number" => Kind::Number(number(&lower.text(node))),
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        "null" => Kind::Nothing,
        "object" => Kind::Object(object(lower, node)),
        "array" => Kind::List(children()),
        "arrow_function" | "function_expression" | "generator_function" => {
            Kind::Function(Rc::new(function(lower, node)))
        }
        "class" => Kind::Class(Rc::new(class(lower, node))),
        "parenthesized_expression"
        | "as_expression"
        | "satisfies_expression"
        | "non_null_expression" => first(),
        "type_assertion" => match node.named_child(1) {
            Some(value) => kind(lower, value),
            None => Kind::Nothing,
        },
        "sequence_expression" => Kind::Sequence(children()),
        "assignment_expression" => {
            let target = field("left").map_or(Pattern::Nothing, |left| pattern(lower, left));
            Kind::Assign(Box::new(target), of("right"))
        }
        "augmented_assignment_expression" => {
            let target = field("left").map_or(Pattern::Nothing, |left| pattern(lower, left));
            let operator = if has_token(node, "+=") {
                Operator::Add
            } else {
                Operator::Other
            };
            let value = Kind::Binary {
                operator,
                left: of("left"),
                right: of("right"),
            };
            Kind::Assign(Box::new(target), Box::new(Expression::new(line, value)))
        }
        "binary_expression" => Kind::Binary {
            operator: operator(lower, node),
            left: of("left"),
            right: of("right"),
        },
        "unary_expression" if has_token(node, "!") => Kind::Not(of("argument")),
        "unary_expression" if has_token(node, "delete") => Kind::Call {
            callee: Box::new(Expression::new(line, Kind::Name("delete".to_owned()))),
            arguments: vec![argument(*of("argument"))],
            is_new: false,
        },
        "ternary_expression" => Kind::Conditional {
            condition: of("condition"),
            then: of("consequence"),
            otherwise: of("alternative"),
        },
        _ => Kind::Other(children()),
    }
}

fn call(lower: &Lower<'_>, node: Node<'_>) -> Kind {
    let line = line_of(node);
    let callee = node.child_by_field_name("function");
    // `import('./module')` is what `require` is.
    let callee = match callee {
        Some(callee) if callee.kind() == "import" => {
            Expression::new(line, Kind::Name("require".to_owned()))
        }
        Some(callee) => expression(lower, callee),
        None => Expression::nothing(line),
    };
    // `(0, module.function)(…)`, as compilers write it.
    let callee = match callee.kind {
        Kind::Sequence(mut parts) => parts.pop().unwrap_or(Expression::nothing(line)),
        kind => Expression::new(line, kind),
    };
    Kind::Call {
        callee: Box::new(callee),
        arguments: arguments(lower, node),
        is_new: false,
    }
}

fn operator(lower: &Lower<'_>, node: Node<'_>) -> Operator {
    let operator = node.child_by_field_name("operator");
    match operator.map(|operator| lower.text(operator)).as_deref() {
        Some("+") => Operator::Add,
        Some("*") => Operator::Multiply,
        Some("==" | "===") => Operator::Equal,
        Some("!=" | "!==") => Operator::NotEqual,
        Some("in") => Operator::In,
        Some("&&") => Operator::And,
        Some("||" | "??") => Operator::Or,
        _ => Operator::Other,
    }
}

pub(super) fn argument(value: Expression) -> Argument {
    Argument {
        name: None,
        value,
        is_spread: false,
    }
}

fn arguments(lower: &Lower<'_>, call: Node<'_>) -> Vec<Argument> {
    let Some(list) = call.child_by_field_name("arguments") else {
        return Vec::new();
    };
    if list.kind() == "template_string" {
        return vec![argument(expression(lower, list))];
    }
    let nodes = children_of(list).into_iter();
    nodes
        .map(|node| match (node.kind(), node.named_child(0)) {
            ("spread_element", Some(inner)) => Argument {
                is_spread: true,
                ..argument(expression(lower, inner))
            },
            _ => argument(expression(lower, node)),
        })
        .collect()
}

fn object(lower: &Lower<'_>, node: Node<'_>) -> Vec<Entry> {
    let members = children_of(node).into_iter();
    members
        .filter_map(|member| {
            let line = line_of(member);
            let text = |text: String| Expression::new(line, Kind::Text(text));
            let field = |name: &str| member.child_by_field_name(name);
            match member.kind() {
                "pair" => {
                    let key = field("key")?;
                    let key = match key_text(lower, key) {
                        Some(key) => text(key),
                        None => expression(lower, key.named_child(0)?),
                    };
                    Some(Entry::Pair(key, expression(lower, field("value")?)))
                }
                "shorthand_property_identifier" => {
                    let name = lower.text(member);
                    let value = Expression::new(line, Kind::Name(name.clone()));
                    Some(Entry::Pair(text(name), value))
                }
                "method_definition" => {
                    let key = key_text(lower, field("name")?)?;
                    let function = Kind::Function(Rc::new(function(lower, member)));
                    Some(Entry::Pair(text(key), Expression::new(line, function)))
                }
                "spread_element" => Some(Entry::Spread(expression(lower, member.named_child(0)?))),
                _ => None,
            }
        })
        .collect()
}

fn template(lower: &Lower<'_>, node: Node<'_>) -> Kind {
    let line = line_of(node);
    let mut parts = Vec::new();
    for child in children_of(node) {
        match child.kind() {
            "string_fragment" => {
                parts.push(Expression::new(line, Kind::Text(lower.text(child))));
            }
            "escape_sequence" => {
                let text = escaped(&lower.text(child));
                parts.push(Expression::new(line, Kind::Text(text)));
            }
            "template_substitution" => {
                let inner = child.named_child(0);
                parts.extend(inner.map(|inner| expression(lower, inner)));
            }
            _ => {}
        }
    }
    Kind::Template(parts)
}

pub(super) fn text_of_string(lower: &Lower<'_>, node: Node<'_>) -> String {
    let parts = children_of(node).into_iter();
    parts
        .map(|part| match part.kind() {
            "escape_sequence" => escaped(&lower.text(part)),
            _ => lower.text(part),
        })
        .collect()
}

fn escaped(sequence: &str) -> String {
    match sequence.as_bytes() {
        [b'\\', b'n'] => "\n".to_owned(),
        [b'\\', b't'] => "\t".to_owned(),
        [b'\\', b'r'] => "\r".to_owned(),
        [b'\\', b'x' | b'u', ..] => "?".to_owned(),
        [b'\\', ..] => sequence[1..].to_owned(),
        _ => sequence.to_owned(),
    }
}
