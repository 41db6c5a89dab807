//! What waits for one client: one queue, one order for replies, posts and the close frame, bounded
//! in bytes, and empty (owning no heap) whenever the socket takes everything.

use std::{
    collections::VecDeque,
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use gatepost_model::{connection::CloseCause, limits::Limits};

use super::transport::Transport;
use crate::{
    clock::Moment,
    simulation::{Variant, is_broken},
};

/// The bytes that wait for all clients of this process.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// The bytes that wait for all clients of this process.
pub fn waiting_bytes() -> usize {
    WAITING.load(Ordering::Relaxed)
}

/// How many bytes may wait.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// For this client.
    pub each: usize,
    /// For all clients together.
    pub in_all: usize,
}

impl Room {
    /// However many.
    pub const UNLIMITED: Self = Self {
        each: usize::MAX,
        in_all: usize::MAX,
    };

    /// What the limits say.
    pub fn of(limits: &Limits) -> Self {
        Self {
            each: limits.outbox_bytes,
            in_all: limits.max_outbox_bytes,
        }
    }
}

/// The outgoing side of a connection; behind its mutex.
#[derive(Debug)]
pub struct Outbox {
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    /// Whether the front of the queue is the rest of a frame that has begun.
    front_is_partial: bool,
    /// Since when the socket has taken nothing, on the monotonic clock.
    blocked_at_ms: Option<u64>,
    ending: Option<Ending>,
}

/// That a connection ends, and how.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Why.
    pub cause: CloseCause,
    /// Since when.
    pub since: Moment,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// The connection is closing or closed.
    #[error("the connection has ended")]
    Ended(Ending),
    /// The client reads too slowly.
    #[error("the client's outbox is full")]
    Full,
    /// The socket failed; the connection's task finds out by itself.
    #[error("the socket failed")]
    Broken,
}

impl Outbox {
    /// An empty outbox.
    pub fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            queued_bytes: 0,
            front_is_partial: false,
            blocked_at_ms: None,
            ending: None,
        }
    }

    /// How the connection ends, once it does.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Whether bytes wait for the socket.
    pub fn is_waiting(&self) -> bool {
        self.blocked_at_ms.is_some()
    }

    /// How many bytes wait for the socket.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Since when the socket has taken none of the bytes that wait, on the monotonic clock.
    pub fn blocked_at_ms(&self) -> Option<u64> {
        self.blocked_at_ms
    }

    /// Sends whole frames: at once if the socket takes them, else queued while there is room.
    /// A frame is always taken when nothing waits, so that a limit below the message size works.
    ///
    /// # Errors
    /// [`SendError`]; then nothing of `frames` is sent.
    pub fn send(
        &mut self,
        transport: &Transport,
        frames: &[u8],
        room: Room,
        now: Moment,
    ) -> Result<(), SendError> {
        if let Some(ending) = &self.ending
            && !is_broken(Variant::SentBehindClose)
        {
            return Err(SendError::Ended(ending.clone()));
        }
        self.enqueue(transport, frames, room, now)
    }

    /// Begins to end the connection: the first cause wins. Queued frames still go out, then
    /// `close_frame`. Returns whether this call was the first.
    pub fn close(
        &mut self,
        transport: &Transport,
        cause: CloseCause,
        close_frame: &[u8],
        now: Moment,
    ) -> bool {
        if self.ending.is_some() {
            return false;
        }
        self.ending = Some(Ending { cause, since: now });
        if !close_frame.is_empty() {
            // A socket that fails now is noticed by the connection's task.
            let _ = self.enqueue(transport, close_frame, Room::UNLIMITED, now);
        }
        true
    }

    /// Drops frames that have not begun, when the client no longer wants them.
    pub fn discard_unsent(&mut self) {
        let keep = usize::from(self.front_is_partial);
        self.queue.truncate(keep);
        let left: usize = self.queue.iter().map(Bytes::len).sum();
        self.gone(self.queued_bytes - left);
    }

    /// Writes what the socket takes now.
    ///
    /// # Errors
    /// The socket's error.
    pub fn flush(&mut self, transport: &Transport, now: Moment) -> io::Result<()> {
        while let Some(front) = self.queue.front_mut() {
            match transport.try_write(front) {
                Ok(written) => {
                    self.blocked_at_ms = Some(now.monotonic_ms);
                    if written == front.len() {
                        self.queue.pop_front();
                        self.front_is_partial = false;
                    } else {
                        *front = front.slice(written..);
                        self.front_is_partial = true;
                    }
                    self.gone(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if transport.try_flush()? {
            // The heap of the queue goes with the burst that needed it.
            self.queue = VecDeque::new();
            self.blocked_at_ms = None;
        }
        Ok(())
    }

    fn enqueue(
        &mut self,
        transport: &Transport,
        frames: &[u8],
        room: Room,
        now: Moment,
    ) -> Result<(), SendError> {
        if self.is_waiting() {
            let bytes = frames.len();
            if self.queued_bytes.saturating_add(bytes) > room.each
                || waiting_bytes().saturating_add(bytes) > room.in_all
            {
                if is_broken(Variant::LostPost) {
                    return Ok(());
                }
                return Err(SendError::Full);
            }
            self.push(Bytes::copy_from_slice(frames));
            return Ok(());
        }
        let mut rest = frames;
        while !rest.is_empty() {
            match transport.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.front_is_partial = rest.len() < frames.len();
                    self.push(Bytes::copy_from_slice(rest));
                    self.blocked_at_ms = Some(now.monotonic_ms);
                    return Ok(());
                }
                Err(_) => return Err(SendError::Broken),
            }
        }
        match transport.try_flush() {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.blocked_at_ms = Some(now.monotonic_ms);
                Ok(())
            }
            Err(_) => Err(SendError::Broken),
        }
    }

    fn push(&mut self, bytes: Bytes) {
        self.queued_bytes += bytes.len();
        WAITING.fetch_add(bytes.len(), Ordering::Relaxed);
        if is_broken(Variant::OvertakingPost) && self.queue.len() > 1 {
            self.queue.insert(1, bytes);
            return;
        }
        self.queue.push_back(bytes);
    }

    /// So many bytes wait no more.
    fn gone(&mut self, bytes: usize) {
        self.queued_bytes -= bytes;
        WAITING.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.gone(self.queued_bytes);
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}
