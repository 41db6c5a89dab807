//! A gateway for tests, with a store of its own.

use std::{sync::Arc, time::Duration};

use gatepost_model::{invocation::InvokeRequest, limits::Limits, stage::LoggingLevel};

use super::{Gateway, GatewayConfig};
use crate::{
    auth::AuthMode,
    integration::{
        invoke_function::{Invocation, InvokeFunction},
        outward::Outward,
    },
    observe::{Logs, Observer},
    store::{Retention, Store},
};

struct NoFunctions;

impl InvokeFunction for NoFunctions {
    fn invoke(&self, _request: InvokeRequest) -> Invocation<'_> {
        Box::pin(std::future::pending())
    }
}

/// A gateway on the store of a folder, which tells the observer what happens.
pub(crate) fn gateway(folder: &tempfile::TempDir, observer: Observer) -> Arc<Gateway> {
    let retention = Retention {
        max_tombstones: 100,
        tombstone_age: Duration::from_secs(3600),
        log_age: Duration::from_secs(3600),
        max_bytes: 1 << 30,
    };
    let store = Store::open(&folder.path().join("store.sqlite"), retention).unwrap();
    Gateway::new(GatewayConfig {
        limits: Limits {
            drain: Duration::from_millis(50),
            ..Limits::default()
        },
        region: "us-east-1".into(),
        account_id: "000000000000".into(),
        auth_mode: AuthMode::Off,
        access_keys: Arc::default(),
        node: 0,
        logs: Logs::new(Arc::clone(&store), true, Vec::new()),
        store,
        lambda: Arc::new(NoFunctions),
        outward: Outward::unconfigured(&Limits::default()).unwrap(),
        observer,
        metrics: Arc::default(),
        logging_level: LoggingLevel::Off,
    })
}
