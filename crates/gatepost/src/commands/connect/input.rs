//! The lines of standard input.

use std::{
    io::{self, BufRead, Read},
    thread,
};

use tokio::sync::mpsc;

/// A line may be longer than any message that API Gateway accepts, but not endless.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// The lines of standard input; the channel closes at its end. They are read one at a time, by a
/// thread, since a terminal cannot be read without blocking.
pub fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// The next line without its end; `None` at the end of the input or when it cannot be read.
fn next_line(input: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    let read = input.take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
    if !matches!(read, Ok(1..)) {
        return None;
    }
    if line.len() as u64 == MAX_LINE_BYTES {
        eprintln!("gatepost connect: a line is longer than 16 MiB: the input ends before it");
        return None;
    }
    if line.ends_with(b"\n") {
        line.pop();
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    Some(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends_and_the_last_needs_none() {
        let mut input = &b"one\r\n\ntwo\xff\nlast"[..];
        let lines: Vec<_> = std::iter::from_fn(|| next_line(&mut input)).collect();
        assert_eq!(lines, ["one", "", "two\u{fffd}", "last"]);
    }
}
