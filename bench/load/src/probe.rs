//! A spin loop sees what others took from its core.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Spins for a second; a gap of more than 100 µs is time that somebody else had.
pub fn run() -> Value {
    let start = Instant::now();
    let (mut before, mut lost) = (start, Duration::ZERO);
    while start.elapsed() < Duration::from_secs(1) {
        let now = Instant::now();
        let gap = now - before;
        if gap > Duration::from_micros(100) {
            lost += gap;
        }
        before = now;
    }
    json!({"lost": lost.as_secs_f64() / start.elapsed().as_secs_f64()})
}
