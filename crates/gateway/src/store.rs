//! The embedded store: one SQLite file with the key of the connection ids, the lives of the
//! connections, what API keys used, and the logs. Writes are batched on a thread of their own.

mod apis;
mod backup;
mod changes;
mod control;
mod functions;
mod lives;
mod log_changes;
mod log_queue;
mod logs;
mod metrics;
mod owed;
mod private_file;
mod requests;
mod runs;
mod schema;
mod stale;
mod usage;
mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use gatepost_model::{
    ApiId, ApiKeyId, RequestId, UsagePlanId,
    api::Api,
    calendar::Day,
    connection_id::{ConnectionId, ConnectionIdKey},
    request_context::ConnectionContext,
};
use gatepost_wire::execution_log::Record;
use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection as Database, OptionalExtension, params};
use tokio::sync::oneshot;

use crate::{
    clock::now_ms,
    connection::client::ClientKey,
    control::Made,
    lifecycle::{ActivityRecord, DisconnectRecord, HandshakeRecord, RefusedCall},
    new_id::random_bytes,
    observe::{
        AccessLogEntry,
        metrics::{LabelledCount, MetricRow},
    },
    tombstones::Tombstone,
};

use changes::Changes;
use log_queue::LogQueue;
use runs::Beside;
use writer::Writer;

pub use backup::{Backup, BackupError};
pub use functions::FunctionNotKept;
pub use lives::{LifeReader, RefusedCalls, StoredConnection};
pub use log_changes::{DeclaredRetention, LogChange, LogChangeError, NewLogEvent, NewLogGroup};
pub use logs::{
    GroupLine, JsonLine, LineFilter, LogGroup, LogLine, LogPage, LogPosition, LogQuery, LogReader,
    LoggedStream, ReadError, Streams,
};
pub(crate) use logs::{RenderedEntry, RenderedLine};
pub use metrics::MetricsOf;
pub use owed::{NotJournalled, OwedDisconnect, OwedDisconnects};
pub(crate) use requests::OF_FUNCTIONS;
pub use requests::{FunctionLog, LoggedLine, LoggedRequest};
pub use runs::Run;
pub use stale::StaleCaller;
#[cfg(feature = "simulation")]
pub use writer::SimulatedWriter;

/// Questions that may wait for the disk; who asks more waits to ask.
/// The channel touches its whole ring in time, so this is memory too.
const QUEUE: usize = 1024;
/// Log entries that may wait for the disk; more are counted as dropped.
const LOG_QUEUE: usize = 4096;
/// The bytes of those log entries.
const LOG_QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// How long a full queue is left alone before it is tried again.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(10);
/// The longest time that one record of an execution log spans.
pub(crate) const MAX_RECORD: Duration = Duration::from_secs(2);

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or read.
    #[error("the store {path} cannot be used: {source}; it was left as it is: repair or move it")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file was written by a newer Gatepost.
    #[error(
        "the store {path} has version {found}, this Gatepost knows {}: use the \
         Gatepost that wrote it, or another store",
        schema::VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The file was written by an older Gatepost, and is only read.
    #[error(
        "the store {path} has version {found}, which this Gatepost does not read: start \
         `gatepost dev` or `serve` once, which brings it to version {}",
        schema::VERSION
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The file is of an older version, and the Gatepost that is to be taken over has it open.
    #[error(
        "the store {path} has version {found} and is in use by a Gatepost that knows no newer one, \
         this Gatepost needs {}: stop that one, then start this one",
        schema::VERSION
    )]
    InUseByOlder {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The writing thread cannot be started.
    #[error("the store's writer cannot be started: {0}")]
    Thread(std::io::Error),
}

