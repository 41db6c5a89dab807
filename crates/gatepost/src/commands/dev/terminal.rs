//! What `dev` prints: lines for people, or events as JSON lines.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use gatepost_gateway::{
    clock::now_ms,
    observe::{Event, Refused},
    store::{Lifecycle, Store},
};
use gatepost_model::{ApiId, request_context::iso_time, route::RouteKey};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::app::StartError;

/// Version of the shape of the JSON events.
const JSON_VERSION: u32 = 1;

/// Where `dev` prints. Data goes to stdout, warnings and errors to stderr.
#[derive(Clone, Copy)]
pub struct Terminal {
    json: bool,
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
    pub authority: String,
    /// The file with the certificates that clients of the TLS port trust.
    pub ca_bundle: PathBuf,
    /// The APIs.
    pub apis: Vec<ReadyApi>,
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
    /// A terminal for people or for programs.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    fn line(text: &str) {
        // Whoever closed our stdout wants no more of it.
        let _ = writeln!(io::stdout().lock(), "{text}");
    }

    fn event(event: &Value) {
        Self::line(&event.to_string());
    }

    /// Tells that the app serves. Without `--json` the last line is exactly `Ready.`
    pub fn ready(self, ready: &Ready) {
        if self.json {
            Self::event(&ready_event(ready));
        } else {
            Self::line(&ready_text(ready));
        }
    }

    /// Tells why the app did not start.
    pub fn start_failed(error: &StartError) {
        match error {
            StartError::Template(errors) => {
                for line in super::error_lines(errors) {
                    eprintln!("{line}");
                }
            }
            error => eprintln!("gatepost: {error}"),
        }
    }

    /// Tells that a change is served now.
    pub fn reloaded(self) {
        if self.json {
            Self::event(&json!({"event": "reloaded"}));
        } else {
            Self::line("Reloaded.");
        }
    }

    /// Tells why a change is not served; the app goes on as before.
    pub fn reload_failed(self, errors: &[String]) {
        if self.json {
            Self::event(&json!({"event": "reload-failed", "errors": errors}));
            return;
        }
        for error in errors {
            eprintln!("{error}");
        }
        eprintln!("The change is not served; the app goes on as it was.");
    }

    /// Tells that the app stops.
    pub fn stopping(self) {
        if !self.json {
            Self::line("Stopping: connections are closed, $disconnect routes run.");
        }
    }

    /// Warns.
    pub fn warning(self, text: &str) {
        if self.json {
            Self::event(&json!({"event": "warning", "text": text}));
        } else {
            eprintln!("warning: {text}");
        }
    }

    /// Prints what happens and keeps functions' log lines, until the gateway is gone.
    pub async fn follow(self, mut events: mpsc::Receiver<Event>, store: Arc<Store>) {
        while let Some(event) = events.recv().await {
            if self.json {
                Self::event(&event_json(&event));
            } else if let Event::Warning(text) = &event {
                self.warning(text);
            } else {
                Self::line(&event_text(&event));
            }
            if let Event::FunctionLog {
                function,
                stream,
                timestamp_ms,
                message,
            } = event
            {
                store.record(Lifecycle::FunctionLog {
                    function,
                    stream,
                    timestamp_ms,
                    message,
                });
            }
        }
    }
}

fn ready_event(ready: &Ready) -> Value {
    let apis: Vec<Value> = ready
        .apis
        .iter()
        .map(|api| {
            let stages: Vec<Value> = api
                .stages
                .iter()
                .map(|(stage, url, callback_url)| {
                    json!({"stage": stage, "url": url, "callbackUrl": callback_url})
                })
                .collect();
            json!({
                "apiId": api.api_id,
                "name": api.name,
                "logicalId": api.logical_id,
                "stages": stages,
                "port": api.port,
            })
        })
        .collect();
    let functions: Vec<Value> = ready
        .functions
        .iter()
        .map(|function| {
            json!({
                "name": function.name,
                "logicalId": function.logical_id,
                "arn": function.arn,
                "runtime": function.runtime,
            })
        })
        .collect();
    let outputs: serde_json::Map<String, Value> = ready
        .outputs
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let not_acted_on: serde_json::Map<String, Value> = ready
        .not_acted_on
        .iter()
        .map(|(kind, ids)| (kind.clone(), json!(ids)))
        .collect();
    json!({
        "event": "ready",
        "version": JSON_VERSION,
        "template": ready.template,
        "stackName": ready.stack_name,
        "port": ready.port,
        "httpUrl": format!("http://{}", ready.authority),
        "httpsUrl": format!("https://{}", ready.authority),
        "caBundle": ready.ca_bundle,
        "apis": apis,
        "functions": functions,
        "outputs": outputs,
        "notActedOn": not_acted_on,
        "notes": ready.notes,
    })
}

