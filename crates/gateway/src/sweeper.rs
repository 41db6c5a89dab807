//! One timer for all connections: idle, too old, reading too slowly, or not answering a close. It
//! also tells when the store loses what it should keep.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use gatepost_model::limits::Limits;

use crate::{clock::Moment, gateway::Gateway, observe::Event};

/// Starts the sweeper; it ends with the gateway, and starts again when it panics.
pub(crate) fn start(gateway: &Arc<Gateway>) {
    let gateway = Arc::downgrade(gateway);
    tokio::spawn(async move {
        while tokio::spawn(run(Weak::clone(&gateway)))
            .await
            .is_err_and(|error| error.is_panic())
        {}
    });
}

async fn run(gateway: Weak<Gateway>) {
    let mut lost = 0;
    loop {
        let Some(period) = gateway.upgrade().map(|gateway| period_of(&gateway)) else {
            return;
        };
        tokio::time::sleep(period).await;
        let Some(gateway) = gateway.upgrade() else {
            return;
        };
        let now = Moment::now();
        let due = gateway
            .registry
            .established(|connection| connection.is_due(now));
        for connection in due {
            connection.enforce_limits(now);
        }
        let dropped = gateway.config.store.dropped();
        if lost == 0 && dropped > 0 {
            gateway.observer().emit(Event::Warning(
                "the store cannot keep up or its disk is full: reasons of 410 and function logs \
                 are lost; make room on the disk"
                    .into(),
            ));
        }
        lost = dropped;
    }
}

/// The period that the shortest limit of any stage asks for; stages come and go.
fn period_of(gateway: &Gateway) -> Duration {
    let apis = gateway.apis();
    let stages = apis.apis.values().flat_map(|api| api.stages.values());
    let periods = stages.map(|stage| period(&stage.settings.load().limits));
    let of_gateway = period(gateway.limits());
    periods.fold(of_gateway, Duration::min)
}

/// A tenth of the shortest limit, between 20 ms and a second.
fn period(limits: &Limits) -> Duration {
    let shortest = [
        limits.idle_timeout,
        limits.max_connection_duration,
        limits.write_timeout,
        limits.close_timeout,
    ]
    .into_iter()
    .min()
    .unwrap_or(Duration::from_secs(10));
    (shortest / 10).clamp(Duration::from_millis(20), Duration::from_secs(1))
}
