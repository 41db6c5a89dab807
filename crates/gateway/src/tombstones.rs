//! Why an id is gone: the connections that ended, in memory for the latest and in the store for
//! the rest; and which of them came back under a new id.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use gatepost_model::{
    ApiId,
    connection::{CloseCause, GoneReason},
    connection_id::ConnectionId,
};
use parking_lot::Mutex;

use crate::{
    clock::now_ms,
    connection::client::ClientKey,
    store::{Lifecycle, Store, StoredConnection},
};

/// Ended connections kept in memory; older ones are read from the store.
const IN_MEMORY: usize = 20_000;
/// Hops of "came back as" that are followed.
const MAX_HOPS: usize = 64;

/// How a connection's record ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// `$connect` refused it.
    Refused,
    /// It was open and closed.
    Closed(CloseCause),
}

/// A connection that is no more.
#[derive(Debug, Clone)]
pub struct Tombstone {
    /// The API.
    pub api_id: ApiId,
    /// How it ended.
    pub end: End,
    /// When, milliseconds since the epoch.
    pub at_ms: u64,
    /// The id under which the client came back.
    pub replaced_by: Option<ConnectionId>,
    /// By what its client is recognised.
    pub client_key: Option<ClientKey>,
}

/// The memory of ended connections.
#[derive(Debug)]
pub struct Tombstones {
    recent: Mutex<Recent>,
    store: Arc<Store>,
    /// How long a tombstone stands, milliseconds.
    age_ms: u64,
}

#[derive(Debug, Default)]
struct Recent {
    by_id: HashMap<ConnectionId, Tombstone>,
    order: VecDeque<ConnectionId>,
    /// Live connections of each recognisable client.
    live: HashMap<ClientKey, Vec<ConnectionId>>,
}

impl Tombstones {
    /// Tombstones over a store.
    pub fn new(store: Arc<Store>, age: Duration) -> Self {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Self {
            recent: Mutex::default(),
            store,
            age_ms,
        }
    }

    /// A connection opened. If its client is known and has no other live connection, the ended
    /// ones of that client now say that they were replaced by it.
    pub fn opened(
        &self,
        id: ConnectionId,
        api_id: &ApiId,
        client_key: Option<ClientKey>,
        at_ms: u64,
    ) {
        let mut replaces = None;
        if let Some(key) = client_key {
            let mut recent = self.recent.lock();
            let live = recent.live.entry(key).or_default();
            if live.is_empty() {
                replaces = Some(key);
            }
            live.push(id);
            if replaces.is_some() {
                for tombstone in recent.by_id.values_mut() {
                    if tombstone.client_key == Some(key) && tombstone.replaced_by.is_none() {
                        tombstone.replaced_by = Some(id);
                    }
                }
            }
        }
        self.store.record(Lifecycle::Opened {
            id,
            api_id: api_id.clone(),
            client_key,
            replaces,
            at_ms,
        });
    }

    /// A connection ended. One that was lost without a word, while its client has exactly one
    /// younger connection, was replaced by that.
    pub fn ended(&self, id: ConnectionId, mut tombstone: Tombstone) {
        let mut recent = self.recent.lock();
        if let Some(key) = tombstone.client_key
            && let Some(live) = recent.live.get_mut(&key)
        {
            live.retain(|other| *other != id);
            let lost = matches!(
                tombstone.end,
                End::Closed(CloseCause::ClientVanished | CloseCause::IdleTimeout)
            );
            if let (true, [successor]) = (lost, live.as_slice()) {
                tombstone.replaced_by = Some(*successor);
            }
            if live.is_empty() {
                recent.live.remove(&key);
            }
        }
        self.store.record(Lifecycle::Ended {
            id,
            tombstone: tombstone.clone(),
        });
        recent.by_id.insert(id, tombstone);
        recent.order.push_back(id);
        if recent.order.len() > IN_MEMORY
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.by_id.remove(&oldest);
        }
    }

    /// Why `id`, which was issued here and is in no registry, is gone.
    pub async fn reason(
        &self,
        id: ConnectionId,
        live: impl Fn(&ConnectionId) -> bool,
    ) -> GoneReason {
        let Some(tombstone) = self.find(id).await else {
            return GoneReason::Forgotten;
        };
        let at_ms = tombstone.at_ms;
        let cause = match tombstone.end {
            End::Refused => return GoneReason::Refused { at_ms },
            End::Closed(cause) => cause,
        };
        let Some(mut by) = tombstone.replaced_by else {
            return GoneReason::Closed { cause, at_ms };
        };
        for _ in 0..MAX_HOPS {
            if live(&by) {
                break;
            }
            match self
                .find(by)
                .await
                .and_then(|tombstone| tombstone.replaced_by)
            {
                Some(next) => by = next,
                None => break,
            }
        }
        GoneReason::Replaced { by, cause, at_ms }
    }

    async fn find(&self, id: ConnectionId) -> Option<Tombstone> {
        let tombstone = self.look_up(id).await?;
        let age_ms = now_ms().saturating_sub(tombstone.at_ms);
        (age_ms < self.age_ms).then_some(tombstone)
    }

    async fn look_up(&self, id: ConnectionId) -> Option<Tombstone> {
        if let Some(tombstone) = self.recent.lock().by_id.get(&id) {
            return Some(tombstone.clone());
        }
        let store = Arc::clone(&self.store);
        let found = tokio::task::spawn_blocking(move || store.connection(&id))
            .await
            .ok()??;
        match found {
            StoredConnection::Ended(tombstone) => Some(tombstone),
            // Open in the store, in no registry: its end is on its way to the store.
            StoredConnection::Open => None,
        }
    }
}
