//! From what a tool printed to log events.

use serde_json::{Deserializer, Value};

use super::{csv, time::time};

/// An event of a log, as far as the tool tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrintedEvent {
    /// Milliseconds since the epoch.
    pub at_ms: Option<u64>,
    /// The log group.
    pub log_group: Option<String>,
    /// The log stream.
    pub log_stream: Option<String>,
    /// The message.
    pub message: String,
}

/// The events in a text: of `aws logs filter-log-events` and `get-log-events` (JSON and text), of
/// `aws logs tail`, of Logs Insights (JSON and CSV), of an export to S3, of the console's CSV, of a
/// subscription, of `gatepost logs --json`, or bare lines.
pub fn printed_events(text: &str) -> Vec<PrintedEvent> {
    let text = text.trim_start_matches('\u{feff}');
    let begin = text.trim_start();
    if begin.starts_with(['{', '['])
        && let Some(events) = of_json(text)
    {
        return events;
    }
    if text.lines().any(|line| line.starts_with("EVENTS\t")) {
        return of_text_output(text);
    }
    let header = begin
        .lines()
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let columns: Vec<&str> = header
        .split(',')
        .map(|name| name.trim_matches('"'))
        .collect();
    if columns
        .iter()
        .any(|name| matches!(*name, "message" | "@message"))
    {
        return of_csv(begin);
    }
    of_lines(text)
}

/// JSON documents, one behind another; `None` when the text is no JSON of a tool.
fn of_json(text: &str) -> Option<Vec<PrintedEvent>> {
    let mut events = Vec::new();
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        let before = events.len();
        of_value(&value.ok()?, None, &mut events);
        if events.len() == before && value_is_foreign(text) {
            return None;
        }
    }
    Some(events)
}

/// Bare rows of an access log in JSON are no document of a tool.
fn value_is_foreign(text: &str) -> bool {
    ![
        "\"events\"",
        "\"results\"",
        "\"logEvents\"",
        "\"message\"",
        "\"@message\"",
        "\"logGroups\"",
    ]
    .iter()
    .any(|member| text.contains(member))
}

fn of_value(value: &Value, group: Option<&str>, events: &mut Vec<PrintedEvent>) {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let group = text("logGroup").or_else(|| text("logGroupName")).or(group);
    for members in ["events", "logEvents", "results"] {
        if let Some(Value::Array(inner)) = value.get(members) {
            for event in inner {
                of_value(event, group, events);
            }
            return;
        }
    }
    match value {
        // A row of Insights is a list of fields; a list of anything else is looked into.
        Value::Array(fields) if fields.iter().any(|it| it.get("field").is_some()) => {
            let field = |name: &str| {
                let wanted = fields
                    .iter()
                    .find(|it| it.get("field").and_then(Value::as_str) == Some(name));
                wanted?.get("value")?.as_str()
            };
            events.extend(insights_row(field));
        }
        Value::Array(inner) => {
            for event in inner {
                of_value(event, group, events);
            }
        }
        Value::Object(_) if text("@message").is_some() => events.extend(insights_row(text)),
        Value::Object(_) => {
            if let Some(message) = text("message") {
                events.push(PrintedEvent {
                    at_ms: value.get("timestamp").and_then(|at| match at {
                        Value::Number(ms) => ms.as_u64(),
                        Value::String(text) => time(text),
                        _ => None,
                    }),
                    log_group: group.map(str::to_owned),
                    log_stream: text("logStreamName")
                        .or_else(|| text("logStream"))
                        .map(str::to_owned),
                    message: message.trim_end().to_owned(),
                });
            }
        }
        _ => {}
    }
}

fn insights_row<'v>(field: impl Fn(&str) -> Option<&'v str>) -> Option<PrintedEvent> {
    Some(PrintedEvent {
        at_ms: field("@timestamp").and_then(any_time),
        // `{account}:{group}`.
        log_group: field("@log").map(|log| log.rsplit(':').next().unwrap_or(log).to_owned()),
        log_stream: field("@logStream").map(str::to_owned),
        message: field("@message")?.trim_end().to_owned(),
    })
}

