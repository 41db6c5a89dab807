//! What `dev` prints: lines for people, or events as JSON lines.

mod json;
mod text;

use std::{io, path::PathBuf, sync::mpsc, thread, time::Duration};

use gatepost_gateway::observe::{Event, Refused};
use gatepost_server::endpoint::Endpoint;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

pub use self::text::{Style, printable};
use super::super::output;
use crate::node::StartError;

/// How long the end waits for a terminal.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Where `dev` prints. Data goes to stdout, warnings and errors to stderr.
#[derive(Clone, Copy)]
pub struct Terminal {
    json: bool,
    quiet: bool,
    style: Style,
}

/// What a started app is told about.
pub struct Ready {
    /// The template.
    pub template: PathBuf,
    /// The stack's name.
    pub stack_name: String,
    /// The port of everything.
    pub port: u16,
    /// Host and port in URLs.
    pub endpoint: Endpoint,
    /// Whether a page is served at `/`.
    pub has_page: bool,
    /// The file with the certificates that clients of the TLS port trust.
    pub ca_bundle: PathBuf,
    /// The APIs.
    pub apis: Vec<ReadyApi>,
    /// The API keys.
    pub api_keys: Vec<ReadyApiKey>,
    /// The functions: name, logical id, ARN, runtime.
    pub functions: Vec<ReadyFunction>,
    /// The template's outputs.
    pub outputs: Vec<(String, String)>,
    /// Types that are not acted on, with their logical ids.
    pub not_acted_on: Vec<(String, Vec<String>)>,
    /// What else is worth saying.
    pub notes: Vec<String>,
}

/// An API that is served.
#[derive(PartialEq, Eq)]
pub struct ReadyApi {
    /// `apiId`.
    pub api_id: String,
    /// `name`.
    pub name: String,
    /// The logical id.
    pub logical_id: String,
    /// Its stages: name, WebSocket URL, callback URL.
    pub stages: Vec<(String, String, String)>,
    /// Its own port, when there are several APIs.
    pub port: Option<u16>,
}

/// An API key that clients may present.
pub struct ReadyApiKey {
    /// `id`.
    pub api_key_id: String,
    /// `name`.
    pub name: String,
    /// `enabled`.
    pub enabled: bool,
    /// `value`, all but its end hidden.
    pub masked_value: String,
}

/// A function that runs here.
pub struct ReadyFunction {
    /// `FunctionName`.
    pub name: String,
    /// The logical id.
    pub logical_id: String,
    /// `FunctionArn`.
    pub arn: String,
    /// `Runtime`.
    pub runtime: String,
}

impl Terminal {
    /// A terminal for people or for programs; a quiet one prints no traffic and no log lines.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            style: Style::of_stdout(),
        }
    }

    fn event(event: &Value) {
        output::line(&event.to_string());
    }

    /// Tells that the app serves. Without `--json` the last line is exactly `Ready.`
    pub fn ready(self, ready: &Ready) {
        if self.json {
            Self::event(&json::ready(ready));
        } else {
            output::line(&self.style.ready(ready));
        }
    }

    /// Tells why the app did not start.
    pub fn start_failed(error: &StartError) {
        match error {
            StartError::Template(errors) => {
                for line in super::error_lines(errors) {
                    output::error_line(&line);
                }
            }
            error => output::error_line(&format!("gatepost: {error}")),
        }
    }

    /// Tells that a change is served now, and where, if that changed.
    pub fn reloaded(self, before: &Ready, now: &Ready) {
        if self.json {
            Self::event(&json::reloaded(now));
        } else {
            let new = now.apis.iter().filter(|api| !before.apis.contains(api));
            output::line(&self.style.reloaded(new));
        }
    }

    /// Tells why a change is not served; the app goes on as before.
    pub fn reload_failed(self, errors: &[String]) {
        if self.json {
            Self::event(&json!({"event": "reload-failed", "errors": errors}));
            return;
        }
        for error in errors {
            output::error_line(error);
        }
        output::error_line("The change is not served; the app goes on as it was.");
    }

    /// How its text looks.
    pub fn style(self) -> Style {
        self.style
    }

    /// Tells that the app stops; which does not wait for a terminal that nobody reads.
    pub fn stopping(self) {
        if !self.json {
            thread::spawn(|| {
                output::line(
                    "Stopping: connections are closed, $disconnect routes run; Ctrl-C again stops at \
                     once.",
                );
            });
        }
    }

    /// Tells last words, for which nobody waits long: nobody may read the terminal.
    pub fn last_words(self, warnings: Vec<String>) {
        let (told, done) = mpsc::channel();
        let tell = move || {
            for warning in warnings {
                self.warning(&warning);
            }
            let _ = told.send(());
        };
        thread::spawn(tell);
        let _ = done.recv_timeout(LAST_WORDS);
    }

    /// Tells that another Gatepost has taken over.
    pub fn handed_over(self) {
        if self.json {
            Self::event(&json!({"event": "handed-over"}));
        } else {
            output::line("Another gatepost has taken over.");
        }
    }

    /// Warns, on one line: names that callers chose may stand in it.
    pub fn warning(self, text: &str) {
        if self.json {
            Self::event(&json!({"event": "warning", "text": text}));
        } else {
            output::error_line(&format!("warning: {}", printable(text)));
        }
    }

    /// Warns of mistakes, which have a line each.
    pub fn warning_of(self, mistakes: &StartError) {
        let text = mistakes.to_string();
        if self.json {
            self.warning(&text);
        } else {
            let lines: Vec<String> = text.lines().map(printable).collect();
            output::error_line(&format!("warning: {}", lines.join("\n")));
        }
    }

    /// Prints what happens, until the gateway is gone: on a thread of its own, for a terminal that
    /// nobody reads holds up whoever writes.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn follow(self, mut events: Receiver<Event>) -> io::Result<()> {
        let run = move || {
            while let Some(event) = events.blocking_recv() {
                self.happened(&event);
            }
        };
        thread::Builder::new().name("terminal".into()).spawn(run)?;
        Ok(())
    }

    fn happened(self, event: &Event) {
        if self.quiet && event.is_traffic() {
            return;
        }
        if self.json {
            Self::event(&json::event(event));
        } else if let Event::Warning(text) = event {
            self.warning(text);
        } else {
            output::line(&self.style.event(event));
        }
    }
}

/// The reason of a refused call, its advice, and its slug.
fn refusal(refused: &Refused) -> Refusal {
    match refused {
        Refused::Gone(reason) => Refusal::Gone {
            slug: reason.slug(),
            text: reason.describe(),
            advice: reason.advice(),
        },
        Refused::Invalid(reason) => Refusal::Gone {
            slug: reason.slug(),
            text: format!("the id is invalid: {reason}"),
            advice: reason.advice().into(),
        },
        Refused::Denied(text) => Refusal::Denied { text: text.clone() },
    }
}

/// A refused call of `@connections`, in words.
enum Refusal {
    /// 410 and 400, with their reason.
    Gone {
        slug: &'static str,
        text: String,
        advice: String,
    },
    /// 403, with what the caller is told.
    Denied { text: String },
}
