//! How much memory a process has used, for its REPORT lines.

use std::time::{Duration, Instant};

/// How often it is looked up: a look costs as much as the rest of an invocation.
const REFRESH: Duration = Duration::from_millis(100);

/// The peak memory of a process, as it was last looked up.
#[derive(Default)]
pub(super) struct Memory {
    pid: Option<u32>,
    peak: Option<(Instant, u64)>,
}

impl Memory {
    pub fn of(pid: u32) -> Self {
        Self {
            pid: Some(pid),
            peak: None,
        }
    }

    /// `Max Memory Used`; 0 before the process runs.
    pub fn peak_mb(&mut self) -> u64 {
        if let Some((at, megabytes)) = self.peak
            && at.elapsed() < REFRESH
        {
            return megabytes;
        }
        // A process that is gone has no peak to read any more: its last one stays.
        let last = self.peak.map(|(_, megabytes)| megabytes);
        let megabytes = self.pid.and_then(read_peak_mb).or(last).unwrap_or_default();
        self.peak = Some((Instant::now(), megabytes));
        megabytes
    }
}

/// `VmHWM`: the greatest resident set that the process ever had.
fn read_peak_mb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = peak.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_a_live_process_is_known() {
        assert!(Memory::of(std::process::id()).peak_mb() > 0);
        assert_eq!(Memory::default().peak_mb(), 0);
    }
}
