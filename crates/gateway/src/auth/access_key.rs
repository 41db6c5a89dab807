//! Access keys, and the keys that sign with them today.

use std::{collections::HashMap, fmt, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use gatepost_model::{principal::Principal, secret::Secret};
use gatepost_wire::{iam_policy::Permissions, sigv4::SigningKey};

/// The services whose signing keys are kept for the day: those that answer here.
const SERVICES: [&str; 6] = [
    "execute-api",
    "lambda",
    "logs",
    "apigateway",
    "monitoring",
    "sts",
];

/// An access key: whose it is, and what may be done with it.
pub struct AccessKey {
    id: Box<str>,
    secret: Secret,
    session_token: Option<Secret>,
    principal: Principal,
    permissions: Arc<Permissions>,
    /// For each of the services the key of the day that signed last; never more.
    signing_keys: [ArcSwapOption<DayKey>; SERVICES.len()],
}

struct DayKey {
    day: Box<str>,
    region: Box<str>,
    key: SigningKey,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

impl AccessKey {
    /// A key; one with a session token is temporary, and is good with that token only.
    pub fn new(
        id: impl Into<Box<str>>,
        secret: Secret,
        session_token: Option<Secret>,
        principal: Principal,
        permissions: Arc<Permissions>,
    ) -> Self {
        Self {
            id: id.into(),
            secret,
            session_token,
            principal,
            permissions,
            signing_keys: Default::default(),
        }
    }

    /// `AccessKeyId`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whose key it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What may be done with it.
    pub(super) fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    pub(super) fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(Secret::reveal)
    }

    /// The key for a day (`yyyymmdd`), region and service: derived once a day, read without a lock.
    pub(super) fn signing_key(&self, day: &str, region: &str, service: &str) -> SigningKey {
        let derive = || SigningKey::derive(self.secret.reveal(), day, region, service);
        let at = SERVICES.iter().position(|kept| *kept == service);
        let Some(slot) = at.map(|at| &self.signing_keys[at]) else {
            return derive();
        };
        match &*slot.load() {
            Some(kept) if *kept.day == *day && *kept.region == *region => kept.key.clone(),
            _ => {
                let key = derive();
                slot.store(Some(Arc::new(DayKey {
                    day: day.into(),
                    region: region.into(),
                    key: key.clone(),
                })));
                key
            }
        }
    }
}

/// All access keys by their id: those of the configuration, and those of the functions that run.
/// Reading takes no lock; a change copies the table.
#[derive(Debug, Default)]
pub struct AccessKeys(ArcSwap<HashMap<Box<str>, Arc<AccessKey>>>);

impl AccessKeys {
    /// The key of this id.
    pub fn get(&self, id: &str) -> Option<Arc<AccessKey>> {
        self.0.load().get(id).cloned()
    }

    /// Knows a key from now on.
    pub fn insert(&self, access_key: AccessKey) {
        let access_key = Arc::new(access_key);
        self.0.rcu(|keys| {
            let mut keys = HashMap::clone(keys);
            keys.insert(access_key.id.clone(), Arc::clone(&access_key));
            keys
        });
    }

    /// Forgets a key.
    pub fn remove(&self, id: &str) {
        self.0.rcu(|keys| {
            let mut keys = HashMap::clone(keys);
            keys.remove(id);
            keys
        });
    }
}