/// A change to be written.
#[derive(Debug)]
pub enum Lifecycle {
    /// The `$connect` route of a connection is about to run: from now on its `$disconnect` is owed.
    Connecting(Arc<ConnectionContext>),
    /// A connection opened.
    Opened {
        /// Its id.
        id: ConnectionId,
        /// By what its client is recognised.
        client_key: Option<ClientKey>,
        /// The client whose ended connections it replaces.
        replaces: Option<ClientKey>,
        /// How it opened.
        opening: Opening,
    },
    /// A connection ended, or was refused.
    Ended {
        /// Its id.
        id: ConnectionId,
        /// How.
        tombstone: Tombstone,
        /// What was before.
        past: Past,
    },
    /// The `$disconnect` route of a connection is done.
    Disconnected {
        /// Its id.
        id: ConnectionId,
        /// How.
        record: Box<DisconnectRecord>,
    },
    /// The `$disconnect` route could not run; it is tried again.
    DisconnectDelayed {
        /// The connection's id.
        id: ConnectionId,
        /// How the latest try went.
        record: Box<DisconnectRecord>,
        /// When it is due, milliseconds since the epoch.
        due_ms: u64,
    },
    /// Nobody has time for the `$disconnect` route of a connection: it waits in the store.
    DisconnectWaits {
        /// The connection's id.
        id: ConnectionId,
        /// Since when, milliseconds since the epoch.
        due_ms: u64,
    },
    /// An API is deployed.
    Deployed {
        /// `apiId`.
        api_id: ApiId,
        /// `name`.
        name: Box<str>,
    },
    /// Requests were counted.
    Counted(Vec<MetricRow>),
    /// An API key used its plan.
    Usage {
        /// The plan.
        usage_plan_id: UsagePlanId,
        /// The key.
        api_key_id: ApiKeyId,
        /// The day, in UTC.
        day: Day,
        /// All its requests of the day.
        used: u32,
    },
}

/// How a connection opened.
#[derive(Debug)]
pub struct Opening {
    /// Its API.
    pub api_id: ApiId,
    /// When its handshake began, milliseconds since the epoch.
    pub began_at_ms: u64,
    /// When it was established, milliseconds since the epoch.
    pub established_at_ms: u64,
    /// Its handshake.
    pub handshake: Box<HandshakeRecord>,
}

/// What was before a connection ended.
#[derive(Debug)]
pub enum Past {
    /// It was established, and did this.
    Established(ActivityRecord),
    /// It was refused, or its client left before the `101`.
    NeverEstablished {
        /// When its handshake began, milliseconds since the epoch.
        began_at_ms: u64,
        /// Its handshake; `None` when that broke off.
        handshake: Option<Box<HandshakeRecord>>,
    },
}

/// What a log gets. Cheap to clone, for several may want it.
#[derive(Debug, Clone)]
pub enum LogEntry {
    /// A plain event.
    Event(Arc<LogEvent>),
    /// A request that was carried out, or is waited for long.
    Execution(Arc<ExecutionLogRecord>),
    /// A row of an access log.
    Access(Arc<AccessLogEntry>),
    /// A call of `@connections` that was refused.
    Refused(Arc<RefusedCall>),
}

/// A line of a function.
#[derive(Debug)]
pub struct LogEvent {
    /// The log group.
    pub log_group: Arc<str>,
    /// The stream.
    pub stream: Arc<str>,
    /// When, milliseconds since the epoch.
    pub timestamp_ms: u64,
    /// The line, without its line break.
    pub message: String,
}

/// What the execution log tells of a request.
#[derive(Debug)]
pub struct ExecutionLogRecord {
    /// The log group.
    pub log_group: Arc<str>,
    /// When its first entry was written, milliseconds since the epoch.
    pub began_at_ms: u64,
    /// `requestId`.
    pub request_id: RequestId,
    /// Its connection, where it names one.
    pub connection_id: Option<ConnectionId>,
    /// What the function that it called wrote into its own log as `RequestId`.
    pub endpoint_request_id: Option<Box<str>>,
    /// How long after that its last entry was written; at most two seconds.
    pub duration_ms: u32,
    /// The entries.
    pub record: Record,
}

impl LogEntry {
    /// How many bytes it takes, roughly.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Event(event) => size_of::<LogEvent>() + event.message.len(),
            Self::Refused(call) => size_of::<RefusedCall>() + call.text.len() + 256,
            // A format has at most 3 KB, and a row is seldom longer.
            Self::Access(_) => size_of::<AccessLogEntry>() + 1024,
            Self::Execution(request) => {
                size_of::<ExecutionLogRecord>() + request.record.as_bytes().len()
            }
        }
    }
}

enum Command {
    /// There are changes again.
    Wake,
    /// There are log entries again, or a batch of them.
    Logged,
    TakeOwed(owed::Asked),
    ChangeLogGroup(Box<log_changes::AskedLogChange>),
    ChangeFunction(Box<functions::FunctionChange>),
    Flush(mpsc::SyncSender<()>),
    /// What is written so far must outlive a loss of power.
    Sync(oneshot::Sender<()>),
}

