//! What people read: aligned, in colour where there is a screen, each event one line that nobody
//! else can write.

use std::{env, fmt::Write as _, io::IsTerminal as _};

use gatepost_gateway::{
    clock::now_ms,
    observe::{Event, RefusedRequest},
};
use gatepost_model::request_context::iso_time;
use gatepost_server::error_pages;

use super::{Ready, ReadyApi, Refusal, refusal};

/// Where the text of an event begins, behind its time.
const INDENT: &str = "             ";
/// Lambda's own lines: there to be found, not to be read.
const PLATFORM_LINES: [&str; 5] = ["INIT_START", "INIT_REPORT", "START", "END", "REPORT"];

/// How text looks.
#[derive(Clone, Copy)]
pub struct Style {
    screen: bool,
    colour: bool,
}

impl Style {
    /// For standard output: plain unless it is a screen, colourless with `NO_COLOR`.
    pub fn of_stdout() -> Self {
        let screen = std::io::stdout().is_terminal();
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            screen,
            colour: screen && !unwanted,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn status(self, status: u16) -> String {
        let text = status.to_string();
        if status < 400 {
            self.good(&text)
        } else {
            self.bad(&text)
        }
    }

    /// What is said of a change that is served: the APIs whose URLs are new, and `Reloaded.`
    pub fn reloaded<'a>(self, new: impl Iterator<Item = &'a ReadyApi>) -> String {
        self.apis(new) + "Reloaded."
    }

    /// APIs with their URLs.
    pub fn apis<'a>(self, apis: impl Iterator<Item = &'a ReadyApi>) -> String {
        let mut text = String::new();
        for api in apis {
            self.api(&mut text, api);
        }
        text
    }

    fn api(self, text: &mut String, api: &ReadyApi) {
        let mut rows = Vec::new();
        for (_, url, callback_url) in &api.stages {
            rows.push(("WebSocket".to_owned(), self.good(url)));
            rows.push(("@connections".to_owned(), callback_url.clone()));
        }
        rows.extend(
            api.port
                .map(|port| ("own port".to_owned(), port.to_string())),
        );
        self.section(text, &format!("API {} ({})", api.name, api.api_id), rows);
    }

    /// What start-up says; the last line is `Ready.`
    pub fn ready(self, ready: &Ready) -> String {
        let template = ready.template.display();
        let mut text = format!("{} from {template}\n", self.bold(&ready.stack_name));
        text += &self.apis(ready.apis.iter());
        let functions = ready.functions.iter();
        let functions = functions.map(|function| (function.name.clone(), function.runtime.clone()));
        self.section(&mut text, "Functions", functions.collect());
        self.api_keys(&mut text, ready);
        self.section(&mut text, "Outputs", ready.outputs.clone());
        text += &self.notes(&ready.not_acted_on, &ready.notes);
        let here = vec![
            (
                "AWS APIs".to_owned(),
                format!("AWS_ENDPOINT_URL={}", ready.endpoint.http_base()),
            ),
            (
                "TLS".to_owned(),
                format!("on the same port; trust {}", ready.ca_bundle.display()),
            ),
        ];
        self.section(&mut text, "Here too", here);
        if ready.has_page {
            let page = self.bold(&ready.endpoint.http_base());
            let _ = writeln!(text, "Open {page} in two browser windows.");
        }
        text + "Ready."
    }

    /// What of the template nothing acts on, and what else is worth saying.
    pub fn notes(self, not_acted_on: &[(String, Vec<String>)], notes: &[String]) -> String {
        let mut text = String::new();
        let not_acted_on = not_acted_on.iter();
        let not_acted_on = not_acted_on.map(|(kind, ids)| (kind.clone(), ids.join(", ")));
        self.section(&mut text, "Not acted on", not_acted_on.collect());
        for note in notes {
            let _ = writeln!(text, "{note}");
        }
        text
    }

    /// The keys, and how to read one whole: no value stands on a terminal.
    fn api_keys(self, text: &mut String, ready: &Ready) {
        let rows = ready.api_keys.iter().map(|key| {
            let disabled = if key.enabled { "" } else { ", disabled" };
            let name = format!("{} ({}{disabled})", key.name, key.api_key_id);
            (name, key.masked_value.clone())
        });
        let mut rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            let read = "aws apigateway get-api-key --include-value --api-key ID";
            rows.push(("to read one".to_owned(), read.to_owned()));
        }
        self.section(text, "API keys", rows);
    }

    /// A heading and its rows, their second column aligned; nothing without rows.
    fn section(self, text: &mut String, heading: &str, rows: Vec<(String, String)>) {
        if rows.is_empty() {
            return;
        }
        let width = rows.iter().map(|(name, _)| name.chars().count()).max();
        let width = width.unwrap_or_default();
        let _ = writeln!(text, "{}", self.bold(heading));
        for (name, value) in rows {
            let _ = writeln!(text, "  {name:width$}  {value}");
        }
    }

    /// Where a long line of a screen breaks, where the eye wants it.
    fn gap(self) -> String {
        if self.screen {
            format!("\n{INDENT}")
        } else {
            " ".into()
        }
    }

    /// The line of an event.
    pub fn event(self, event: &Event) -> String {
        let now = iso_time(now_ms());
        // `hh:mm:ss.mmm` of the time.
        let time = now.get(11..23).unwrap_or(&now);
        format!("{} {}", self.dim(time), self.event_text(event))
    }

    fn event_text(self, event: &Event) -> String {
        match event {
            Event::ConnectionOpened {
                stage,
                connection_id,
                source_ip,
                ..
            } => format!(
                "{connection_id} {} on {stage} from {source_ip}",
                self.good("opened")
            ),
            Event::ConnectionRefused {
                source_ip,
                status,
                detail,
                fault,
                request,
            } => {
                let place = request.as_ref().map(|request| {
                    let RefusedRequest {
                        stage, request_id, ..
                    } = &**request;
                    format!(" on {stage} from {source_ip} (request {request_id})")
                });
                let place = place.unwrap_or_else(|| format!(" from {source_ip}"));
                let refused = format!("{} handshake refused{place}:", self.status(*status));
                let gap = self.gap();
                let detail = printable(detail);
                match fault.and_then(|kind| error_pages::mend(kind.slug())) {
                    None => format!("{refused}{gap}{detail}"),
                    Some((slug, mend)) => format!(
                        "{refused}{gap}{detail} ({}).{gap}To mend it: {mend}",
                        self.bold(slug)
                    ),
                }
            }
            Event::ConnectionClosed {
                connection_id,
                cause,
                ..
            } => format!(
                "{connection_id} closed: the connection {}",
                printable(&cause.describe())
            ),
            Event::Request {
                connection_id,
                route_key,
                status,
                latency_ms,
                error,
                ..
            } => {
                let route = route_key.as_ref().map_or("no route", |key| key.as_str());
                let (route, status) = (printable(route), self.status(*status));
                let error = error
                    .as_ref()
                    .map(|error| format!(": {}", printable(error)));
                let error = error.unwrap_or_default();
                format!("{connection_id} {route} {status} in {latency_ms} ms{error}")
            }
            Event::ManagementCall {
                method,
                connection_id,
                status,
                refused,
                caller,
            } => {
                let (id, caller) = (printable(connection_id), printable(caller));
                let status = self.status(*status);
                let Some(refused) = refused else {
                    return format!("{id} {method} @connections {status} by {caller}");
                };
                let (slug, text, advice) = match refusal(refused) {
                    Refusal::Gone { slug, text, advice } => (slug, printable(&text), advice),
                    Refusal::Denied { text } => {
                        let text = printable(&text);
                        return format!("{status} {method} @connections {id} by {caller}: {text}");
                    }
                };
                let gap = self.gap();
                format!(
                    "{status} {method} @connections {id} by {caller}:{gap}{text} ({}).{gap}To mend \
                     it: {advice}.",
                    self.bold(slug)
                )
            }
            Event::FunctionLog {
                function, message, ..
            } => {
                let text = continued(message.trim_end());
                let first_word = text.split(' ').next().unwrap_or_default();
                let line = format!("[{function}] {text}");
                if PLATFORM_LINES.contains(&first_word) {
                    self.dim(&line)
                } else {
                    line
                }
            }
            Event::Warning(text) => format!("warning: {}", printable(text)),
        }
    }
}