fn ready_text(ready: &Ready) -> String {
    let mut lines = vec![format!(
        "{} from {}",
        ready.stack_name,
        ready.template.display()
    )];
    for api in &ready.apis {
        lines.push(format!("API {} ({})", api.name, api.api_id));
        for (_, url, callback_url) in &api.stages {
            lines.push(format!("  WebSocket     {url}"));
            lines.push(format!("  @connections  {callback_url}"));
        }
        if let Some(port) = api.port {
            lines.push(format!("  own port      {port}"));
        }
    }
    for function in &ready.functions {
        lines.push(format!("Function {} ({})", function.name, function.runtime));
    }
    for (name, value) in &ready.outputs {
        lines.push(format!("Output {name} = {value}"));
    }
    for (kind, ids) in &ready.not_acted_on {
        lines.push(format!("Not acted on: {kind} ({})", ids.join(", ")));
    }
    lines.extend(ready.notes.iter().cloned());
    lines.push(format!(
        "AWS APIs: AWS_ENDPOINT_URL=http://{}",
        ready.authority
    ));
    lines.push(format!("TLS too: trust {}", ready.ca_bundle.display()));
    lines.push("Ready.".into());
    lines.join("\n")
}

/// The reason of a refused call, its advice, and its slug.
fn refusal(refused: &Refused) -> (&'static str, String, String) {
    match refused {
        Refused::Gone(reason) => (reason.slug(), reason.describe(), reason.advice()),
        Refused::Invalid(reason) => (
            reason.slug(),
            format!("the id is invalid: {reason}"),
            reason.advice().into(),
        ),
    }
}

fn event_json(event: &Event) -> Value {
    match event {
        Event::ConnectionOpened {
            api_id,
            stage,
            connection_id,
            source_ip,
        } => json!({
            "event": "opened", "apiId": api_id.as_str(), "stage": stage.as_str(),
            "connectionId": connection_id.to_string(), "sourceIp": source_ip,
        }),
        Event::ConnectionRefused {
            api_id,
            status,
            detail,
        } => json!({
            "event": "refused", "apiId": api_id.as_ref().map(ApiId::as_str),
            "status": status, "detail": detail,
        }),
        Event::ConnectionClosed {
            api_id,
            connection_id,
            cause,
        } => {
            let (code, reason) = cause.disconnect_status();
            json!({
                "event": "closed", "apiId": api_id.as_str(),
                "connectionId": connection_id.to_string(), "cause": cause.slug(),
                "code": code, "reason": reason,
            })
        }
        Event::Request {
            connection_id,
            request_id,
            route_key,
            status,
            latency_ms,
            error,
        } => json!({
            "event": "request", "connectionId": connection_id.to_string(),
            "requestId": request_id.as_str(),
            "routeKey": route_key.as_ref().map(RouteKey::as_str),
            "status": status, "latencyMs": latency_ms, "error": error,
        }),
        Event::ManagementCall {
            method,
            connection_id,
            status,
            refused,
            caller,
        } => match refused {
            None => json!({
                "event": "connections", "method": method, "connectionId": connection_id,
                "status": status, "caller": caller,
            }),
            Some(refused) => {
                let (slug, text, advice) = refusal(refused);
                json!({
                    "event": "gone", "method": method, "connectionId": connection_id,
                    "status": status, "reason": slug, "caller": caller,
                    "text": format!("{text}. To mend it: {advice}."),
                })
            }
        },
        Event::FunctionLog {
            function,
            stream,
            timestamp_ms,
            message,
        } => json!({
            "event": "log", "function": function.as_str(), "stream": &**stream,
            "timestamp": timestamp_ms, "message": message,
        }),
        Event::Warning(text) => json!({"event": "warning", "text": text}),
    }
}

fn event_text(event: &Event) -> String {
    let now = iso_time(now_ms());
    // `hh:mm:ss.mmm` of the time.
    let time = now.get(11..23).unwrap_or(&now);
    let text = match event {
        Event::ConnectionOpened {
            stage,
            connection_id,
            source_ip,
            ..
        } => {
            format!("{connection_id} opened on {stage} from {source_ip}")
        }
        Event::ConnectionRefused { status, detail, .. } => {
            format!("{status} handshake refused: {}", printable(detail))
        }
        Event::ConnectionClosed {
            connection_id,
            cause,
            ..
        } => {
            format!(
                "{connection_id} closed: the connection {}",
                printable(&cause.describe())
            )
        }
        Event::Request {
            connection_id,
            route_key,
            status,
            latency_ms,
            error,
            ..
        } => {
            let route = route_key.as_ref().map_or("no route", |key| key.as_str());
            let route = printable(route);
            match error {
                None => format!("{connection_id} {route} {status} in {latency_ms} ms"),
                Some(error) => format!(
                    "{connection_id} {route} {status} in {latency_ms} ms: {}",
                    printable(error)
                ),
            }
        }
        Event::ManagementCall {
            method,
            connection_id,
            status,
            refused,
            caller,
        } => {
            let (id, caller) = (printable(connection_id), printable(caller));
            match refused {
                None => format!("{id} {method} @connections {status} by {caller}"),
                Some(refused) => {
                    let (slug, text, advice) = refusal(refused);
                    let text = printable(&text);
                    format!(
                        "{status} {method} @connections {id} by {caller}: {text} ({slug}). To \
                         mend it: {advice}."
                    )
                }
            }
        }
        Event::FunctionLog {
            function, message, ..
        } => {
            format!("[{function}] {}", printable(message.trim_end()))
        }
        Event::Warning(text) => format!("warning: {}", printable(text)),
    };
    format!("{time} {text}")
}

/// Text that stays on its line and cannot steer the terminal; tabs stay.
fn printable(text: &str) -> String {
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
}
