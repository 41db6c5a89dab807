//! What is known of each connection and each post, as the outside saw it. All that is noted has a place
//! in one order, which the writes of Gatepost are part of.

use crate::plan::Crash;

/// A place in the order of all that happens.
pub(crate) type Order = u64;

/// A connection, from its client's first byte.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Its id, as `$connect` was told.
    pub id: Option<String>,
    /// In which process it began.
    pub life: usize,
    /// When `$connect` reached the function.
    pub invoked: Option<Order>,
    pub answer: Option<Answer>,
    /// The `101` was written.
    pub switched: Option<Order>,
    /// The client has it, and when, milliseconds.
    pub opened: Option<(Order, u64)>,
    /// The client began to end it.
    pub client_ended: Option<Order>,
    /// The client sent a close frame.
    pub client_closed: bool,
    /// Gatepost wrote its close frame or ended the socket.
    pub server_ended: Option<Order>,
    /// The code of the close frame that was written.
    pub close_code: Option<u16>,
    /// The process ended without a word while the client was connected.
    pub crashed: bool,
    /// Since when its client does not read, milliseconds.
    pub stalled_at_ms: Option<u64>,
    /// A call that deletes it reached Gatepost.
    pub deleted: bool,
    /// When something last went to or fro, milliseconds.
    pub active_at_ms: u64,
    /// The first 410 was written.
    pub first_gone: Option<Order>,
    /// The numbers of the posts that its client got, in their order.
    pub received: Vec<usize>,
    pub messages_sent: usize,
    pub replies: Vec<usize>,
    pub disconnects: Vec<Disconnect>,
}

/// What `$connect` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The function accepted it.
    Accepted,
    /// The function refused it or failed, or Gatepost waited no longer.
    Refused { life: usize },
    /// The process ended first.
    Crashed,
}

/// A `$disconnect` that reached the function.
#[derive(Debug)]
pub(crate) struct Disconnect {
    pub life: usize,
    pub request_id: String,
}

impl Story {
    /// Whether its client has its `101` and nobody began to end it.
    pub fn is_live(&self) -> bool {
        self.opened.is_some() && self.client_ended.is_none() && self.server_ended.is_none()
    }

    /// Whether `$disconnect` must come.
    pub fn is_owed(&self) -> bool {
        self.invoked.is_some() && !matches!(self.answer, Some(Answer::Refused { .. }))
    }
}

/// A post, whichever of its attempts makes it.
#[derive(Debug)]
pub(crate) struct Post {
    pub client: usize,
    pub attempts: usize,
    /// The first attempt reached Gatepost.
    pub arrived: Option<Order>,
    /// The first 200 was written.
    pub accepted: Option<Order>,
    /// The caller heard of an answer.
    pub is_answered: bool,
}

/// An attempt of a post, or another call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub client: usize,
    /// Which post; `None` when it deletes.
    pub post: Option<usize>,
    /// It was sent.
    pub sent: Order,
    /// It reached Gatepost.
    pub arrived: Option<Order>,
    pub is_answered: bool,
}

/// A process of Gatepost.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// Milliseconds of the whole schedule.
    pub began_at_ms: u64,
    pub terminated_at_ms: Option<u64>,
    pub hurried: bool,
    pub ended: Option<Ended>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Crashed(Crash),
    /// It stopped by itself, having delivered all, or not in time.
    Stopped {
        in_time: bool,
    },
}
