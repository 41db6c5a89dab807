//! What the person, or the program behind `--json`, is shown.
//!
//! Frames go to standard output and everything else to standard error; with `--json` all of it is
//! one JSON object per line on standard output.

use std::{
    fmt::{Display, Write as _},
    io::{self, IsTerminal, Write},
};

use http::{HeaderMap, response};
use serde_json::{Map, Value, json};

use super::{conversation::End, target::Target};

/// The version of the events' shape, in the first event.
const EVENTS_VERSION: u32 = 1;

/// Standard output and standard error.
pub struct Screen {
    json: bool,
    out: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    /// Whether a terminal shows it, which control characters could play tricks on.
    on_terminal: bool,
    /// Whoever read the output went away.
    unread: bool,
}

impl Screen {
    pub fn new(json: bool) -> Self {
        Self {
            json,
            out: Box::new(io::stdout()),
            talk: Box::new(io::stderr()),
            on_terminal: io::stdout().is_terminal() || io::stderr().is_terminal(),
            unread: false,
        }
    }

    /// The handshake succeeded.
    pub fn opened(&mut self, target: &Target, head: &response::Parts, subprotocol: Option<&str>) {
        if self.json {
            return self.event(&json!({
                "event": "opened",
                "version": EVENTS_VERSION,
                "url": target.to_string(),
                "status": head.status.as_u16(),
                "headers": headers(&head.headers),
                "subprotocol": subprotocol,
            }));
        }
        let subprotocol = subprotocol.map(|name| format!(", subprotocol {name}"));
        self.say(format_args!(
            "Connected to {target}{}. Each line is a message; Ctrl-D closes.",
            subprotocol.unwrap_or_default()
        ));
    }

    /// The handshake was refused: all of the answer, which browsers hide.
    pub fn refused(&mut self, head: &response::Parts, body: &[u8]) {
        let body = String::from_utf8_lossy(body);
        if self.json {
            return self.event(&json!({
                "event": "refused",
                "version": EVENTS_VERSION,
                "status": head.status.as_u16(),
                "headers": headers(&head.headers),
                "body": body,
            }));
        }
        let mut text = format!(
            "The handshake was refused:\n{:?} {}\n",
            head.version, head.status
        );
        for (name, value) in &head.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}: {value}");
        }
        self.say(format_args!("{text}\n{body}"));
    }

    /// A text message.
    pub fn text(&mut self, text: &str) {
        if self.json {
            self.event(&json!({ "event": "message", "text": text }));
        } else {
            self.print(format_args!("{text}"));
        }
    }

    /// A binary message, which API Gateway never sends.
    pub fn binary(&mut self, bytes: &[u8]) {
        let mut hex = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        if self.json {
            self.event(&json!({ "event": "message", "hex": hex }));
        } else {
            self.print(format_args!("(binary) {hex}"));
        }
    }

    /// The conversation is over.
    pub fn ended(&mut self, end: &End) {
        match end {
            End::Closed { code, reason } if self.json => {
                self.event(&json!({ "event": "closed", "code": code, "reason": reason }));
            }
            End::Closed { code: None, .. } => self.say(format_args!("Closed without a code.")),
            End::Closed {
                code: Some(code),
                reason,
            } if reason.is_empty() => {
                self.say(format_args!("Closed with code {code}."));
            }
            End::Closed {
                code: Some(code),
                reason,
            } => {
                self.say(format_args!("Closed with code {code}: {reason}"));
            }
            End::Vanished => self.failed(&"the connection broke without a close frame"),
            End::Unanswered => self.failed(&"the server did not answer the close frame"),
            End::Interrupted => {
                self.failed(&"interrupted before the server answered the close frame");
            }
            End::Violation(violation) => self.failed(&format_args!(
                "the server broke the WebSocket protocol: {violation}"
            )),
        }
    }

    /// It did not work.
    pub fn failed(&mut self, error: &dyn Display) {
        if self.json {
            self.event(&json!({ "event": "failed", "text": error.to_string() }));
        } else {
            self.say(format_args!("gatepost connect: {error}"));
        }
    }

    fn event(&mut self, event: &Value) {
        self.print(format_args!("{event}"));
    }

    /// Whether nobody reads the output any more.
    pub fn is_unread(&self) -> bool {
        self.unread
    }

    fn print(&mut self, line: std::fmt::Arguments<'_>) {
        let line = self.harmless(line.to_string());
        let written = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        self.unread |= written.is_err();
    }

    fn say(&mut self, line: std::fmt::Arguments<'_>) {
        let line = self.harmless(line.to_string());
        // With standard error gone too, there is nobody left to tell.
        let _ = writeln!(self.talk, "{line}");
    }

    /// The text with control characters spelled out if a terminal shows it.
    fn harmless(&self, text: String) -> String {
        let is_harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        if !self.on_terminal || !text.contains(is_harmful) {
            return text;
        }
        let spell_out = |c: char| {
            if is_harmful(c) {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        };
        text.chars().map(spell_out).collect()
    }
}