/// Several lines of one log event, the further ones marked as such.
fn continued(message: &str) -> String {
    let lines: Vec<String> = message
        .split(['\r', '\n'])
        .filter(|line| !line.is_empty())
        .map(printable)
        .collect();
    lines.join(&format!("\n{INDENT}| "))
}

/// Text that stays on its line and cannot steer the terminal; tabs stay.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = c.is_control() && c != '\t';
            let escaped = escape.then(|| c.escape_default());
            escaped.into_iter().flatten().chain((!escape).then_some(c))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_cannot_make_a_line_of_its_own() {
        assert_eq!(
            printable("a\r\nfake \x1b[31mred\ttab"),
            "a\\r\\nfake \\u{1b}[31mred\ttab"
        );
    }

    #[test]
    fn the_lines_of_a_log_event_are_marked_as_one() {
        assert_eq!(
            continued("Error: no\r    at a.js:1\r\n14:03:07.512 410 \x1b[2J"),
            "Error: no\n             |     at a.js:1\n             | 14:03:07.512 410 \\u{1b}[2J"
        );
    }

    #[test]
    fn a_section_aligns_its_rows_and_is_absent_without_any() {
        let plain = Style {
            screen: false,
            colour: false,
        };
        let mut text = String::new();
        plain.section(&mut text, "Nothing", Vec::new());
        let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let rows = vec![row("a", "python3.13"), row("longer", "nodejs24.x")];
        plain.section(&mut text, "Functions", rows);
        assert_eq!(
            text,
            "Functions\n  a       python3.13\n  longer  nodejs24.x\n"
        );
    }
}
