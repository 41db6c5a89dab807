//! From the bytes of a socket to messages and control frames.
#![expect(
    clippy::mut_mut,
    reason = "input shrinks from its front and is unmasked in place"
)]

use std::borrow::Cow;

use gatepost_model::{limits::Limits, stage_settings::StageSettings};

use super::{
    CloseFrame, Opcode, Violation,
    frame::{FrameHeader, apply_mask},
    message::PartialMessage,
};

/// Which end of the connection decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The peer is a client: its frames must be masked.
    Server,
    /// The peer is a server: its frames must not be masked.
    Client,
}

/// What a peer may send. Given to each [`Decoder::decode`], so that it costs no memory per
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// The greatest payload of a frame as it stands on the wire. AWS: 32 KB.
    pub max_frame_bytes: usize,
    /// The greatest message, uncompressed. AWS: 128 KB.
    pub max_message_bytes: usize,
    /// Frames that a message may consist of, empty ones included.
    pub max_frames_per_message: usize,
    /// Whether binary messages are accepted. AWS: no.
    pub accept_binary: bool,
}

impl From<&StageSettings> for FrameLimits {
    fn from(settings: &StageSettings) -> Self {
        Self {
            accept_binary: settings.extensions.binary_frames,
            ..Self::from(&settings.limits)
        }
    }
}

impl From<&Limits> for FrameLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            max_frame_bytes: limits.max_frame_bytes,
            max_message_bytes: limits.max_message_bytes,
            max_frames_per_message: usize::try_from(limits.max_frames_per_message)
                .unwrap_or(usize::MAX),
            accept_binary: false,
        }
    }
}

