//! What became of a connection, from what is kept of it: the timeline, the verdict, the mend. Pure:
//! `gatepost why` reads the records and prints this.

pub mod from_logs;

use gatepost_model::{
    ApiId,
    connection::{CloseCause, GoneReason, InvalidConnectionId},
    request_context::iso_time,
};

use crate::{
    lifecycle::{DisconnectRecord, HandshakeRecord, Life},
    store::RefusedCalls,
    tombstones::End,
};

/// The slug of a connection that is not gone.
pub const OPEN: &str = "open";

/// The slug of what no connection has to do with.
pub const NO_CONNECTION: &str = "no-connection";

/// The slug of a request of which nothing is kept.
pub const NO_REQUEST: &str = "no-request";

/// Something that happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, milliseconds since the epoch.
    pub at_ms: u64,
    /// What, by a stable name.
    pub kind: EventKind,
    /// The same in words.
    pub text: String,
}

/// What kinds of events a timeline has, in the order of those at the same millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// The handshake began.
    Handshake,
    /// The `$connect` route was answered, and the client got its `101`.
    Established,
    /// The last message came from the client.
    LastMessage,
    /// The last post was taken.
    LastPost,
    /// A call of `@connections` was refused.
    RefusedCall,
    /// It ended, or was refused.
    Ended,
    /// The `$disconnect` route was done.
    Disconnect,
}

impl EventKind {
    /// The name in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Established => "established",
            Self::LastMessage => "last-message",
            Self::LastPost => "last-post",
            Self::RefusedCall => "refused-call",
            Self::Ended => "ended",
            Self::Disconnect => "disconnect",
        }
    }
}

/// What became of a connection id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The slug of the reason, which is the name of its page, or [`OPEN`].
    pub slug: &'static str,
    /// What happened, oldest first.
    pub timeline: Vec<Event>,
    /// What happened, in a sentence without a full stop.
    pub verdict: String,
    /// What to do, in a sentence without a full stop; `None` when there is nothing to mend.
    pub mend: Option<String>,
}

impl Explanation {
    /// Of an invocation that no connection asked for.
    pub fn of_nothing() -> Self {
        Self {
            slug: NO_CONNECTION,
            timeline: Vec::new(),
            verdict: "a function was invoked by another than a connection".into(),
            mend: None,
        }
    }

    /// Of a request id that names nothing that is kept.
    pub fn of_unknown_request() -> Self {
        Self {
            slug: NO_REQUEST,
            timeline: Vec::new(),
            verdict: "no request with this id is kept, and no connection has such an id".into(),
            mend: Some(
                "ask where the request was answered, within the time that logs are kept; that a \
                 request went well is only known where the stage logs at INFO"
                    .into(),
            ),
        }
    }

    /// Of a connection that is kept.
    pub fn of_life(life: &Life, refused: &RefusedCalls) -> Self {
        let mut timeline = events(life);
        timeline.extend(refused_calls(refused));
        timeline.sort_by_key(|event| (event.at_ms, event.kind));
        match reason(life, refused) {
            Some(reason) => Self::gone(&reason, timeline),
            None => Self {
                slug: OPEN,
                timeline,
                verdict: "the connection is open".into(),
                mend: None,
            },
        }
    }

    /// Of an id that was issued here, and of which no connection is kept.
    pub fn of_issued(refused: &RefusedCalls) -> Self {
        let latest = refused.kept.last();
        let early = latest.filter(|call| &*call.reason == NOT_ESTABLISHED);
        let reason = match early {
            Some(call) => GoneReason::NotEstablished {
                since_ms: call.at_ms,
            },
            None => GoneReason::Forgotten,
        };
        Self::gone(&reason, refused_calls(refused).collect())
    }

    /// Of an id that is none of this store.
    pub fn of_invalid(reason: InvalidConnectionId, refused: &RefusedCalls) -> Self {
        Self {
            slug: reason.slug(),
            timeline: refused_calls(refused).collect(),
            verdict: format!("no connection has this id: {reason}"),
            mend: Some(reason.advice().into()),
        }
    }

    fn gone(reason: &GoneReason, timeline: Vec<Event>) -> Self {
        Self {
            slug: reason.slug(),
            timeline,
            verdict: reason.describe(),
            mend: Some(reason.advice()),
        }
    }
}

const NOT_ESTABLISHED: &str = "not-established";
const OTHER_API: &str = "other-api";

