//! A WebSocket of a floor: read what is ready into a buffer of the thread, answer with one write.

use std::{cell::RefCell, io, sync::Arc};

use tokio::net::TcpStream;

use crate::codec::{Frame, encode_text, next_frame};

thread_local! {
    static BUFFERS: RefCell<(Vec<u8>, Vec<u8>)> = RefCell::new((vec![0; 64 * 1024], Vec::new()));
}

/// Echoes until the client goes.
pub async fn echo(stream: Arc<TcpStream>) -> io::Result<()> {
    let mut partial = Vec::new();
    loop {
        stream.readable().await?;
        let more = BUFFERS.with_borrow_mut(|(read, out)| {
            out.clear();
            let more = receive(&stream, read, &mut partial, |text| encode_text(text, out))?;
            write(&stream, out)?;
            Ok::<_, io::Error>(more)
        })?;
        if !more {
            return Ok(());
        }
    }
}

/// Reads once and hands over each text; `false` when the client went.
pub fn receive(
    stream: &TcpStream,
    read: &mut [u8],
    partial: &mut Vec<u8>,
    mut text: impl FnMut(&[u8]),
) -> io::Result<bool> {
    let n = match stream.try_read(read) {
        Ok(0) => return Ok(false),
        Ok(n) => n,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut joined;
    let mut bytes = if partial.is_empty() {
        &mut read[..n]
    } else {
        joined = std::mem::take(partial);
        joined.extend_from_slice(&read[..n]);
        &mut joined[..]
    };
    while let Some(frame) = next_frame(&mut bytes) {
        match frame {
            Frame::Text(payload) => text(payload),
            Frame::Close => return Ok(false),
        }
    }
    if !bytes.is_empty() {
        *partial = bytes.to_vec();
    }
    Ok(true)
}

/// Writes all at once. A floor's client always reads: a full socket ends the connection.
pub fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() || stream.try_write(bytes)? == bytes.len() {
        return Ok(());
    }
    Err(io::ErrorKind::WriteZero.into())
}
