//! JavaScript and TypeScript source to the small language.

mod expression;

use std::rc::Rc;

use tree_sitter::Node;

use super::{
    lower::{Lower, children_of, has_token, line_of},
    syntax::{
        Block, Case, Class, Expression, ExpressionKind as Kind, Function, Handler, Import,
        ImportNames, Parameter, Pattern, Statement, StatementKind, Try,
    },
};
use expression::{argument, expression, text_of_string};

pub(super) fn module(lower: &Lower<'_>, root: Node<'_>) -> Block {
    block(lower, root)
}

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

/// A statement that stands where a block may stand.
fn body(lower: &Lower<'_>, node: Option<Node<'_>>) -> Block {
    let mut statements = Vec::new();
    match node {
        Some(node) if node.kind() == "statement_block" => return block(lower, node),
        Some(node) => {
            if let Some(lower) = lower.deeper() {
                statement(&lower, node, &mut statements);
            }
        }
        None => {}
    }
    statements
}

fn statement(lower: &Lower<'_>, node: Node<'_>, into: &mut Block) {
    let line = line_of(node);
    let field = |name: &str| node.child_by_field_name(name);
    let of = |name: &str| {
        field(name).map_or_else(
            || Expression::nothing(line),
            |child| expression(lower, child),
        )
    };
    let mut push = |kind| into.push(Statement::new(line, kind));
    match node.kind() {
        "expression_statement" => {
            for child in children_of(node) {
                push(StatementKind::Expression(expression(lower, child)));
            }
        }
        "lexical_declaration" | "variable_declaration" => {
            for declarator in children_of(node) {
                let (Some(name), Some(value)) = (
                    declarator.child_by_field_name("name"),
                    declarator.child_by_field_name("value"),
                ) else {
                    continue;
                };
                push(StatementKind::Assign {
                    target: pattern(lower, name),
                    value: expression(lower, value),
                });
            }
        }
        "return_statement" => {
            let value = children_of(node).into_iter().next();
            push(StatementKind::Return(
                value.map(|value| expression(lower, value)),
            ));
        }
        "throw_statement" => {
            let value = children_of(node).into_iter().next();
            push(StatementKind::Raise(
                value.map(|value| expression(lower, value)),
            ));
        }
        "if_statement" => {
            let otherwise = field("alternative").and_then(|clause| clause.named_child(0));
            push(StatementKind::If {
                condition: of("condition"),
                then: body(lower, field("consequence")),
                otherwise: body(lower, otherwise),
            });
        }
        "for_in_statement" => {
            let over = of("right");
            push(StatementKind::For {
                item: field("left").map_or(Pattern::Nothing, |left| pattern(lower, left)),
                over: if has_token(node, "in") {
                    keys_of(over)
                } else {
                    over
                },
                body: body(lower, field("body")),
            });
        }
        "for_statement" => {
            if let Some(initializer) = field("initializer") {
                statement(lower, initializer, into);
            }
            into.push(Statement::new(
                line,
                StatementKind::While {
                    condition: of("condition"),
                    body: body(lower, field("body")),
                },
            ));
        }
        "while_statement" | "do_statement" => push(StatementKind::While {
            condition: of("condition"),
            body: body(lower, field("body")),
        }),
        "switch_statement" => push(StatementKind::Switch {
            subject: of("value"),
            cases: cases(lower, node),
        }),
        "try_statement" => push(StatementKind::Try(Try {
            body: body(lower, field("body")),
            handlers: field("handler")
                .map(|clause| Handler {
                    catches: Vec::new(),
                    binding: clause
                        .child_by_field_name("parameter")
                        .map(|parameter| pattern(lower, parameter)),
                    body: body(lower, clause.child_by_field_name("body")),
                })
                .into_iter()
                .collect(),
            finally: body(
                lower,
                field("finalizer").and_then(|clause| clause.child_by_field_name("body")),
            ),
        })),
        "function_declaration" | "generator_function_declaration" => {
            push(StatementKind::Function(Rc::new(function(lower, node))));
        }
        "class_declaration" | "abstract_class_declaration" => {
            push(StatementKind::Class(Rc::new(class(lower, node))));
        }
        "import_statement" => import(lower, node, into),
        "export_statement" => export(lower, node, into),
        "statement_block" => push(StatementKind::Block(block(lower, node))),
        "labeled_statement" => {
            if let Some(inner) = field("body") {
                statement(lower, inner, into);
            }
        }
        "break_statement" | "continue_statement" => push(StatementKind::Jump),
        // Types, and what else does nothing when it runs.
        "type_alias_declaration"
        | "interface_declaration"
        | "ambient_declaration"
        | "function_signature"
        | "empty_statement"
        | "hash_bang_line" => {}
        _ => push(StatementKind::Expression(expression(lower, node))),
    }
}