/// Why the connection is gone; for one that is open, why the latest call did not find it.
fn reason(life: &Life, refused: &RefusedCalls) -> Option<GoneReason> {
    match (&life.end, life.replaced_by) {
        (Some((End::Refused, at_ms)), _) => Some(GoneReason::Refused { at_ms: *at_ms }),
        (Some((End::Closed(cause), at_ms)), Some(by)) => Some(GoneReason::Replaced {
            by,
            cause: cause.clone(),
            at_ms: *at_ms,
        }),
        (Some((End::Closed(cause), at_ms)), None) => Some(GoneReason::Closed {
            cause: cause.clone(),
            at_ms: *at_ms,
        }),
        (None, _) if life.established_at_ms.is_none() => Some(GoneReason::NotEstablished {
            since_ms: life.began_at_ms.unwrap_or_default(),
        }),
        (None, _) => match &*refused.kept.last()?.reason {
            NOT_ESTABLISHED => Some(GoneReason::NotEstablished {
                since_ms: life.began_at_ms.unwrap_or_default(),
            }),
            OTHER_API => Some(GoneReason::OtherApi {
                api_id: ApiId::clone(&life.api_id),
            }),
            _ => None,
        },
    }
}

fn events(life: &Life) -> Vec<Event> {
    let event = |at_ms, kind, text| Event { at_ms, kind, text };
    let activity = &life.activity;
    let mut events = Vec::new();
    if let Some(at_ms) = life.began_at_ms {
        let text = life
            .handshake
            .as_ref()
            .map_or_else(|| "the handshake began".into(), began);
        events.push(event(at_ms, EventKind::Handshake, text));
    }
    if let Some(at_ms) = life.established_at_ms {
        let text = life
            .handshake
            .as_ref()
            .map_or_else(|| "established".into(), established);
        events.push(event(at_ms, EventKind::Established, text));
    }
    if activity.messages > 0 {
        let text = format!("{} from the client", last_of(activity.messages, "message"));
        events.push(event(
            activity.last_message_at_ms,
            EventKind::LastMessage,
            text,
        ));
    }
    if activity.posts > 0 {
        let text = format!("{} to the client", last_of(activity.posts, "post"));
        events.push(event(activity.last_post_at_ms, EventKind::LastPost, text));
    }
    if let Some((end, at_ms)) = &life.end {
        events.push(event(*at_ms, EventKind::Ended, ended(end, life)));
    }
    if let Some(record) = &life.disconnect {
        events.push(event(
            record.at_ms,
            EventKind::Disconnect,
            disconnected(record),
        ));
    }
    events
}

fn refused_calls(refused: &RefusedCalls) -> impl Iterator<Item = Event> + '_ {
    refused.kept.iter().map(|call| Event {
        at_ms: call.at_ms,
        kind: EventKind::RefusedCall,
        text: format!(
            "{} by {} was answered {} {} (request {})",
            call.operation, call.caller, call.status, call.reason, call.request_id
        ),
    })
}

fn began(handshake: &HandshakeRecord) -> String {
    let agent = handshake.user_agent.as_deref();
    let agent = agent.map_or_else(String::new, |agent| format!(" with {agent}"));
    format!("the handshake began from {}{agent}", handshake.source_ip)
}

fn established(handshake: &HandshakeRecord) -> String {
    let who = handshake.authorized_as.as_deref();
    let who = who.map_or_else(String::new, |who| format!(", authorized as {who}"));
    format!(
        "established: $connect was answered {} (request {}){who}",
        handshake.status, handshake.request_id
    )
}

fn ended(end: &End, life: &Life) -> String {
    match (end, &life.handshake) {
        (End::Closed(cause), _) => close(cause),
        (End::Refused, None) => "the handshake was refused".into(),
        (End::Refused, Some(handshake)) => {
            let detail = handshake.detail.as_deref();
            let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
            format!(
                "the handshake was refused with {} (request {}){detail}",
                handshake.status, handshake.request_id
            )
        }
    }
}

fn close(cause: &CloseCause) -> String {
    let sent = cause.close_frame();
    let sent = sent.map_or_else(String::new, |(code, reason)| {
        format!("; the client was sent {code} {reason:?}")
    });
    format!("the connection {}{sent}", cause.describe())
}

fn disconnected(record: &DisconnectRecord) -> String {
    let Some(request_id) = &record.request_id else {
        return "nobody heard of the end: there is no $disconnect route with an integration".into();
    };
    let error = record.error.as_deref();
    let error = error.map_or_else(String::new, |error| format!(": {error}"));
    let tries = record.tries;
    if let Some(next_try_ms) = record.next_try_ms {
        return format!(
            "$disconnect is not delivered yet: try {tries} (request {request_id}) failed{error}; the \
             next is at {}",
            iso_time(next_try_ms)
        );
    }
    format!(
        "$disconnect was answered {} (request {request_id}){error}",
        record.status
    )
}

