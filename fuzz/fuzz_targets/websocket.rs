//! What a client or a server sends behind the handshake: a byte of switches, then frames.
#![no_main]

use gatepost_wire::websocket::{Decoder, Event, FrameLimits, Role};
use libfuzzer_sys::fuzz_target;

const LIMITS: FrameLimits = FrameLimits {
    max_frame_bytes: 2048,
    max_message_bytes: 4096,
    max_frames_per_message: 16,
    accept_binary: true,
};

/// All that comes out when the bytes arrive in pieces of this size, and how it ended.
fn decoded(switches: u8, bytes: &[u8], piece: usize) -> (Vec<String>, Option<String>) {
    let role = if switches & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let mut decoder = Decoder::new(role);
    if switches & 2 != 0 {
        decoder = decoder.with_deflate();
    }
    let mut events = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        while !rest.is_empty() {
            match decoder.decode(&LIMITS, &mut rest) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    let bytes = match &event {
                        Event::Text(text) => text.len(),
                        Event::Binary(bytes) => bytes.len(),
                        Event::Ping(payload) | Event::Pong(payload) => payload.len() + 3971,
                        Event::Close(_) => 0,
                    };
                    assert!(bytes <= LIMITS.max_message_bytes);
                    events.push(format!("{event:?}"));
                }
                Err(violation) => {
                    assert!(decoder.is_ended());
                    return (events, Some(format!("{violation:?}")));
                }
            }
        }
    }
    (events, None)
}

fuzz_target!(|input: &[u8]| {
    let Some((switches, bytes)) = input.split_first() else {
        return;
    };
    // However the bytes arrive, they mean the same. Of a compressed message that is wrong in two ways,
    // the one that is seen first is told.
    let (events, violation) = decoded(*switches, bytes, usize::MAX);
    for piece in [1, 7] {
        let in_pieces = decoded(*switches, bytes, piece);
        assert_eq!(in_pieces.0, events);
        if switches & 2 == 0 {
            assert_eq!(in_pieces.1, violation);
        }
        assert_eq!(in_pieces.1.is_some(), violation.is_some());
    }
});
