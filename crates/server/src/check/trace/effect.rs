//! What a handler does that somebody else notices.

use std::{ops::Range, rc::Rc};

use super::value::Value;
use crate::check::source::{File, syntax::Line};

/// A line of source.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: Rc<File>,
    pub(crate) line: Line,
}

/// Something that a handler does, where, and how it came there.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) kind: EffectKind,
    pub(crate) place: Place,
    /// The calls that lead there, outermost first.
    pub(crate) trail: Vec<Place>,
    /// The `try` blocks around it, outermost first.
    pub(crate) guards: Vec<usize>,
    /// Nobody waits until it is done.
    pub(crate) is_unawaited: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum EffectKind {
    /// `PostToConnection`.
    Post {
        connection_id: Value,
        data: Value,
        /// By a command of version 3 of the JavaScript SDK.
        is_command: bool,
    },
    /// `GetConnection`.
    Get { connection_id: Value },
    /// `DeleteConnection`.
    Delete { connection_id: Value },
    /// A client of `@connections` is made.
    Client {
        endpoint: Option<Value>,
        region: Option<Value>,
        sdk: Sdk,
    },
    /// Something is stored; in which table, if it is one of DynamoDB.
    Store { table: Option<Value>, item: Value },
    /// Something is deleted from where it was stored.
    Forget,
    /// A function is invoked; whether nobody waits for it.
    Invoke {
        function: Value,
        is_asynchronous: Option<bool>,
    },
    /// A member of the event is read which this event does not have.
    MissingMember { member: String },
    /// The handler answers.
    Return { value: Value },
    /// The handler fails on purpose, with this text if it is known.
    Raise { message: Option<String> },
    /// A call that leads out of the app: what it does is not known.
    Call {
        name: String,
        /// Whether it is given the connection id of the event.
        has_connection_id: bool,
    },
}

/// With which SDK a client is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sdk {
    Boto3,
    JavaScriptV2,
    JavaScriptV3,
}

/// A `try` block: what its handlers catch, and what they do then.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) handlers: Vec<GuardHandler>,
}

#[derive(Debug, Clone)]
pub(crate) struct GuardHandler {
    /// The names of what it catches; none for everything.
    pub(crate) catches: Vec<String>,
    /// What it does, as numbers of effects.
    pub(crate) effects: Range<usize>,
    /// It tells others: sets something, or returns something to its caller.
    pub(crate) tells: bool,
    /// It can only fail again.
    pub(crate) only_raises: bool,
    /// Where it compares `.statusCode`, which errors of version 3 of the SDK do not have.
    pub(crate) status_code: Option<Place>,
}
