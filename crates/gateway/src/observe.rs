//! What Gatepost says about what happens: events of connections, requests and functions, on one
//! bounded queue that never makes serving wait.

mod access_log;
mod backlog;
mod logs;
pub mod metrics;
mod request_log;
pub mod sinks;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use gatepost_model::{
    ApiId, FunctionName, RequestId, StageName,
    connection::{CloseCause, GoneReason, InvalidConnectionId},
    connection_id::ConnectionId,
    fault::FaultKind,
    route::RouteKey,
};
use tokio::sync::mpsc;

pub use access_log::{AccessLog, AccessLogEntry};
pub(crate) use backlog::Backlog;
pub use logs::{LogLoad, Logs};
pub use request_log::RequestLog;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A client got its `101`.
    ConnectionOpened {
        /// The API.
        api_id: ApiId,
        /// The stage.
        stage: StageName,
        /// The new connection.
        connection_id: ConnectionId,
        /// The client's address.
        source_ip: String,
    },
    /// A handshake was refused.
    ConnectionRefused {
        /// The client's address.
        source_ip: String,
        /// What the client was answered.
        status: u16,
        /// Why.
        detail: String,
        /// What went wrong, in AWS's terms; `None` when the `$connect` integration itself refused.
        fault: Option<FaultKind>,
        /// What was refused; `None` of what is no request to a stage.
        request: Option<Box<RefusedRequest>>,
    },
    /// A connection ended.
    ConnectionClosed {
        /// The API.
        api_id: ApiId,
        /// The connection.
        connection_id: ConnectionId,
        /// How it ended.
        cause: CloseCause,
    },
    /// A route's request was carried out.
    Request {
        /// The connection.
        connection_id: ConnectionId,
        /// The request.
        request_id: RequestId,
        /// The route that ran; `None` when none matched.
        route_key: Option<RouteKey>,
        /// The integration's status, as logs show it.
        status: u16,
        /// How long it took, milliseconds.
        latency_ms: u64,
        /// What went wrong.
        error: Option<String>,
    },
    /// A call of the `@connections` API.
    ManagementCall {
        /// The HTTP method.
        method: String,
        /// The id as the caller wrote it, cut to 64 characters.
        connection_id: String,
        /// What was answered.
        status: u16,
        /// Why, for 410 and 400, and for a caller who may not.
        refused: Option<Refused>,
        /// Who called, as far as it is known.
        caller: String,
    },
    /// A line of a function's log.
    FunctionLog {
        /// The function.
        function: FunctionName,
        /// The log stream.
        stream: Arc<str>,
        /// Milliseconds since the epoch.
        timestamp_ms: u64,
        /// The line, without its line break.
        message: String,
    },
    /// Something the user should know.
    Warning(String),
}

impl Event {
    /// Whether it tells of traffic: there is one or more for each message, and nobody need act.
    pub fn is_traffic(&self) -> bool {
        !matches!(self, Self::Warning(_))
    }
}

/// A request for a connection that was refused.
#[derive(Debug, Clone)]
pub struct RefusedRequest {
    /// The API.
    pub api_id: ApiId,
    /// The stage.
    pub stage: StageName,
    /// The id that the connection would have had.
    pub connection_id: ConnectionId,
    /// The request.
    pub request_id: RequestId,
}

/// Why an `@connections` call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// 410.
    Gone(GoneReason),
    /// 400.
    Invalid(InvalidConnectionId),
    /// 403: a signature that is none, or policies that do not allow it; what the caller is told.
    Denied(String),
}

/// The sending end of the event queue. Cheap to clone; events that do not fit are counted.
#[derive(Debug, Clone)]
pub struct Observer {
    queue: mpsc::Sender<Event>,
    follows_traffic: bool,
    dropped: Arc<AtomicU64>,
}

impl Observer {
    /// A queue for at most `capacity` waiting events, and its receiving end.
    pub fn new(capacity: usize) -> (Self, mpsc::Receiver<Event>) {
        let (queue, events) = mpsc::channel(capacity);
        (
            Self {
                queue,
                follows_traffic: true,
                dropped: Arc::default(),
            },
            events,
        )
    }

    /// The same observer, not told of traffic.
    pub fn without_traffic(self) -> Self {
        Self {
            follows_traffic: false,
            ..self
        }
    }

    /// An observer that nobody listens to.
    pub fn none() -> Self {
        Self::new(1).0
    }

    /// Whether somebody listens, so that events need not be built in vain.
    pub fn is_listening(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Whether somebody listens to traffic, so that its events need not be built in vain.
    pub fn follows_traffic(&self) -> bool {
        self.follows_traffic && self.is_listening()
    }

    /// Tells of an event, or counts it as dropped when the queue is full.
    pub fn emit(&self, event: Event) {
        if event.is_traffic() && !self.follows_traffic {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(event) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// How many events did not fit so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
