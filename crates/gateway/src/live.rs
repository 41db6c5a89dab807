//! The connections of now, for whoever operates the gateway.

use std::sync::Arc;

use gatepost_model::{connection::CloseCause, connection_id::ConnectionId};

use crate::{connection::Connection, gateway::Gateway, lifecycle::ActivityRecord, registry::Entry};

/// What a connection does at this moment.
#[derive(Debug, Clone)]
pub struct Live {
    /// What it did so far.
    pub activity: ActivityRecord,
    /// When something was last sent or received, milliseconds since the epoch.
    pub last_active_ms: u64,
    /// Its messages that are in integrations.
    pub in_flight: u16,
    /// Bytes that wait until the client reads.
    pub unsent_bytes: usize,
    /// Why it closes, when it does.
    pub closing: Option<CloseCause>,
}

/// What an id stands for in this process.
#[derive(Debug, Clone)]
pub enum LiveState {
    /// Its `$connect` route runs, or its `101` is on its way; since when it handshakes,
    /// milliseconds since the epoch.
    Handshaking {
        /// Since when.
        since_ms: u64,
    },
    /// It is open or closing.
    Established(Arc<Connection>),
}

impl Live {
    /// What `connection` does.
    pub fn of(connection: &Connection) -> Self {
        Self {
            activity: connection.activity.record(),
            last_active_ms: connection.last_active_ms(),
            in_flight: connection.in_flight(),
            unsent_bytes: connection.unsent_bytes(),
            closing: connection.ending().map(|ending| ending.cause),
        }
    }
}

impl Gateway {
    /// What an id stands for in this process; `None` when nothing.
    pub fn live(&self, id: &ConnectionId) -> Option<LiveState> {
        Some(match self.registry.get(id)? {
            Entry::Established(connection) => LiveState::Established(connection),
            Entry::Handshaking { since_ms, .. } | Entry::Accepted { since_ms, .. } => {
                LiveState::Handshaking { since_ms }
            }
        })
    }

    /// The established connections that `wanted` picks and that come behind `after`, in an order that
    /// stays, `limit` at most.
    pub fn live_connections(
        &self,
        after: Option<&ConnectionId>,
        limit: usize,
        wanted: impl Fn(&Connection) -> bool,
    ) -> Vec<Arc<Connection>> {
        self.registry.page(after, limit, wanted)
    }
}
