//! The task of a connection: it waits for its socket, reads all that is ready into a buffer shared
//! by its thread, and answers with one write. While it waits it owns no buffer.

use std::{cell::RefCell, future::poll_fn, io, sync::Arc, task::Poll};

use gatepost_model::connection::CloseCause;
use gatepost_wire::websocket::{self, CloseFrame, Decoder, Event as Incoming, FrameLimits};

use super::{Connection, message::Message};
use crate::{
    clock::{Moment, now_ms},
    gateway::Gateway,
    lifecycle::HandshakeRecord,
    observe::Event,
    pipeline::{self, Walked},
    store::{Opening, Past},
    tombstones::{End, Tombstone},
};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one busy connection before others have their turn.
const READS_PER_TURN: usize = 8;

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers {
        read: vec![0; READ_BYTES],
        replies: Vec::new(),
    });
}

/// The buffers of a thread; borrowed only between waits.
struct Buffers {
    read: Vec<u8>,
    replies: Vec<u8>,
}

/// Enters an accepted connection as established and serves it. `early` are bytes that came right
/// behind the handshake: they are its first frames.
pub fn start(
    gateway: &Arc<Gateway>,
    connection: Connection,
    handshake: Box<HandshakeRecord>,
    early: Vec<u8>,
) {
    let connection = Arc::new(connection);
    let context = &connection.context;
    gateway.tombstones.opened(
        context.connection_id,
        connection.client_key,
        Opening {
            api_id: context.api_id.clone(),
            began_at_ms: context.connected_at_ms,
            established_at_ms: now_ms(),
            handshake,
        },
    );
    gateway.registry.establish(Arc::clone(&connection));
    // Whoever closes all connections of a kind looked for them before this one was there.
    if gateway.is_draining() {
        connection.close(CloseCause::Draining, Moment::now());
    } else if connection.stage.deployed.load().is_none() {
        connection.close(CloseCause::StageDeleted, Moment::now());
    }
    if gateway.observer().follows_traffic() {
        gateway.observer().emit(Event::ConnectionOpened {
            api_id: context.api_id.clone(),
            stage: context.stage.clone(),
            connection_id: context.connection_id,
            source_ip: context.identity.source_ip.to_string(),
        });
    }
    let live = Live {
        gateway: Arc::clone(gateway),
        connection,
    };
    tokio::spawn(serve(live, early));
}

/// A served connection. However its task ends, the connection then ends for everybody.
struct Live {
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
}

/// What the task does next.
enum Next {
    /// The connection has ended.
    End,
    /// There is more to do, but others first.
    Yield,
    /// Wait to be woken, or for the socket too. Without the socket: until what is held can go on.
    Wait(Option<Direction>),
}

/// What of the socket the task waits for.
#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

/// What the task knows between waits.
struct Reader {
    decoder: Decoder,
    /// What waits until fewer messages are in flight, or until the client took its replies.
    held: Option<Box<Held>>,
    /// The client's close frame is here.
    client_closed: bool,
    /// The client broke the protocol: whatever it sends is dropped until it is gone.
    discarding: bool,
}

/// What has been read but not handled.
struct Held {
    message: Option<Message<'static>>,
    /// The bytes behind the message.
    bytes: Vec<u8>,
}

async fn serve(live: Live, early: Vec<u8>) {
    let early = (!early.is_empty()).then_some(Held {
        message: None,
        bytes: early,
    });
    let mut reader = Reader {
        decoder: live.connection.decoder(),
        held: early.map(Box::new),
        client_closed: false,
        discarding: false,
    };
    loop {
        let connection = &live.connection;
        match reader.step(&live) {
            Next::End => return,
            Next::Yield => tokio::task::yield_now().await,
            Next::Wait(socket) => {
                poll_fn(|context| {
                    if connection.wake.poll(context).is_ready() {
                        return Poll::Ready(());
                    }
                    match socket {
                        Some(Direction::Read) => connection.transport.poll_read_ready(context),
                        Some(Direction::Write) => connection.transport.poll_write_ready(context),
                        None => Poll::Pending,
                    }
                })
                .await;
            }
        }
    }
}

