//! CloudWatch Logs Insights: queries run on a thread of their own, a few at once, each bounded in
//! time and memory. Those that ended are kept until newer ones need their place.

mod describe_queries;
mod get_query_results;
mod run;
mod start_query;
mod stop_query;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gatepost_gateway::{new_id, store::LogLine};
use gatepost_wire::logs::insights::{Event, Pointer};
use parking_lot::Mutex;

use super::{error::LogsError, ingestion_time, log_group, message};

/// What queries may take.
#[derive(Debug, Clone, Copy)]
pub struct QueryLimits {
    /// How long one may run.
    pub timeout: Duration,
    /// What one may hold, bytes; the results of all that ended may hold as much together.
    pub memory: usize,
    /// How many run at once.
    pub concurrent: usize,
}

/// Queries that ended and are kept.
const MAX_ENDED: usize = 100;

/// The queries that run, and those that ended.
#[derive(Debug)]
pub struct Queries {
    limits: QueryLimits,
    /// The newest last.
    kept: Mutex<VecDeque<Arc<KeptQuery>>>,
}

/// A query that was started.
#[derive(Debug)]
struct KeptQuery {
    id: String,
    log_groups: Vec<String>,
    text: String,
    /// From and to which time, both included, seconds since the epoch.
    times: (i64, i64),
    created_ms: u64,
    is_cancelled: AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    status: Status,
    statistics: Statistics,
    /// Rows of names and values, once it is complete.
    rows: Vec<Vec<(String, String)>>,
    /// What the rows take, bytes.
    bytes: usize,
}

/// `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Scheduled,
    Running,
    Complete,
    Failed,
    Cancelled,
    Timeout,
}

#[derive(Debug, Clone, Copy, Default)]
struct Statistics {
    records_matched: u64,
    records_scanned: u64,
    bytes_scanned: u64,
}

impl Status {
    const ALL: [&str; 7] = [
        "Scheduled",
        "Running",
        "Complete",
        "Failed",
        "Cancelled",
        "Timeout",
        "Unknown",
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Running => "Running",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Timeout => "Timeout",
        }
    }

    const fn is_ended(self) -> bool {
        !matches!(self, Self::Scheduled | Self::Running)
    }
}

impl Queries {
    /// No query yet.
    pub fn new(limits: QueryLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            kept: Mutex::default(),
        })
    }

    /// Takes in a query that is about to run, unless too many do.
    fn schedule(
        &self,
        log_groups: Vec<String>,
        text: String,
        times: (i64, i64),
        created_ms: u64,
    ) -> Result<Arc<KeptQuery>, LogsError> {
        let mut kept = self.kept.lock();
        let running = kept.iter().filter(|query| !query.status().is_ended());
        if running.count() >= self.limits.concurrent {
            return Err(LogsError::TooManyQueries(self.limits.concurrent));
        }
        let query = Arc::new(KeptQuery {
            id: new_id::uuid(),
            log_groups,
            text,
            times,
            created_ms,
            is_cancelled: AtomicBool::new(false),
            progress: Mutex::new(Progress {
                status: Status::Scheduled,
                statistics: Statistics::default(),
                rows: Vec::new(),
                bytes: 0,
            }),
        });
        kept.push_back(Arc::clone(&query));
        Self::forget_old(&mut kept, self.limits.memory);
        Ok(query)
    }

    /// Forgets the oldest of those that ended, beyond what is kept.
    fn forget_old(kept: &mut VecDeque<Arc<KeptQuery>>, memory: usize) {
        loop {
            let ended = kept.iter().filter(|query| query.status().is_ended());
            let bytes: usize = ended.clone().map(|query| query.progress.lock().bytes).sum();
            if ended.count() <= MAX_ENDED && bytes <= memory {
                return;
            }
            let oldest = kept.iter().position(|query| query.status().is_ended());
            let Some(oldest) = oldest else {
                return;
            };
            kept.remove(oldest);
        }
    }

    /// Notes how a query ended.
    fn end(&self, query: &KeptQuery, status: Status, rows: Vec<Vec<(String, String)>>) {
        {
            let mut progress = query.progress.lock();
            let texts = rows
                .iter()
                .flatten()
                .map(|(name, value)| name.len() + value.len());
            let fields: usize = rows.iter().map(Vec::len).sum();
            progress.bytes = texts.sum::<usize>() + fields * size_of::<(String, String)>();
            progress.rows = rows;
            progress.status = status;
        }
        Self::forget_old(&mut self.kept.lock(), self.limits.memory);
    }

    fn find(&self, id: &str) -> Result<Arc<KeptQuery>, LogsError> {
        let kept = self.kept.lock();
        let found = kept.iter().find(|query| query.id == id);
        found.map(Arc::clone).ok_or(LogsError::NoSuchQuery)
    }
}

impl KeptQuery {
    fn status(&self) -> Status {
        self.progress.lock().status
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}

/// A line as queries see it; `log` is `{account}:{group}`.
pub(super) fn event(log: &Arc<str>, log_group: &str, line: LogLine) -> Event {
    let pointer = Pointer {
        log: Arc::clone(log),
        timestamp_ms: line.position.timestamp_ms,
        row: line.position.row,
    };
    let ingested_ms = ingestion_time(&line);
    let log_stream = line.stream.as_str().into();
    let is_of_function = log_group.starts_with(log_group::OF_FUNCTIONS);
    let message = message(log_group, line);
    Event::new(pointer, ingested_ms, log_stream, message, is_of_function)
}
