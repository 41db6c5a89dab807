//! One timer for all connections: idle, too old, reading too slowly, not answering a close, or to
//! be pinged. It also tells when the store loses what it should keep.

use std::{
    sync::Weak,
    time::{Duration, Instant},
};

use gatepost_model::limits::Limits;

use crate::{clock::Moment, gateway::Gateway, observe::Event};

/// How often it is told at most that log entries were lost.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Connections that one turn acts on.
const CONNECTIONS_PER_TURN: usize = 256;

/// Sweeps until the gateway is dropped.
pub(crate) async fn run(gateway: Weak<Gateway>) {
    let mut lost = 0;
    let mut lost_log_entries = LostLogEntries::default();
    let mut last_sweep_ms = Moment::now().monotonic_ms;
    loop {
        let Some(period) = gateway.upgrade().map(|gateway| period_of(&gateway)) else {
            return;
        };
        tokio::time::sleep(period).await;
        let Some(gateway) = gateway.upgrade() else {
            return;
        };
        let now = Moment::now();
        sweep(&gateway, last_sweep_ms, now).await;
        last_sweep_ms = now.monotonic_ms;
        gateway.usage_plans().record_usage(&gateway.config.store);
        gateway
            .metrics()
            .roll_when_due(now.epoch_ms, gateway.store());
        lost_log_entries.tell(&gateway);
        let dropped = gateway.config.store.dropped();
        if lost == 0 && dropped > 0 {
            gateway.observer().emit(Event::Warning(
                "the store cannot keep up or its disk is full: reasons of 410 are lost; make room \
                 on the disk"
                    .into(),
            ));
        }
        lost = dropped;
    }
}

/// The log entries that the store and the sinks lost, told as numbers every now and then.
#[derive(Default)]
struct LostLogEntries {
    /// How many of the store's, and of each sink's, were told.
    told: u64,
    told_of_sinks: Vec<u64>,
    told_at: Option<Instant>,
}

impl LostLogEntries {
    fn tell(&mut self, gateway: &Gateway) {
        if self.told_at.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        let mut warnings = Vec::new();
        let lost = gateway.store().dropped_log_entries();
        if lost > self.told {
            warnings.push(format!(
                "{} log entries were lost, since the disk did not take them in time: log less \
                 ([logs] level), or make room on the disk",
                lost - self.told
            ));
            self.told = lost;
        }
        let sinks = gateway.logs().sinks();
        self.told_of_sinks.resize(sinks.len(), 0);
        for (sink, told) in sinks.iter().zip(&mut self.told_of_sinks) {
            let lost = sink.dropped();
            if lost > *told {
                warnings.push(sink.loss(lost - *told));
                *told = lost;
            }
        }
        if !warnings.is_empty() {
            self.told_at = Some(Instant::now());
        }
        for warning in warnings {
            gateway.observer().emit(Event::Warning(warning));
        }
    }
}

/// Does what is due for each connection; others have their turn between many.
async fn sweep(gateway: &Gateway, last_sweep_ms: u64, now: Moment) {
    let due = gateway
        .registry
        .established(|connection| connection.due(last_sweep_ms, now).is_some());
    for (number, connection) in due.into_iter().enumerate() {
        if let Some(due) = connection.due(last_sweep_ms, now) {
            connection.enforce(due, now);
        }
        if number % CONNECTIONS_PER_TURN == CONNECTIONS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
}

/// The period that the shortest limit of any stage asks for; stages come and go.
fn period_of(gateway: &Gateway) -> Duration {
    let apis = gateway.apis();
    let stages = apis.apis.values().flat_map(|api| api.stages.values());
    let periods = stages.map(|stage| {
        let settings = stage.settings.load();
        let pings = settings.extensions.server_pings.map(clamped);
        let limits = period(&settings.limits);
        pings.map_or(limits, |pings| limits.min(pings))
    });
    let of_gateway = period(gateway.limits());
    periods.fold(of_gateway, Duration::min)
}

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
    clamped(shortest)
}

/// A tenth of a time, between 20 ms and a second.
fn clamped(time: Duration) -> Duration {
    (time / 10).clamp(Duration::from_millis(20), Duration::from_secs(1))
}