impl Reader {
    /// Does all that can be done without waiting.
    fn step(&mut self, live: &Live) -> Next {
        let (gateway, connection) = (&live.gateway, &live.connection);
        if self.flush(connection).is_err() {
            // What the client sent before it went may be its close frame.
            BUFFERS.with_borrow_mut(|buffers| self.receive(live, buffers));
            connection.close(CloseCause::ClientVanished, Moment::now());
            return Next::End;
        }
        if let Some(next) = self.ending(gateway, connection) {
            return next;
        }
        if connection.outbox.lock().is_waiting() {
            // Who does not read is not read from either.
            return Next::Wait(Some(Direction::Write));
        }
        BUFFERS.with_borrow_mut(|buffers| self.receive(live, buffers))
    }

    fn flush(&self, connection: &Connection) -> io::Result<()> {
        let mut outbox = connection.outbox.lock();
        if outbox.is_waiting() {
            outbox.flush(&connection.transport, Moment::now())?;
        }
        let must_shut_down = self.discarding && !outbox.is_waiting();
        drop(outbox);
        if must_shut_down {
            connection.transport.shut_down_write();
        }
        Ok(())
    }

    /// What an ending connection does next; `None` when it goes on reading.
    fn ending(&self, gateway: &Gateway, connection: &Connection) -> Option<Next> {
        let outbox = connection.outbox.lock();
        let ending = outbox.ending()?;
        let waited_ms = u128::from(
            Moment::now()
                .monotonic_ms
                .saturating_sub(ending.since.monotonic_ms),
        );
        let given_up = waited_ms >= gateway.limits().close_timeout.as_millis();
        let vanished = matches!(
            ending.cause,
            CloseCause::ClientVanished | CloseCause::SlowConsumer
        );
        let both_closed = self.client_closed && !outbox.is_waiting();
        (given_up || vanished || both_closed).then_some(Next::End)
    }

