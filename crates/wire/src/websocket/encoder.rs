//! From messages and control frames to bytes: one unfragmented frame each.

use std::ops::Deref;

use super::{MAX_CONTROL_PAYLOAD_BYTES, Opcode, frame::apply_mask};

/// A frame's header, on the stack: what to write before a payload that is not copied.
#[derive(Debug, Clone, Copy)]
pub struct FrameHeaderBytes {
    bytes: [u8; 14],
    length: u8,
}

impl FrameHeaderBytes {
    fn new(opcode: Opcode, compressed: bool, payload_length: usize, mask: Option<[u8; 4]>) -> Self {
        let mut header = Self {
            bytes: [0; 14],
            length: 0,
        };
        let rsv1 = if compressed { 0x40 } else { 0 };
        let mask_bit = if mask.is_some() { 0x80 } else { 0 };
        header.push(&[0x80 | rsv1 | opcode as u8]);
        match (u8::try_from(payload_length), u16::try_from(payload_length)) {
            (Ok(length @ 0..=125), _) => header.push(&[mask_bit | length]),
            (_, Ok(length)) => {
                header.push(&[mask_bit | 0x7E]);
                header.push(&length.to_be_bytes());
            }
            _ => {
                header.push(&[mask_bit | 0x7F]);
                header.push(&(payload_length as u64).to_be_bytes());
            }
        }
        if let Some(mask) = mask {
            header.push(&mask);
        }
        header
    }

    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.bytes[usize::from(self.length)] = *byte;
            self.length += 1;
        }
    }
}

impl Deref for FrameHeaderBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// The header of a server's text frame: with it, one write gathers header and payload.
pub fn text_frame_header(payload_length: usize) -> FrameHeaderBytes {
    FrameHeaderBytes::new(Opcode::Text, false, payload_length, None)
}

/// Appends a server's text message.
pub fn encode_text(payload: &[u8], out: &mut Vec<u8>) {
    encode_frame(Opcode::Text, payload, out);
}

/// Appends a server's binary message.
pub fn encode_binary(payload: &[u8], out: &mut Vec<u8>) {
    encode_frame(Opcode::Binary, payload, out);
}

/// Appends a server's ping with the first 125 bytes of `payload`.
pub fn encode_ping(payload: &[u8], out: &mut Vec<u8>) {
    encode_frame(Opcode::Ping, payload, out);
}

/// Appends a server's pong with the first 125 bytes of `payload`: that of the ping it answers.
pub fn encode_pong(payload: &[u8], out: &mut Vec<u8>) {
    encode_frame(Opcode::Pong, payload, out);
}

/// Appends a server's close frame; a reason over 123 bytes is cut.
pub fn encode_close(code: u16, reason: &str, out: &mut Vec<u8>) {
    encode_frame(Opcode::Close, &close_payload(code, reason), out);
}

/// Appends a server's close frame without code.
pub fn encode_empty_close(out: &mut Vec<u8>) {
    encode_frame(Opcode::Close, &[], out);
}

/// Appends a client's frame. `mask` must be unpredictable and fresh (RFC 6455 §10.3).
pub fn encode_masked(opcode: Opcode, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    let payload = admissible(opcode, payload);
    out.extend_from_slice(&FrameHeaderBytes::new(
        opcode,
        false,
        payload.len(),
        Some(mask),
    ));
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], mask);
}

/// Appends a client's close frame; a reason over 123 bytes is cut.
pub fn encode_masked_close(code: u16, reason: &str, mask: [u8; 4], out: &mut Vec<u8>) {
    encode_masked(Opcode::Close, &close_payload(code, reason), mask, out);
}

/// Appends a server's frame.
pub(super) fn encode_frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    append_frame(opcode, false, admissible(opcode, payload), out);
}

/// Appends a server's frame with a payload that is compressed or not.
pub(super) fn append_frame(opcode: Opcode, compressed: bool, payload: &[u8], out: &mut Vec<u8>) {
    let header = FrameHeaderBytes::new(opcode, compressed, payload.len(), None);
    out.reserve(header.len() + payload.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
}

/// As much of a payload as a frame may have.
fn admissible(opcode: Opcode, payload: &[u8]) -> &[u8] {
    match payload.get(..MAX_CONTROL_PAYLOAD_BYTES) {
        Some(start) if opcode.is_control() => start,
        _ => payload,
    }
}

fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let end = reason.floor_char_boundary(MAX_CONTROL_PAYLOAD_BYTES - 2);
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out);
        out
    }

    #[test]
    fn a_hello_is_encoded_as_in_rfc_6455_section_5_7() {
        assert_eq!(encoded(|out| encode_text(b"Hello", out)), b"\x81\x05Hello");
        assert_eq!(encoded(|out| encode_ping(b"Hello", out)), b"\x89\x05Hello");
        assert_eq!(encoded(|out| encode_pong(b"Hello", out)), b"\x8a\x05Hello");
        assert_eq!(encoded(|out| encode_binary(b"\0", out)), b"\x82\x01\0");
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        assert_eq!(
            encoded(|out| encode_masked(Opcode::Text, b"Hello", mask, out)),
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
        );
    }

    #[test]
    fn lengths_take_their_shortest_form() {
        for (length, header) in [
            (0, &b"\x81\x00"[..]),
            (125, b"\x81\x7d"),
            (126, b"\x81\x7e\x00\x7e"),
            (65_535, b"\x81\x7e\xff\xff"),
            (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ] {
            assert_eq!(&*text_frame_header(length), header);
            let frame = encoded(|out| encode_text(&vec![b'x'; length], out));
            assert_eq!(&frame[..header.len()], header);
            assert_eq!(frame.len(), header.len() + length);
        }
    }

    #[test]
    fn close_frames_carry_code_and_reason_or_nothing() {
        assert_eq!(
            encoded(|out| encode_close(1001, "Going away", out)),
            b"\x88\x0c\x03\xe9Going away"
        );
        assert_eq!(encoded(encode_empty_close), b"\x88\x00");
        assert_eq!(
            encoded(|out| encode_masked_close(1000, "", [0; 4], out)),
            b"\x88\x82\0\0\0\0\x03\xe8"
        );
    }

    #[test]
    fn control_payloads_are_cut_to_what_a_frame_takes() {
        let ping = encoded(|out| encode_ping(&[b'x'; 200], out));
        assert_eq!((ping.len(), ping[1]), (127, 125));
        // 122 bytes, then a character of two: it would end at 124, one too many.
        let reason = format!("{}é", "x".repeat(122));
        let close = encoded(|out| encode_close(1000, &reason, out));
        assert_eq!((close.len(), close[1]), (126, 124));
        assert!(close.ends_with(b"x"));
    }
}
