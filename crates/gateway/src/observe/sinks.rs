//! The sinks: where log entries go beside the embedded store. Each has a bounded queue of its own
//! and somebody who empties it; when that is too slow, entries are dropped and counted.

pub mod cloudwatch;
mod file;
mod lines;
mod otlp;
mod rounds;

use std::{io, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use self::{
    cloudwatch::CloudWatch, file::RotatedFile, lines::write_lines, otlp::Otlp,
    rounds::deliver_rounds,
};
use super::Backlog;
use crate::{lifecycle::cut, store::LogEntry};

pub use self::{file::FileConfig, otlp::OtlpConfig};

/// Entries that may wait for one sink; usually their bytes end sooner.
const MAX_ENTRIES: usize = 65_536;

/// Which sink it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkKind {
    /// JSON lines on stdout.
    Stdout,
    /// JSON lines in a file.
    File,
    /// Amazon CloudWatch Logs.
    CloudWatch,
    /// An OpenTelemetry collector.
    Otlp,
}

impl SinkKind {
    /// Its name in the configuration, in metrics and in warnings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File => "file",
            Self::CloudWatch => "cloudwatch",
            Self::Otlp => "otlp",
        }
    }
}

/// The near end of a sink.
#[derive(Debug)]
pub struct Sink {
    kind: SinkKind,
    queue: mpsc::Sender<Waiting>,
    state: Arc<State>,
}

/// What waits for a sink.
#[derive(Debug)]
enum Waiting {
    /// An entry, with what it counts in bytes.
    Entry(LogEntry, usize),
    /// Somebody who wants to know that all before it is done.
    Flush(oneshot::Sender<()>),
}

/// What both ends of a sink know.
#[derive(Debug)]
struct State {
    backlog: Backlog,
    /// What went wrong last.
    trouble: Mutex<Option<Box<str>>>,
}

impl State {
    /// Remembers what went wrong, which others may have said: one line.
    fn is_in_trouble(&self, what: &str) {
        let what: String = what.chars().filter(|c| !c.is_control()).collect();
        *self.trouble.lock() = Some(cut(&what));
    }
}

/// The far end of a sink.
#[derive(Debug)]
struct Inbox {
    queue: mpsc::Receiver<Waiting>,
    state: Arc<State>,
}

impl Sink {
    /// JSON lines on stdout. `max_bytes` may wait, as for each sink.
    ///
    /// # Errors
    /// The thread that writes cannot be started.
    pub fn stdout(max_bytes: usize) -> io::Result<Self> {
        let (sink, inbox) = Self::new(SinkKind::Stdout, max_bytes);
        write_lines("log-stdout", inbox, Some("log-line"), |lines| {
            let mut stdout = io::stdout().lock();
            io::Write::write_all(&mut stdout, lines)?;
            io::Write::flush(&mut stdout)
        })?;
        Ok(sink)
    }

    /// JSON lines in a file, for its owner only.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread that writes cannot be started.
    pub fn file(config: FileConfig, max_bytes: usize) -> io::Result<Self> {
        let mut file = RotatedFile::open(config)?;
        let (sink, inbox) = Self::new(SinkKind::File, max_bytes);
        write_lines("log-file", inbox, None, move |lines| file.write(lines))?;
        Ok(sink)
    }

    /// Amazon CloudWatch Logs. Must be made inside of a Tokio runtime.
    pub fn cloudwatch(cloudwatch: CloudWatch, max_bytes: usize) -> Self {
        let (sink, inbox) = Self::new(SinkKind::CloudWatch, max_bytes);
        tokio::spawn(deliver_rounds(inbox, cloudwatch));
        sink
    }

    /// An OpenTelemetry collector. Must be made inside of a Tokio runtime.
    pub fn otlp(config: OtlpConfig, max_bytes: usize) -> Self {
        let (sink, inbox) = Self::new(SinkKind::Otlp, max_bytes);
        tokio::spawn(deliver_rounds(inbox, Otlp::new(config)));
        sink
    }

    fn new(kind: SinkKind, max_bytes: usize) -> (Self, Inbox) {
        // One more for who waits for the end.
        let (sender, queue) = mpsc::channel(MAX_ENTRIES + 1);
        let state = Arc::new(State {
            backlog: Backlog::new(MAX_ENTRIES, max_bytes),
            trouble: Mutex::default(),
        });
        let inbox = Inbox {
            queue,
            state: Arc::clone(&state),
        };
        let sink = Self {
            kind,
            queue: sender,
            state,
        };
        (sink, inbox)
    }

    /// Hands over an entry, or counts it as dropped.
    pub(super) fn offer(&self, entry: &LogEntry) {
        let bytes = entry.len();
        let backlog = &self.state.backlog;
        if backlog.enter(bytes)
            && self
                .queue
                .try_send(Waiting::Entry(entry.clone(), bytes))
                .is_err()
        {
            backlog.leave(1, bytes);
            backlog.drop_entries(1);
        }
    }

    /// Waits until it has taken everything, at most until `deadline`; what it has not is dropped. The
    /// loss comes back in words.
    pub(super) async fn finish(&self, deadline: Instant) -> Option<String> {
        let (done, wait) = oneshot::channel();
        let flushed = timeout_at(deadline, async {
            self.queue.send(Waiting::Flush(done)).await.ok()?;
            wait.await.ok()
        });
        if flushed.await.is_ok_and(|flushed| flushed.is_some()) {
            return None;
        }
        let left = self.state.backlog.waiting() as u64;
        self.state.backlog.drop_entries(left);
        (left > 0).then(|| self.loss(left))
    }

    /// Which it is.
    pub fn kind(&self) -> SinkKind {
        self.kind
    }

    /// How many entries wait for it.
    pub fn waiting(&self) -> usize {
        self.state.backlog.waiting()
    }

    /// How many entries it has lost so far.
    pub fn dropped(&self) -> u64 {
        self.state.backlog.dropped()
    }

    /// What went wrong last.
    pub fn trouble(&self) -> Option<Box<str>> {
        self.state.trouble.lock().clone()
    }

    /// So many entries were lost, in words.
    pub fn loss(&self, entries: u64) -> String {
        let name = self.kind.name();
        let why = match self.trouble() {
            Some(trouble) => trouble,
            None => "it does not keep up: log less ([logs] level), or let more wait ([logs] \
                     sink_queue)"
                .into(),
        };
        format!("the log sink {name} lost {entries} log entries: {why}")
    }
}
