//! Python source to the small language.

mod expression;

use std::rc::Rc;

use tree_sitter::Node;

use super::{
    lower::{Lower, children_of, has_token, line_of},
    syntax::{
        Block, Case, Class, Expression, ExpressionKind as Kind, Function, Handler, Import,
        ImportNames, Operator, Parameter, Pattern, Statement, StatementKind, Try,
    },
};
use expression::{argument, expression};

pub(super) fn module(lower: &Lower<'_>, root: Node<'_>) -> Block {
    block(lower, root)
}

/// The statements of a module or block.
fn block(lower: &Lower<'_>, node: Node<'_>) -> Block {
    let mut statements = Vec::new();
    let Some(lower) = lower.deeper() else {
        return statements;
    };
    for child in children_of(node) {
        statement(&lower, child, &mut statements);
    }
    statements
}

fn field_block(lower: &Lower<'_>, node: Node<'_>, field: &str) -> Block {
    node.child_by_field_name(field)
        .map_or_else(Vec::new, |body| block(lower, body))
}

fn statement(lower: &Lower<'_>, node: Node<'_>, into: &mut Block) {
    let line = line_of(node);
    let mut push = |kind| into.push(Statement::new(line, kind));
    let field = |name: &str| node.child_by_field_name(name);
    match node.kind() {
        "expression_statement" => {
            for child in children_of(node) {
                expression_statement(lower, child, into);
            }
        }
        "return_statement" => {
            let value = children_of(node).into_iter().next();
            push(StatementKind::Return(
                value.map(|value| expression(lower, value)),
            ));
        }
        "raise_statement" => {
            let value = children_of(node).into_iter().next();
            push(StatementKind::Raise(
                value.map(|value| expression(lower, value)),
            ));
        }
        "if_statement" => if_statement(lower, node, into),
        "for_statement" => {
            if let (Some(left), Some(right)) = (field("left"), field("right")) {
                push(StatementKind::For {
                    item: pattern(lower, left),
                    over: expression(lower, right),
                    body: field_block(lower, node, "body"),
                });
            }
        }
        "while_statement" => {
            if let Some(condition) = field("condition") {
                push(StatementKind::While {
                    condition: expression(lower, condition),
                    body: field_block(lower, node, "body"),
                });
            }
        }
        "try_statement" => push(StatementKind::Try(try_statement(lower, node))),
        "with_statement" => with_statement(lower, node, into),
        "function_definition" => {
            push(StatementKind::Function(Rc::new(function(lower, node))));
        }
        "class_definition" => push(StatementKind::Class(Rc::new(class(lower, node)))),
        "decorated_definition" => {
            if let Some(definition) = field("definition") {
                statement(lower, definition, into);
            }
        }
        "import_statement" | "import_from_statement" => import(lower, node, into),
        "match_statement" => {
            if let Some(subject) = field("subject") {
                push(StatementKind::Switch {
                    subject: expression(lower, subject),
                    cases: cases(lower, node),
                });
            }
        }
        "break_statement" | "continue_statement" => push(StatementKind::Jump),
        "delete_statement" => {
            // Seen as a call, which deletes what it is given.
            let items = children_of(node).into_iter();
            let arguments = items.map(|item| argument(expression(lower, item)));
            push(StatementKind::Expression(Expression::new(
                line,
                Kind::Call {
                    callee: Box::new(Expression::new(line, Kind::Name("del".to_owned()))),
                    arguments: arguments.collect(),
                    is_new: false,
                },
            )));
        }
        "block" => push(StatementKind::Block(block(lower, node))),
        _ => {
            for child in children_of(node) {
                push(StatementKind::Expression(expression(lower, child)));
            }
        }
    }
}

fn expression_statement(lower: &Lower<'_>, node: Node<'_>, into: &mut Block) {
    let line = line_of(node);
    let kind = match (
        node.kind(),
        node.child_by_field_name("left"),
        node.child_by_field_name("right"),
    ) {
        ("assignment", Some(left), Some(right)) => {
            // `a = b = c` binds the value to both.
            if right.kind() == "assignment" {
                expression_statement(lower, right, into);
            }
            StatementKind::Assign {
                target: pattern(lower, left),
                value: match right.child_by_field_name("left") {
                    Some(inner) if right.kind() == "assignment" => expression(lower, inner),
                    _ => expression(lower, right),
                },
            }
        }
        ("augmented_assignment", Some(left), Some(right)) => {
            let operator = if has_token(node, "+=") {
                Operator::Add
            } else {
                Operator::Other
            };
            let value = Kind::Binary {
                operator,
                left: Box::new(expression(lower, left)),
                right: Box::new(expression(lower, right)),
            };
            StatementKind::Assign {
                target: pattern(lower, left),
                value: Expression::new(line, value),
            }
        }
        _ => StatementKind::Expression(expression(lower, node)),
    };
    into.push(Statement::new(line, kind));
}

