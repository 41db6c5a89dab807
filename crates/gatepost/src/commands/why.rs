//! `gatepost why`: what became of a connection, and what to do about it.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use gatepost_gateway::{
    explanation::Explanation,
    lifecycle::Life,
    store::{LifeReader, LoggedLine, LoggedRequest, ReadError, RefusedCalls},
};
use gatepost_model::{
    ApiId, connection::InvalidConnectionId, connection_id::ConnectionId, request_context::iso_time,
};
use gatepost_server::error_pages;
use serde_json::{Value, json};

use super::dev::printable;

/// The version of the shape that `--json` prints.
const JSON_VERSION: u32 = 1;
/// Where `gatepost dev` keeps its store, beside the template.
pub const STORE: &str = ".gatepost/store.sqlite";
/// How long an id that was issued here may take to be written: the writer is never idle for long
/// with something to write.
const WRITTEN_WITHIN: Duration = Duration::from_millis(500);

/// Say what became of a connection: its timeline, each refused call, and what to do.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost why 'k2Jx0fYh7QIAAJqkOw=='\n  gatepost why --about \
                  not-established\n\nReads the store of a running or stopped `gatepost dev`, and \
                  changes nothing.\nExit status: 0 found, 1 not found, 2 the command line is wrong \
                  or there is no store."
)]
pub struct Arguments {
    /// A connection id, or the request id of a refused call, a refused handshake or a message
    // Ids may begin with `-`.
    #[arg(
        required_unless_present = "about",
        conflicts_with = "about",
        allow_hyphen_values = true
    )]
    pub id: Option<String>,
    /// Print the page about a reason or an error
    #[arg(long, value_name = "SLUG")]
    pub about: Option<String>,
    /// The store
    #[arg(long, value_name = "FILE", default_value = STORE)]
    pub store: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What is said of an id.
struct Answer {
    /// The connection id, as it was given or found.
    connection_id: String,
    api: Option<(ApiId, String)>,
    stage: Option<String>,
    refused: u64,
    explanation: Explanation,
    /// Whether anything is kept of it.
    found: bool,
    /// The request that was asked for.
    request: Option<LoggedRequest>,
}

/// Explains the id, or prints a page.
pub fn run(arguments: &Arguments) -> ExitCode {
    let (text, code) = match (&arguments.about, &arguments.id) {
        (Some(slug), _) => about(slug, arguments.json),
        (None, Some(id)) => match explain(&arguments.store, id) {
            Ok(answer) => {
                let text = if arguments.json {
                    as_json(&answer)
                } else {
                    as_text(&answer)
                };
                (text, u8::from(!answer.found))
            }
            Err(error) => {
                eprintln!("gatepost: {}", printable(&error));
                return ExitCode::from(2);
            }
        },
        // clap asks for one of them.
        (None, None) => return ExitCode::from(2),
    };
    // Not `print!`, which panics when nobody reads.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}

fn about(slug: &str, as_json: bool) -> (String, u8) {
    let page = error_pages::page(slug);
    if as_json {
        let value = json!({ "version": JSON_VERSION, "slug": slug, "page": page });
        return (format!("{value:#}\n"), u8::from(page.is_none()));
    }
    if let Some(page) = page {
        return (page.into(), 0);
    }
    let nearest = error_pages::names().min_by_key(|name| strsim::damerau_levenshtein(name, slug));
    eprintln!(
        "gatepost: there is no page about {}; did you mean {}?",
        printable(slug),
        nearest.unwrap_or_default()
    );
    (String::new(), 1)
}

fn explain(store: &Path, id: &str) -> Result<Answer, String> {
    if !store.is_file() {
        return Err(format!(
            "there is no store {}: go to the folder of the template that `gatepost dev` served, or \
             name one with --store",
            store.display()
        ));
    }
    let reader = LifeReader::open(store).map_err(|error| error.to_string())?;
    answer(&reader, id).map_err(|error| error.to_string())
}

fn answer(reader: &LifeReader, id: &str) -> Result<Answer, ReadError> {
    let invalid = match id.parse::<ConnectionId>() {
        Ok(connection) => return of_connection(reader, &connection, id),
        Err(invalid) => invalid,
    };
    if let Some(call) = reader.refused_call(id)? {
        let answer = match call.connection_id.parse::<ConnectionId>() {
            Ok(connection) => of_connection(reader, &connection, &call.connection_id)?,
            Err(invalid) => of_invalid(reader, invalid, &call.connection_id)?,
        };
        return Ok(Answer {
            request: reader.request(id)?,
            ..answer
        });
    }
    if let Some(request) = reader.request(id)? {
        return of_request(reader, request);
    }
    // Nothing is logged of it, but lives are kept all the same.
    if let Some(life) = reader.refused_in(id)? {
        return of_connection(reader, &life.connection_id, &life.connection_id.to_string());
    }
    of_invalid(reader, invalid, id)
}

/// Of a request: what it came to, and its connection.
fn of_request(reader: &LifeReader, request: LoggedRequest) -> Result<Answer, ReadError> {
    let mut answer = match &request.connection_id {
        Some(id) => of_connection(reader, id, &id.to_string())?,
        None => Answer {
            connection_id: String::new(),
            api: None,
            stage: None,
            refused: 0,
            explanation: Explanation::of_nothing(),
            found: true,
            request: None,
        },
    };
    let explanation = &mut answer.explanation;
    match &request.fault {
        Some((slug, text)) => {
            let mend = error_pages::mend(slug);
            explanation.slug = mend.map_or("api-configuration", |(slug, _)| slug);
            text.trim_end_matches('.')
                .clone_into(&mut explanation.verdict);
            explanation.mend = mend.map(|(_, mend)| mend.trim_end_matches('.').to_owned());
        }
        None if request.connection_id.is_some() => {
            let of_connection = &explanation.verdict;
            explanation.verdict = format!("nothing went wrong in this request; {of_connection}");
        }
        None => {}
    }
    answer.found = true;
    answer.request = Some(request);
    Ok(answer)
}

fn of_connection(reader: &LifeReader, id: &ConnectionId, text: &str) -> Result<Answer, ReadError> {
    let Some(api) = reader.issuer(id)? else {
        return of_invalid(reader, InvalidConnectionId::NotIssuedHere, text);
    };
    let (life, refused) = once_written(reader, id, text)?;
    Ok(Answer {
        connection_id: text.into(),
        api: Some(api),
        stage: life
            .as_ref()
            .and_then(|life| life.handshake.as_ref())
            .map(|handshake| handshake.stage.to_string()),
        refused: refused.total,
        found: life.is_some() || refused.total > 0,
        explanation: match &life {
            Some(life) => Explanation::of_life(life, &refused),
            None => Explanation::of_issued(&refused),
        },
        request: None,
    })
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
    })
}

