//! A live connection: the record that the registry holds, and what may be done with it.

pub mod client;
pub(crate) mod due;
pub mod message;
pub mod outbox;
mod pace;
pub mod task;
pub mod transport;
mod wake;

use std::sync::{
    Arc,
    atomic::{AtomicU16, AtomicU64, Ordering},
};

use gatepost_model::{
    connection::{CloseCause, ConnectionState},
    limits::Limits,
    request_context::ConnectionContext,
};
use gatepost_wire::websocket::{self, Decoder, Deflate, Role};
use parking_lot::Mutex;

use crate::{admission::TooMany, clock::Moment, deployed::StageSlot, lifecycle::Activity};
use client::ClientKey;
use message::Message;
use outbox::{Ending, Outbox, Room, SendError};
use pace::Pace;
use transport::Transport;
use wake::Wake;

/// An open (or closing) connection. One allocation beside its socket's; no timer, no channel, no
/// buffer of its own.
#[derive(Debug)]
pub struct Connection {
    /// Ids, identity and authorizer context.
    pub context: Arc<ConnectionContext>,
    /// The stage it came through, as it is deployed now.
    pub stage: Arc<StageSlot>,
    /// By what the client is recognised when it comes back.
    pub client_key: Option<ClientKey>,
    /// permessage-deflate, when it was negotiated.
    deflate: Option<Deflate>,
    transport: Transport,
    outbox: Mutex<Outbox>,
    /// When it was established, on the monotonic clock.
    established_at_ms: u64,
    /// When something was last sent or received, on the monotonic clock and on the wall clock.
    last_active_at_ms: AtomicU64,
    last_active_epoch_ms: AtomicU64,
    in_flight: AtomicU16,
    /// How fast the client may send, where that is limited.
    pace: Option<Box<Pace>>,
    /// What it did, for the record of its life.
    pub activity: Activity,
    /// Wakes the connection's task: to write, to end, or to read on.
    wake: Wake,
}

impl Connection {
    /// A connection that has just been established.
    pub fn new(
        context: Arc<ConnectionContext>,
        stage: Arc<StageSlot>,
        client_key: Option<ClientKey>,
        deflate: Option<Deflate>,
        transport: Transport,
        now: Moment,
    ) -> Self {
        Self {
            context,
            stage,
            client_key,
            deflate,
            transport,
            outbox: Mutex::default(),
            established_at_ms: now.monotonic_ms,
            last_active_at_ms: AtomicU64::new(now.monotonic_ms),
            last_active_epoch_ms: AtomicU64::new(now.epoch_ms),
            in_flight: AtomicU16::new(0),
            pace: None,
            activity: Activity::default(),
            wake: Wake::default(),
        }
    }

    /// The same, whose client may send as fast as `limits` say.
    pub fn paced(mut self, limits: &Limits) -> Self {
        self.pace = Pace::new(limits).map(Box::new);
        self
    }

    /// Whether the client may send a message of so many bytes now; it is counted.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn pass(&self, bytes: usize) -> Result<(), TooMany> {
        match &self.pace {
            Some(pace) => pace.pass(bytes),
            None => Ok(()),
        }
    }

    /// `Open`, or `Closing` with its cause.
    pub fn state(&self) -> ConnectionState {
        match self.ending() {
            None => ConnectionState::Open,
            Some(ending) => ConnectionState::Closing(ending.cause),
        }
    }

    /// How it ends, once it does.
    pub fn ending(&self) -> Option<Ending> {
        self.outbox.lock().ending().cloned()
    }

    /// When something was last sent or received, milliseconds since the epoch.
    pub fn last_active_ms(&self) -> u64 {
        self.last_active_epoch_ms.load(Ordering::Relaxed)
    }

    /// Notes that something was sent or received.
    pub fn touch(&self, now: Moment) {
        self.last_active_at_ms
            .store(now.monotonic_ms, Ordering::Relaxed);
        self.last_active_epoch_ms
            .store(now.epoch_ms, Ordering::Relaxed);
    }

    /// A decoder for what this client sends.
    fn decoder(&self) -> Decoder {
        let decoder = Decoder::new(Role::Server);
        if self.deflate.is_some() {
            decoder.with_deflate()
        } else {
            decoder
        }
    }

    /// Appends a message to `frames`, compressed if that was negotiated and pays.
    fn encode(&self, message: &Message<'_>, frames: &mut Vec<u8>) {
        match (message, self.deflate) {
            (Message::Text(text), Some(deflate)) => deflate.encode_text(text.as_bytes(), frames),
            (Message::Text(text), None) => websocket::encode_text(text.as_bytes(), frames),
            (Message::Binary(bytes), Some(deflate)) => deflate.encode_binary(bytes, frames),
            (Message::Binary(bytes), None) => websocket::encode_binary(bytes, frames),
        }
    }

    /// Sends one message. The client sees messages in the order of these calls.
    ///
    /// # Errors
    /// [`SendError`]; then nothing is sent.
    pub fn send(
        &self,
        message: &Message<'_>,
        limits: &Limits,
        now: Moment,
    ) -> Result<(), SendError> {
        let mut frame = Vec::with_capacity(message.bytes().len() + 10);
        self.encode(message, &mut frame);
        self.send_frames(&frame, limits, now)
    }

    /// Sends encoded frames.
    ///
    /// # Errors
    /// [`SendError`]; then nothing is sent.
    pub fn send_frames(
        &self,
        frames: &[u8],
        limits: &Limits,
        now: Moment,
    ) -> Result<(), SendError> {
        let mut outbox = self.outbox.lock();
        let sent = outbox.send(&self.transport, frames, Room::of(limits), now);
        let must_wake = outbox.is_waiting();
        drop(outbox);
        if must_wake {
            self.wake.wake();
        }
        if sent.is_ok() {
            self.touch(now);
        }
        sent
    }

    /// Begins to close the connection from this side; the first cause wins. From now on it is gone
    /// for posts. Returns whether this call was the first.
    pub fn close(&self, cause: CloseCause, now: Moment) -> bool {
        let mut frame = Vec::new();
        if let Some((code, reason)) = cause.close_frame() {
            websocket::encode_close(code, reason, &mut frame);
        }
        let first = self
            .outbox
            .lock()
            .close(&self.transport, cause, &frame, now);
        if first {
            self.wake.wake();
        }
        first
    }

    /// The client closed: its unsent messages are dropped and its close frame is echoed. Returns
    /// whether this ended the connection.
    fn close_by_client(&self, cause: CloseCause, echo: &[u8], now: Moment) -> bool {
        let mut outbox = self.outbox.lock();
        if outbox.ending().is_none() {
            outbox.discard_unsent();
        }
        outbox.close(&self.transport, cause, echo, now)
    }

    /// Whether another message may go to an integration; if so it counts as in flight.
    fn begin_request(&self, limit: u16) -> bool {
        // Only the connection's task begins requests, so nothing comes between load and add.
        let may = self.in_flight.load(Ordering::Acquire) < limit;
        if may {
            self.in_flight.fetch_add(1, Ordering::AcqRel);
        }
        may
    }

    /// How many messages of it are in integrations.
    pub fn in_flight(&self) -> u16 {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Whether a message of it is in an integration.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight() > 0
    }

    /// Bytes that wait until the client reads.
    pub fn unsent_bytes(&self) -> usize {
        self.outbox.lock().queued_bytes()
    }

    /// A message's integration is done.
    pub(crate) fn end_request(&self, limit: u16) {
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) >= limit {
            self.wake.wake();
        }
    }
}
