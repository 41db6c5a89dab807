//! What a template is parsed to.

use crate::expression::{java_regex::JavaRegex, json_path::JsonPath, number::Number};

/// A place in a template: a byte of its source.
pub(super) type Place = u32;

/// A variable of a template, by its position among all their names.
pub(super) type Slot = u16;

/// A piece of a template.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(Box<str>),
    Reference {
        reference: Reference,
        /// How many `\` stand before the `$`.
        escapes: usize,
    },
    Set {
        target: Reference,
        value: Expression,
    },
    If {
        /// Conditions, each with what it guards.
        branches: Vec<(Expression, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
    Foreach {
        variable: Slot,
        items: Expression,
        body: Vec<Node>,
    },
    /// `#break`, perhaps of a scope such as `$foreach.parent`.
    Break(Option<Expression>),
    Stop,
    Define {
        variable: Slot,
        body: Vec<Node>,
    },
    /// `#name(…)`: a call of a macro, or text when there is none of that name.
    Call(Box<Call>),
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) place: Place,
    pub(super) name: Box<str>,
    pub(super) arguments: Vec<Expression>,
    /// The block of `#@name(…) … #end`.
    pub(super) body: Option<Vec<Node>>,
    /// What is printed when there is no such macro.
    pub(super) source: Box<str>,
}

/// `#macro(name $a $b) … #end`.
#[derive(Debug, Clone)]
pub(super) struct Macro {
    pub(super) parameters: Vec<Slot>,
    pub(super) body: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// A text without references, or in single quotes.
    Text(Box<str>),
    /// A text in double quotes that is a template of its own.
    Interpolated(Vec<Node>),
    Number(Number),
    Bool(bool),
    /// `[1..$n]`.
    Range(Box<(Expression, Expression)>),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Reference(Box<Reference>),
    Not(Box<Expression>),
    /// Operands of one precedence, from left to right. Flat, so that a long chain nests nothing.
    Chain(Box<(Expression, Vec<(Operator, Expression)>)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// `$name.property.method(…)[index]`, with or without `!` and braces.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) place: Place,
    pub(super) variable: Slot,
    /// Whether nothing is printed, not the source, when there is no value: `$!name`, and all that
    /// begins with a variable of AWS's.
    pub(super) is_quiet: bool,
    pub(super) accessors: Vec<Accessor>,
    /// `identity.sourceIp` of `$context.identity.sourceIp.length()`: the properties that come
    /// first, in the way that [`gatepost_model::request_context::RequestContext::variable`] wants
    /// them; and how many they are.
    pub(super) path: Option<(Box<str>, usize)>,
    pub(super) source: Box<str>,
}

#[derive(Debug, Clone)]
pub(super) enum Accessor {
    /// `.name`
    Property(Box<str>),
    /// `.name(…)`
    Method(Box<Method>),
    /// `[…]`
    Index(Expression),
}

#[derive(Debug, Clone)]
pub(super) struct Method {
    pub(super) name: Box<str>,
    pub(super) arguments: Vec<Expression>,
    pub(super) prepared: Prepared,
}

/// What is made of a literal first argument when the template is parsed.
#[derive(Debug, Clone)]
pub(super) enum Prepared {
    Nothing,
    /// Of `$input.json` and `$input.path`.
    Path(JsonPath),
    /// Of `replaceAll`, `replaceFirst`, `split`; of `matches` as a whole.
    Regex(JavaRegex),
}
