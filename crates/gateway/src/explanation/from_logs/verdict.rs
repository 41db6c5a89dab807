//! The verdict over a connection's story.

use gatepost_model::{
    connection::{CloseCause, GoneReason, InvalidConnectionId},
    connection_id::ConnectionId,
};

use super::{
    super::Explanation,
    Certainty,
    evidence::Evidence,
    story::{End, Story},
};

/// AWS's idle timeout, milliseconds, less what its clock is late or the logs' is early (data-plane
/// spec 7).
const IDLE_MS: u64 = 590_000;
/// AWS's greatest age of a connection, the same way.
const MAX_DURATION_MS: u64 = 7_190_000;

/// What happened, and how sure that is.
pub(super) struct Verdict {
    pub slug: &'static str,
    pub text: String,
    pub mend: Option<String>,
    pub certainty: Certainty,
}

/// The slug where the logs do not tell.
pub(super) const UNKNOWN: &str = "unknown";

impl Verdict {
    fn unknown(text: impl Into<String>) -> Self {
        Self {
            slug: UNKNOWN,
            text: text.into(),
            mend: None,
            certainty: Certainty::Unknown,
        }
    }

    fn gone(reason: &GoneReason, certainty: Certainty) -> Self {
        Self {
            slug: reason.slug(),
            text: reason.describe(),
            mend: Some(reason.advice()),
            certainty,
        }
    }

    fn invalid(reason: InvalidConnectionId, text: String) -> Self {
        Self {
            slug: reason.slug(),
            text,
            mend: Some(reason.advice().into()),
            certainty: Certainty::Likely,
        }
    }
}

/// Where a request is told of, and not its connection.
pub(super) fn of_no_connection() -> Explanation {
    Explanation {
        slug: UNKNOWN,
        timeline: Vec::new(),
        verdict: "these logs do not say of which connection this request is".into(),
        mend: None,
    }
}

/// The verdict over the connection with this id.
pub(super) fn of(id: &str, story: &Story<'_, '_>, evidence: &Evidence<'_>) -> Verdict {
    let problem = story.handshake.and_then(|(_, request)| request.problem());
    if let Some((slug, text)) = problem {
        let refused = GoneReason::Refused { at_ms: 0 };
        return Verdict {
            slug,
            text: format!("the handshake was refused: {}", text.trim_end_matches('.')),
            mend: (slug == refused.slug()).then(|| refused.advice()),
            certainty: Certainty::Certain,
        };
    }
    if let Some(early) = before_open(story) {
        return early;
    }
    if let Some(end) = &story.end {
        let (cause, certainty) = cause(end, story, evidence);
        let at_ms = end.at_ms;
        let mut verdict = Verdict::gone(&GoneReason::Closed { cause, at_ms }, certainty);
        if verdict.slug == CloseCause::Draining.slug() {
            verdict.text = "the connection was closed by the gateway (1001 Going away), neither \
                            after 10 minutes of silence nor after 2 hours by these logs: a host \
                            retired, or activity is not in them"
                .into();
        }
        return verdict;
    }
    match (story.established, story.gone_at()) {
        (Some((at_ms, _)), Some(gone_at)) if gone_at > at_ms => {
            let mut verdict = Verdict::unknown(
                "a post found the connection gone, and no line tells of its end: $disconnect was \
                 not logged, was not delivered, or the post went to another API or region",
            );
            let vanished = GoneReason::Closed {
                cause: CloseCause::ClientVanished,
                at_ms: gone_at,
            };
            verdict.mend = Some(vanished.advice());
            verdict
        }
        (Some(_), _) => Verdict {
            slug: super::super::OPEN,
            text: "the connection is open as far as these logs reach".into(),
            mend: None,
            certainty: Certainty::Likely,
        },
        (None, _) => never_seen(id, story, evidence),
    }
}

