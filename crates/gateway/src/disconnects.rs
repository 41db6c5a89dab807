//! The journal that makes `$disconnect` at-least-once. Before a `$connect` integration is called the
//! connection stands in the store with all that its `$disconnect` event tells; it stays there until
//! `$disconnect` is delivered, whatever happens to this process. What the store holds and nobody has
//! in hand is carried out here: what a crash left, what did not find room, what is tried again.

pub(crate) mod kept_context;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatepost_model::{connection::CloseCause, limits::Limits, request_context::ConnectionContext};
use tokio::sync::Notify;

use crate::{
    clock::now_ms,
    gateway::Gateway,
    lifecycle::DisconnectRecord,
    observe::Event,
    pipeline,
    simulation::{Variant, is_broken},
    store::{Lifecycle, OwedDisconnect},
};

/// How long one turn takes at least, of which there are so many in a second.
const TURN: Duration = Duration::from_millis(100);
const TURNS_PER_SECOND: usize = 10;
/// The first pause before another try; each is twice as long as the one before.
const FIRST_PAUSE_MS: u64 = 1_000;
/// The longest pause.
pub(crate) const LONGEST_PAUSE_MS: u64 = 60_000;
/// However old it is, so often a `$disconnect` is tried.
const TRIES_AT_LEAST: u32 = 3;
/// Without news the store is asked all the same, after so long.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What of the journal is under way, and what became of it.
#[derive(Debug, Default)]
pub struct Disconnects {
    running: AtomicUsize,
    delivered: AtomicU64,
    delayed: AtomicU64,
    given_up: AtomicU64,
    /// Whether there are stages to run them on.
    is_deployed: AtomicBool,
    /// Whether what the store holds stays there.
    is_held: AtomicBool,
    /// How often something came to wait in the store that is due at once, and up to which of them
    /// there was nothing due.
    waits: AtomicU64,
    nothing_due_since: AtomicU64,
    news: Arc<Notify>,
}

/// A connection that ended, and whose `$disconnect` is to be delivered.
pub(crate) struct Disconnect {
    pub context: Arc<ConnectionContext>,
    pub cause: CloseCause,
    /// When it ended, milliseconds since the epoch.
    pub ended_at_ms: u64,
    /// How often it was tried.
    pub tries: u32,
}

/// A `$disconnect` under way.
pub(crate) struct Place {
    gateway: Arc<Gateway>,
    was_used: bool,
}

impl Disconnects {
    /// `$disconnect` events that were delivered, or of which there was nothing to deliver.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Tries that did not reach the backend and are made again.
    pub fn delayed(&self) -> u64 {
        self.delayed.load(Ordering::Relaxed)
    }

    /// `$disconnect` events that were given up.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    /// `$disconnect` routes that run now.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// There are stages now, perhaps others.
    pub(crate) fn deployed(&self) {
        self.is_deployed.store(true, Ordering::Release);
        // What waited for them, or since an earlier run, may be due.
        self.waits.fetch_add(1, Ordering::AcqRel);
        self.news.notify_one();
    }

    /// Leaves what the store holds there, also once there are stages, until [`Self::release`].
    pub fn hold(&self) {
        self.is_held.store(true, Ordering::Release);
    }

    /// Carries out what the store holds, once there are stages.
    pub fn release(&self) {
        if self.is_held.swap(false, Ordering::AcqRel) {
            self.are_due();
        }
    }

    /// Some in the store are due at once.
    pub(crate) fn are_due(&self) {
        self.waits.fetch_add(1, Ordering::AcqRel);
        self.news.notify_one();
    }

    /// Whether nothing runs, and nothing waits in the store that could.
    pub(crate) fn are_idle(&self) -> bool {
        self.running() == 0
            && self.nothing_due_since.load(Ordering::Acquire) == self.waits.load(Ordering::Acquire)
    }
}

impl Place {
    /// A place among those that run at once, if there is one.
    pub fn take(gateway: &Arc<Gateway>) -> Option<Self> {
        let at_once = gateway.limits().disconnects_at_once;
        let running = &gateway.disconnects.running;
        running
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |running| {
                (running < at_once).then_some(running + 1)
            })
            .ok()?;
        Some(Self {
            gateway: Arc::clone(gateway),
            was_used: true,
        })
    }
}