fn cases(lower: &Lower<'_>, node: Node<'_>) -> Vec<Case> {
    let Some(switch) = node.child_by_field_name("body") else {
        return Vec::new();
    };
    let clauses = children_of(switch).into_iter();
    clauses
        .filter_map(|clause| {
            let lower = lower.deeper()?;
            let value = clause.child_by_field_name("value");
            let mut walk = clause.walk();
            let mut statements = Vec::new();
            for child in clause.children_by_field_name("body", &mut walk) {
                statement(&lower, child, &mut statements);
            }
            Some(Case {
                is_default: clause.kind() == "switch_default",
                values: value
                    .map(|value| expression(&lower, value))
                    .into_iter()
                    .collect(),
                falls_through: !statements.iter().any(leaves),
                body: statements,
            })
        })
        .collect()
}

/// `Object.keys(…)`: what `for (… in …)` goes through.
fn keys_of(object: Expression) -> Expression {
    let line = object.line;
    let member = Kind::Member {
        object: Box::new(Expression::new(line, Kind::Name("Object".to_owned()))),
        name: "keys".to_owned(),
        is_optional: false,
    };
    let call = Kind::Call {
        callee: Box::new(Expression::new(line, member)),
        arguments: vec![argument(object)],
        is_new: false,
    };
    Expression::new(line, call)
}

/// Whether what follows the statement is not run.
fn leaves(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Jump | StatementKind::Return(_) | StatementKind::Raise(_) => true,
        StatementKind::Block(block) => block.iter().any(leaves),
        _ => false,
    }
}

fn function(lower: &Lower<'_>, node: Node<'_>) -> Function {
    let name = node.child_by_field_name("name");
    let line = line_of(node);
    let content = node.child_by_field_name("body");
    let body = match content {
        Some(content) if content.kind() == "statement_block" => block(lower, content),
        // `() => value`.
        Some(content) => {
            let kind = StatementKind::Return(Some(expression(lower, content)));
            vec![Statement::new(line_of(content), kind)]
        }
        None => Vec::new(),
    };
    Function {
        name: name.map_or_else(String::new, |name| lower.text(name)),
        line,
        parameters: parameters(lower, node),
        body,
        is_async: has_token(node, "async"),
    }
}

fn parameters(lower: &Lower<'_>, function: Node<'_>) -> Vec<Parameter> {
    if let Some(single) = function.child_by_field_name("parameter") {
        return vec![Parameter {
            pattern: pattern(lower, single),
            default: None,
            is_rest: false,
        }];
    }
    let list = function.child_by_field_name("parameters");
    let nodes = list.map_or_else(Vec::new, |list| children_of(list));
    let parameters = nodes.into_iter().filter_map(|node| {
        let name = node.child_by_field_name("pattern")?;
        if name.kind() == "this" {
            return None;
        }
        let is_rest = name.kind() == "rest_pattern";
        let name = if is_rest { name.named_child(0)? } else { name };
        Some(Parameter {
            pattern: pattern(lower, name),
            default: node
                .child_by_field_name("value")
                .map(|value| expression(lower, value)),
            is_rest,
        })
    });
    parameters.collect()
}

