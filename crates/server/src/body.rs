//! Reading a request's body, bounded.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// What is still read of a body that is too large, so that the client sends it and reads the
/// answer, instead of finding its socket reset.
const MAX_DRAINED_BYTES: u64 = 8 * 1024 * 1024;

/// Why a body cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than allowed.
    TooLarge,
    /// The client broke off.
    Broken,
}

/// Reads a body of at most `max_bytes`.
///
/// # Errors
/// [`BodyError`].
pub async fn read_body(mut body: Incoming, max_bytes: usize) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > MAX_DRAINED_BYTES {
        return Err(BodyError::TooLarge);
    }
    let mut read = BytesMut::new();
    let mut seen = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        seen += data.len() as u64;
        if seen > MAX_DRAINED_BYTES {
            return Err(BodyError::TooLarge);
        }
        if seen <= max_bytes as u64 {
            read.extend_from_slice(data);
        }
    }
    if seen > max_bytes as u64 { Err(BodyError::TooLarge) } else { Ok(read.freeze()) }
}