impl Place {
    /// It was not needed.
    fn give_back(mut self) {
        self.was_used = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (disconnects, limits) = (&self.gateway.disconnects, self.gateway.limits());
        let was_full =
            disconnects.running.fetch_sub(1, Ordering::AcqRel) == limits.disconnects_at_once;
        if was_full && self.was_used {
            disconnects.news.notify_one();
        }
    }
}

/// There is no place for a `$disconnect` now: it waits in the store.
pub(crate) fn wait(gateway: &Gateway, disconnect: &Disconnect) {
    gateway.store().record(Lifecycle::DisconnectWaits {
        id: disconnect.context.connection_id,
        due_ms: now_ms(),
    });
    gateway.disconnects.are_due();
}

/// A `$disconnect` was carried out: it is delivered, or is tried again when its backend got
/// nothing of it (`never_sent`).
pub(crate) fn done(
    gateway: &Gateway,
    disconnect: &Disconnect,
    record: DisconnectRecord,
    never_sent: bool,
) {
    let (id, tries) = (disconnect.context.connection_id, disconnect.tries + 1);
    let record = Box::new(DisconnectRecord { tries, ..record });
    let disconnects = &gateway.disconnects;
    let next = next_try(disconnect.ended_at_ms, tries, now_ms(), gateway.limits());
    if let Some(due_ms) = next.filter(|_| never_sent) {
        disconnects.delayed.fetch_add(1, Ordering::Relaxed);
        let delayed = Lifecycle::DisconnectDelayed { id, record, due_ms };
        gateway.store().record(delayed);
        disconnects.news.notify_one();
        return;
    }
    let count = if never_sent {
        &disconnects.given_up
    } else {
        &disconnects.delivered
    };
    count.fetch_add(1, Ordering::Relaxed);
    gateway.stale_callers.disconnected(id, &record);
    if is_broken(Variant::UnstruckJournal) {
        return;
    }
    gateway
        .store()
        .record(Lifecycle::Disconnected { id, record });
}

/// When a `$disconnect` is tried again after so many tries; `None` when it is given up.
fn next_try(ended_at_ms: u64, tries: u32, now_ms: u64, limits: &Limits) -> Option<u64> {
    let doublings = tries.saturating_sub(1).min(16);
    let pause_ms = (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS);
    let age_ms = u128::from(now_ms.saturating_sub(ended_at_ms));
    let is_young = age_ms < limits.disconnect_retry_age.as_millis();
    (is_young || tries < TRIES_AT_LEAST).then(|| now_ms.saturating_add(pause_ms))
}

/// Carries out what the store holds, until the gateway is dropped.
pub(crate) async fn run(gateway: Weak<Gateway>) {
    loop {
        let Some(gateway) = gateway.upgrade() else {
            return;
        };
        let news = Arc::clone(&gateway.disconnects.news);
        let Turn { taken, pause } = turn(&gateway).await;
        // So often at most: what became due meanwhile goes to disk together.
        let at_least = TURN.max(time_of(taken, gateway.limits().disconnects_per_second));
        drop(gateway);
        tokio::time::sleep(at_least).await;
        // What was told meanwhile is not waited for.
        let _ = tokio::time::timeout(pause.saturating_sub(at_least), news.notified()).await;
    }
}

/// What a turn did.
struct Turn {
    /// How many `$disconnect` routes it took out of the store.
    taken: usize,
    /// How long there is nothing to do.
    pause: Duration,
}

impl Turn {
    /// There is nothing to do until somebody tells.
    const IDLE: Self = Self {
        taken: 0,
        pause: LONGEST_WAIT,
    };
}

/// How long so many take at `per_second`.
fn time_of(taken: usize, per_second: u32) -> Duration {
    let taken = u32::try_from(taken).unwrap_or(u32::MAX);
    (Duration::from_secs(1) * taken)
        .checked_div(per_second)
        .unwrap_or_default()
}