    fn receive(&mut self, live: &Live, buffers: &mut Buffers) -> Next {
        let Buffers { read, replies } = buffers;
        // A task that panicked may have left its replies, which are not for this client.
        replies.clear();
        for _ in 0..READS_PER_TURN {
            let mut is_all = false;
            if let Some(held) = self.held.take() {
                self.resume(live, *held, replies);
            } else {
                match live.connection.transport.try_read(read) {
                    Ok(n) if n > 0 => {
                        live.connection.touch(Moment::now());
                        is_all = n < read.len();
                        if !self.discarding {
                            self.handle(live, &mut read[..n], replies);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Next::Wait(Some(Direction::Read));
                    }
                    Ok(_) | Err(_) => {
                        live.connection
                            .close(CloseCause::ClientVanished, Moment::now());
                        return Next::End;
                    }
                }
            }
            if self.held.is_some() {
                return Next::Wait(None);
            }
            if self.client_closed || self.discarding || live.connection.outbox.lock().is_waiting() {
                return Next::Yield;
            }
            if is_all {
                return Next::Wait(Some(Direction::Read));
            }
        }
        Next::Yield
    }

    /// Goes on with what was held.
    fn resume(&mut self, live: &Live, held: Held, replies: &mut Vec<u8>) {
        let Held { message, mut bytes } = held;
        match message {
            Some(message) if !walk(live, &message, replies, Moment::now()) => {
                self.hold(Some(message), bytes);
            }
            _ => self.handle(live, &mut bytes, replies),
        }
    }

    fn hold(&mut self, message: Option<Message<'static>>, bytes: Vec<u8>) {
        self.held = Some(Box::new(Held { message, bytes }));
    }

    /// Handles the frames in `bytes` and sends the replies with one write.
    fn handle(&mut self, live: &Live, bytes: &mut [u8], replies: &mut Vec<u8>) {
        let (gateway, connection) = (&live.gateway, &live.connection);
        let settings = connection.stage.settings.load();
        let limits = &settings.limits;
        let frame_limits = FrameLimits::from(&**settings);
        let now = Moment::now();
        // Behind our own close frame the client's messages go nowhere.
        let is_ending = connection.outbox.lock().ending().is_some();
        let mut rest = bytes;
        while !rest.is_empty() {
            let message = match self.decoder.decode(&frame_limits, &mut rest) {
                Ok(None) => break,
                Ok(Some(Incoming::Text(text))) => Some(Message::Text(text)),
                Ok(Some(Incoming::Binary(bytes))) => Some(Message::Binary(bytes)),
                Ok(Some(Incoming::Pong(_))) => None,
                Ok(Some(Incoming::Ping(payload))) => {
                    websocket::encode_pong(&payload, replies);
                    None
                }
                Ok(Some(Incoming::Close(frame))) => {
                    let mut echo = Vec::new();
                    match &frame {
                        Some(frame) => {
                            websocket::encode_close(frame.code, &frame.reason, &mut echo);
                        }
                        None => websocket::encode_empty_close(&mut echo),
                    }
                    self.client_closed = true;
                    send_replies(gateway, connection, replies, now);
                    connection.close_by_client(CloseFrame::close_cause(frame), &echo, now);
                    break;
                }
                Err(violation) => {
                    self.discarding = true;
                    send_replies(gateway, connection, replies, now);
                    connection.close(CloseCause::from(violation), now);
                    break;
                }
            };
            if let Some(message) = message
                && !is_ending
                && !walk(live, &message, replies, now)
            {
                self.hold(Some(message.into_owned()), rest.to_vec());
                break;
            }
            if replies.len() >= limits.outbox_bytes {
                send_replies(gateway, connection, replies, now);
                if connection.outbox.lock().is_waiting() {
                    self.hold(None, rest.to_vec());
                    break;
                }
            }
        }
        send_replies(gateway, connection, replies, now);
    }
}

/// Walks a message; `false` when too many of its connection are in flight. Then the connection's
/// task is woken as soon as one is done.
fn walk(live: &Live, message: &Message<'_>, replies: &mut Vec<u8>, now: Moment) -> bool {
    let (gateway, connection) = (&live.gateway, &live.connection);
    if !connection.begin_request(gateway.limits().in_flight_per_connection) {
        return false;
    }
    connection.activity.received(now);
    match pipeline::on_message(gateway, connection, message, now.epoch_ms) {
        Walked::InIntegration => {}
        Walked::Done(reply) => {
            if let Some(reply) = reply {
                connection.encode(&reply, replies);
            }
            // It began and ended here: nobody waits for its place.
            connection.end_request(u16::MAX);
        }
    }
    true
}

fn send_replies(gateway: &Gateway, connection: &Connection, replies: &mut Vec<u8>, now: Moment) {
    if !replies.is_empty() {
        // A connection that is ending gets no more replies; it is no longer read when it is slow.
        let _ = connection.send_frames(replies, gateway.limits(), now);
        replies.clear();
        replies.shrink_to(READ_BYTES);
    }
}

impl Drop for Live {
    /// The connection is gone: its tombstone stands before its entry goes, then `$disconnect` runs.
    fn drop(&mut self) {
        let Self {
            gateway,
            connection,
        } = self;
        let now = Moment::now();
        // The first cause wins: without any, its client is gone, or its task panicked.
        let cause = if std::thread::panicking() {
            CloseCause::InternalError
        } else {
            CloseCause::ClientVanished
        };
        connection.close(cause, now);
        connection.transport.shut_down_write();
        let (cause, at_ms) = match connection.ending() {
            Some(ending) => (ending.cause, ending.since.epoch_ms),
            None => (CloseCause::ClientVanished, now.epoch_ms),
        };
        let context = &connection.context;
        gateway.metrics().closes.add(cause.slug(), "");
        gateway.tombstones.ended(
            context.connection_id,
            Tombstone {
                api_id: context.api_id.clone(),
                end: End::Closed(cause.clone()),
                at_ms,
                replaced_by: None,
                client_key: connection.client_key,
            },
            Past::Established(connection.activity.record()),
        );
        let stage = &connection.stage;
        pipeline::on_disconnect(gateway, Arc::clone(context), stage, &cause, at_ms);
        gateway.registry.remove(&context.connection_id);
        let source_ip = &context.identity.source_ip;
        gateway.admission.left(&context.api_id, source_ip);
        gateway.observer().emit(Event::ConnectionClosed {
            api_id: context.api_id.clone(),
            connection_id: context.connection_id,
            cause,
        });
    }
}

#[cfg(test)]
mod tests;
