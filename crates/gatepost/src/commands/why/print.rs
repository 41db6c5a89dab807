//! What `gatepost why` says of an id, for people and for programs.

use std::fmt::Write as _;

use gatepost_gateway::{
    explanation::{Explanation, from_logs::LogExplanation},
    store::{LoggedLine, LoggedRequest},
};
use gatepost_model::request_context::iso_time;
use gatepost_server::error_pages;
use serde_json::{Value, json};

use super::{JSON_VERSION, live::Now, stored::Answer};
use crate::commands::dev::printable;

pub(super) fn as_text(answer: &Answer) -> String {
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
    if !text.is_empty() {
        text.push('\n');
    }
    write_explanation(&mut text, &answer.explanation, "");
    text
}

/// The timeline, the verdict with how sure it is, and the mend.
fn write_explanation(text: &mut String, explanation: &Explanation, certainty: &str) {
    let Explanation {
        slug,
        timeline,
        verdict,
        mend,
    } = explanation;
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
    let _ = writeln!(
        text,
        "\nVerdict ({slug}{certainty}): {}.",
        printable(verdict)
    );
    if let Some(mend) = mend {
        let _ = writeln!(text, "To mend it: {mend}.");
        if error_pages::page(slug).is_some() {
            let _ = writeln!(text, "More: gatepost why --about {slug}");
        }
    }
}

/// What logs of AWS tell.
pub(super) fn explained_as_text(explained: &LogExplanation) -> String {
    let mut text = explained
        .request
        .as_ref()
        .map(request_text)
        .unwrap_or_default();
    if let Some(id) = &explained.connection_id {
        let _ = write!(text, "Connection {}", printable(id));
        if let Some((api_id, stage)) = &explained.place {
            let (api_id, stage) = (printable(api_id), printable(stage));
            let _ = write!(text, " of API {api_id}, stage {stage}");
        }
        text.push_str(", by these logs\n");
    }
    let certainty = format!(", {}", explained.certainty.as_str());
    write_explanation(&mut text, &explained.explanation, &certainty);
    if !explained.missing.is_empty() {
        text.push_str("To be surer:\n");
        for setting in &explained.missing {
            let _ = writeln!(text, "- {setting}.");
        }
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

fn timeline_json(explanation: &Explanation) -> Vec<Value> {
    explanation
        .timeline
        .iter()
        .map(|event| {
            json!({
                "time": iso_time(event.at_ms),
                "event": event.kind.as_str(),
                "text": event.text,
            })
        })
        .collect()
}

pub(super) fn as_json(answer: &Answer) -> String {
    let explanation = &answer.explanation;
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
        "timeline": timeline_json(explanation),
        "request": answer.request.as_ref().map(request_json),
        "live": answer.now.as_ref().map(Now::as_json),
    });
    format!("{value:#}\n")
}

pub(super) fn explained_as_json(explained: &LogExplanation) -> String {
    let explanation = &explained.explanation;
    let place = explained.place.as_ref();
    let value = json!({
        "version": JSON_VERSION,
        "found": explained.found,
        "connectionId": explained.connection_id,
        "apiId": place.map(|(api_id, _)| api_id),
        "apiName": null,
        "stage": place.map(|(_, stage)| stage),
        "reason": explanation.slug,
        "certainty": explained.certainty.as_str(),
        "verdict": explanation.verdict,
        "mend": explanation.mend,
        "toBeSurer": explained.missing,
        "refusedCalls": explained.refused,
        "timeline": timeline_json(explanation),
        "request": explained.request.as_ref().map(request_json),
    });
    format!("{value:#}\n")
}
