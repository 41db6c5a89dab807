//! Plays Gatepost with time and faults from a seed.
//!
//! What runs is the shipped code: `gatepost-server` and `gatepost-gateway`, from the bytes of a handshake
//! to the rows of the journal. Replaced are the clock, randomness, sockets and the disk, all of which the
//! seed decides, so that a schedule can be played again; around Gatepost stand simulated clients, callers
//! of `@connections` and a function. The promises of SPECIFICATION.md are checked while it happens and
//! at the end.

mod app;
mod calls;
mod clients;
mod disk;
mod function;
mod links;
mod plan;
mod process;
mod promises;
mod random;
mod story;
mod wire;
mod world;

use std::{
    cell::RefCell,
    panic,
    sync::{Arc, Once},
};

pub use gatepost_gateway::simulation::Variant;
use parking_lot::Mutex;

use crate::{
    disk::Disk,
    plan::{CALM_MS, Happening},
    story::Ended,
    world::{Event, World},
};

/// All faults that can be built in.
pub const VARIANTS: [Variant; 9] = [
    Variant::LostPost,
    Variant::OvertakingPost,
    Variant::RepeatedPost,
    Variant::HastyGone,
    Variant::SentBehindClose,
    Variant::UnsyncedJournal,
    Variant::NewRequestId,
    Variant::UnstruckJournal,
    Variant::HastyDrain,
];

/// How long a machine is down between two processes, milliseconds.
const DOWN_MS: u64 = 200;
/// How long everything is watched after the last posts, and at the last start, milliseconds.
const LAST_MS: u64 = 3_000;

/// What came of a schedule.
#[derive(Debug)]
pub struct Played {
    /// The first promise that was broken.
    pub broken: Option<String>,
    /// What happened, a line each.
    pub trace: Vec<String>,
    /// How many posts were accepted.
    pub accepted: usize,
    /// How many `$disconnect` events came.
    pub disconnects: usize,
    /// How many processes ran.
    pub processes: usize,
}

thread_local! {
    /// What panicked on this thread, which a task's end would hide.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANIC.set(Some(panic.to_string()));
            before(panic);
        }));
    });
}

/// Plays the schedule of a seed, with a fault built in or none.
pub fn play(seed: u64, variant: Option<Variant>) -> Played {
    note_panics();
    let world = Arc::new(Mutex::new(World::new(seed, variant)));
    let broken = Disk::new()
        .map_err(|error| error.to_string())
        .and_then(|mut disk| play_all(&world, &mut disk))
        .and_then(|()| match PANIC.take() {
            Some(panic) => Err(format!("BROKEN H1: {panic}")),
            None => Ok(()),
        });
    let world = world.lock();
    Played {
        broken: broken.err(),
        trace: world.trace.clone(),
        accepted: world
            .posts
            .iter()
            .filter(|it| it.accepted.is_some())
            .count(),
        disconnects: world.stories.iter().map(|it| it.disconnects.len()).sum(),
        processes: world.lives.len(),
    }
}

/// The processes: those of the schedule, its end, and often one more start that has nothing to do.
fn play_all(world: &world::Shared, disk: &mut Disk) -> Result<(), String> {
    {
        let mut world = world.lock();
        let calm_at_ms = world.plan.calm_at_ms;
        for (at_ms, happening) in [
            (calm_at_ms, Happening::Backend { is_up: true }),
            (calm_at_ms, Happening::Disk { is_full: false }),
        ] {
            world.schedule_at(at_ms, Event::Happens(happening));
        }
        let end_ms = calm_at_ms + CALM_MS;
        world.schedule_at(end_ms, Event::BecomesQuiet);
        world.schedule_at(end_ms + LAST_MS, Event::Ends);
    }
    let mut began_at_ms = 0;
    loop {
        let ended = process::run(world, disk, began_at_ms)?;
        let mut locked = world.lock();
        if let Some(broken) = locked.broken.first() {
            return Err(broken.clone());
        }
        began_at_ms = locked.ended_at_ms + DOWN_MS;
        if locked.is_last {
            locked.check_all_heard("at the end");
            return locked.broken.first().cloned().map_or(Ok(()), Err);
        }
        let is_whole = ended == Ended::Stopped { in_time: true } && !locked.disk_was_full;
        if is_whole && (locked.is_ending || !locked.plan.has_outage) {
            locked.check_all_heard("when it had stopped");
        }
        if let Some(broken) = locked.broken.first() {
            return Err(broken.clone());
        }
        if locked.is_ending {
            // A start is the longest part of a schedule.
            if !locked.disk_was_full && locked.random.percent(60) {
                return Ok(());
            }
            locked.is_last = true;
            let stop_ms = began_at_ms + LAST_MS;
            locked.schedule_at(stop_ms, Event::Happens(Happening::Terminate));
        }
    }
}
