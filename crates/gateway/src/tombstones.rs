//! Why an id is gone: the connections that ended, in memory for the latest and in the store for
//! the rest; and which of them came back under a new id.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
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
    blocking,
    clock::now_ms,
    connection::client::ClientKey,
    store::{Lifecycle, Opening, Past, Store, StoredConnection},
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
    clients: HashMap<ClientKey, Client>,
}

/// The connections of a recognisable client, oldest first.
#[derive(Debug, Default)]
struct Client {
    /// With the times at which their handshakes began, milliseconds since the epoch.
    live: Vec<(ConnectionId, u64)>,
    /// Those in memory that ended and were not replaced.
    ended: VecDeque<ConnectionId>,
}

impl Recent {
    /// Forgets the oldest tombstone.
    fn forget(&mut self, oldest: &ConnectionId) {
        let forgotten = self.by_id.remove(oldest);
        let Some(key) = forgotten.and_then(|tombstone| tombstone.client_key) else {
            return;
        };
        if let Entry::Occupied(mut client) = self.clients.entry(key) {
            let Client { live, ended } = client.get_mut();
            // Older ones of the client went before, so it is the first or not among them.
            ended.pop_front_if(|first| first == oldest);
            if live.is_empty() && ended.is_empty() {
                client.remove();
            }
        }
    }
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
    pub fn opened(&self, id: ConnectionId, client_key: Option<ClientKey>, opening: Opening) {
        let mut replaces = None;
        if let Some(key) = client_key {
            let mut recent = self.recent.lock();
            let Recent { by_id, clients, .. } = &mut *recent;
            let client = clients.entry(key).or_default();
            if client.live.is_empty() {
                replaces = Some(key);
                for ended in std::mem::take(&mut client.ended) {
                    if let Some(tombstone) = by_id.get_mut(&ended) {
                        tombstone.replaced_by = Some(id);
                    }
                }
            }
            client.live.push((id, opening.began_at_ms));
        }
        self.store.record(Lifecycle::Opened {
            id,
            client_key,
            replaces,
            opening,
        });
    }