/// Headers as an object; the values of one name are joined as HTTP does.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .keys()
        .map(|name| {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            (name.to_string(), values.join(", ").into())
        })
        .collect()
}

#[cfg(test)]
pub mod tests {
    use std::sync::{Arc, Mutex};

    use http::Response;

    use super::*;

    /// What a screen showed.
    #[derive(Clone, Default)]
    pub struct Shown {
        out: Buffer,
        talk: Buffer,
    }

    impl Shown {
        pub fn out(&self) -> String {
            self.out.text()
        }

        pub fn talk(&self) -> String {
            self.talk.text()
        }
    }

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        /// A screen that keeps what it shows.
        pub fn recording(json: bool) -> (Self, Shown) {
            let shown = Shown::default();
            let screen = Self {
                json,
                out: Box::new(shown.out.clone()),
                talk: Box::new(shown.talk.clone()),
                on_terminal: false,
                unread: false,
            };
            (screen, shown)
        }
    }

    fn refusal() -> response::Parts {
        Response::builder()
            .status(403)
            .header("content-type", "application/json")
            .header("x-amz-apigw-id", "EOn8HGNeoAMEPSQ=")
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    #[test]
    fn a_refused_handshake_is_shown_whole() {
        let (mut screen, shown) = Screen::recording(false);
        screen.refused(&refusal(), br#"{"message": "Forbidden"}"#);
        assert_eq!(shown.out(), "");
        assert_eq!(
            shown.talk(),
            "The handshake was refused:\n\
             HTTP/1.1 403 Forbidden\n\
             content-type: application/json\n\
             x-amz-apigw-id: EOn8HGNeoAMEPSQ=\n\
             \n\
             {\"message\": \"Forbidden\"}\n"
        );
    }

    #[test]
    fn json_events_are_one_line_each_on_standard_output() {
        let (mut screen, shown) = Screen::recording(true);
        screen.refused(&refusal(), b"no");
        screen.text("two\nlines");
        screen.binary(&[0, 255]);
        screen.ended(&End::Closed {
            code: Some(1000),
            reason: "bye".into(),
        });
        screen.ended(&End::Closed {
            code: None,
            reason: String::new(),
        });
        assert_eq!(
            shown.out(),
            "{\"event\":\"refused\",\"version\":1,\"status\":403,\"headers\":{\
             \"content-type\":\"application/json\",\"x-amz-apigw-id\":\"EOn8HGNeoAMEPSQ=\"},\
             \"body\":\"no\"}\n\
             {\"event\":\"message\",\"text\":\"two\\nlines\"}\n\
             {\"event\":\"message\",\"hex\":\"00ff\"}\n\
             {\"event\":\"closed\",\"code\":1000,\"reason\":\"bye\"}\n\
             {\"event\":\"closed\",\"code\":null,\"reason\":\"\"}\n"
        );
        assert_eq!(shown.talk(), "");
    }

    #[test]
    fn the_end_is_told_with_code_and_reason() {
        let (mut screen, shown) = Screen::recording(false);
        let closed = |code, reason: &str| End::Closed {
            code,
            reason: reason.to_owned(),
        };
        screen.ended(&closed(Some(1001), "Going away"));
        screen.ended(&closed(Some(1000), ""));
        screen.ended(&closed(None, ""));
        screen.ended(&End::Vanished);
        assert_eq!(
            shown.talk(),
            "Closed with code 1001: Going away\n\
             Closed with code 1000.\n\
             Closed without a code.\n\
             gatepost connect: the connection broke without a close frame\n"
        );
    }

    #[test]
    fn a_terminal_is_spared_control_characters() {
        let (mut screen, shown) = Screen::recording(false);
        screen.on_terminal = true;
        screen.text("a\tb\u{1b}[2Jc\u{9b}d");
        assert_eq!(shown.out(), "a\tb\\u{1b}[2Jc\\u{9b}d\n");
    }
}
