//! Client frames made once, and the frames expected back.

/// The mask of every frame: a server does the same work for any.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A whole text message, in frames of at most `frame_bytes`.
pub fn masked_text(payload: &[u8], frame_bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    let count = payload.len().div_ceil(frame_bytes).max(1);
    for (number, chunk) in payload.chunks(frame_bytes).enumerate() {
        let opcode = u8::from(number == 0);
        let fin = if number + 1 == count { 0x80 } else { 0 };
        masked(opcode | fin, chunk, &mut out);
    }
    out
}

/// A close frame with code 1000.
pub fn masked_close() -> Vec<u8> {
    let mut out = Vec::new();
    masked(0x88, &1000_u16.to_be_bytes(), &mut out);
    out
}

fn masked(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    length(payload.len(), 0x80, out);
    out.extend_from_slice(&MASK);
    out.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
}

/// A server's text frame.
pub fn text(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81];
    length(payload.len(), 0, &mut out);
    out.extend_from_slice(payload);
    out
}

fn length(length: usize, flag: u8, out: &mut Vec<u8>) {
    match length {
        0..126 => out.push(flag | length as u8),
        126..0x1_0000 => {
            out.push(flag | 0x7e);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(flag | 0x7f);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// The first whole frame in `bytes`: its payload, and the frame's length.
pub fn first_frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, header) = match *bytes.get(1)? & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            4,
        ),
        127 => (
            u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize,
            10,
        ),
        length => (usize::from(length), 2),
    };
    Some((bytes.get(header..header + length)?, header + length))
}
