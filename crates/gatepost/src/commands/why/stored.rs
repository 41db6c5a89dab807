//! What the store of a running or stopped Gatepost keeps of an id.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use gatepost_gateway::{
    explanation::{Explanation, OPEN},
    lifecycle::Life,
    store::{LifeReader, LoggedRequest, ReadError, RefusedCalls},
};
use gatepost_model::{ApiId, connection::InvalidConnectionId, connection_id::ConnectionId};
use gatepost_server::error_pages;

use super::live::Now;
use crate::running::Which;

/// How long an id that was issued here may take to be written: the writer is never idle for long
/// with something to write.
const WRITTEN_WITHIN: Duration = Duration::from_millis(500);

/// What is said of an id.
pub(super) struct Answer {
    /// The connection id, as it was given or found.
    pub connection_id: String,
    pub api: Option<(ApiId, String)>,
    pub stage: Option<String>,
    pub refused: u64,
    pub explanation: Explanation,
    /// Whether anything is kept of it.
    pub found: bool,
    /// The request that was asked for.
    pub request: Option<LoggedRequest>,
    /// What is known of a connection that did not end, as far as is kept.
    pub now: Option<Now>,
}

/// What is kept, and who runs with it.
struct Source<'a> {
    reader: &'a LifeReader,
    store: &'a Path,
    which: &'a Which,
}

/// What is kept of an id.
///
/// # Errors
/// What to say: there is no store, or it cannot be read.
pub(super) fn explain(store: &Path, id: &str, which: &Which) -> Result<Answer, String> {
    let reader = &open(store)?;
    let source = Source {
        reader,
        store,
        which,
    };
    answer(&source, id).map_err(|error| error.to_string())
}

/// The store's reader.
///
/// # Errors
/// What to say: there is no store, or it cannot be read.
pub(super) fn open(store: &Path) -> Result<LifeReader, String> {
    if !store.is_file() {
        return Err(format!(
            "there is no store {}: go to the folder of the template that `gatepost dev` served, or \
             name one with --store, e.g. that in the state folder of `gatepost serve`",
            store.display()
        ));
    }
    LifeReader::open(store).map_err(|error| error.to_string())
}

fn answer(source: &Source<'_>, id: &str) -> Result<Answer, ReadError> {
    let reader = source.reader;
    let invalid = match id.parse::<ConnectionId>() {
        Ok(connection) => return of_connection(source, &connection, id),
        Err(invalid) => invalid,
    };
    if let Some(call) = reader.refused_call(id)? {
        let answer = match call.connection_id.parse::<ConnectionId>() {
            Ok(connection) => of_connection(source, &connection, &call.connection_id)?,
            Err(invalid) => of_invalid(reader, invalid, &call.connection_id)?,
        };
        return Ok(Answer {
            request: reader.request(id)?,
            ..answer
        });
    }
    if let Some(request) = reader.request(id)? {
        return of_request(source, request);
    }
    // Nothing is logged of it, but lives are kept all the same.
    if let Some(life) = reader.refused_in(id)? {
        return of_connection(source, &life.connection_id, &life.connection_id.to_string());
    }
    let answer = of_invalid(reader, invalid, id)?;
    if !answer.found && is_request_id(id) {
        return Ok(of_unknown_request());
    }
    Ok(answer)
}

/// Whether it has the form of a request id: a UUID, or an extended one, which connection ids had
/// too before 2026.
fn is_request_id(id: &str) -> bool {
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_hexdigit(),
        });
    let is_extended = id.len() == 16
        && id.strip_suffix('=').is_some_and(|body| {
            let mut characters = body.bytes();
            characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'+' | b'/'))
        });
    is_uuid || is_extended
}

/// Of a request of which nothing is kept.
fn of_unknown_request() -> Answer {
    Answer {
        connection_id: String::new(),
        api: None,
        stage: None,
        refused: 0,
        explanation: Explanation::of_unknown_request(),
        found: false,
        request: None,
        now: None,
    }
}

/// Of a request: what it came to, and its connection.
fn of_request(source: &Source<'_>, request: LoggedRequest) -> Result<Answer, ReadError> {
    let mut answer = match &request.connection_id {
        Some(id) => of_connection(source, id, &id.to_string())?,
        None => Answer {
            connection_id: String::new(),
            api: None,
            stage: None,
            refused: 0,
            explanation: Explanation::of_nothing(),
            found: true,
            request: None,
            now: None,
        },
    };
    let explanation = &mut answer.explanation;
    match (&request.fault, request.status) {
        (Some((slug, text)), _) => {
            name_fault(explanation, slug, text.trim_end_matches('.').to_owned());
        }
        (None, Some(status @ 400..)) => {
            let verdict = format!("the integration answered {status}");
            name_fault(explanation, "integration-failure", verdict);
        }
        // A refused handshake says itself what went wrong.
        (None, _) if refused_in(source.reader, &request)? => {}
        (None, _) if request.connection_id.is_some() => {
            let of_connection = &explanation.verdict;
            explanation.verdict = format!("nothing went wrong in this request; {of_connection}");
        }
        (None, _) => {}
    }
    answer.found = true;
    answer.request = Some(request);
    Ok(answer)
}

