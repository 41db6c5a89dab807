//! One small language that Python and JavaScript are both read into: only what decides which calls
//! are made with which values.

use std::rc::Rc;

/// A line of a file, from 1.
pub(crate) type Line = u32;

/// A file of source.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) body: Block,
}

pub(crate) type Block = Vec<Statement>;

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) line: Line,
    pub(crate) kind: StatementKind,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Expression(Expression),
    Assign {
        target: Pattern,
        value: Expression,
    },
    Return(Option<Expression>),
    Raise(Option<Expression>),
    If {
        condition: Expression,
        then: Block,
        otherwise: Block,
    },
    /// What is done for each item of something.
    For {
        item: Pattern,
        over: Expression,
        body: Block,
    },
    While {
        condition: Expression,
        body: Block,
    },
    Switch {
        subject: Expression,
        cases: Vec<Case>,
    },
    Try(Try),
    Function(Rc<Function>),
    Class(Rc<Class>),
    Import(Import),
    /// `export` of a name as another.
    Export {
        name: String,
        exported: String,
    },
    Block(Block),
    /// `break` or `continue`.
    Jump,
}

#[derive(Debug)]
pub(crate) struct Case {
    /// The values that select it; none for the case of all others.
    pub(crate) values: Vec<Expression>,
    pub(crate) is_default: bool,
    pub(crate) body: Block,
    /// Whether the next case is run after it.
    pub(crate) falls_through: bool,
}

#[derive(Debug)]
pub(crate) struct Try {
    pub(crate) body: Block,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) finally: Block,
}

/// `except` or `catch`.
#[derive(Debug)]
pub(crate) struct Handler {
    /// The names of the exceptions, the last segment of each; none for all.
    pub(crate) catches: Vec<String>,
    pub(crate) binding: Option<Pattern>,
    pub(crate) body: Block,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: Line,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Block,
    pub(crate) is_async: bool,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) pattern: Pattern,
    pub(crate) default: Option<Expression>,
    /// Takes all that is left: `*args`, `...rest`.
    pub(crate) is_rest: bool,
}

#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) parent: Option<Expression>,
    pub(crate) methods: Vec<Rc<Function>>,
    /// Fields with their first values, on the class or on each instance.
    pub(crate) fields: Vec<(String, Expression)>,
}

#[derive(Debug)]
pub(crate) struct Import {
    /// `./helper`, `boto3`, `.helper`.
    pub(crate) module: String,
    pub(crate) names: ImportNames,
}

#[derive(Debug)]
pub(crate) enum ImportNames {
    /// The module itself, under a name.
    Module(String),
    /// What the module has of these names, under which names.
    Named(Vec<(String, String)>),
    /// All that it has: `import *`, `export *`.
    All,
    /// Nothing, but the module is run.
    Nothing,
}

/// What a value is bound to.
#[derive(Debug)]
pub(crate) enum Pattern {
    Name(String),
    /// A member or an item of something.
    Place(Box<Expression>),
    /// The members of an object: which, and to what; a default where it has one.
    Object(Vec<(String, Pattern, Option<Expression>)>),
    List(Vec<Pattern>),
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) line: Line,
    pub(crate) kind: ExpressionKind,
}

#[derive(Debug)]
pub(crate) enum ExpressionKind {
    Name(String),
    Member {
        object: Box<Expression>,
        name: String,
        /// Nothing, where the object is nothing: `?.`.
        is_optional: bool,
    },
    Index(Box<Expression>, Box<Expression>),
    Text(String),
    /// Text with values in it, and texts that stand side by side.
    Template(Vec<Expression>),
    /// Bytes that are no text, so many.
    Bytes(usize),
    Number(f64),
    Bool(bool),
    Nothing,
    Object(Vec<Entry>),
    List(Vec<Expression>),
    Call {
        callee: Box<Expression>,
        arguments: Vec<Argument>,
        is_new: bool,
    },
    Function(Rc<Function>),
    Await(Box<Expression>),
    Binary {
        operator: Operator,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    Not(Box<Expression>),
    Conditional {
        condition: Box<Expression>,
        then: Box<Expression>,
        otherwise: Box<Expression>,
    },
    /// `[element for item in over]`.
    Comprehension {
        item: Box<Pattern>,
        over: Box<Expression>,
        element: Box<Expression>,
    },
    /// `name := value`, and assignments in JavaScript.
    Assign(Box<Pattern>, Box<Expression>),
    /// A class without a name of its own.
    Class(Rc<Class>),
    /// `(first, last)`: the value of the last.
    Sequence(Vec<Expression>),
    /// Anything else: what is in it is still done.
    Other(Vec<Expression>),
}

#[derive(Debug)]
pub(crate) enum Entry {
    Pair(Expression, Expression),
    Spread(Expression),
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: Option<String>,
    pub(crate) value: Expression,
    /// `*args`, `**kwargs`, `...rest`.
    pub(crate) is_spread: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Multiply,
    Equal,
    NotEqual,
    In,
    And,
    Or,
    Other,
}

impl Expression {
    pub(crate) fn new(line: Line, kind: ExpressionKind) -> Self {
        Self { line, kind }
    }

    pub(crate) fn nothing(line: Line) -> Self {
        Self::new(line, ExpressionKind::Nothing)
    }
}

impl Statement {
    pub(crate) fn new(line: Line, kind: StatementKind) -> Self {
        Self { line, kind }
    }
}