/// A time in words, or milliseconds since the epoch.
fn any_time(text: &str) -> Option<u64> {
    time(text).or_else(|| text.parse().ok())
}

fn of_csv(text: &str) -> Vec<PrintedEvent> {
    let mut rows = csv::rows(text).into_iter();
    let names = rows.next().unwrap_or_default();
    let column = |wanted: [&str; 2]| {
        names
            .iter()
            .position(|name| wanted.contains(&name.as_str()))
    };
    let (at, log) = (
        column(["@timestamp", "timestamp"]),
        column(["@log", "logGroup"]),
    );
    let stream = column(["@logStream", "logStreamName"]);
    let message = column(["@message", "message"]);
    rows.filter_map(|row| {
        let field = |place: Option<usize>| row.get(place?).map(String::as_str);
        Some(PrintedEvent {
            at_ms: field(at).and_then(any_time),
            log_group: field(log).map(|log| log.rsplit(':').next().unwrap_or(log).to_owned()),
            log_stream: field(stream).map(str::to_owned),
            message: field(message)?.trim_end().to_owned(),
        })
    })
    .collect()
}

/// `--output text`: the members of an event in the order of their names, separated by tabs, which
/// messages may hold too, like line breaks.
fn of_text_output(text: &str) -> Vec<PrintedEvent> {
    const EVENT: &str = "EVENTS\t";
    let mut records: Vec<String> = Vec::new();
    let mut is_event = false;
    for line in text.lines() {
        if let Some(record) = line.strip_prefix(EVENT) {
            records.push(record.to_owned());
            is_event = true;
        } else if line.starts_with("SEARCHEDLOGSTREAMS\t") || line.starts_with("b/") {
            is_event = false;
        } else if let Some(record) = records.last_mut().filter(|_| is_event) {
            record.push('\n');
            record.push_str(line);
        }
    }
    records
        .iter()
        .filter_map(|record| {
            let (rest, at) = record.trim_end().rsplit_once('\t')?;
            let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
            let (first, rest) = rest.split_once('\t')?;
            // `eventId ingestionTime logStreamName message`, or `ingestionTime message`.
            let (stream, message) = if first.len() > 20 {
                let (_, rest) = rest.split_once('\t')?;
                let (stream, message) = rest.split_once('\t')?;
                (Some(stream.to_owned()), message)
            } else {
                (None, rest)
            };
            (is_number(first) && is_number(at)).then(|| PrintedEvent {
                at_ms: at.parse().ok(),
                log_group: None,
                log_stream: stream,
                message: message.trim_end().to_owned(),
            })
        })
        .collect()
}

/// Lines that begin with a time, perhaps with a stream behind it, or with none. What has neither a
/// time nor a request id belongs to the event before.
fn of_lines(text: &str) -> Vec<PrintedEvent> {
    let mut events: Vec<PrintedEvent> = Vec::new();
    for line in text.lines() {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(at_ms) = time(first) {
            let (stream, behind) = rest.split_once(' ').unwrap_or((rest, ""));
            events.push(PrintedEvent {
                at_ms: Some(at_ms),
                log_group: None,
                log_stream: is_stream(stream).then(|| stream.to_owned()),
                message: if is_stream(stream) { behind } else { rest }.to_owned(),
            });
            continue;
        }
        let is_own = line.starts_with(['(', '{'])
            || ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "]
                .iter()
                .any(|begin| line.starts_with(begin));
        match events.last_mut() {
            Some(event) if !is_own && event.at_ms.is_some() => {
                event.message.push('\n');
                event.message.push_str(line);
            }
            _ if line.trim().is_empty() => {}
            _ => events.push(PrintedEvent {
                message: line.to_owned(),
                ..PrintedEvent::default()
            }),
        }
    }
    events
}

