//! A message that is not complete yet: its bytes so far, inflated and checked as they come.

use std::borrow::Cow;

use super::{Event, Opcode, Violation, deflate::Inflater};

/// The data frames of a message, joined.
pub(super) struct PartialMessage {
    /// Whether it is text, else binary.
    is_text: bool,
    inflater: Option<Inflater>,
    /// Frames that began.
    frames: usize,
    bytes: Vec<u8>,
    /// How many of `bytes` are known to be whole UTF-8 sequences.
    valid_utf8: usize,
}

impl PartialMessage {
    /// A message of which the first frame has begun.
    pub fn new(opcode: Opcode, compressed: bool) -> Self {
        Self {
            is_text: opcode == Opcode::Text,
            inflater: compressed.then(Inflater::new),
            frames: 1,
            bytes: Vec::new(),
            valid_utf8: 0,
        }
    }

    /// Admits a continuation frame of this length.
    pub fn begin_frame(
        &mut self,
        length: usize,
        max_frames: usize,
        max_bytes: usize,
    ) -> Result<(), Violation> {
        if self.frames >= max_frames {
            return Err(Violation::TooManyFrames);
        }
        self.frames += 1;
        if self.inflater.is_none() && length > max_bytes.saturating_sub(self.bytes.len()) {
            return Err(Violation::MessageTooBig);
        }
        Ok(())
    }

    /// Appends unmasked payload. Without compression its length was admitted with its frame.
    pub fn append(&mut self, payload: &[u8], max_bytes: usize) -> Result<(), Violation> {
        match &mut self.inflater {
            Some(inflater) => inflater.inflate(payload, &mut self.bytes, max_bytes)?,
            None => extend_within(&mut self.bytes, payload, max_bytes),
        }
        if self.is_text {
            self.check_utf8()?;
        }
        Ok(())
    }

    /// The message, once its final frame is appended.
    pub fn finish(mut self, max_bytes: usize) -> Result<Event<'static>, Violation> {
        if let Some(inflater) = &mut self.inflater {
            inflater.finish(&mut self.bytes, max_bytes)?;
        }
        if !self.is_text {
            return Ok(Event::Binary(Cow::Owned(self.bytes)));
        }
        let text = String::from_utf8(self.bytes).map_err(|_| Violation::InvalidUtf8)?;
        Ok(Event::Text(Cow::Owned(text)))
    }

    /// Fails at the first byte that cannot be part of UTF-8 text; a sequence may be unfinished.
    fn check_utf8(&mut self) -> Result<(), Violation> {
        match str::from_utf8(&self.bytes[self.valid_utf8..]) {
            Ok(text) => self.valid_utf8 += text.len(),
            Err(error) if error.error_len().is_none() => self.valid_utf8 += error.valid_up_to(),
            Err(_) => return Err(Violation::InvalidUtf8),
        }
        Ok(())
    }

    /// Bytes of heap.
    #[cfg(test)]
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Appends as `extend_from_slice`, but never reserves more than `max_bytes` unless they are needed.
pub(super) fn extend_within(bytes: &mut Vec<u8>, more: &[u8], max_bytes: usize) {
    let needed = bytes.len() + more.len();
    if needed > bytes.capacity() {
        let capacity = needed.max(max_bytes.min(bytes.capacity() * 2));
        bytes.reserve_exact(capacity - bytes.len());
    }
    bytes.extend_from_slice(more);
}