/// How much the store keeps.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Ended connections.
    pub max_tombstones: usize,
    /// Age of ended connections.
    pub tombstone_age: Duration,
    /// Age of log events.
    pub log_age: Duration,
    /// The greatest store, bytes: beyond it the oldest log events go.
    pub max_bytes: u64,
}

/// The embedded store.
#[derive(Debug)]
pub struct Store {
    reader: Mutex<Database>,
    logs_reader: Mutex<Database>,
    queue: mpsc::SyncSender<Command>,
    changes: Arc<Changes>,
    owed_at_start: u64,
    dropped: Arc<AtomicU64>,
    log_queue: Arc<LogQueue>,
    evictions: Arc<LabelledCount>,
    control: Mutex<Database>,
    made: Made,
    made_apis: BTreeMap<ApiId, Arc<Api>>,
    key: ConnectionIdKey,
    api_key_secret: [u8; 32],
    log_age: Duration,
    run: Run,
    beside: Arc<Beside>,
    /// Whether another run has read what calls made, so that none of it may change here.
    is_handed_over: RwLock<bool>,
    /// The last field, since the queue must be gone for the writer to end.
    writer: WriterThread,
}

/// The writer's thread; a store that is gone no longer holds its file.
#[derive(Debug)]
struct WriterThread(Option<std::thread::JoinHandle<()>>);

impl Drop for WriterThread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // It cannot panic; had it, there is nothing to wait for.
            let _ = thread.join();
        }
    }
}

impl Store {
    /// Opens (or makes) the store, a file of this user's only. Connections that an earlier run left
    /// open are noted as lost.
    ///
    /// # Errors
    /// [`StoreError`]; the file is then left untouched.
    pub fn open(path: &Path, retention: Retention) -> Result<Arc<Self>, StoreError> {
        Self::open_beside(path, retention, None)
    }

