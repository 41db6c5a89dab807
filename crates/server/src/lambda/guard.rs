//! The guard: a process of its own that kills all functions when Gatepost is gone, however it went.
//!
//! It reads `+pgid` and `-pgid` lines from a pipe of which Gatepost alone holds the other end. When
//! that end closes, even by SIGKILL, it kills every process group still named and ends. A function
//! that starts a session of its own (`setsid`) leaves its group and cannot be reached so.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{BufRead, Write},
    os::unix::process::CommandExt,
    process::{ChildStdin, Command, Stdio},
};

use gatepost_gateway::observe::{Event, Observer};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use parking_lot::Mutex;

/// The whole life of the guard process.
pub fn main() {
    for group in groups_left(std::io::stdin().lock()) {
        // A group that is gone already is what we want.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

/// Reads until the end, then tells which groups were named and not taken back.
fn groups_left(input: impl BufRead) -> BTreeSet<i32> {
    let mut groups = BTreeSet::new();
    for line in input.lines().map_while(Result::ok) {
        // 0 and 1 would be our own group and everybody.
        let group = |text: &str| text.parse().ok().filter(|group| *group > 1);
        if let Some(group) = line.strip_prefix('+').and_then(group) {
            groups.insert(group);
        } else if let Some(group) = line.strip_prefix('-').and_then(group) {
            groups.remove(&group);
        }
    }
    groups
}

/// Gatepost's end of the guard.
pub(super) struct Guard {
    command: Vec<OsString>,
    observer: Observer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pipe: Option<ChildStdin>,
    groups: BTreeSet<i32>,
}

impl Guard {
    /// Starts the guard; an empty command means none.
    pub fn spawn(command: &[OsString], observer: &Observer) -> Self {
        let guard = Self {
            command: command.to_vec(),
            observer: observer.clone(),
            state: Mutex::default(),
        };
        guard.start(&mut guard.state.lock());
        guard
    }

    fn start(&self, state: &mut State) {
        let Some((program, arguments)) = self.command.split_first() else {
            return;
        };
        let started = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            // Out of the terminal's group, or Ctrl-C would end it before its work.
            .process_group(0)
            .spawn();
        match started {
            Ok(mut child) => state.pipe = child.stdin.take(),
            Err(error) => self.observer.emit(Event::Warning(format!(
                "the guard `{}` does not start ({error}): functions may outlive a killed Gatepost",
                program.display()
            ))),
        }
    }

    /// Names a group that shall not outlive Gatepost.
    pub fn add(&self, group: i32) {
        let mut state = self.state.lock();
        state.groups.insert(group);
        self.tell(&mut state, &format!("+{group}\n"));
    }

    /// Takes a group back that has ended.
    pub fn remove(&self, group: i32) {
        let mut state = self.state.lock();
        state.groups.remove(&group);
        self.tell(&mut state, &format!("-{group}\n"));
    }

    fn tell(&self, state: &mut State, line: &str) {
        let Some(pipe) = &mut state.pipe else { return };
        if pipe.write_all(line.as_bytes()).is_ok() {
            return;
        }
        // Somebody killed the guard: a new one learns all groups.
        state.pipe = None;
        self.start(state);
        for group in &state.groups {
            let Some(pipe) = &mut state.pipe else { return };
            if pipe.write_all(format!("+{group}\n").as_bytes()).is_err() {
                state.pipe = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_were_not_taken_back_are_left() {
        let lines = "+40\n+41\n-40\n+x\n+0\n+1\n+-5\n";
        assert_eq!(groups_left(lines.as_bytes()), BTreeSet::from([41]));
    }
}
