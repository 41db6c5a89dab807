//! What a seed decides beforehand: limits, how slow everything is, and what happens when.

use std::time::Duration;

use gatepost_model::{extensions::Extensions, limits::Limits, stage_settings::StageSettings};

use crate::random::Random;

/// How a process ends that does not stop by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// `kill -9`: what was written is on the disk.
    Killed,
    /// The power fails: what was not synced is lost.
    PowerLoss,
}

/// What happens by itself, at its time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happening {
    /// A client connects.
    Connect,
    /// A backend posts to some connection, so many times at once.
    Post { times: usize },
    /// A backend deletes some connection.
    Delete,
    /// The backend of the routes goes or comes back.
    Backend { is_up: bool },
    /// The disk takes no more, or does again.
    Disk { is_full: bool },
    /// The wall clock is set.
    SetClock { by_ms: i64 },
    /// The process ends.
    Crash(Crash),
    /// The process gets a SIGTERM.
    Terminate,
    /// It gets a second one.
    Hurry,
}

/// A schedule.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub settings: StageSettings,
    /// Milliseconds that bytes are under way at most.
    pub network_ms: u64,
    /// Milliseconds that a write takes at most.
    pub disk_ms: u64,
    /// Milliseconds that the function works at most.
    pub function_ms: u64,
    /// Bytes that the network holds for a client that does not read.
    pub room: usize,
    /// Out of a hundred.
    pub clients: Percentages,
    /// What happens, with its time in milliseconds.
    pub happenings: Vec<(u64, Happening)>,
    /// Whether there are execution logs, which share the disk.
    pub logs: bool,
    /// Whether the backend is down for a while.
    pub has_outage: bool,
    /// When all faults have ended, milliseconds.
    pub calm_at_ms: u64,
}

/// How often clients and the function do what is less usual, out of a hundred.
#[derive(Debug, Clone)]
pub(crate) struct Percentages {
    pub refuse: u64,
    pub fail: u64,
    pub hang: u64,
    pub leave_early: u64,
    pub stall: u64,
    pub stay: u64,
    pub lose_answer: u64,
}

/// How long nothing new happens, so that what is owed comes, milliseconds.
pub(crate) const CALM_MS: u64 = 25_000;

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let length_ms = random.within(4_000..=14_000);
        let mut happenings = Vec::new();
        let mut at = |random: &mut Random, happening| {
            happenings.push((random.within(100..=length_ms), happening));
        };
        for _ in 0..random.within(2..=8) {
            at(random, Happening::Connect);
        }
        let many = random.percent(30);
        for _ in 0..random.within(8..=40) {
            let times = if many { random.within(1..=6) } else { 1 };
            let times = usize::try_from(times).unwrap_or(1);
            at(random, Happening::Post { times });
        }
        for _ in 0..random.within(0..=3) {
            at(random, Happening::Delete);
        }
        for _ in 0..random.within(0..=2) {
            let crash = if random.percent(50) {
                Crash::Killed
            } else {
                Crash::PowerLoss
            };
            at(random, Happening::Crash(crash));
        }
        if random.percent(20) {
            at(random, Happening::Terminate);
            if random.percent(30) {
                at(random, Happening::Hurry);
            }
        }
        if random.percent(30) {
            let by_ms = if random.percent(50) {
                3_600_000
            } else {
                -3_600_000
            };
            at(random, Happening::SetClock { by_ms });
        }
        let has_outage = random.percent(30);
        if has_outage {
            outage(random, length_ms, &mut happenings, |is_up| {
                Happening::Backend { is_up }
            });
        }
        if random.percent(15) {
            outage(random, length_ms, &mut happenings, |is_up| {
                Happening::Disk { is_full: !is_up }
            });
        }
        happenings.sort_by_key(|(at_ms, _)| *at_ms);
        Self {
            settings: settings(random),
            network_ms: random.pick(&[0, 2, 20, 150]).unwrap_or(2),
            disk_ms: random.pick(&[0, 2, 20, 300]).unwrap_or(2),
            function_ms: random.pick(&[1, 20, 400]).unwrap_or(20),
            room: random.pick(&[150, 1_000, 100_000]).unwrap_or(1_000),
            clients: Percentages {
                refuse: random.within(0..=20),
                fail: random.within(0..=10),
                hang: random.within(0..=5),
                leave_early: random.within(0..=15),
                stall: random.within(0..=40),
                stay: random.within(10..=80),
                lose_answer: random.within(0..=20),
            },
            happenings,
            has_outage,
            logs: random.percent(10),
            calm_at_ms: length_ms,
        }
    }
}

/// Something that ends and begins again.
fn outage(
    random: &mut Random,
    length_ms: u64,
    happenings: &mut Vec<(u64, Happening)>,
    happening: impl Fn(bool) -> Happening,
) {
    let begins = random.within(0..=length_ms - 1_000);
    let ends = random.within(begins..=length_ms);
    happenings.push((begins, happening(false)));
    happenings.push((ends, happening(true)));
}

fn settings(random: &mut Random) -> StageSettings {
    let mut seconds = |among: &[u64]| Duration::from_secs(random.pick(among).unwrap_or(1));
    let limits = Limits {
        idle_timeout: seconds(&[4, 600]),
        max_connection_duration: seconds(&[10, 7200]),
        write_timeout: seconds(&[4, 10]),
        close_timeout: seconds(&[4, 8]),
        handshake_timeout: seconds(&[5]),
        integration_timeout: seconds(&[2, 4]),
        drain: seconds(&[10, 20]),
        drain_spread: seconds(&[1, 5]),
        outbox_bytes: usize::try_from(random.within(50..=3_000)).unwrap_or(1_000),
        in_flight_per_connection: u16::try_from(random.within(1..=4)).unwrap_or(4),
        disconnects_at_once: random.pick(&[1, 2, 10_000]).unwrap_or(2),
        disconnects_per_second: random.pick(&[20, 500]).unwrap_or(20),
        ..Limits::default()
    };
    StageSettings {
        limits,
        extensions: Extensions {
            hold_posts: random.percent(20).then_some(Duration::from_secs(2)),
            ..Extensions::default()
        },
    }
}
