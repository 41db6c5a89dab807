//! Where a connection id lives: the connections of this process that handshake, are open or close.

use std::{
    collections::{HashMap, hash_map::Entry as MapEntry},
    sync::Arc,
};

use gatepost_model::connection_id::ConnectionId;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::{connection::Connection, held_posts::HeldPosts};

const SHARDS: usize = 64;

/// What an id stands for now.
#[derive(Debug, Clone)]
pub enum Entry {
    /// Its `$connect` route runs.
    Handshaking {
        /// Since when, milliseconds since the epoch.
        since_ms: u64,
        /// Where posts wait for it, if they do.
        held: Option<Arc<HeldPosts>>,
    },
    /// Its `$connect` route accepted it and its `101` is on its way: its client may know already.
    Accepted {
        /// Since when it handshakes, milliseconds since the epoch.
        since_ms: u64,
        /// Closed once the connection is established, or is not to be.
        settled: watch::Receiver<()>,
    },
    /// It has its `101`; perhaps it is closing.
    Established(Arc<Connection>),
}

/// The first byte is random.
fn shard_of(id: &ConnectionId) -> usize {
    usize::from(id.as_bytes()[0]) % SHARDS
}

/// All connections of this process.
#[derive(Debug)]
pub struct Registry {
    shards: Box<[RwLock<HashMap<ConnectionId, Entry>>]>,
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
        }
    }

    fn shard(&self, id: &ConnectionId) -> &RwLock<HashMap<ConnectionId, Entry>> {
        &self.shards[shard_of(id)]
    }

    /// What `id` stands for.
    pub fn get(&self, id: &ConnectionId) -> Option<Entry> {
        self.shard(id).read().get(id).cloned()
    }

    /// Enters an id whose handshake begins; `false` when the id is taken.
    pub fn begin_handshake(
        &self,
        id: ConnectionId,
        since_ms: u64,
        held: Option<Arc<HeldPosts>>,
    ) -> bool {
        match self.shard(&id).write().entry(id) {
            MapEntry::Occupied(_) => false,
            MapEntry::Vacant(vacant) => {
                vacant.insert(Entry::Handshaking { since_ms, held });
                true
            }
        }
    }

    /// The `101` of `id` is about to be sent.
    pub fn accept(&self, id: ConnectionId, since_ms: u64, settled: watch::Receiver<()>) {
        self.shard(&id)
            .write()
            .insert(id, Entry::Accepted { since_ms, settled });
    }

    /// The handshake of `connection` is done.
    pub fn establish(&self, connection: Arc<Connection>) {
        let id = connection.context.connection_id;
        self.shard(&id)
            .write()
            .insert(id, Entry::Established(connection));
    }

    /// Forgets an id, after its tombstone stands.
    pub fn remove(&self, id: &ConnectionId) {
        let mut shard = self.shard(id).write();
        shard.remove(id);
        // The memory of a burst goes back.
        if shard.capacity() > 64 && shard.len() * 4 < shard.capacity() {
            let keep = shard.len() * 2;
            shard.shrink_to(keep);
        }
    }

    /// The established connections that `wanted` picks.
    pub fn established(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<Arc<Connection>> {
        let mut found = Vec::new();
        for shard in &self.shards {
            found.extend(shard.read().values().filter_map(|entry| match entry {
                Entry::Established(connection) if wanted(connection) => {
                    Some(Arc::clone(connection))
                }
                _ => None,
            }));
        }
        // Their order is by chance otherwise, and a schedule could not be played again.
        #[cfg(feature = "simulation")]
        found.sort_by_key(|connection| *connection.context.connection_id.as_bytes());
        found
    }

    /// The established connections that `wanted` picks and that come behind `after`, `limit` at
    /// most: shard by shard, each in the order of its ids.
    pub fn page(
        &self,
        after: Option<&ConnectionId>,
        limit: usize,
        wanted: impl Fn(&Connection) -> bool,
    ) -> Vec<Arc<Connection>> {
        let first = after.map_or(0, shard_of);
        let mut page = Vec::new();
        for (index, shard) in self.shards.iter().enumerate().skip(first) {
            let after = after.filter(|_| index == first);
            let is_behind = |id: &ConnectionId| after.is_none_or(|after| id > after);
            let mut found: Vec<_> = shard
                .read()
                .iter()
                .filter_map(|(id, entry)| match entry {
                    Entry::Established(connection) if is_behind(id) && wanted(connection) => {
                        Some((*id, Arc::clone(connection)))
                    }
                    _ => None,
                })
                .collect();
            found.sort_unstable_by_key(|(id, _)| *id);
            found.truncate(limit - page.len());
            page.extend(found.into_iter().map(|(_, connection)| connection));
            if page.len() == limit {
                break;
            }
        }
        page
    }

    /// How many ids are handshaking, open or closing.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.read().is_empty())
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
