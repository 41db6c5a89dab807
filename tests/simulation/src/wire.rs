//! What clients and callers send, and what they read: HTTP answers and WebSocket frames.

use std::fmt::Write;

/// The mask of every frame.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A handshake of a client.
pub(crate) fn handshake(client: usize) -> Vec<u8> {
    format!(
        "GET /prod?n={client} HTTP/1.1\r\nHost: localhost:4100\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// A call of `@connections`; with an invocation id and the number of its attempt, one of an SDK.
pub(crate) fn call(method: &str, id: &str, body: &str, attempt: Option<(&str, usize)>) -> Vec<u8> {
    let id = id.replace('=', "%3D");
    let mut request =
        format!("{method} /prod/@connections/{id} HTTP/1.1\r\nHost: localhost:4100\r\n");
    if let Some((invocation, attempt)) = attempt {
        // Writing into a string does not fail.
        let _ = write!(
            request,
            "amz-sdk-invocation-id: {invocation}\r\namz-sdk-request: attempt={attempt}; max=3\r\n"
        );
    }
    let _ = write!(request, "Content-Length: {}\r\n\r\n{body}", body.len());
    request.into_bytes()
}

/// A text message.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes())
}

/// A close frame.
pub(crate) fn close(code: u16) -> Vec<u8> {
    frame(0x88, &code.to_be_bytes())
}

/// A frame of fewer than 126 bytes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(125).min(125);
    let mut frame = vec![first, 0x80 | length];
    frame.extend(MASK);
    let payload = payload.iter().take(length.into());
    frame.extend(
        payload
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// What Gatepost wrote, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// An HTTP answer.
    Answer {
        status: u16,
        /// `x-gatepost-gone-reason`.
        reason: Option<String>,
    },
    /// A text message.
    Text(String),
    /// A close frame.
    Close(Option<u16>),
    /// A ping or pong.
    Control,
    /// What is none of these.
    Garbage(String),
}

/// Reads what Gatepost wrote.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
    is_upgraded: bool,
}

impl Reader {
    /// Adds bytes; gives what is whole.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Item> {
        self.bytes.extend(bytes);
        let mut items = Vec::new();
        while let Some((item, length)) = self.next() {
            self.is_upgraded |= matches!(item, Item::Answer { status: 101, .. });
            self.bytes.drain(..length);
            items.push(item);
        }
        items
    }

    fn next(&self) -> Option<(Item, usize)> {
        if self.is_upgraded {
            self.frame()
        } else {
            self.answer()
        }
    }

    fn answer(&self) -> Option<(Item, usize)> {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.bytes[..end]).to_ascii_lowercase();
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.strip_prefix(": ")?.trim().to_owned())
        };
        let length = header("content-length").and_then(|length| length.parse().ok());
        let whole = end + length.unwrap_or(0);
        if self.bytes.len() < whole {
            return None;
        }
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let item = match status {
            Some(status) => Item::Answer {
                status,
                reason: header("x-gatepost-gone-reason"),
            },
            None => Item::Garbage(head),
        };
        Some((item, whole))
    }

    fn frame(&self) -> Option<(Item, usize)> {
        let (first, second) = (*self.bytes.first()?, *self.bytes.get(1)?);
        let (length, begin) = match second {
            126 => {
                let length = [*self.bytes.get(2)?, *self.bytes.get(3)?];
                (usize::from(u16::from_be_bytes(length)), 4)
            }
            length => (usize::from(length), 2),
        };
        let payload = self.bytes.get(begin..begin + length)?;
        let text = || String::from_utf8_lossy(payload).into_owned();
        let item = match (first, second) {
            (0x81, ..=126) => Item::Text(text()),
            (0x88, ..=125) => Item::Close(match payload {
                [high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
                _ => None,
            }),
            (0x89 | 0x8a, ..=125) => Item::Control,
            _ => Item::Garbage(text()),
        };
        Some((item, begin + length))
    }
}