fn if_statement(lower: &Lower<'_>, node: Node<'_>, into: &mut Block) {
    // From the last alternative to the first, each holding those behind it.
    let mut otherwise = Vec::new();
    let mut walk = node.walk();
    let alternatives: Vec<Node<'_>> = node
        .children_by_field_name("alternative", &mut walk)
        .collect();
    for alternative in alternatives.into_iter().rev() {
        match alternative.child_by_field_name("condition") {
            Some(condition) => {
                let line = line_of(alternative);
                let kind = StatementKind::If {
                    condition: expression(lower, condition),
                    then: field_block(lower, alternative, "consequence"),
                    otherwise,
                };
                otherwise = vec![Statement::new(line, kind)];
            }
            None => otherwise = field_block(lower, alternative, "body"),
        }
    }
    if let Some(condition) = node.child_by_field_name("condition") {
        let kind = StatementKind::If {
            condition: expression(lower, condition),
            then: field_block(lower, node, "consequence"),
            otherwise,
        };
        into.push(Statement::new(line_of(node), kind));
    }
}

fn try_statement(lower: &Lower<'_>, node: Node<'_>) -> Try {
    let mut parts = Try {
        body: field_block(lower, node, "body"),
        handlers: Vec::new(),
        finally: Vec::new(),
    };
    for child in children_of(node) {
        match child.kind() {
            "except_clause" | "except_group_clause" => parts.handlers.push(handler(lower, child)),
            "else_clause" => parts.body.extend(field_block(lower, child, "body")),
            "finally_clause" => {
                let body = children_of(child).into_iter();
                parts.finally = body.flat_map(|body| block(lower, body)).collect();
            }
            _ => {}
        }
    }
    parts
}

fn handler(lower: &Lower<'_>, node: Node<'_>) -> Handler {
    let mut handler = Handler {
        catches: Vec::new(),
        binding: None,
        body: Vec::new(),
    };
    for child in children_of(node) {
        match child.kind() {
            "block" => handler.body = block(lower, child),
            "as_pattern" => {
                if let Some(caught) = child.named_child(0) {
                    names_of(lower, caught, &mut handler.catches);
                }
                let alias = child.child_by_field_name("alias");
                handler.binding = alias.map(|alias| pattern(lower, alias));
            }
            _ => names_of(lower, child, &mut handler.catches),
        }
    }
    handler
}

/// The last segments of exceptions: `client.exceptions.GoneException` is `GoneException`.
fn names_of(lower: &Lower<'_>, node: Node<'_>, names: &mut Vec<String>) {
    match node.kind() {
        "tuple" | "parenthesized_expression" => {
            for child in children_of(node) {
                names_of(lower, child, names);
            }
        }
        "attribute" => {
            if let Some(attribute) = node.child_by_field_name("attribute") {
                names.push(lower.text(attribute));
            }
        }
        _ => names.push(lower.text(node)),
    }
}

fn with_statement(lower: &Lower<'_>, node: Node<'_>, into: &mut Block) {
    let line = line_of(node);
    let mut body = field_block(lower, node, "body");
    let mut before = Vec::new();
    let clause = children_of(node).into_iter();
    let items = clause
        .filter(|child| child.kind() == "with_clause")
        .flat_map(|clause| children_of(clause));
    for item in items {
        let Some(value) = item.child_by_field_name("value") else {
            continue;
        };
        let (value, alias) = if value.kind() == "as_pattern" {
            (value.named_child(0), value.child_by_field_name("alias"))
        } else {
            (Some(value), None)
        };
        let Some(value) = value else { continue };
        if let Some(catches) = suppressed(lower, value) {
            let handler = Handler {
                catches,
                binding: None,
                body: Vec::new(),
            };
            let kind = StatementKind::Try(Try {
                body,
                handlers: vec![handler],
                finally: Vec::new(),
            });
            body = vec![Statement::new(line, kind)];
            continue;
        }
        let value = expression(lower, value);
        before.push(Statement::new(
            line,
            match alias {
                Some(alias) => StatementKind::Assign {
                    target: pattern(lower, alias),
                    value,
                },
                None => StatementKind::Expression(value),
            },
        ));
    }
    before.append(&mut body);
    into.push(Statement::new(line, StatementKind::Block(before)));
}

/// What `contextlib.suppress(…)` swallows.
fn suppressed(lower: &Lower<'_>, node: Node<'_>) -> Option<Vec<String>> {
    let callee = node.child_by_field_name("function")?;
    let name = lower.text(callee);
    if name != "suppress" && !name.ends_with(".suppress") {
        return None;
    }
    let mut names = Vec::new();
    for argument in children_of(node.child_by_field_name("arguments")?) {
        names_of(lower, argument, &mut names);
    }
    Some(names)
}

fn function(lower: &Lower<'_>, node: Node<'_>) -> Function {
    let name = node.child_by_field_name("name");
    Function {
        name: name.map_or_else(String::new, |name| lower.text(name)),
        line: line_of(node),
        parameters: parameters(lower, node),
        body: field_block(lower, node, "body"),
        is_async: has_token(node, "async"),
    }
}

