//! permessage-deflate (RFC 7692), always without context takeover: a compressor lives as long as
//! one message, since it takes a hundred times the memory of an idle connection.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use http::HeaderMap;

use super::{
    Opcode, Violation,
    encoder::{append_frame, encode_frame},
    handshake::{extension_offers, unquoted},
    message::extend_within,
};

/// Messages shorter than this are sent as they are: compressing them costs more than it saves.
pub const DEFLATE_THRESHOLD_BYTES: usize = 1024;

/// What ends each flush of a compressor; not sent (RFC 7692 §7.2.1).
const FLUSH_TRAILER: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// A negotiated permessage-deflate extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// `server_max_window_bits`, when the client limited it: 9 to 15.
    server_max_window_bits: Option<u8>,
    /// Also messages that do not gain from it are compressed.
    compress_all: bool,
}

impl Deflate {
    /// Takes the first of the client's offers in `Sec-WebSocket-Extensions` that can be honoured;
    /// all others, and malformed ones, are declined by not being answered.
    pub fn negotiate(headers: &HeaderMap) -> Option<Self> {
        extension_offers(headers).find_map(|(name, parameters)| {
            if name.eq_ignore_ascii_case(b"permessage-deflate") {
                Self::accept(&parameters)
            } else {
                None
            }
        })
    }

    /// Accepts an offer with these parameters (RFC 7692 §7.1).
    fn accept(parameters: &[(&[u8], Option<&[u8]>)]) -> Option<Self> {
        let mut server_max_window_bits = None;
        for (position, (name, value)) in parameters.iter().enumerate() {
            let earlier = &parameters[..position];
            if earlier.iter().any(|(other, _)| other == name) {
                return None;
            }
            match (*name, *value) {
                (
                    b"server_no_context_takeover"
                    | b"client_no_context_takeover"
                    | b"client_max_window_bits",
                    None,
                ) => {}
                (b"client_max_window_bits", Some(bits)) => {
                    window_bits(bits)?;
                }
                // The compressor has no window of 8 bits.
                (b"server_max_window_bits", Some(bits)) => {
                    server_max_window_bits = Some(window_bits(bits).filter(|bits| *bits > 8)?);
                }
                _ => return None,
            }
        }
        Some(Self {
            server_max_window_bits,
            compress_all: false,
        })
    }

    /// Compresses every message, also short ones and those that become longer: for tests of the
    /// compressor.
    pub fn compress_all(self) -> Self {
        Self {
            compress_all: true,
            ..self
        }
    }

    /// The value of `Sec-WebSocket-Extensions` in the `101` response.
    pub fn response_header(self) -> String {
        let mut header =
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover".to_owned();
        if let Some(bits) = self.server_max_window_bits {
            header.push_str("; server_max_window_bits=");
            header.push_str(&bits.to_string());
        }
        header
    }

    /// Appends a text message, compressed where that makes it shorter.
    pub fn encode_text(self, payload: &[u8], out: &mut Vec<u8>) {
        self.encode(Opcode::Text, payload, out);
    }

    /// Appends a binary message, compressed where that makes it shorter.
    pub fn encode_binary(self, payload: &[u8], out: &mut Vec<u8>) {
        self.encode(Opcode::Binary, payload, out);
    }

    fn encode(self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        let is_worthwhile = payload.len() >= DEFLATE_THRESHOLD_BYTES || self.compress_all;
        if is_worthwhile && let Some(compressed) = self.deflate(payload) {
            append_frame(opcode, true, &compressed, out);
        } else {
            encode_frame(opcode, payload, out);
        }
    }

    /// The payload compressed; `None` when it does not become shorter.
    fn deflate(self, payload: &[u8]) -> Option<Vec<u8>> {
        let window_bits = self.server_max_window_bits.unwrap_or(15);
        let mut compress =
            Compress::new_with_window_bits(Compression::default(), false, window_bits);
        let mut compressed = Vec::with_capacity(payload.len() / 2 + 64);
        loop {
            let consumed = advanced(0, compress.total_in());
            compress
                .compress_vec(&payload[consumed..], &mut compressed, FlushCompress::Sync)
                .ok()?;
            if compressed.len() < compressed.capacity() {
                break;
            }
            compressed.reserve(payload.len() / 2 + 64);
        }
        let length = compressed.strip_suffix(&FLUSH_TRAILER)?.len();
        compressed.truncate(length);
        (length < payload.len() || self.compress_all).then_some(compressed)
    }
}

/// A window size as RFC 7692 §7.1.2 writes it: 8 to 15, without leading zeros.
fn window_bits(value: &[u8]) -> Option<u8> {
    match unquoted(value) {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// Inflates one message.
pub(super) struct Inflater(Decompress);

impl Inflater {
    /// With the greatest window, which reads what was written with any.
    pub fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// Appends what `input` inflates to, up to `max_bytes` in `out`.
    pub fn inflate(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        max_bytes: usize,
    ) -> Result<(), Violation> {
        let mut chunk = [0; 4096];
        loop {
            let (before_in, before_out) = (self.0.total_in(), self.0.total_out());
            let status = self
                .0
                .decompress(input, &mut chunk, FlushDecompress::Sync)
                .map_err(|_| Violation::Compression)?;
            let consumed = advanced(before_in, self.0.total_in());
            let inflated = &chunk[..advanced(before_out, self.0.total_out())];
            if inflated.len() > max_bytes.saturating_sub(out.len()) {
                return Err(Violation::MessageTooBig);
            }
            extend_within(out, inflated, max_bytes);
            input = &input[consumed..];
            if status == Status::StreamEnd {
                // A block with BFINAL set; another stream may follow it (RFC 7692 §7.2.3.4).
                self.0.reset(false);
            }
            let chunk_is_full = inflated.len() == chunk.len();
            if input.is_empty() && !chunk_is_full {
                return Ok(());
            }
            if consumed == 0 && inflated.is_empty() {
                return Err(Violation::Compression);
            }
        }
    }

    /// Inflates the trailer that the sender left out.
    pub fn finish(&mut self, out: &mut Vec<u8>, max_bytes: usize) -> Result<(), Violation> {
        self.inflate(&FLUSH_TRAILER, out, max_bytes)
    }
}

/// How far a counter moved in one call, which is at most the length of a slice.
fn advanced(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
