//! What the logs tell of one connection.

use super::evidence::Request;

/// A connection, as far as the logs tell of it.
#[derive(Default)]
pub(super) struct Story<'e, 'a> {
    /// `apiId` and stage.
    pub place: Option<(String, String)>,
    /// When it began, milliseconds since the epoch, and the request of `$connect`.
    pub handshake: Option<(u64, &'e Request<'a>)>,
    /// When, and in which request.
    pub established: Option<(u64, &'e str)>,
    /// When messages came.
    pub messages: Vec<u64>,
    /// When posts were taken.
    pub posts: Vec<u64>,
    /// When `DeleteConnection` was answered 204.
    pub deleted_at: Option<u64>,
    /// Refused calls, oldest first.
    pub calls: Vec<Call>,
    /// How it ended.
    pub end: Option<End<'a>>,
    /// A function printed that a post failed while `$connect` ran it.
    pub posted_in_connect: bool,
}

/// A refused call of `@connections`.
pub(super) struct Call {
    pub at_ms: u64,
    pub status: u16,
    pub text: String,
}

/// The end of a connection as `$disconnect` heard of it.
#[derive(Clone)]
pub(super) struct End<'a> {
    pub at_ms: u64,
    pub request_id: String,
    pub status: Option<u16>,
    pub code: u16,
    pub reason: &'a str,
}

impl Story<'_, '_> {
    /// The first so many refused calls, and as many of the latest.
    pub fn shown_calls(&self, shown: usize) -> impl Iterator<Item = &Call> {
        let from_end = self.calls.len().saturating_sub(shown);
        let calls = self.calls.iter().enumerate();
        calls
            .filter(move |(nth, _)| *nth < shown || *nth >= from_end)
            .map(|(_, call)| call)
    }

    /// The latest call that was answered 410.
    pub fn gone_at(&self) -> Option<u64> {
        let gone = self.calls.iter().rfind(|call| call.status == 410);
        gone.map(|call| call.at_ms)
    }

    /// When client or backend last sent something.
    pub fn last_active_at(&self) -> Option<u64> {
        let messages = self.messages.iter().chain(&self.posts).max().copied();
        messages.max(self.established.map(|(at_ms, _)| at_ms))
    }
}