    /// A connection ended. One that was lost without a word, or that closed before its client's
    /// next handshake began, while its client has exactly one younger connection, was replaced by
    /// that.
    pub fn ended(&self, id: ConnectionId, mut tombstone: Tombstone, past: Past) {
        let mut recent = self.recent.lock();
        if let Some(key) = tombstone.client_key {
            let client = recent.clients.entry(key).or_default();
            let lost = matches!(
                tombstone.end,
                End::Closed(CloseCause::ClientVanished | CloseCause::IdleTimeout)
            );
            // The oldest of two: the other one is younger.
            if let [(first, _), (successor, began_at_ms)] = client.live.as_slice()
                && *first == id
                && (lost || *began_at_ms > tombstone.at_ms)
            {
                tombstone.replaced_by = Some(*successor);
            } else {
                client.ended.push_back(id);
            }
            client.live.retain(|(other, _)| *other != id);
        }
        self.store.record(Lifecycle::Ended {
            id,
            tombstone: tombstone.clone(),
            past,
        });
        recent.by_id.insert(id, tombstone);
        recent.order.push_back(id);
        if recent.order.len() > IN_MEMORY
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.forget(&oldest);
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
        let found = blocking::run(move || store.connection(&id)).await??;
        match found {
            StoredConnection::Ended(tombstone) => Some(tombstone),
            // Open in the store, in no registry: its end is on its way to the store.
            StoredConnection::Open => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use gatepost_model::connection_id::ConnectionIdKey;

    use super::*;
    use crate::{
        lifecycle::{ActivityRecord, HandshakeRecord},
        store::Retention,
    };

    struct Fixture {
        tombstones: Tombstones,
        _folder: tempfile::TempDir,
    }

    fn api() -> ApiId {
        ApiId::from("abcdef1234")
    }

    fn id(number: u64) -> ConnectionId {
        let mut random = [0; 7];
        random.copy_from_slice(&number.to_be_bytes()[1..]);
        ConnectionIdKey::new([7; 32]).issue(&api(), 0, random)
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let retention = Retention {
                max_tombstones: 100_000,
                tombstone_age: Duration::from_secs(3600),
                log_age: Duration::from_secs(3600),
                max_bytes: 1 << 30,
            };
            let store = Store::open(&folder.path().join("store.sqlite"), retention).unwrap();
            Self {
                tombstones: Tombstones::new(store, retention.tombstone_age),
                _folder: folder,
            }
        }

        fn opened(&self, number: u64, client: i64) {
            let key = Some(ClientKey::from_number(client));
            let handshake = HandshakeRecord {
                stage: "prod".into(),
                request_id: "r".into(),
                source_ip: "::1".into(),
                user_agent: None,
                authorized_as: None,
                status: 200,
                detail: None,
                fault: None,
            };
            let opening = Opening {
                api_id: api(),
                began_at_ms: now_ms(),
                established_at_ms: now_ms(),
                handshake: Box::new(handshake),
            };
            self.tombstones.opened(id(number), key, opening);
        }

        fn ended(&self, number: u64, client: i64, cause: CloseCause) {
            self.ended_at(number, client, cause, now_ms());
        }

        fn ended_at(&self, number: u64, client: i64, cause: CloseCause, at_ms: u64) {
            let tombstone = Tombstone {
                api_id: api(),
                end: End::Closed(cause),
                at_ms,
                replaced_by: None,
                client_key: Some(ClientKey::from_number(client)),
            };
            let past = Past::Established(ActivityRecord::default());
            self.tombstones.ended(id(number), tombstone, past);
        }

        async fn replaced_by(&self, number: u64) -> Option<ConnectionId> {
            match self.tombstones.reason(id(number), |_| false).await {
                GoneReason::Replaced { by, .. } => Some(by),
                _ => None,
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_comes_back_replaces_all_its_ended_connections() {
        let clients = Fixture::new();
        for number in [1, 2] {
            clients.opened(number, 7);
        }
        for number in [1, 2] {
            clients.ended(number, 7, CloseCause::Deleted);
        }
        clients.opened(3, 8);
        assert_eq!(clients.replaced_by(1).await, None);
        clients.opened(4, 7);
        assert_eq!(clients.replaced_by(1).await, Some(id(4)));
        assert_eq!(clients.replaced_by(2).await, Some(id(4)));
    }

    #[tokio::test]
    async fn a_lost_connection_is_replaced_by_a_younger_one_and_never_by_an_older_one() {
        let clients = Fixture::new();
        clients.opened(1, 7);
        clients.opened(2, 7);
        clients.ended(2, 7, CloseCause::ClientVanished);
        assert_eq!(clients.replaced_by(2).await, None);
        clients.opened(3, 7);
        clients.ended(1, 7, CloseCause::ClientVanished);
        assert_eq!(clients.replaced_by(1).await, Some(id(3)));
        // It never was among the live ones: its client left during the handshake.
        clients.ended(4, 7, CloseCause::ClientVanished);
        assert_eq!(clients.replaced_by(4).await, None);
    }

    #[tokio::test]
    async fn a_client_that_comes_back_while_its_connection_closes_replaces_it() {
        let clients = Fixture::new();
        let earlier = now_ms() - 1000;
        clients.opened(1, 7);
        clients.opened(2, 7);
        // It began to close before the other handshake, and is noted after it.
        clients.ended_at(1, 7, CloseCause::Deleted, earlier);
        assert_eq!(clients.replaced_by(1).await, Some(id(2)));
        // Of two that were open at once none replaces the other.
        clients.opened(3, 7);
        clients.ended_at(2, 7, CloseCause::Deleted, now_ms() + 1000);
        assert_eq!(clients.replaced_by(2).await, None);
    }

    #[tokio::test]
    async fn what_memory_forgets_leaves_nothing_behind() {
        let clients = Fixture::new();
        let many = u64::try_from(IN_MEMORY).unwrap() + 10;
        for number in 0..many {
            clients.opened(number, i64::try_from(number % 5000).unwrap());
            clients.ended(
                number,
                i64::try_from(number % 5000).unwrap(),
                CloseCause::Deleted,
            );
        }
        for number in many..2 * many {
            clients.opened(number, -1);
            clients.ended(number, -1, CloseCause::Deleted);
        }
        let recent = clients.tombstones.recent.lock();
        assert_eq!(recent.by_id.len(), IN_MEMORY);
        assert_eq!(recent.clients.len(), 1);
    }
}