fn parameters(lower: &Lower<'_>, function: Node<'_>) -> Vec<Parameter> {
    let list = function.child_by_field_name("parameters");
    let nodes = list.map_or_else(Vec::new, |list| children_of(list));
    nodes
        .into_iter()
        .filter_map(|node| {
            let (name, default) = match node.kind() {
                "identifier" => (Some(node), None),
                "default_parameter" | "typed_default_parameter" => (
                    node.child_by_field_name("name"),
                    node.child_by_field_name("value"),
                ),
                "typed_parameter" | "list_splat_pattern" | "dictionary_splat_pattern" => {
                    (node.named_child(0), None)
                }
                _ => return None,
            };
            let name = name?;
            let is_rest =
                node.kind().ends_with("splat_pattern") || name.kind().ends_with("splat_pattern");
            Some(Parameter {
                pattern: pattern(
                    lower,
                    if name.kind().ends_with("splat_pattern") {
                        name.named_child(0)?
                    } else {
                        name
                    },
                ),
                default: default.map(|value| expression(lower, value)),
                is_rest,
            })
        })
        .collect()
}

fn class(lower: &Lower<'_>, node: Node<'_>) -> Class {
    let name = node.child_by_field_name("name");
    let parents = node.child_by_field_name("superclasses");
    let parent = parents.and_then(|parents| parents.named_child(0));
    let mut methods = Vec::new();
    let mut fields = Vec::new();
    for statement in field_block(lower, node, "body") {
        match statement.kind {
            StatementKind::Function(function) => methods.push(function),
            StatementKind::Assign {
                target: Pattern::Name(name),
                value,
            } => fields.push((name, value)),
            _ => {}
        }
    }
    Class {
        name: name.map_or_else(String::new, |name| lower.text(name)),
        parent: parent.map(|parent| expression(lower, parent)),
        methods,
        fields,
    }
}

fn import(lower: &Lower<'_>, node: Node<'_>, into: &mut Block) {
    let line = line_of(node);
    let mut push = |module: String, names| {
        let kind = StatementKind::Import(Import { module, names });
        into.push(Statement::new(line, kind));
    };
    let mut walk = node.walk();
    let names = node.children_by_field_name("name", &mut walk);
    let names: Vec<(String, Option<String>)> = names
        .map(|name| match name.child_by_field_name("alias") {
            Some(alias) => {
                let name = name.child_by_field_name("name").unwrap_or(name);
                (lower.text(name), Some(lower.text(alias)))
            }
            None => (lower.text(name), None),
        })
        .collect();
    let Some(from) = node.child_by_field_name("module_name") else {
        for (module, alias) in names {
            // `import a.b` binds `a`.
            let first = module.split('.').next().unwrap_or(&module).to_owned();
            let name = alias.clone().unwrap_or_else(|| first.clone());
            push(
                if alias.is_some() { module } else { first },
                ImportNames::Module(name),
            );
        }
        return;
    };
    if children_of(node)
        .iter()
        .any(|child| child.kind() == "wildcard_import")
    {
        push(lower.text(from), ImportNames::All);
        return;
    }
    let names = names.into_iter().map(|(name, alias)| {
        let local = alias.unwrap_or_else(|| name.clone());
        (name, local)
    });
    push(lower.text(from), ImportNames::Named(names.collect()));
}

fn cases(lower: &Lower<'_>, node: Node<'_>) -> Vec<Case> {
    let Some(body) = node.child_by_field_name("body") else {
        return Vec::new();
    };
    let clauses = children_of(body).into_iter();
    clauses
        .filter(|clause| clause.kind() == "case_clause")
        .map(|clause| {
            let mut values = Vec::new();
            let mut is_default = false;
            for pattern in children_of(clause) {
                if pattern.kind() == "case_pattern" {
                    case_pattern(lower, pattern, &mut values, &mut is_default);
                }
            }
            Case {
                values,
                is_default,
                body: field_block(lower, clause, "consequence"),
                falls_through: false,
            }
        })
        .collect()
}

fn case_pattern(
    lower: &Lower<'_>,
    node: Node<'_>,
    values: &mut Vec<Expression>,
    is_default: &mut bool,
) {
    let children = children_of(node);
    if children.is_empty() {
        // `_`.
        *is_default = true;
    }
    for child in children {
        match child.kind() {
            "union_pattern" | "case_pattern" => case_pattern(lower, child, values, is_default),
            "dotted_name" if !lower.text(child).contains('.') => *is_default = true,
            _ => values.push(expression(lower, child)),
        }
    }
}

fn pattern(lower: &Lower<'_>, node: Node<'_>) -> Pattern {
    let Some(lower) = lower.deeper() else {
        return Pattern::Nothing;
    };
    match node.kind() {
        "identifier" => Pattern::Name(lower.text(node)),
        "pattern_list" | "tuple_pattern" | "list_pattern" | "tuple" | "list" => Pattern::List(
            children_of(node)
                .into_iter()
                .map(|child| pattern(&lower, child))
                .collect(),
        ),
        "as_pattern_target" | "parenthesized_expression" => node
            .named_child(0)
            .map_or(Pattern::Nothing, |child| pattern(&lower, child)),
        "attribute" | "subscript" => Pattern::Place(Box::new(expression(&lower, node))),
        _ => Pattern::Nothing,
    }
}