fn class(lower: &Lower<'_>, node: Node<'_>) -> Class {
    let name = node.child_by_field_name("name");
    let heritage = children_of(node).into_iter();
    let parent = heritage
        .filter(|child| child.kind() == "class_heritage")
        .find_map(|heritage| {
            let clause = heritage.named_child(0)?;
            clause.child_by_field_name("value")
        });
    let mut methods = Vec::new();
    let mut fields = Vec::new();
    let members = node.child_by_field_name("body");
    for member in members.map_or_else(Vec::new, |members| children_of(members)) {
        match member.kind() {
            "method_definition" => methods.push(Rc::new(function(lower, member))),
            "public_field_definition" => {
                let name = member.child_by_field_name("name");
                let value = member.child_by_field_name("value");
                if let (Some(name), Some(value)) = (name, value) {
                    fields.push((lower.text(name), expression(lower, value)));
                }
            }
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
    let Some(source) = node.child_by_field_name("source") else {
        return;
    };
    let module = text_of_string(lower, source);
    let mut push = |names| {
        let module = module.clone();
        let kind = StatementKind::Import(Import { module, names });
        into.push(Statement::new(line, kind));
    };
    let Some(clause) = children_of(node)
        .into_iter()
        .find(|child| child.kind() == "import_clause")
    else {
        push(ImportNames::Nothing);
        return;
    };
    for part in children_of(clause) {
        match part.kind() {
            "identifier" => {
                let name = lower.text(part);
                push(ImportNames::Named(vec![("default".to_owned(), name)]));
            }
            "namespace_import" => {
                if let Some(name) = part.named_child(0) {
                    push(ImportNames::Module(lower.text(name)));
                }
            }
            "named_imports" => push(ImportNames::Named(specifiers(lower, part))),
            _ => {}
        }
    }
}

/// `a as b` of an import or export clause: `(a, b)`.
fn specifiers(lower: &Lower<'_>, clause: Node<'_>) -> Vec<(String, String)> {
    let specifiers = children_of(clause).into_iter();
    specifiers
        .filter_map(|specifier| {
            let name = lower.text(specifier.child_by_field_name("name")?);
            let alias = specifier.child_by_field_name("alias");
            let local = alias.map_or_else(|| name.clone(), |alias| lower.text(alias));
            Some((name, local))
        })
        .collect()
}

fn export(lower: &Lower<'_>, node: Node<'_>, into: &mut Block) {
    let line = line_of(node);
    let mut push = |kind| into.push(Statement::new(line, kind));
    let source = node.child_by_field_name("source");
    let is_default = has_token(node, "default");
    let clause = children_of(node)
        .into_iter()
        .find(|child| child.kind() == "export_clause");
    if let Some(source) = source {
        let module = text_of_string(lower, source);
        let names = clause.map_or(ImportNames::All, |clause| {
            ImportNames::Named(specifiers(lower, clause))
        });
        let exported: Vec<String> = match &names {
            ImportNames::Named(names) => names.iter().map(|(_, name)| name.clone()).collect(),
            _ => Vec::new(),
        };
        push(StatementKind::Import(Import { module, names }));
        for name in exported {
            let exported = name.clone();
            push(StatementKind::Export { name, exported });
        }
        return;
    }
    if let Some(clause) = clause {
        for (name, exported) in specifiers(lower, clause) {
            push(StatementKind::Export { name, exported });
        }
        return;
    }
    if let Some(declaration) = node.child_by_field_name("declaration") {
        let first = into.len();
        statement(lower, declaration, into);
        let mut names = Vec::new();
        for statement in &into[first..] {
            match &statement.kind {
                StatementKind::Function(function) => names.push(function.name.clone()),
                StatementKind::Class(class) => names.push(class.name.clone()),
                StatementKind::Assign { target, .. } => bound_names(target, &mut names),
                _ => {}
            }
        }
        for name in names {
            let exported = if is_default { "default" } else { &name };
            let exported = exported.to_owned();
            into.push(Statement::new(
                line,
                StatementKind::Export { name, exported },
            ));
        }
        return;
    }
    // `export default value`, and TypeScript's `export = value`.
    if let Some(value) = node
        .child_by_field_name("value")
        .or_else(|| children_of(node).into_iter().next())
    {
        let name = "default".to_owned();
        push(StatementKind::Assign {
            target: Pattern::Name(name.clone()),
            value: expression(lower, value),
        });
        let exported = name.clone();
        push(StatementKind::Export { name, exported });
    }
}

fn bound_names(pattern: &Pattern, names: &mut Vec<String>) {
    match pattern {
        Pattern::Name(name) => names.push(name.clone()),
        Pattern::Object(members) => {
            for (_, pattern, _) in members {
                bound_names(pattern, names);
            }
        }
        Pattern::List(items) => items.iter().for_each(|item| bound_names(item, names)),
        Pattern::Place(_) | Pattern::Nothing => {}
    }
}

fn pattern(lower: &Lower<'_>, node: Node<'_>) -> Pattern {
    let Some(lower) = lower.deeper() else {
        return Pattern::Nothing;
    };
    match node.kind() {
        "identifier" | "shorthand_property_identifier_pattern" => Pattern::Name(lower.text(node)),
        "member_expression" | "subscript_expression" => {
            Pattern::Place(Box::new(expression(&lower, node)))
        }
        "array_pattern" | "array" => Pattern::List(
            children_of(node)
                .into_iter()
                .map(|child| pattern(&lower, child))
                .collect(),
        ),
        "object_pattern" | "object" => Pattern::Object(
            children_of(node)
                .into_iter()
                .filter_map(|member| member_pattern(&lower, member))
                .collect(),
        ),
        "assignment_pattern" => node
            .child_by_field_name("left")
            .map_or(Pattern::Nothing, |left| pattern(&lower, left)),
        "parenthesized_expression" | "non_null_expression" => node
            .named_child(0)
            .map_or(Pattern::Nothing, |inner| pattern(&lower, inner)),
        _ => Pattern::Nothing,
    }
}

fn member_pattern(
    lower: &Lower<'_>,
    member: Node<'_>,
) -> Option<(String, Pattern, Option<Expression>)> {
    match member.kind() {
        "shorthand_property_identifier_pattern" | "shorthand_property_identifier" => {
            let name = lower.text(member);
            Some((name.clone(), Pattern::Name(name), None))
        }
        "object_assignment_pattern" => {
            let name = lower.text(member.child_by_field_name("left")?);
            let default = member.child_by_field_name("right");
            let default = default.map(|value| expression(lower, value));
            Some((name.clone(), Pattern::Name(name), default))
        }
        "pair_pattern" | "pair" => {
            let key = key_text(lower, member.child_by_field_name("key")?)?;
            let value = member.child_by_field_name("value")?;
            let default = (value.kind() == "assignment_pattern")
                .then(|| value.child_by_field_name("right"))
                .flatten();
            let default = default.map(|value| expression(lower, value));
            Some((key, pattern(lower, value), default))
        }
        _ => None,
    }
}

/// The key of a member, when it is not computed.
fn key_text(lower: &Lower<'_>, key: Node<'_>) -> Option<String> {
    match key.kind() {
        "string" => Some(text_of_string(lower, key)),
        "computed_property_name" => None,
        _ => Some(lower.text(key)),
    }
}
