//! What became of a connection at AWS, from the logs that it left: what happened, how sure that is,
//! and which setting would have shown more. Pure.

mod evidence;
mod story;
mod verdict;

use gatepost_wire::aws_logs::PrintedEvent;

use self::evidence::{Evidence, Request};
use super::{Event, EventKind, Explanation};
use crate::store::{FunctionLog, LoggedLine, LoggedRequest};

/// Refused calls and failed messages that a timeline shows.
const SHOWN: usize = 10;

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// The logs do not tell.
    Unknown,
    /// It fits, and so does something else.
    Possible,
    /// Nothing else is usual.
    Likely,
    /// The logs say so.
    Certain,
}

impl Certainty {
    /// The name in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// What the logs tell of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogExplanation {
    /// The connection, if the id is one or leads to one.
    pub connection_id: Option<String>,
    /// `apiId` and stage.
    pub place: Option<(String, String)>,
    /// Whether the logs name the id.
    pub found: bool,
    /// What happened.
    pub explanation: Explanation,
    /// How sure that is.
    pub certainty: Certainty,
    /// What would have shown more, each a sentence without a full stop.
    pub missing: Vec<&'static str>,
    /// Refused calls for the connection.
    pub refused: u64,
    /// The request that was asked for.
    pub request: Option<LoggedRequest>,
}

/// Explains a connection id or a request id from log events, whose order does not matter where they
/// have times.
pub fn explain(id: &str, events: &[PrintedEvent]) -> LogExplanation {
    let evidence = Evidence::of(events);
    let request = evidence.request_of(id);
    let invocation = evidence.invocation(id);
    let connection = match request {
        Some(request) => {
            let own = request.connection_id.as_deref();
            own.or_else(|| evidence.called_in(id))
        }
        None if invocation.is_some() => None,
        // Of a call of `@connections`, or the connection itself.
        None => evidence.called_in(id).or(Some(id)),
    };
    let mut explained = match connection {
        Some(connection) => of_connection(connection, &evidence),
        None => LogExplanation {
            connection_id: None,
            place: request.and_then(|request| request.place.clone()),
            found: true,
            explanation: match request {
                Some(_) => verdict::of_no_connection(),
                None => Explanation::of_nothing(),
            },
            certainty: if request.is_some() {
                Certainty::Unknown
            } else {
                Certainty::Certain
            },
            missing: evidence.missing(),
            refused: 0,
            request: None,
        },
    };
    if let Some(request) = request {
        of_request(&mut explained, request, &evidence);
    } else if let Some(log) = invocation {
        explained.request = Some(LoggedRequest {
            endpoint_request_id: Some(id.to_owned()),
            function: Some(log),
            ..LoggedRequest::default()
        });
    }
    explained
}

/// Of a request: what went wrong in it.
fn of_request(explained: &mut LogExplanation, request: &Request<'_>, evidence: &Evidence<'_>) {
    let endpoint = request.endpoint_request_id.map(str::to_owned);
    explained.found = true;
    if let Some((slug, text)) = request.problem() {
        explained.explanation.slug = slug;
        text.trim_end_matches('.')
            .clone_into(&mut explained.explanation.verdict);
        explained.explanation.mend = None;
        explained.certainty = if slug == verdict::UNKNOWN {
            Certainty::Unknown
        } else {
            Certainty::Certain
        };
    } else if request.is_done() {
        let of_connection = &explained.explanation.verdict;
        explained.explanation.verdict =
            format!("nothing went wrong in this request; {of_connection}");
    }
    explained.request = Some(LoggedRequest {
        request_id: Some(request.id.clone()),
        connection_id: None,
        lines: request
            .lines
            .iter()
            .map(|(at_ms, text)| logged(*at_ms, text))
            .collect(),
        fault: None,
        status: request.status,
        function: endpoint.as_deref().and_then(|id| evidence.invocation(id)),
        endpoint_request_id: endpoint,
    });
}

fn of_connection(id: &str, evidence: &Evidence<'_>) -> LogExplanation {
    let story = evidence.story_of(id);
    let mut timeline: Vec<Event> = Vec::new();
    let mut tell = |at_ms: u64, kind, text: String| timeline.push(Event { at_ms, kind, text });
    if let Some((at_ms, request)) = story.handshake {
        let text = match request.connecting {
            Some((_, agent, ip)) if agent != "null" => {
                format!("the handshake began from {ip} with {agent}")
            }
            Some((_, _, ip)) => format!("the handshake began from {ip}"),
            None => "the handshake began".into(),
        };
        tell(at_ms, EventKind::Handshake, text);
        if let Some((slug, text)) = request.problem() {
            let text = format!(
                "the handshake was refused ({slug}): {text} (request {})",
                request.id
            );
            tell(request.ended_at(), EventKind::Ended, text);
        }
    }
    if let Some((at_ms, request_id)) = story.established {
        let text = format!("established: $connect was accepted (request {request_id})");
        tell(at_ms, EventKind::Established, text);
    }
    if let (Some(last), count) = (story.messages.last(), story.messages.len()) {
        let text = match count {
            1 => "the only message from the client".into(),
            _ => format!("the last of {count} messages from the client"),
        };
        tell(*last, EventKind::LastMessage, text);
    }
    if let (Some(last), count) = (story.posts.last(), story.posts.len()) {
        let text = match count {
            1 => "the only post to the client".into(),
            _ => format!("the last of {count} posts to the client"),
        };
        tell(*last, EventKind::LastPost, text);
    }
    for call in story.shown_calls(SHOWN) {
        tell(call.at_ms, EventKind::RefusedCall, call.text.clone());
    }
    if let Some(end) = &story.end {
        let text = format!("the connection ended with {} {:?}", end.code, end.reason);
        tell(end.at_ms, EventKind::Ended, text);
        let text = match end.status {
            Some(status) => format!(
                "$disconnect was answered {status} (request {})",
                end.request_id
            ),
            None => "nobody heard of the end: $disconnect has no integration".into(),
        };
        tell(end.at_ms, EventKind::Disconnect, text);
    }
    timeline.sort_by_key(|event| (event.at_ms, event.kind));
    let verdict = verdict::of(id, &story, evidence);
    LogExplanation {
        connection_id: Some(id.to_owned()),
        place: story.place,
        found: !timeline.is_empty(),
        explanation: Explanation {
            slug: verdict.slug,
            timeline,
            verdict: verdict.text,
            mend: verdict.mend,
        },
        certainty: verdict.certainty,
        missing: if verdict.certainty == Certainty::Certain {
            Vec::new()
        } else {
            evidence.missing()
        },
        refused: story.calls.len() as u64,
        request: None,
    }
}

fn logged(at_ms: u64, text: &str) -> LoggedLine {
    LoggedLine {
        at_ms: at_ms.cast_signed(),
        text: text.to_owned(),
    }
}

impl FunctionLog {
    fn of_lines(function: &str, lines: &[(u64, &str)]) -> Self {
        Self {
            function: function.to_owned(),
            lines: lines
                .iter()
                .map(|(at_ms, text)| logged(*at_ms, text))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
