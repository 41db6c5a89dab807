//! Sinks that write JSON lines, each on a thread of its own, which may block.

use std::{io, thread};

use tokio::sync::oneshot;

use super::{Inbox, State, Waiting};

/// Entries that are taken out of the queue at once.
const AT_ONCE: usize = 256;
/// So much text is written at once, bytes; a line more, if it does not fit.
const CHUNK: usize = 64 * 1024;

/// Writes what arrives with `write`, which gets whole lines, until the sink is gone. Among other
/// events each line is an `event` of this name.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn write_lines(
    thread: &str,
    mut inbox: Inbox,
    event: Option<&'static str>,
    mut write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    let run = move || {
        let mut taken = Vec::with_capacity(AT_ONCE);
        let mut chunk = Chunk::default();
        while inbox.queue.blocking_recv_many(&mut taken, AT_ONCE) > 0 {
            let mut flushed: Vec<oneshot::Sender<()>> = Vec::new();
            for waiting in taken.drain(..) {
                match waiting {
                    Waiting::Entry(entry, bytes) => {
                        if let Some(rendered) = entry.render() {
                            for line in rendered.json_lines(event) {
                                chunk.add(&line);
                            }
                        }
                        chunk.entries += 1;
                        chunk.bytes += bytes;
                        if chunk.text.len() >= CHUNK {
                            chunk.write(&inbox.state, &mut write);
                        }
                    }
                    Waiting::Flush(done) => flushed.push(done),
                }
            }
            chunk.write(&inbox.state, &mut write);
            for done in flushed {
                // Who waited for it may be gone.
                let _ = done.send(());
            }
        }
    };
    thread::Builder::new().name(thread.into()).spawn(run)?;
    Ok(())
}

/// Lines that are written together.
#[derive(Default)]
struct Chunk {
    text: Vec<u8>,
    /// The entries whose lines they are, and what those count in bytes.
    entries: usize,
    bytes: usize,
}

impl Chunk {
    fn add(&mut self, line: &impl serde::Serialize) {
        let before = self.text.len();
        match serde_json::to_writer(&mut self.text, line) {
            Ok(()) => self.text.push(b'\n'),
            // Texts and numbers always become JSON.
            Err(_) => self.text.truncate(before),
        }
    }

    fn write(&mut self, state: &State, write: &mut impl FnMut(&[u8]) -> io::Result<()>) {
        if self.entries == 0 {
            return;
        }
        if let Err(error) = write(&self.text) {
            state.is_in_trouble(&error.to_string());
            state.backlog.drop_entries(self.entries as u64);
        }
        state.backlog.leave(self.entries, self.bytes);
        self.text.clear();
        self.text.shrink_to(2 * CHUNK);
        (self.entries, self.bytes) = (0, 0);
    }
}