    /// The same while the run `beside` has it open too, whose connections stay its own.
    ///
    /// # Errors
    /// [`StoreError`]; the file is then left untouched.
    pub fn open_beside(
        path: &Path,
        retention: Retention,
        beside: Option<Run>,
    ) -> Result<Arc<Self>, StoreError> {
        let (mut store, writer, commands) = Self::prepare(path, retention, beside)?;
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(&commands))
            .map_err(StoreError::Thread)?;
        store.writer = WriterThread(Some(thread));
        Ok(Arc::new(store))
    }

    /// The same without the writer's thread: the simulated disk writes when the simulation says so.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg(feature = "simulation")]
    pub fn open_simulated(
        path: &Path,
        retention: Retention,
    ) -> Result<(Arc<Self>, SimulatedWriter), StoreError> {
        let (store, writer, commands) = Self::prepare(path, retention, None)?;
        let writer =
            SimulatedWriter::new(writer, commands).map_err(|source| StoreError::Damaged {
                path: path.to_owned(),
                source,
            })?;
        Ok((Arc::new(store), writer))
    }

    /// Opens the store, and prepares who writes it.
    fn prepare(
        path: &Path,
        retention: Retention,
        beside: Option<Run>,
    ) -> Result<(Self, Writer, mpsc::Receiver<Command>), StoreError> {
        let damaged = |source| StoreError::Damaged {
            path: path.to_owned(),
            source,
        };
        private_file::ensure(path);
        let mut writer = Database::open(path).map_err(damaged)?;
        schema::prepare(&mut writer, path, beside.is_some())?;
        let run = runs::begin(&writer).map_err(damaged)?;
        let key = kept_secret(&writer, "connection_id_key").map_err(damaged)?;
        let api_key_secret = kept_secret(&writer, "api_key_secret").map_err(damaged)?;
        let lost = owed::Whose::AllBut(beside);
        let owed_at_start = owed::note_lost(&writer, lost, now_ms()).map_err(damaged)?;
        let beside = Arc::new(Beside::new(beside));
        let reader = Database::open(path).map_err(damaged)?;
        let logs_reader = Database::open(path).map_err(damaged)?;
        let made = control::read(&reader).map_err(damaged)?;
        let made_apis = apis::read(&reader).map_err(damaged)?;
        let control = open_for_control(path).map_err(damaged)?;
        let (queue, commands) = mpsc::sync_channel(QUEUE);
        let changes = Arc::new(Changes::default());
        let dropped = Arc::new(AtomicU64::new(0));
        let log_queue = Arc::new(LogQueue::default());
        let writer = Writer::new(
            writer,
            retention,
            Arc::clone(&changes),
            Arc::clone(&dropped),
            Arc::clone(&log_queue),
            run,
            Arc::clone(&beside),
        );
        let evictions = Arc::clone(&writer.evictions);
        let store = Self {
            reader: Mutex::new(reader),
            logs_reader: Mutex::new(logs_reader),
            queue,
            changes,
            owed_at_start,
            dropped,
            log_queue,
            evictions,
            control: Mutex::new(control),
            made,
            made_apis,
            key: ConnectionIdKey::new(key),
            api_key_secret,
            log_age: retention.log_age,
            run,
            beside,
            is_handed_over: RwLock::new(false),
            writer: WriterThread(None),
        };
        Ok((store, writer, commands))
    }

    /// The key with which connection ids are issued.
    pub fn connection_id_key(&self) -> &ConnectionIdKey {
        &self.key
    }

    /// How long log events are kept at most.
    pub fn log_age(&self) -> Duration {
        self.log_age
    }

    /// From what the values of API keys are made that are not given any.
    pub(crate) fn api_key_secret(&self) -> &[u8; 32] {
        &self.api_key_secret
    }

    /// Writes a change soon.
    pub fn record(&self, change: Lifecycle) {
        self.change(change, None);
    }

    fn change(&self, change: Lifecycle, written: Option<oneshot::Sender<()>>) {
        if self.changes.push(change, written) {
            // When the queue is full the writer is awake.
            let _ = self.tell(Command::Wake);
        }
    }

    /// Puts a command into the queue, unless that is full.
    fn tell(&self, command: Command) -> Result<(), mpsc::TrySendError<Command>> {
        let told = self.queue.try_send(command);
        #[cfg(feature = "simulation")]
        crate::simulation::disk_has_work();
        told
    }

    /// Writes a log entry soon. One that does not fit the queue is counted as dropped.
    pub fn log(&self, entry: LogEntry) {
        if self.log_queue.push(entry) {
            // When the queue is full the writer is awake.
            let _ = self.tell(Command::Logged);
        }
    }

    /// Log entries that were dropped so far: they did not fit the queue, or the disk did not take
    /// them.
    pub fn dropped_log_entries(&self) -> u64 {
        self.log_queue.backlog.dropped()
    }

    /// Log entries that wait for the disk.
    pub fn waiting_log_entries(&self) -> usize {
        self.log_queue.backlog.waiting()
    }

    /// Changes that wait for the disk.
    pub fn waiting_changes(&self) -> usize {
        self.changes.len()
    }

    /// What was removed so far because it was older, or more, than is kept.
    pub fn evictions(&self) -> &LabelledCount {
        &self.evictions
    }

    /// Changes that were dropped so far: the disk did not take them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything recorded so far is on disk. Blocks.
    pub fn flush(&self) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.queue.send(Command::Flush(done)).is_ok() {
            // The writer answers or has ended; either way there is nothing more to wait for.
            let _ = wait.recv();
        }
    }

    /// Waits until everything recorded so far is on disk, and outlives a loss of power.
    pub async fn synced(&self) {
        let (done, wait) = oneshot::channel();
        let mut sync = Command::Sync(done);
        while let Err(mpsc::TrySendError::Full(again)) = self.tell(sync) {
            sync = again;
            tokio::time::sleep(FULL_QUEUE_PAUSE).await;
        }
        // As above.
        let _ = wait.await;
    }
}

/// For changes of the control plane, which somebody waits for: what is committed survives a loss of power too.
fn open_for_control(path: &Path) -> rusqlite::Result<Database> {
    let database = Database::open(path)?;
    database.busy_timeout(Duration::from_secs(5))?;
    database.execute_batch("PRAGMA synchronous = FULL;")?;
    Ok(database)
}

/// Milliseconds as SQLite keeps them.
fn sql_ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// A secret of this store: random when it is first asked for.
fn kept_secret(database: &Database, name: &str) -> rusqlite::Result<[u8; 32]> {
    let kept: Option<[u8; 32]> = database
        .query_row("SELECT value FROM meta WHERE key = ?1", [name], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(bytes) = kept {
        return Ok(bytes);
    }
    let bytes = random_bytes::<32>();
    database.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2)",
        params![name, bytes.as_slice()],
    )?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