fn as_text(answer: &Answer) -> String {
    let mut text = answer
        .request
        .as_ref()
        .map(request_text)
        .unwrap_or_default();
    if !answer.connection_id.is_empty() {
        let _ = write!(text, "Connection {}", printable(&answer.connection_id));
    }
    if let Some((api_id, name)) = &answer.api {
        let _ = write!(text, " of API {} ({api_id})", printable(name));
    }
    if let Some(stage) = &answer.stage {
        let _ = write!(text, ", stage {}", printable(stage));
    }
    text.push('\n');
    let Explanation {
        slug,
        timeline,
        verdict,
        mend,
    } = &answer.explanation;
    for event in timeline {
        let _ = write!(
            text,
            "\n{}  {}",
            iso_time(event.at_ms),
            printable(&event.text)
        );
    }
    if !timeline.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "\nVerdict ({slug}): {}.", printable(verdict));
    if let Some(mend) = mend {
        let _ = writeln!(text, "To mend it: {mend}.");
        let _ = writeln!(text, "More: gatepost why --about {slug}");
    }
    text
}

/// What a request's logs say, and those of the function that it called.
fn request_text(request: &LoggedRequest) -> String {
    let mut text = String::new();
    let mut section = |heading: &str, lines: &[LoggedLine]| {
        let _ = writeln!(text, "{heading}\n");
        for line in lines {
            let time = iso_time(line.at_ms.cast_unsigned());
            let _ = writeln!(text, "{time}  {}", printable(&line.text));
        }
        text.push('\n');
    };
    if let Some(id) = &request.request_id {
        section(&format!("Request {}", printable(id)), &request.lines);
    }
    if let Some(log) = &request.function {
        section(
            &format!("Function {}", printable(&log.function)),
            &log.lines,
        );
    }
    text
}

fn request_json(request: &LoggedRequest) -> Value {
    let lines = |lines: &[LoggedLine]| -> Vec<Value> {
        let line = |line: &LoggedLine| json!({ "time": iso_time(line.at_ms.cast_unsigned()), "text": line.text });
        lines.iter().map(line).collect()
    };
    json!({
        "requestId": request.request_id,
        "lines": lines(&request.lines),
        "endpointRequestId": request.endpoint_request_id,
        "function": request.function.as_ref().map(|log| {
            json!({ "name": log.function, "lines": lines(&log.lines) })
        }),
    })
}

fn as_json(answer: &Answer) -> String {
    let explanation = &answer.explanation;
    let timeline: Vec<Value> = explanation
        .timeline
        .iter()
        .map(|event| {
            json!({
                "time": iso_time(event.at_ms),
                "event": event.kind.as_str(),
                "text": event.text,
            })
        })
        .collect();
    let api = answer.api.as_ref();
    let value = json!({
        "version": JSON_VERSION,
        "found": answer.found,
        "connectionId": Some(&answer.connection_id).filter(|id| !id.is_empty()),
        "apiId": api.map(|(id, _)| id.to_string()),
        "apiName": api.map(|(_, name)| name),
        "stage": answer.stage,
        "reason": explanation.slug,
        "verdict": explanation.verdict,
        "mend": explanation.mend,
        "refusedCalls": answer.refused,
        "timeline": timeline,
        "request": answer.request.as_ref().map(request_json),
    });
    format!("{value:#}\n")
}