/// A call that came before the connection was established.
fn before_open(story: &Story<'_, '_>) -> Option<Verdict> {
    let (established_at, _) = story.established?;
    let gone = story.calls.iter().rfind(|call| call.status == 410)?;
    let since_ms = story.handshake.map_or(established_at, |(at_ms, _)| at_ms);
    let reason = GoneReason::NotEstablished { since_ms };
    // The row is written when the call was answered.
    if gone.at_ms <= established_at {
        let certainty = if gone.at_ms < established_at || story.posted_in_connect {
            Certainty::Certain
        } else {
            Certainty::Likely
        };
        let mut verdict = Verdict::gone(&reason, certainty);
        verdict.text = "a post came before the connection was established: its $connect route \
                        was still running"
            .into();
        return Some(verdict);
    }
    None
}

/// How a connection ended, by what `$disconnect` was told (data-plane spec 7).
fn cause(end: &End<'_>, story: &Story<'_, '_>, evidence: &Evidence<'_>) -> (CloseCause, Certainty) {
    use Certainty::{Certain, Likely, Possible};
    let client = || CloseCause::ClientClosed {
        code: Some(end.code),
        reason: end.reason.to_owned(),
    };
    match (end.code, end.reason) {
        (1000, "Connection Closed Normally") => match story.deleted_at {
            Some(_) => (CloseCause::Deleted, Certain),
            // A client may say these words too.
            None if evidence.sees_calls() => (CloseCause::Deleted, Possible),
            None => (CloseCause::Deleted, Likely),
        },
        (1001, "Going away") => {
            let age = story
                .established
                .map(|(at_ms, _)| end.at_ms.saturating_sub(at_ms));
            let silent = story
                .last_active_at()
                .map(|at_ms| end.at_ms.saturating_sub(at_ms));
            if age.is_some_and(|age| age >= MAX_DURATION_MS) {
                (CloseCause::MaxDuration, Likely)
            } else if silent.is_some_and(|silent| silent >= IDLE_MS) {
                (CloseCause::IdleTimeout, Likely)
            } else {
                (CloseCause::Draining, Possible)
            }
        }
        (1003, "Binary is not supported") => (CloseCause::BinaryRefused, Likely),
        (1009, _) => (CloseCause::MessageTooBig, Likely),
        (1005, _) => (
            CloseCause::ClientClosed {
                code: None,
                reason: String::new(),
            },
            Certain,
        ),
        (1006, _) => (CloseCause::ClientVanished, Certain),
        (1008, "Slow consumer") => (CloseCause::SlowConsumer, Likely),
        (code @ (1002 | 1007), _) => (CloseCause::ProtocolError { code }, Likely),
        _ => (client(), Certain),
    }
}

/// Of an id with which no connection is seen to begin.
fn never_seen(id: &str, story: &Story<'_, '_>, evidence: &Evidence<'_>) -> Verdict {
    let is_invalid = story.calls.iter().any(|call| call.status == 400);
    if let Some(whole) = evidence.whole_id_of(id) {
        let text = format!("no connection has this id: it is the beginning of {whole}");
        return Verdict::invalid(InvalidConnectionId::Cut, text);
    }
    // What AWS issued before 2026 had 16 characters.
    let parsed = id.parse::<ConnectionId>();
    match parsed {
        Err(reason) if is_invalid || reason == InvalidConnectionId::DoubleEncoded => {
            Verdict::invalid(reason, format!("no connection has this id: {reason}"))
        }
        Ok(_) if is_invalid => Verdict::invalid(
            InvalidConnectionId::NotIssuedHere,
            "the API says that this is no connection id of its own".into(),
        ),
        _ if story.gone_at().is_some() => Verdict::unknown(
            "posts found the connection gone, and these logs hold neither its beginning nor its \
             end: it is older than they are, or of another API or stage",
        ),
        _ if story.calls.is_empty() && story.messages.is_empty() && story.handshake.is_none() => {
            Verdict::unknown("these logs do not name this id")
        }
        _ => {
            Verdict::unknown("these logs hold neither the beginning of the connection nor its end")
        }
    }
}