fn last_of(count: u32, noun: &str) -> String {
    match count {
        1 => format!("the only {noun}"),
        _ => format!("the last of {count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use gatepost_model::connection_id::ConnectionId;

    use super::*;
    use crate::lifecycle::{ActivityRecord, RefusedCall};

    fn life(end: Option<End>) -> Life {
        Life {
            connection_id: ConnectionId::from_bytes([1; 13]),
            api_id: "abcdef1234".into(),
            handshake: None,
            began_at_ms: Some(1),
            established_at_ms: Some(2),
            activity: ActivityRecord {
                messages: 1,
                last_message_at_ms: 3,
                posts: 2,
                last_post_at_ms: 4,
            },
            end: end.map(|end| (end, 5)),
            replaced_by: None,
            disconnect: Some(DisconnectRecord {
                at_ms: 7,
                request_id: None,
                status: 0,
                error: None,
                tries: 1,
                next_try_ms: None,
            }),
        }
    }

    fn call(reason: &str, at_ms: u64) -> RefusedCalls {
        RefusedCalls {
            total: 1,
            kept: vec![RefusedCall {
                connection_id: "id".into(),
                at_ms,
                operation: "PostToConnection".into(),
                caller: "function chat-Send".into(),
                request_id: "r-1".into(),
                status: 410,
                reason: reason.into(),
                text: "words".into(),
            }],
        }
    }

    #[test]
    fn a_timeline_is_in_the_order_of_time_with_the_caller_of_each_refused_call() {
        let end = End::Closed(CloseCause::IdleTimeout);
        let explained = Explanation::of_life(&life(Some(end)), &call("idle-timeout", 6));
        let kinds: Vec<_> = explained
            .timeline
            .iter()
            .map(|it| it.kind.as_str())
            .collect();
        assert_eq!(
            kinds,
            [
                "handshake",
                "established",
                "last-message",
                "last-post",
                "ended",
                "refused-call",
                "disconnect"
            ]
        );
        assert_eq!(
            explained.timeline[5].text,
            "PostToConnection by function chat-Send was answered 410 idle-timeout (request r-1)"
        );
    }

    #[test]
    fn the_verdict_is_how_it_ended() {
        let client = CloseCause::ClientClosed {
            code: Some(1001),
            reason: String::new(),
        };
        for (end, slug) in [
            (End::Refused, "not-established"),
            (End::Closed(client), "closed-by-client"),
            (End::Closed(CloseCause::ClientVanished), "client-vanished"),
            (End::Closed(CloseCause::IdleTimeout), "idle-timeout"),
            (End::Closed(CloseCause::MaxDuration), "max-duration"),
            (End::Closed(CloseCause::Deleted), "deleted"),
            (End::Closed(CloseCause::Draining), "draining"),
            (End::Closed(CloseCause::SlowConsumer), "slow-consumer"),
            (
                End::Closed(CloseCause::ProtocolError { code: 1002 }),
                "protocol-error",
            ),
            (End::Closed(CloseCause::MessageTooBig), "message-too-big"),
            (End::Closed(CloseCause::BinaryRefused), "binary-refused"),
            (End::Closed(CloseCause::StageDeleted), "stage-deleted"),
            (End::Closed(CloseCause::NodeLost), "node-lost"),
        ] {
            let explained = Explanation::of_life(&life(Some(end)), &RefusedCalls::default());
            assert_eq!(explained.slug, slug);
            assert!(explained.mend.is_some());
        }
    }

    #[test]
    fn a_connection_that_came_back_is_replaced_and_says_as_what() {
        let by = ConnectionId::from_bytes([2; 13]);
        let replaced = Life {
            replaced_by: Some(by),
            ..life(Some(End::Closed(CloseCause::ClientVanished)))
        };
        let explained = Explanation::of_life(&replaced, &RefusedCalls::default());
        assert_eq!(explained.slug, "replaced");
        assert!(explained.verdict.contains(&by.to_string()));
    }

    #[test]
    fn an_open_connection_is_explained_by_the_latest_call_that_did_not_find_it() {
        let open = life(None);
        let explained = |calls: &RefusedCalls| Explanation::of_life(&open, calls).slug;
        assert_eq!(explained(&RefusedCalls::default()), "open");
        assert_eq!(explained(&call("not-established", 1)), "not-established");
        assert_eq!(explained(&call("other-api", 6)), "other-api");
        assert_eq!(explained(&call("limit-exceeded", 6)), "open");
    }

    #[test]
    fn an_id_without_a_connection_is_early_forgotten_or_none() {
        let none = RefusedCalls::default();
        let early = call("not-established", 1);
        assert_eq!(Explanation::of_issued(&none).slug, "forgotten");
        assert_eq!(Explanation::of_issued(&early).slug, "not-established");
        let cut = Explanation::of_invalid(InvalidConnectionId::Cut, &call("cut", 1));
        assert_eq!((cut.slug, cut.timeline.len()), ("cut", 1));
    }
}
