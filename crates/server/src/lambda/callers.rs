//! Who calls: every process signs with an access key of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use super::{config::Caller, process::Process};

/// All processes by their access key id.
#[derive(Default)]
pub(super) struct Callers(Mutex<HashMap<String, Weak<Process>>>);

impl Callers {
    /// Knows a process from now on.
    pub fn add(&self, process: &Arc<Process>) {
        let credentials = &process.credentials;
        let id = credentials.access_key_id.clone();
        self.0.lock().insert(id, Arc::downgrade(process));
        let config = &process.shared.config;
        let access_key = credentials.access_key(
            &config.account_id,
            &process.function.name,
            &config.permissions,
        );
        config.access_keys.insert(access_key);
    }

    /// Forgets a process that has ended.
    pub fn remove(&self, process: &Process) {
        let id = &process.credentials.access_key_id;
        process.shared.config.access_keys.remove(id);
        self.0.lock().remove(id);
    }

    /// The function that signs with this key.
    pub fn caller_of(&self, access_key_id: &str) -> Option<Caller> {
        let process = self.0.lock().get(access_key_id)?.upgrade()?;
        Some(process.caller())
    }

    /// All processes there are.
    pub fn processes(&self) -> Vec<Arc<Process>> {
        self.0.lock().values().filter_map(Weak::upgrade).collect()
    }
}
