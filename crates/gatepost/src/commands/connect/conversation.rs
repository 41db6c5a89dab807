//! The client's side of an open WebSocket, without I/O.

use std::process::ExitCode;

use gatepost_wire::websocket::{
    Decoder, Event, FrameLimits, Opcode, Role, Violation, encode_masked, encode_masked_close,
};

use super::screen::Screen;

/// Far above what API Gateway sends, for servers that were told to send more.
const LIMITS: FrameLimits = FrameLimits {
    max_frame_bytes: 64 << 20,
    max_message_bytes: 64 << 20,
    max_frames_per_message: 1 << 20,
    accept_binary: true,
};

/// How a conversation ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides sent a close frame; `code` is the server's.
    Closed { code: Option<u16>, reason: String },
    /// The connection broke without a close frame.
    Vanished,
    /// The server did not answer the close frame.
    Unanswered,
    /// Interrupted twice.
    Interrupted,
    /// The server broke the protocol.
    Violation(Violation),
}

impl End {
    /// 0 after a normal end: 1000, 1001 (going away) or no code at all.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Closed {
                code: None | Some(1000 | 1001),
                ..
            } => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

/// An open connection.
pub struct Conversation {
    decoder: Decoder,
    /// A close frame was sent.
    is_closing: bool,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            decoder: Decoder::new(Role::Client),
            is_closing: false,
        }
    }
}

impl Conversation {
    /// Whether a close frame was sent, after which nothing else may be.
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Shows what came, answers it where the protocol asks, and returns the end if that came.
    pub fn receive(
        &mut self,
        mut input: &mut [u8],
        out: &mut Vec<u8>,
        screen: &mut Screen,
    ) -> Option<End> {
        loop {
            match self.decoder.decode(&LIMITS, &mut input) {
                Ok(None) => return None,
                Ok(Some(Event::Text(text))) => screen.text(&text),
                Ok(Some(Event::Binary(bytes))) => screen.binary(&bytes),
                Ok(Some(Event::Ping(payload))) => {
                    if !self.is_closing {
                        encode_masked(Opcode::Pong, &payload, mask(), out);
                    }
                }
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(frame))) => {
                    let (code, reason) = match frame {
                        Some(frame) => (Some(frame.code), frame.reason.into_owned()),
                        None => (None, String::new()),
                    };
                    self.send_close(code, &reason, out);
                    return Some(End::Closed { code, reason });
                }
                Err(violation) => {
                    let code = Some(violation.close_code());
                    self.send_close(code, "", out);
                    return Some(End::Violation(violation));
                }
            }
        }
    }

    /// Sends a text message, unless a close frame was sent.
    pub fn say(&self, line: &str, out: &mut Vec<u8>) {
        if !self.is_closing {
            encode_masked(Opcode::Text, line.as_bytes(), mask(), out);
        }
    }

    /// Begins to close.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        self.send_close(Some(1000), "", out);
    }

    fn send_close(&mut self, code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
        if self.is_closing {
            return;
        }
        self.is_closing = true;
        match code {
            Some(code) => encode_masked_close(code, reason, mask(), out),
            None => encode_masked(Opcode::Close, &[], mask(), out),
        }
    }
}

/// A fresh mask (RFC 6455 §5.3).
fn mask() -> [u8; 4] {
    let mut mask = [0; 4];
    // Masks protect proxies from script in browsers; without randomness there is nothing to lose.
    let _ = getrandom::fill(&mut mask);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames in `out`, unmasked: first byte and payload.
    fn sent(mut out: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Vec::new();
        while let [first, length, rest @ ..] = out {
            assert_eq!(length & 0x80, 0x80, "a client's frame is masked");
            let length = usize::from(length & 0x7f);
            let (mask, rest) = rest.split_at(4);
            let (payload, rest) = rest.split_at(length);
            let payload = payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask);
            frames.push((*first, payload.collect()));
            out = rest;
        }
        frames
    }

    #[test]
    fn a_line_is_a_masked_text_frame() {
        let mut out = Vec::new();
        Conversation::default().say("hé", &mut out);
        assert_eq!(sent(&out), [(0x81, b"h\xc3\xa9".to_vec())]);
    }

    #[test]
    fn text_is_printed_and_a_ping_is_answered() {
        let (mut screen, shown) = Screen::recording(false);
        let mut out = Vec::new();
        let mut input = *b"\x81\x02hi\x89\x01p";
        let end = Conversation::default().receive(&mut input, &mut out, &mut screen);
        assert_eq!(end, None);
        assert_eq!(shown.out(), "hi\n");
        assert_eq!(sent(&out), [(0x8a, b"p".to_vec())]);
    }

    #[test]
    fn the_servers_close_is_echoed_and_ends_it() {
        let (mut screen, _) = Screen::recording(false);
        let mut out = Vec::new();
        let mut input = *b"\x88\x0c\x03\xe9Going away";
        let end = Conversation::default().receive(&mut input, &mut out, &mut screen);
        assert_eq!(
            end,
            Some(End::Closed {
                code: Some(1001),
                reason: "Going away".into()
            })
        );
        assert_eq!(sent(&out), [(0x88, b"\x03\xe9Going away".to_vec())]);
    }

    #[test]
    fn after_our_own_close_nothing_more_is_sent() {
        let (mut screen, _) = Screen::recording(false);
        let mut conversation = Conversation::default();
        let mut out = Vec::new();
        conversation.close(&mut out);
        conversation.say("late", &mut out);
        let end = conversation.receive(
            &mut b"\x89\x00\x88\x02\x03\xe8".to_owned(),
            &mut out,
            &mut screen,
        );
        assert_eq!(sent(&out), [(0x88, b"\x03\xe8".to_vec())]);
        assert_eq!(
            end,
            Some(End::Closed {
                code: Some(1000),
                reason: String::new()
            })
        );
    }

    #[test]
    fn a_masked_frame_of_the_server_is_a_violation() {
        let (mut screen, _) = Screen::recording(false);
        let mut out = Vec::new();
        let mut input = *b"\x81\x81\x01\x02\x03\x04a";
        let end = Conversation::default().receive(&mut input, &mut out, &mut screen);
        assert_eq!(end, Some(End::Violation(Violation::Masked)));
        assert_eq!(sent(&out), [(0x88, b"\x03\xea".to_vec())]);
    }
}
