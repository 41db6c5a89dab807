//! Schedules keep all promises; each fault that is built in breaks one; and each is played again from its
//! seed.

use std::sync::atomic::{AtomicU64, Ordering};

use gatepost_simulation::{Played, VARIANTS, Variant, play};

/// Schedules that must keep all promises.
const SCHEDULES: u64 = 1_000;
/// Of so many, one at least must find a fault.
const SCHEDULES_TO_FIND: u64 = 500;

/// Plays the seeds up to that on all cores, until one breaks a promise.
fn first_broken(seeds: u64, variant: Option<Variant>) -> Option<(u64, Played)> {
    let (next, limit) = (AtomicU64::new(0), AtomicU64::new(seeds));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let search = || {
        let mut found = None;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= limit.load(Ordering::Relaxed) {
                return found;
            }
            let played = play(seed, variant);
            if played.broken.is_some() {
                limit.fetch_min(seed, Ordering::Relaxed);
                found = Some((seed, played));
            }
        }
    };
    std::thread::scope(|scope| {
        let searches: Vec<_> = (0..threads).map(|_| scope.spawn(search)).collect();
        let found = searches.into_iter().filter_map(|it| {
            it.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        found.min_by_key(|(seed, _)| *seed)
    })
}

#[test]
fn all_schedules_keep_all_promises() {
    if let Some((seed, played)) = first_broken(SCHEDULES, None) {
        let trace = played.trace.join("\n");
        let again = format!("cargo run -p gatepost-simulation -- --seed {seed}");
        panic!(
            "{trace}\n{}\nto play it again: {again}",
            played.broken.unwrap()
        );
    }
}

#[test]
fn each_fault_that_is_built_in_is_found() {
    let mut unfound = Vec::new();
    for variant in VARIANTS {
        match first_broken(SCHEDULES_TO_FIND, Some(variant)) {
            Some((seed, played)) => {
                println!("{variant:?}: seed {seed}: {}", played.broken.unwrap());
            }
            None => unfound.push(variant),
        }
    }
    assert_eq!(unfound, []);
}

#[test]
fn a_seed_is_played_the_same_each_time() {
    for seed in 0..20 {
        assert_eq!(play(seed, None).trace, play(seed, None).trace, "{seed}");
    }
}

#[test]
fn schedules_are_worth_playing() {
    let played: Vec<Played> = (0..50).map(|seed| play(seed, None)).collect();
    let sum = |of: fn(&Played) -> usize| played.iter().map(of).sum::<usize>();
    assert!(sum(|it| it.accepted) > 500);
    assert!(sum(|it| it.disconnects) > 100);
    assert!(sum(|it| it.processes) > 120);
}
