//! The entries of a request as the bytes that are kept.

use super::Entry;

/// The first byte of every record.
const VERSION: u8 = 1;

/// The entries of one request with the times at which they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record(Vec<u8>);

/// A record that cannot be read: another Gatepost wrote it, or it is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this record of a request cannot be read by this version of Gatepost")]
pub struct RecordError;

impl Record {
    /// Appends an entry, `offset_ms` milliseconds after the record began.
    pub fn push(&mut self, offset_ms: u32, entry: &Entry<'_>) {
        let mut bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            bytes.reserve(256);
            bytes.push(VERSION);
        }
        // Texts and numbers always fit into memory.
        self.0 = postcard::to_extend(&(offset_ms, entry), bytes).unwrap_or_default();
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record with these kept bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to keep.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The entries with their times, milliseconds after the record began, in the order of writing.
    pub fn entries(&self) -> impl Iterator<Item = Result<(u32, Entry<'_>), RecordError>> {
        let (mut rest, mut failed) = match self.0.split_first() {
            None => (&[][..], false),
            Some((&VERSION, rest)) => (rest, false),
            Some(_) => (&[][..], true),
        };
        std::iter::from_fn(move || {
            if std::mem::take(&mut failed) {
                return Some(Err(RecordError));
            }
            if rest.is_empty() {
                return None;
            }
            let read = postcard::take_from_bytes::<(u32, Entry<'_>)>(rest);
            rest = read.as_ref().map_or(&[], |(_, behind)| *behind);
            Some(read.map(|(entry, _)| entry).map_err(|_| RecordError))
        })
    }
}