/// Carries out what is due and has a place.
async fn turn(gateway: &Arc<Gateway>) -> Turn {
    let disconnects = &gateway.disconnects;
    if !disconnects.is_deployed.load(Ordering::Acquire)
        || disconnects.is_held.load(Ordering::Acquire)
    {
        return Turn::IDLE;
    }
    let waits = disconnects.waits.load(Ordering::Acquire);
    let per_second = usize::try_from(gateway.limits().disconnects_per_second).unwrap_or(usize::MAX);
    let mut places = Vec::new();
    while places.len() < per_second.div_ceil(TURNS_PER_SECOND)
        && let Some(place) = Place::take(gateway)
    {
        places.push(place);
    }
    if places.is_empty() {
        // Whoever leaves a place tells.
        return Turn::IDLE;
    }
    let now = now_ms();
    let owed = gateway.store().take_owed(now, places.len()).await;
    if owed.next_due_ms.is_none_or(|due_ms| due_ms > now) {
        disconnects
            .nothing_due_since
            .store(waits, Ordering::Release);
    }
    let taken = owed.taken.len();
    let mut places = places.into_iter();
    for (owed, place) in owed.taken.into_iter().zip(&mut places) {
        carry_out(gateway, owed, place);
    }
    places.for_each(Place::give_back);
    let pause = owed.next_due_ms.map_or(LONGEST_WAIT, |due_ms| {
        Duration::from_millis(due_ms.saturating_sub(now)).min(LONGEST_WAIT)
    });
    Turn { taken, pause }
}

fn carry_out(gateway: &Arc<Gateway>, owed: OwedDisconnect, place: Place) {
    let id = owed.connection_id;
    let plans = gateway.usage_plans();
    let api_key = |id: &str| Some(plans.key_of_id(id)?.value.clone());
    let context = kept_context::read(id, owed.api_id, &owed.context, api_key);
    let Some(context) = context else {
        // A damaged row: there is nothing that could be delivered.
        let record = DisconnectRecord::nobody_heard(now_ms());
        let record = Box::new(record);
        gateway
            .store()
            .record(Lifecycle::Disconnected { id, record });
        gateway.observer().emit(Event::Warning(format!(
            "the store holds no context of connection {id}: its $disconnect is lost"
        )));
        return;
    };
    let slot = gateway.stage_slot(&context.api_id, &context.stage);
    let disconnect = Disconnect {
        context: Arc::new(context),
        cause: owed.cause,
        ended_at_ms: owed.ended_at_ms,
        tries: owed.tries,
    };
    if let Some(slot) = slot {
        pipeline::deliver_disconnect(gateway, &slot, disconnect, place);
        return;
    }
    let ConnectionContext { api_id, stage, .. } = &*disconnect.context;
    let error = format!("stage {stage} of API {api_id} is not deployed");
    let key = gateway.store().connection_id_key();
    let record = DisconnectRecord {
        request_id: Some(key.disconnect_request_id(&id)),
        status: 0,
        error: Some(error.into()),
        ..DisconnectRecord::nobody_heard(now_ms())
    };
    done(gateway, &disconnect, record, true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_the_store_was_asked_something_may_wait_in_it() {
        let disconnects = Disconnects::default();
        disconnects.deployed();
        assert!(!disconnects.are_idle());
    }

    #[test]
    fn what_is_taken_takes_its_time_also_when_that_is_no_multiple_of_a_turn() {
        let ms = Duration::from_millis;
        assert_eq!(
            [(1, 1), (1, 10), (2, 11), (50, 500), (0, 1)].map(|(taken, rate)| time_of(taken, rate)),
            [ms(1000), ms(100), ms(2000) / 11, ms(100), ms(0)]
        );
    }

    #[test]
    fn pauses_double_up_to_a_minute_until_it_is_too_old() {
        let limits = Limits {
            disconnect_retry_age: Duration::from_secs(3600),
            ..Limits::default()
        };
        let now = 10_000_000;
        let pause = |tries| next_try(now, tries, now, &limits).map(|due| due - now);
        assert_eq!(
            [1, 2, 3, 6, 7, 500].map(pause),
            [
                Some(1_000),
                Some(2_000),
                Some(4_000),
                Some(32_000),
                Some(60_000),
                Some(60_000)
            ]
        );
        assert_eq!(next_try(now - 3_600_000, 3, now, &limits), None);
        assert!(next_try(now - 3_600_000, 2, now, &limits).is_some());
    }
}
