//! What becomes due for a connection with time: its end, or a ping. One sweeper asks for all, so
//! that none has a timer of its own.

use std::sync::atomic::Ordering;

use gatepost_model::connection::CloseCause;
use gatepost_wire::websocket;

use super::{Connection, outbox::Room};
use crate::clock::Moment;

/// What has become due for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It closes: idle, too old, or too slow a reader.
    Close(CloseCause),
    /// Its client does not answer the close frame: its task ends without.
    GiveUp,
    /// Its client has been silent for `server_pings`, or a multiple of it.
    Ping,
}

impl Connection {
    /// What became due since the sweep at `last_sweep_ms`, on the monotonic clock.
    pub(crate) fn due(&self, last_sweep_ms: u64, now: Moment) -> Option<Due> {
        let settings = self.stage.settings.load();
        let limits = &settings.limits;
        let since = |then: u64| u128::from(now.monotonic_ms.saturating_sub(then));
        let outbox = self.outbox.lock();
        let blocked_at_ms = outbox.blocked_at_ms();
        let ending = outbox.ending().map(|ending| ending.since.monotonic_ms);
        drop(outbox);
        let last_active_ms = self.last_active_at_ms.load(Ordering::Relaxed);
        let is_slow = |t: u64| since(t) >= limits.write_timeout.as_millis();
        if let Some(ending_at_ms) = ending {
            let given_up = since(ending_at_ms) >= limits.close_timeout.as_millis();
            given_up.then_some(Due::GiveUp)
        } else if blocked_at_ms.is_some_and(is_slow) {
            Some(Due::Close(CloseCause::SlowConsumer))
        } else if since(self.established_at_ms) >= limits.max_connection_duration.as_millis() {
            Some(Due::Close(CloseCause::MaxDuration))
        } else if since(last_active_ms) >= limits.idle_timeout.as_millis() {
            Some(Due::Close(CloseCause::IdleTimeout))
        } else {
            // A client that does not read has no use for a ping either.
            let interval = settings.extensions.server_pings?.as_millis();
            let silent_before = u128::from(last_sweep_ms.saturating_sub(last_active_ms));
            let is_next = since(last_active_ms) / interval > silent_before / interval;
            (is_next && blocked_at_ms.is_none()).then_some(Due::Ping)
        }
    }

    /// Does what is due.
    pub(crate) fn enforce(&self, due: Due, now: Moment) {
        match due {
            Due::GiveUp => self.wake.wake(),
            Due::Close(cause) => {
                self.close(cause, now);
            }
            Due::Ping => self.ping(now),
        }
    }

    /// Sends a ping, which counts as activity only when it is answered.
    fn ping(&self, now: Moment) {
        let mut frame = Vec::new();
        websocket::encode_ping(b"", &mut frame);
        let mut outbox = self.outbox.lock();
        // What cannot be sent finds the connection's task out by itself.
        let _ = outbox.send(&self.transport, &frame, Room::UNLIMITED, now);
        let must_wake = outbox.is_waiting();
        drop(outbox);
        if must_wake {
            self.wake.wake();
        }
    }
}
