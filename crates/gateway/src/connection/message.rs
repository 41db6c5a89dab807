//! A message of a client or to one.

use std::borrow::Cow;

/// A message, text or, on stages with `binary_frames`, binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Binary(Cow<'a, [u8]>),
}

impl Message<'_> {
    /// Its payload.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The message on its own.
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Self::Text(text) => Message::Text(Cow::Owned(text.into_owned())),
            Self::Binary(bytes) => Message::Binary(Cow::Owned(bytes.into_owned())),
        }
    }
}

impl From<String> for Message<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}
