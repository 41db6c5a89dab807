//! One frame's header and mask (RFC 6455 §5.2, §5.3).

use super::Violation;

/// The greatest payload of a close, ping or pong frame (§5.5).
pub const MAX_CONTROL_PAYLOAD_BYTES: usize = 125;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next part of a fragmented message.
    Continuation = 0x0,
    /// A text message, or its first part.
    Text = 0x1,
    /// A binary message, or its first part.
    Binary = 0x2,
    /// The end of the connection.
    Close = 0x8,
    /// A request for a pong.
    Ping = 0x9,
    /// The answer to a ping.
    Pong = 0xA,
}

impl Opcode {
    fn parse(nibble: u8) -> Result<Self, Violation> {
        Ok(match nibble {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            reserved => return Err(Violation::ReservedOpcode(reserved)),
        })
    }

    /// Whether it is close, ping or pong, which may come between the frames of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame that obeys RFC 6455, whatever the connection's role, extensions and
/// limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub fin: bool,
    /// RSV1: the message is compressed, if permessage-deflate was negotiated.
    pub rsv1: bool,
    pub opcode: Opcode,
    pub mask: Option<[u8; 4]>,
    pub payload_length: u64,
}

impl FrameHeader {
    /// Reads the header at the start of `input`, with its own length; `None` while it is
    /// incomplete. What is wrong with the first two bytes is found as soon as they are there.
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, rest @ ..] = input else {
            return Ok(None);
        };
        if first & 0x30 != 0 {
            return Err(Violation::ReservedBits);
        }
        let fin = first & 0x80 != 0;
        let rsv1 = first & 0x40 != 0;
        let opcode = Opcode::parse(first & 0x0F)?;
        let short_length = second & 0x7F;
        if opcode.is_control() {
            if !fin {
                return Err(Violation::FragmentedControl);
            }
            if usize::from(short_length) > MAX_CONTROL_PAYLOAD_BYTES {
                return Err(Violation::ControlTooLong);
            }
        }
        let (payload_length, rest) = match short_length {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            length => (u64::from(length), rest),
        };
        let shortest = match payload_length {
            0..=125 => short_length < 126,
            126..=0xFFFF => short_length == 126,
            // The most significant bit must be 0.
            longer => longer >> 63 == 0,
        };
        if !shortest {
            return Err(Violation::LengthEncoding);
        }
        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            match rest.split_first_chunk() {
                Some((mask, rest)) => (Some(*mask), rest),
                None => return Ok(None),
            }
        };
        let header = Self {
            fin,
            rsv1,
            opcode,
            mask,
            payload_length,
        };
        Ok(Some((header, input.len() - rest.len())))
    }
}

/// Masks or unmasks a payload in place, eight bytes at a time.
pub(super) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let word_mask = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ word_mask).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(input: &[u8]) -> Result<Option<(FrameHeader, usize)>, Violation> {
        FrameHeader::parse(input)
    }

    #[test]
    fn the_header_of_a_masked_hello_is_read_as_in_rfc_6455_section_5_7() {
        let (header, length) = parse(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
            .unwrap()
            .unwrap();
        assert_eq!(length, 6);
        assert_eq!(
            header,
            FrameHeader {
                fin: true,
                rsv1: false,
                opcode: Opcode::Text,
                mask: Some([0x37, 0xfa, 0x21, 0x3d]),
                payload_length: 5,
            }
        );
    }

    #[test]
    fn a_header_is_incomplete_until_its_last_byte() {
        let header = b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x01\x02\x03\x04";
        for end in 0..header.len() {
            assert_eq!(parse(&header[..end]), Ok(None), "{end} bytes");
        }
        let (parsed, length) = parse(header).unwrap().unwrap();
        assert_eq!((parsed.payload_length, length), (65_536, 14));
    }

    #[test]
    fn a_length_must_be_in_its_shortest_form() {
        for wrong in [
            &b"\x81\x7e\x00\x7d"[..],
            b"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05",
            b"\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
            b"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
        ] {
            assert_eq!(parse(wrong), Err(Violation::LengthEncoding), "{wrong:x?}");
        }
        for (right, length) in [
            (&b"\x81\x7d"[..], 125),
            (b"\x81\x7e\x00\x7e", 126),
            (b"\x81\x7e\xff\xff", 65_535),
            (b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 65_536),
        ] {
            assert_eq!(parse(right).unwrap().unwrap().0.payload_length, length);
        }
    }

    #[test]
    fn reserved_bits_and_opcodes_are_refused() {
        assert_eq!(parse(b"\xa1\x80"), Err(Violation::ReservedBits));
        assert_eq!(parse(b"\x91\x80"), Err(Violation::ReservedBits));
        for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
            assert_eq!(
                parse(&[0x80 | opcode, 0x80]),
                Err(Violation::ReservedOpcode(opcode))
            );
        }
    }

    #[test]
    fn control_frames_are_short_and_whole() {
        for opcode in [8, 9, 0xA] {
            assert_eq!(parse(&[opcode, 0x80]), Err(Violation::FragmentedControl));
            assert_eq!(
                parse(&[0x80 | opcode, 0xfe]),
                Err(Violation::ControlTooLong),
                "before the extended length is there"
            );
        }
    }

    proptest! {
        #[test]
        fn masking_is_a_byte_wise_xor(payload: Vec<u8>, mask: [u8; 4]) {
            let expected: Vec<u8> = payload
                .iter()
                .enumerate()
                .map(|(i, byte)| byte ^ mask[i % 4])
                .collect();
            let mut masked = payload;
            apply_mask(&mut masked, mask);
            prop_assert_eq!(masked, expected);
        }
    }
}
