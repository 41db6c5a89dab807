//! File descriptors: as many as the system allows, and how many of them may be sockets.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors that are kept for the store, functions and backends: one in twenty, and these.
const KEPT: u64 = 64;

/// Raises the limit of this process to what the system allows, and gives how many sockets may be open
/// where nobody says so.
pub fn raise() -> usize {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let allowed = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    let kept = (allowed / 20).max(KEPT);
    usize::try_from(allowed.saturating_sub(kept)).unwrap_or(usize::MAX)
}
