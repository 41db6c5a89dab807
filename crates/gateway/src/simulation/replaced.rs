//! What stands in the place of the clocks and of randomness on a thread that simulates.

use std::{cell::RefCell, sync::Arc};

use tokio::{sync::Notify, time::Instant};

use super::Variant;
use crate::clock::Moment;

thread_local! {
    static REPLACED: RefCell<Option<Replaced>> = const { RefCell::new(None) };
}

/// What a simulated process has in the place of the machine's.
pub struct Replaced {
    /// When it started, on its runtime's clock.
    pub started: Instant,
    /// The wall clock then, milliseconds since the epoch.
    pub epoch_ms: u64,
    /// By how much the wall clock was set since, milliseconds.
    pub clock_set_ms: i64,
    /// From where random bytes come.
    pub random: u64,
    /// The fault that is built in.
    pub variant: Option<Variant>,
    /// Told when there is something to write.
    pub disk: Arc<Notify>,
}

/// Puts it in the place of the machine's, on this thread.
pub fn replace(replaced: Replaced) {
    REPLACED.set(Some(replaced));
}

/// Takes it out again, as it is now.
pub fn restore() -> Option<Replaced> {
    REPLACED.take()
}

/// Sets the wall clock by so much, milliseconds.
pub fn set_clock(by_ms: i64) {
    REPLACED.with_borrow_mut(|replaced| {
        if let Some(replaced) = replaced {
            replaced.clock_set_ms += by_ms;
        }
    });
}

/// Whether this thread simulates.
pub fn is_on() -> bool {
    REPLACED.with_borrow(Option::is_some)
}

/// The simulated moment.
pub fn moment() -> Option<Moment> {
    REPLACED.with_borrow(|replaced| {
        let replaced = replaced.as_ref()?;
        let monotonic_ms = u64::try_from(replaced.started.elapsed().as_millis()).ok()?;
        let epoch_ms =
            (replaced.epoch_ms + monotonic_ms).saturating_add_signed(replaced.clock_set_ms);
        Some(Moment {
            epoch_ms,
            monotonic_ms,
        })
    })
}

/// Random bytes from the seed.
pub fn random_bytes<const N: usize>() -> Option<[u8; N]> {
    REPLACED.with_borrow_mut(|replaced| {
        let replaced = replaced.as_mut()?;
        Some(std::array::from_fn(|_| {
            let [byte, ..] = split_mix(&mut replaced.random).to_le_bytes();
            byte
        }))
    })
}

/// `SplitMix64`, the usual way to spread a seed.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// There is something to write.
pub fn disk_has_work() {
    REPLACED.with_borrow(|replaced| {
        if let Some(replaced) = replaced {
            replaced.disk.notify_one();
        }
    });
}

pub(super) fn variant() -> Option<Variant> {
    REPLACED.with_borrow(|replaced| replaced.as_ref()?.variant)
}
