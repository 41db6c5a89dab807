//! The clocks, read in one place. Logic takes the time as a parameter.

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Where the monotonic clock begins: its first reading.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, milliseconds since the epoch, for payloads, logs and the store. It may be
    /// set back.
    pub epoch_ms: u64,
    /// The monotonic clock, milliseconds, for timers.
    pub monotonic_ms: u64,
}

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        #[cfg(feature = "simulation")]
        if let Some(moment) = crate::simulation::moment() {
            return moment;
        }
        Self {
            epoch_ms: now_ms(),
            monotonic_ms: u64::try_from(uptime().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Milliseconds since `began`.
pub fn millis_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The monotonic clock: how long it has run.
pub fn uptime() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(moment) = crate::simulation::moment() {
        return Duration::from_millis(moment.monotonic_ms);
    }
    START.elapsed()
}

/// Milliseconds since the epoch.
pub fn now_ms() -> u64 {
    #[cfg(feature = "simulation")]
    if let Some(moment) = crate::simulation::moment() {
        return moment.epoch_ms;
    }
    // A clock before 1970 reads as 1970.
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
