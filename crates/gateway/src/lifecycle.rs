//! The life of a connection as it is kept, whatever is logged: its handshake, what it did, how it
//! ended, whether `$disconnect` heard of it, and who was refused to reach it.
//!
//! It is written where something begins or ends, never per message.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use gatepost_model::{
    RequestId, StageName, connection_id::ConnectionId, fault::FaultKind,
    request_context::ConnectionContext,
};

use crate::clock::Moment;

/// Characters of what a client says of itself that are kept.
const MAX_TEXT: usize = 256;

/// How a handshake went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeRecord {
    /// `stage`.
    pub stage: StageName,
    /// `requestId` of the `$connect` request.
    pub request_id: RequestId,
    /// The client's address.
    pub source_ip: Box<str>,
    /// `User-Agent`, cut.
    pub user_agent: Option<Box<str>>,
    /// As whom an authorizer or a signature let the client in, masked.
    pub authorized_as: Option<Box<str>>,
    /// The status of the `$connect` route, or of the refusal.
    pub status: u16,
    /// Why it was refused; also that its client left before it was answered.
    pub detail: Option<Box<str>>,
    /// What went wrong, by the slug of its page; `None` also when the `$connect` integration itself
    /// refused.
    pub fault: Option<Box<str>>,
}

/// What a connection did, counted while it lives. It owns nothing else.
#[derive(Debug, Default)]
pub struct Activity {
    messages: AtomicU32,
    posts: AtomicU32,
    last_message_at_ms: AtomicU64,
    last_post_at_ms: AtomicU64,
}

/// What a connection did, all told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActivityRecord {
    /// Messages that came from the client.
    pub messages: u32,
    /// When the last came, milliseconds since the epoch; 0 when none did.
    pub last_message_at_ms: u64,
    /// Posts that were taken.
    pub posts: u32,
    /// When the last was, milliseconds since the epoch; 0 when none was.
    pub last_post_at_ms: u64,
}

/// What became of the `$disconnect` route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisconnectRecord {
    /// When it was done, milliseconds since the epoch.
    pub at_ms: u64,
    /// `requestId`; `None` when there is no route or it has no integration, so that nobody heard.
    pub request_id: Option<RequestId>,
    /// The status of its integration.
    pub status: u16,
    /// What went wrong.
    pub error: Option<Box<str>>,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried again, milliseconds since the epoch; `None` when that was the last time.
    pub next_try_ms: Option<u64>,
}

/// A call of `@connections` that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// The id as the caller wrote it, cut.
    pub connection_id: Box<str>,
    /// When, milliseconds since the epoch.
    pub at_ms: u64,
    /// `PostToConnection`, `GetConnection` or `DeleteConnection`.
    pub operation: Box<str>,
    /// Who called.
    pub caller: Box<str>,
    /// `x-amzn-RequestId` of the answer.
    pub request_id: Box<str>,
    /// The status of the answer.
    pub status: u16,
    /// The reason's slug, which is the name of its page.
    pub reason: Box<str>,
    /// The reason in words.
    pub text: Box<str>,
}

impl RefusedCall {
    /// The caller, whichever of its invocations it was: each has a request id of its own.
    pub fn caller_name(&self) -> &str {
        let mut parts = self.caller.split(" (request ");
        parts.next().unwrap_or_default()
    }

    /// Whether it found no connection, and none that was about to be.
    pub fn is_gone(&self) -> bool {
        matches!(self.status, 400 | 410) && &*self.reason != "not-established"
    }
}

impl DisconnectRecord {
    /// The record of an end of which no integration hears.
    pub fn nobody_heard(at_ms: u64) -> Self {
        Self {
            at_ms,
            request_id: None,
            status: 200,
            error: None,
            tries: 0,
            next_try_ms: None,
        }
    }
}

impl HandshakeRecord {
    /// The record of a handshake that went on with this context to this status.
    pub fn new(context: &ConnectionContext, request_id: &RequestId, status: u16) -> Self {
        let authorizer = context.authorizer.as_ref();
        let principal = authorizer.map(|it| masked(&it.principal_id));
        let signer = context.identity.signer.as_ref();
        Self {
            stage: context.stage.clone(),
            request_id: request_id.clone(),
            source_ip: context.identity.source_ip.clone(),
            user_agent: context.identity.user_agent.as_deref().map(cut),
            authorized_as: principal.or_else(|| signer.map(|it| it.user_arn.clone())),
            status,
            detail: None,
            fault: None,
        }
    }

    /// The same, refused for this.
    pub fn refused(self, detail: &str, fault: Option<FaultKind>) -> Self {
        Self {
            detail: Some(cut(detail)),
            fault: fault.map(|kind| kind.slug().into()),
            ..self
        }
    }
}

fn masked(principal_id: &str) -> Box<str> {
    gatepost_wire::execution_log::Masked::value(principal_id)
        .as_str()
        .into()
}

/// So much of a text as is kept.
pub fn cut(text: &str) -> Box<str> {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

impl Activity {
    /// A message came.
    pub fn received(&self, now: Moment) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.last_message_at_ms
            .store(now.epoch_ms, Ordering::Relaxed);
    }

    /// A post was taken.
    pub fn posted(&self, now: Moment) {
        self.posts.fetch_add(1, Ordering::Relaxed);
        self.last_post_at_ms.store(now.epoch_ms, Ordering::Relaxed);
    }

    /// All of it so far.
    pub fn record(&self) -> ActivityRecord {
        ActivityRecord {
            messages: self.messages.load(Ordering::Relaxed),
            last_message_at_ms: self.last_message_at_ms.load(Ordering::Relaxed),
            posts: self.posts.load(Ordering::Relaxed),
            last_post_at_ms: self.last_post_at_ms.load(Ordering::Relaxed),
        }
    }
}

/// The life of a connection as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its id.
    pub connection_id: ConnectionId,
    /// `apiId`.
    pub api_id: gatepost_model::ApiId,
    /// How its handshake went; `None` in files of earlier versions.
    pub handshake: Option<HandshakeRecord>,
    /// When its handshake began, milliseconds since the epoch.
    pub began_at_ms: Option<u64>,
    /// When it was established, milliseconds since the epoch.
    pub established_at_ms: Option<u64>,
    /// What it did; of a live connection nothing is kept yet.
    pub activity: ActivityRecord,
    /// How and when it ended, milliseconds since the epoch.
    pub end: Option<(crate::tombstones::End, u64)>,
    /// As what its client came back.
    pub replaced_by: Option<ConnectionId>,
    /// What became of `$disconnect`.
    pub disconnect: Option<DisconnectRecord>,
}