/// What a peer sent. Borrows from the bytes that were read where it lies whole in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
    /// A ping, to be answered with a pong of the same payload, at most 125 bytes.
    Ping(Cow<'a, [u8]>),
    /// A pong.
    Pong(Cow<'a, [u8]>),
    /// The peer's last frame; `None` when it carries no code.
    Close(Option<CloseFrame<'a>>),
}

/// Decodes one direction of one connection.
///
/// What is incomplete at the end of a read is kept on the heap, within the limits; otherwise the
/// decoder owns none.
pub struct Decoder {
    role: Role,
    /// permessage-deflate was negotiated.
    deflate: bool,
    /// A close frame or a violation came.
    ended: bool,
    partial: Option<Box<Partial>>,
}

/// What came of a frame or message so far.
#[derive(Default)]
struct Partial {
    header: Vec<u8>,
    frame: Option<Frame>,
    control_payload: Vec<u8>,
    message: Option<PartialMessage>,
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.header.is_empty()
            && self.frame.is_none()
            && self.control_payload.is_empty()
            && self.message.is_none()
    }
}

/// A frame whose header is admitted.
struct Frame {
    opcode: Opcode,
    fin: bool,
    /// It begins a compressed message.
    compressed: bool,
    /// The mask, turned to the next byte.
    mask: Option<[u8; 4]>,
    /// Payload bytes to come.
    remaining: usize,
}

impl Decoder {
    /// A decoder for a connection without extensions.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            deflate: false,
            ended: false,
            partial: None,
        }
    }

    /// Accepts compressed messages: permessage-deflate was negotiated, without context takeover.
    pub fn with_deflate(self) -> Self {
        Self {
            deflate: true,
            ..self
        }
    }

    /// Whether a close frame or a violation ended the input: whatever follows is discarded
    /// (RFC 6455 §1.4, §7.1.7).
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The next message or control frame in `input`, from which its bytes are taken; call it until
    /// it returns `None`, then all input is taken. Payloads are unmasked in place.
    ///
    /// # Errors
    /// The [`Violation`] that the connection must be closed for.
    pub fn decode<'a>(
        &mut self,
        limits: &FrameLimits,
        input: &mut &'a mut [u8],
    ) -> Result<Option<Event<'a>>, Violation> {
        if self.ended {
            *input = &mut [];
            return Ok(None);
        }
        let event = self.next_event(limits, input);
        if matches!(event, Err(_) | Ok(Some(Event::Close(_)))) {
            self.ended = true;
            self.partial = None;
        }
        event
    }

    fn next_event<'a>(
        &mut self,
        limits: &FrameLimits,
        input: &mut &'a mut [u8],
    ) -> Result<Option<Event<'a>>, Violation> {
        loop {
            let unfinished = self
                .partial
                .as_mut()
                .and_then(|partial| partial.frame.take());
            let mut frame = match unfinished {
                Some(frame) => frame,
                None => match self.next_header(input)? {
                    Some(header) => self.begin_frame(&header, limits)?,
                    None => return Ok(None),
                },
            };
            let length = frame.remaining.min(input.len());
            let payload = input.split_off_mut(..length).unwrap_or_default();
            if let Some(mask) = &mut frame.mask {
                apply_mask(payload, *mask);
                mask.rotate_left(length % 4);
            }
            frame.remaining -= length;
            let event = if frame.opcode.is_control() {
                self.control_payload(&frame, payload)?
            } else {
                self.message_payload(&frame, payload, limits)?
            };
            if frame.remaining > 0 {
                self.partial.get_or_insert_default().frame = Some(frame);
                return Ok(None);
            }
            self.partial.take_if(|partial| partial.is_empty());
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// The next frame's header; `None` when the input ends before.
    fn next_header(&mut self, input: &mut &mut [u8]) -> Result<Option<FrameHeader>, Violation> {
        let is_begun = |partial: &Partial| !partial.header.is_empty();
        if !self.partial.as_deref().is_some_and(is_begun) {
            if let Some((header, length)) = FrameHeader::parse(input)? {
                let _header_bytes = input.split_off_mut(..length);
                return Ok(Some(header));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        let kept = &mut self.partial.get_or_insert_default().header;
        while let Some(byte) = input.split_off_first_mut() {
            kept.push(*byte);
            if let Some((header, _)) = FrameHeader::parse(kept)? {
                kept.clear();
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Admits a frame, or refuses it before its payload is there.
    fn begin_frame(
        &mut self,
        header: &FrameHeader,
        limits: &FrameLimits,
    ) -> Result<Frame, Violation> {
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(Violation::Unmasked),
            (Role::Client, Some(_)) => return Err(Violation::Masked),
            _ => {}
        }
        // Only the first frame of a message says whether it is compressed (RFC 7692 §6.1).
        let begins_message = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if header.rsv1 && !(self.deflate && begins_message) {
            return Err(Violation::ReservedBits);
        }
        let length = usize::try_from(header.payload_length).map_err(|_| Violation::FrameTooBig)?;
        if !header.opcode.is_control() {
            let message = self
                .partial
                .as_mut()
                .and_then(|partial| partial.message.as_mut());
            let max_bytes = limits.max_message_bytes;
            match message {
                Some(_) if begins_message => return Err(Violation::UnfinishedMessage),
                None if !begins_message => return Err(Violation::UnexpectedContinuation),
                None if header.opcode == Opcode::Binary && !limits.accept_binary => {
                    return Err(Violation::BinaryRefused);
                }
                _ if length > limits.max_frame_bytes => return Err(Violation::FrameTooBig),
                None if length > max_bytes && !header.rsv1 => return Err(Violation::MessageTooBig),
                None => {}
                Some(message) => {
                    message.begin_frame(length, limits.max_frames_per_message, max_bytes)?;
                }
            }
        }
        Ok(Frame {
            opcode: header.opcode,
            fin: header.fin,
            compressed: header.rsv1,
            mask: header.mask,
            remaining: length,
        })
    }

    fn control_payload<'a>(
        &mut self,
        frame: &Frame,
        payload: &'a [u8],
    ) -> Result<Option<Event<'a>>, Violation> {
        let is_begun = |partial: &Partial| !partial.control_payload.is_empty();
        let payload = if frame.remaining == 0 && !self.partial.as_deref().is_some_and(is_begun) {
            Cow::Borrowed(payload)
        } else {
            let kept = &mut self.partial.get_or_insert_default().control_payload;
            kept.extend_from_slice(payload);
            if frame.remaining > 0 {
                return Ok(None);
            }
            Cow::Owned(std::mem::take(kept))
        };
        Ok(Some(match frame.opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => Event::Close(CloseFrame::parse(payload)?),
        }))
    }

    fn message_payload<'a>(
        &mut self,
        frame: &Frame,
        payload: &'a [u8],
        limits: &FrameLimits,
    ) -> Result<Option<Event<'a>>, Violation> {
        let is_last = frame.fin && frame.remaining == 0;
        let is_begun = |partial: &Partial| partial.message.is_some();
        if is_last && !frame.compressed && !self.partial.as_deref().is_some_and(is_begun) {
            return whole_message(frame.opcode, payload).map(Some);
        }
        let partial = self.partial.get_or_insert_default();
        let mut message = partial
            .message
            .take()
            .unwrap_or_else(|| PartialMessage::new(frame.opcode, frame.compressed));
        message.append(payload, limits.max_message_bytes)?;
        if is_last {
            return message.finish(limits.max_message_bytes).map(Some);
        }
        partial.message = Some(message);
        Ok(None)
    }
}

/// A message that lies whole in the input.
fn whole_message(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, Violation> {
    if opcode == Opcode::Binary {
        return Ok(Event::Binary(Cow::Borrowed(payload)));
    }
    let text = str::from_utf8(payload).map_err(|_| Violation::InvalidUtf8)?;
    Ok(Event::Text(Cow::Borrowed(text)))
}

#[cfg(test)]
mod tests;