/// Whether it is how streams are called: 32 hex digits, or `{date}/[{version}]{32 hex digits}`.
fn is_stream(word: &str) -> bool {
    let end = word.rsplit(']').next().unwrap_or(word);
    end.len() == 32 && end.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "(EP5yqFByIAMElXw=) Extended Request Id: EP5yqFByIAMElXw=";
    const AT: u64 = 1_790_294_508_123;

    fn event(at_ms: Option<u64>, group: Option<&str>, message: &str) -> PrintedEvent {
        PrintedEvent {
            at_ms,
            log_group: group.map(str::to_owned),
            log_stream: None,
            message: message.to_owned(),
        }
    }

    /// The same in a stream.
    fn streamed(stream: &str, event: PrintedEvent) -> PrintedEvent {
        PrintedEvent {
            log_stream: Some(stream.to_owned()),
            ..event
        }
    }

    #[test]
    fn json_of_filter_and_get_log_events_is_read() {
        let filter = format!(
            r#"{{"events": [{{"logStreamName": "0a", "timestamp": {AT}, "message": "{LINE}", "ingestionTime": 2, "eventId": "3"}}], "searchedLogStreams": []}}"#
        );
        let line = streamed("0a", event(Some(AT), None, LINE));
        assert_eq!(printed_events(&filter), std::slice::from_ref(&line));
        let get = format!(
            r#"{{"events": [{{"timestamp": {AT}, "message": "a\nb\n"}}], "nextForwardToken": "f/3"}} {filter}"#
        );
        assert_eq!(printed_events(&get), [event(Some(AT), None, "a\nb"), line]);
    }

    #[test]
    fn text_of_filter_and_get_log_events_is_read() {
        let id = "3".repeat(56);
        let text = format!(
            "EVENTS\t{id}\t1790294509000\t0a\tREPORT RequestId: x\tDuration: 1 ms\t{AT}\n\
             EVENTS\t{id}\t1790294509000\t0a\ta\n  b\t{AT}\nSEARCHEDLOGSTREAMS\t0a\tTrue\n"
        );
        assert_eq!(
            printed_events(&text),
            [
                streamed(
                    "0a",
                    event(Some(AT), None, "REPORT RequestId: x\tDuration: 1 ms")
                ),
                streamed("0a", event(Some(AT), None, "a\n  b"))
            ]
        );
        let text = format!("b/1\tf/1\nEVENTS\t1790294509000\t{LINE}\t{AT}\n");
        assert_eq!(printed_events(&text), [event(Some(AT), None, LINE)]);
    }

    #[test]
    fn lines_of_tail_and_of_an_export_are_read() {
        let stream = "0123456789abcdef0123456789abcdef";
        let text = format!(
            "2026-09-25T00:01:48.123000+00:00 {stream} {LINE}\n\
             2026-09-25T00:01:48.123000+00:00 2026/09/25/[$LATEST]{stream} [ERROR] E: no\n  at x\n\
             2026-09-25T00:01:48.123Z {LINE}\n"
        );
        assert_eq!(
            printed_events(&text),
            [
                streamed(stream, event(Some(AT), None, LINE)),
                streamed(
                    &format!("2026/09/25/[$LATEST]{stream}"),
                    event(Some(AT), None, "[ERROR] E: no\n  at x")
                ),
                event(Some(AT), None, LINE)
            ]
        );
        assert_eq!(printed_events(LINE), [event(None, None, LINE)]);
    }

    #[test]
    fn results_of_insights_are_read() {
        let json = format!(
            r#"{{"results": [[{{"field": "@timestamp", "value": "2026-09-25 00:01:48.123"}}, {{"field": "@message", "value": "{LINE}"}}, {{"field": "@log", "value": "000000000000:/aws/apigateway/a/b"}}]], "status": "Complete"}}"#
        );
        let expected = [event(Some(AT), Some("/aws/apigateway/a/b"), LINE)];
        assert_eq!(printed_events(&json), expected);
        let csv = format!(
            "@timestamp,@message,@log\n2026-09-25 00:01:48.123,\"{LINE}\",000000000000:/aws/apigateway/a/b\n"
        );
        assert_eq!(printed_events(&csv), expected);
        let console = format!("timestamp,message\n{AT},{LINE}\n");
        assert_eq!(printed_events(&console), [event(Some(AT), None, LINE)]);
    }

    #[test]
    fn bare_rows_of_an_access_log_are_messages() {
        let row = r#"{"requestId":"a","status":"410"}"#;
        assert_eq!(printed_events(&format!("{row}\n{row}\n")).len(), 2);
        assert_eq!(printed_events(row)[0].message, row);
    }
}
