//! The WebSocket protocol (RFC 6455) with permessage-deflate (RFC 7692), without any I/O.
//!
//! A connection's task reads into a buffer that it shares with its thread, gives what it read to
//! the [`Decoder`] until that wants more, and writes what the `encode_*` functions appended to one
//! output buffer. Between messages a decoder owns no heap.

mod close;
mod decoder;
mod deflate;
mod encoder;
mod frame;
pub mod handshake;
mod message;
mod violation;

pub use close::{CloseFrame, is_valid_close_code};
pub use decoder::{Decoder, Event, FrameLimits, Role};
pub use deflate::{DEFLATE_THRESHOLD_BYTES, Deflate};
pub use encoder::{
    FrameHeaderBytes, encode_binary, encode_close, encode_empty_close, encode_masked,
    encode_masked_close, encode_ping, encode_pong, encode_text, text_frame_header,
};
pub use frame::{MAX_CONTROL_PAYLOAD_BYTES, Opcode};
pub use violation::Violation;
