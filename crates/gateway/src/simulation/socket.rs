//! A socket in memory: what a client sent waits to be read, and what is written waits for the client,
//! within the room of the network's buffers. It fails as TCP does.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

/// What all sockets of a simulated machine share.
#[derive(Debug, Default)]
pub struct Network {
    /// Told when a socket was written or ended.
    pub written: Notify,
    /// How many writes and ends there were: they have an order among all sockets.
    order: AtomicU64,
}

impl Network {
    /// The number of the next write or end.
    pub fn next_order(&self) -> u64 {
        self.order.fetch_add(1, Ordering::Relaxed)
    }
}

/// Gatepost's end.
#[derive(Debug)]
pub struct Socket(Arc<Wire>);

/// The client's end.
#[derive(Debug, Clone)]
pub struct ClientEnd(Arc<Wire>);

/// Bytes that were written at once.
#[derive(Debug)]
pub struct Written {
    /// Its place among all writes.
    pub order: u64,
    /// The bytes; none for the end.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct Wire {
    network: Arc<Network>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    to_server: VecDeque<u8>,
    /// The client ended its direction.
    is_finished: bool,
    /// The client is gone.
    is_reset: bool,
    to_client: VecDeque<Written>,
    /// Bytes that may be written now.
    room: usize,
    /// Gatepost ended its direction.
    is_shut: bool,
    /// What was written counts as under way only later.
    is_flush_held: bool,
    flusher: Option<Waker>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl State {
    fn wake(&mut self) {
        let wakers = [&mut self.reader, &mut self.writer, &mut self.flusher];
        for waker in wakers.into_iter().filter_map(Option::take) {
            waker.wake();
        }
    }

    fn is_readable(&self) -> bool {
        !self.to_server.is_empty() || self.is_finished || self.is_reset
    }

    fn is_writable(&self) -> bool {
        self.room > 0 || self.is_reset || self.is_shut
    }
}

impl Socket {
    /// A socket with room for so many bytes that its client did not read, and the client's end.
    pub fn new(network: &Arc<Network>, room: usize) -> (Self, ClientEnd) {
        let wire = Arc::new(Wire {
            network: Arc::clone(network),
            state: Mutex::new(State {
                room,
                ..State::default()
            }),
        });
        (Self(Arc::clone(&wire)), ClientEnd(wire))
    }

    pub(crate) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state.lock();
        if state.is_readable() {
            return Poll::Ready(());
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state.lock();
        if state.is_writable() {
            return Poll::Ready(());
        }
        state.writer = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.state.lock();
        if state.to_server.is_empty() {
            return match (state.is_reset, state.is_finished) {
                (true, _) => Err(io::ErrorKind::ConnectionReset.into()),
                (false, true) => Ok(0),
                (false, false) => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        io::Read::read(&mut state.to_server, buffer)
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state.lock();
        if state.is_reset || state.is_shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if state.room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = bytes.len().min(state.room);
        state.room -= taken;
        let order = self.0.network.next_order();
        let bytes = bytes[..taken].to_vec();
        state.to_client.push_back(Written { order, bytes });
        self.0.network.written.notify_one();
        Ok(taken)
    }

    pub(crate) fn shut_down_write(&self) {
        let mut state = self.0.state.lock();
        if state.is_shut || state.is_reset {
            return;
        }
        state.is_shut = true;
        let order = self.0.network.next_order();
        let bytes = Vec::new();
        state.to_client.push_back(Written { order, bytes });
        self.0.network.written.notify_one();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.shut_down_write();
    }
}

impl ClientEnd {
    /// Bytes arrive at Gatepost.
    pub fn send(&self, bytes: &[u8]) {
        let mut state = self.0.state.lock();
        if !state.is_finished && !state.is_reset {
            state.to_server.extend(bytes);
            state.wake();
        }
    }

    /// The client ends its direction.
    pub fn finish(&self) {
        let mut state = self.0.state.lock();
        state.is_finished = true;
        state.wake();
    }

    /// The client is gone; nothing that is written reaches it any more.
    pub fn reset(&self) {
        let mut state = self.0.state.lock();
        state.is_reset = true;
        state.wake();
    }

    /// Whoever flushes waits until it is let go.
    pub fn hold_flush(&self, is_held: bool) {
        let mut state = self.0.state.lock();
        state.is_flush_held = is_held;
        state.wake();
    }

    /// What was written since it was asked last.
    pub fn take(&self) -> Vec<Written> {
        self.0.state.lock().to_client.drain(..).collect()
    }

    /// The client has read so many bytes.
    pub fn give_room(&self, bytes: usize) {
        let mut state = self.0.state.lock();
        state.room += bytes;
        state.wake();
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_read_ready(context).is_pending() {
            return Poll::Pending;
        }
        let read = self.try_read(buffer.initialize_unfilled());
        Poll::Ready(read.map(|bytes| buffer.advance(bytes)))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.poll_write_ready(context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(self.try_write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state.lock();
        if state.is_flush_held && !state.is_reset {
            state.flusher = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down_write();
        Poll::Ready(Ok(()))
    }
}