/// Whether a handshake was refused in this request.
fn refused_in(reader: &LifeReader, request: &LoggedRequest) -> Result<bool, ReadError> {
    match &request.request_id {
        Some(id) => Ok(reader.refused_in(id)?.is_some()),
        None => Ok(false),
    }
}

/// The verdict is what went wrong, and the mend that of its page.
fn name_fault(explanation: &mut Explanation, slug: &str, verdict: String) {
    let mend = error_pages::mend(slug);
    explanation.slug = mend.map_or("api-configuration", |(slug, _)| slug);
    explanation.verdict = verdict;
    explanation.mend = mend.map(|(_, mend)| mend.trim_end_matches('.').to_owned());
}

fn of_connection(source: &Source<'_>, id: &ConnectionId, text: &str) -> Result<Answer, ReadError> {
    let reader = source.reader;
    let Some(api) = reader.issuer(id)? else {
        return of_invalid(reader, InvalidConnectionId::NotIssuedHere, text);
    };
    let (mut life, refused) = once_written(reader, id, text)?;
    let mut now = None;
    if let Some(open) = life.as_mut().filter(|life| life.end.is_none()) {
        let said = Now::of(source.store, text, source.which);
        if let Some(activity) = said.activity() {
            open.activity = activity;
        }
        if matches!(said, Now::Gone) {
            // It ended between the two questions.
            life = once_ended(reader, id)?;
        } else {
            now = Some(said);
        }
    }
    let mut explanation = match &life {
        Some(life) => Explanation::of_life(life, &refused),
        None => Explanation::of_issued(&refused),
    };
    if explanation.slug == OPEN
        && let Some(verdict) = now.as_ref().and_then(Now::verdict)
    {
        explanation.verdict = verdict;
    }
    // A refused handshake is told by the page of what refused it.
    let handshake = life.as_ref().and_then(|life| life.handshake.as_ref());
    if let Some(handshake) = handshake
        && let (Some(fault), Some(detail)) = (&handshake.fault, &handshake.detail)
    {
        let detail = detail.trim_end_matches('.');
        let verdict = format!(
            "the handshake was refused with {}: {detail}",
            handshake.status
        );
        name_fault(&mut explanation, fault, verdict);
    }
    Ok(Answer {
        connection_id: text.into(),
        api: Some(api),
        stage: life
            .as_ref()
            .and_then(|life| life.handshake.as_ref())
            .map(|handshake| handshake.stage.to_string()),
        refused: refused.total,
        found: life.is_some() || refused.total > 0,
        explanation,
        request: None,
        now,
    })
}

/// What is kept of a connection that ended a moment ago.
fn once_ended(reader: &LifeReader, id: &ConnectionId) -> Result<Option<Life>, ReadError> {
    let asked = Instant::now();
    loop {
        let life = reader.life(id)?;
        let has_ended = life.as_ref().is_none_or(|life| life.end.is_some());
        if has_ended || asked.elapsed() > WRITTEN_WITHIN {
            return Ok(life);
        }
        // Another process writes the store: there is no event to wait for.
        thread::sleep(Duration::from_millis(20));
    }
}

/// What is kept of a connection, as soon as there is something.
fn once_written(
    reader: &LifeReader,
    id: &ConnectionId,
    text: &str,
) -> Result<(Option<Life>, RefusedCalls), ReadError> {
    let asked = Instant::now();
    loop {
        let (life, refused) = (reader.life(id)?, reader.refused_calls(text)?);
        if life.is_some() || refused.total > 0 || asked.elapsed() > WRITTEN_WITHIN {
            return Ok((life, refused));
        }
        // Another process writes the store: there is no event to wait for.
        thread::sleep(Duration::from_millis(20));
    }
}

fn of_invalid(
    reader: &LifeReader,
    reason: InvalidConnectionId,
    text: &str,
) -> Result<Answer, ReadError> {
    let refused = reader.refused_calls(text)?;
    Ok(Answer {
        connection_id: text.into(),
        api: None,
        stage: None,
        refused: refused.total,
        found: refused.total > 0,
        explanation: Explanation::of_invalid(reason, &refused),
        request: None,
        now: None,
    })
}
