//! How a peer breaks the protocol or a limit, and what its connection is closed with.

use gatepost_model::connection::CloseCause;

/// Why a [`Decoder`](super::Decoder) fails the connection (RFC 6455 §7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A client's frame without mask (§5.1).
    #[error("the client sent an unmasked frame: clients must mask every frame")]
    Unmasked,
    /// A server's frame with a mask (§5.1).
    #[error("the server sent a masked frame: servers must not mask frames")]
    Masked,
    /// A reserved bit that no negotiated extension defines (§5.2).
    #[error("a reserved bit is set: use only extensions that the handshake negotiated")]
    ReservedBits,
    /// An opcode that RFC 6455 reserves (§5.2).
    #[error("opcode {0:#x} is reserved: send text, continuation, close, ping or pong frames")]
    ReservedOpcode(u8),
    /// A length that fits a shorter form, or exceeds 63 bits (§5.2).
    #[error("the payload length is not in its shortest form: use 7, then 16, then 63 bits")]
    LengthEncoding,
    /// A control frame without FIN (§5.5).
    #[error("a control frame is fragmented: send it as one frame")]
    FragmentedControl,
    /// A control frame with a payload over 125 bytes (§5.5).
    #[error("a control frame exceeds 125 bytes: shorten its payload")]
    ControlTooLong,
    /// A continuation frame while no message is unfinished (§5.4).
    #[error("a continuation frame continues nothing: begin a message with a text frame")]
    UnexpectedContinuation,
    /// A new message while another is unfinished (§5.4).
    #[error("a message begins inside an unfinished one: end it with a final continuation frame")]
    UnfinishedMessage,
    /// A close frame whose payload is one byte (§5.5.1).
    #[error("the close frame has half a close code: send none or two bytes")]
    TruncatedCloseCode,
    /// A close code that must not be sent (§7.4).
    #[error("close code {0} must not be sent: use 1000 to 1003, 1007 to 1014 or 3000 to 4999")]
    CloseCode(u16),
    /// A message that does not inflate (RFC 7692 §7.2.2).
    #[error("a compressed message does not inflate: send raw DEFLATE data without shared context")]
    Compression,
    /// A text message or close reason that is not UTF-8 (§8.1).
    #[error("text is not valid UTF-8: encode it, or send base64")]
    InvalidUtf8,
    /// A binary message, which API Gateway does not accept.
    #[error("binary messages are not supported: send text, with bytes as base64")]
    BinaryRefused,
    /// A frame over the limit.
    #[error("a frame exceeds the limit: split the message into smaller frames")]
    FrameTooBig,
    /// A message over the limit.
    #[error("a message exceeds the limit: send less at once")]
    MessageTooBig,
    /// A message of more frames than the limit.
    #[error("a message has too many frames: send it in fewer, larger ones")]
    TooManyFrames,
}

impl Violation {
    /// The close code that the peer is told (§7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Self::Unmasked
            | Self::Masked
            | Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::LengthEncoding
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::UnexpectedContinuation
            | Self::UnfinishedMessage
            | Self::TruncatedCloseCode
            | Self::CloseCode(_)
            | Self::Compression => 1002,
            Self::BinaryRefused => 1003,
            Self::InvalidUtf8 => 1007,
            Self::FrameTooBig | Self::MessageTooBig | Self::TooManyFrames => 1009,
        }
    }
}

impl From<Violation> for CloseCause {
    fn from(violation: Violation) -> Self {
        match violation.close_code() {
            1003 => Self::BinaryRefused,
            1009 => Self::MessageTooBig,
            code => Self::ProtocolError { code },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_close_frame_of_the_cause_carries_the_code_of_the_violation() {
        for (violation, close_frame) in [
            (Violation::Unmasked, (1002, "Protocol error")),
            (Violation::CloseCode(1005), (1002, "Protocol error")),
            (Violation::BinaryRefused, (1003, "Binary is not supported")),
            (Violation::InvalidUtf8, (1007, "Invalid UTF-8")),
            (Violation::FrameTooBig, (1009, "Message too big")),
            (Violation::MessageTooBig, (1009, "Message too big")),
            (Violation::TooManyFrames, (1009, "Message too big")),
        ] {
            assert_eq!(violation.close_code(), close_frame.0);
            assert_eq!(
                CloseCause::from(violation).close_frame(),
                Some(close_frame),
                "{violation}"
            );
        }
    }
}
