//! Reading a request's body, bounded.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// What is still read of a body that is too large, so that the client sends it and reads the
/// answer, instead of finding its socket reset.
const MAX_DRAINED_BYTES: u64 = 8 * 1024 * 1024;

/// How long the client has to send a body.
const READ_TIME: Duration = Duration::from_secs(30);

/// How long the client has to send the rest of a body that is too large.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Why a body cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than allowed.
    TooLarge,
    /// The client broke off, or sent it too slowly.
    Broken,
}

/// Reads a body of at most `max_bytes`.
///
/// # Errors
/// [`BodyError`].
pub async fn read_body(body: Incoming, max_bytes: usize) -> Result<Bytes, BodyError> {
    tokio::time::timeout(READ_TIME, read(body, max_bytes))
        .await
        .unwrap_or(Err(BodyError::Broken))
}

async fn read(mut body: Incoming, max_bytes: usize) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > MAX_DRAINED_BYTES {
        return Err(BodyError::TooLarge);
    }
    // Most bodies come whole, and stay where they were read to.
    let (mut first, mut read) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + read.len() + data.len() > max_bytes {
            // Whether the rest comes or not, the answer is the same.
            let _ = tokio::time::timeout(DRAIN_TIME, drain(body)).await;
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && read.is_empty() {
            first = data;
        } else {
            read.extend_from_slice(&std::mem::take(&mut first));
            read.extend_from_slice(&data);
        }
    }
    Ok(if read.is_empty() {
        first
    } else {
        read.freeze()
    })
}

async fn drain(mut body: Incoming) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len) as u64;
        if seen > MAX_DRAINED_BYTES {
            return;
        }
    }
}
