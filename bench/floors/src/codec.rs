//! The least of a WebSocket codec: whole small frames in, unmasked frames out.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

const ACCEPT_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What one read holds of a frame.
pub enum Frame<'a> {
    /// A text frame's payload, unmasked.
    Text(&'a [u8]),
    /// The client closes.
    Close,
}

/// Takes the next whole frame off the front of `bytes`, unmasking it in place.
#[expect(
    clippy::mut_mut,
    reason = "what is left of the bytes is handed back through it"
)]
pub fn next_frame<'a>(bytes: &mut &'a mut [u8]) -> Option<Frame<'a>> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, header) = match second & 0x7f {
        126 => {
            let length = bytes.get(2..4)?.try_into().ok()?;
            (usize::from(u16::from_be_bytes(length)), 4)
        }
        127 => {
            let length = bytes.get(2..10)?.try_into().ok()?;
            (usize::try_from(u64::from_be_bytes(length)).ok()?, 10)
        }
        length => (usize::from(length), 2),
    };
    let end = header + 4 + length;
    if bytes.len() < end {
        return None;
    }
    let (frame, rest) = std::mem::take(bytes).split_at_mut(end);
    *bytes = rest;
    let (header_bytes, payload) = frame.split_at_mut(header + 4);
    let mask = [
        header_bytes[header],
        header_bytes[header + 1],
        header_bytes[header + 2],
        header_bytes[header + 3],
    ];
    let mut words = payload.chunks_exact_mut(8);
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    for word in &mut words {
        let unmasked = u64::from_ne_bytes(word.try_into().unwrap_or_default()) ^ wide;
        word.copy_from_slice(&unmasked.to_ne_bytes());
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Some(match first & 0x0f {
        8 => Frame::Close,
        _ => Frame::Text(payload),
    })
}

/// Appends a text frame.
pub fn encode_text(payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x81);
    match payload.len() {
        length @ ..126 => out.push(length as u8),
        length @ 126..0x1_0000 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// `Sec-WebSocket-Accept` for a key.
pub fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}{ACCEPT_GUID}")))
}
