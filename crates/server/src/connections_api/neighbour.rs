//! Calls for connections that another Gatepost of the same state folder holds: while one takes over from
//! the other, each asks the other about connections that it does not know.
//!
//! A call is one connection to a Unix socket that only this user reaches: a line of JSON and the
//! payload of a post, and back comes JSON. Whoever asks has verified and authorized the caller.

use std::{io, os::fd::AsFd, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use gatepost_gateway::gateway::{Gateway, RecognisedId};
use gatepost_model::{
    ApiId,
    connection::{CloseCause, GoneReason},
};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{
    Failure,
    operation::{Done, Operation},
    post_to_connection::Post,
};
use crate::server::Server;

/// Calls that are under way to the other Gatepost, or from it, at once; more wait.
const CALLS_AT_ONCE: usize = 256;
/// The greatest line: an answer holds the client's `User-Agent`.
const MAX_LINE: u64 = 64 * 1024;
/// How long a connection whose Gatepost is gone is waited for to be noted as lost.
const UNTIL_NOTED: Duration = Duration::from_secs(5);

/// The other Gatepost, while there is one.
#[derive(Debug, Default)]
pub struct Neighbours(watch::Sender<Option<Arc<Neighbour>>>);

/// Another Gatepost.
#[derive(Debug)]
pub struct Neighbour {
    socket: PathBuf,
    turns: Semaphore,
}

#[derive(Serialize, Deserialize)]
struct Asked {
    api_id: String,
    connection_id: String,
    operation: AskedOperation,
}

#[derive(Serialize, Deserialize)]
enum AskedOperation {
    Post {
        bytes: usize,
        is_binary: bool,
        invocation_id: Option<String>,
        is_retry: bool,
    },
    Get,
    Delete,
}

#[derive(Serialize, Deserialize)]
enum Told {
    Posted,
    Info(String),
    Deleted,
    Full,
    TooLarge,
    Gone(Reason),
}

#[derive(Serialize, Deserialize)]
enum Reason {
    NotEstablished { since_ms: u64 },
    Refused { at_ms: u64 },
    Closed { cause: Cause, at_ms: u64 },
    Forgotten,
}

#[derive(Serialize, Deserialize)]
struct Cause {
    slug: String,
    code: Option<u16>,
    reason: Option<String>,
}

/// Why there is no answer.
enum NoAnswer {
    /// Nobody is there.
    NotThere,
    /// It was asked, and what it did is not known.
    Unknown,
}

impl Neighbours {
    /// The other Gatepost.
    pub fn now(&self) -> Option<Arc<Neighbour>> {
        self.0.borrow().clone()
    }

    /// There is one, whose calls arrive at this socket; or there is none any more.
    pub fn set(&self, socket: Option<PathBuf>) {
        self.0.send_replace(socket.map(|socket| {
            Arc::new(Neighbour {
                socket,
                turns: Semaphore::new(CALLS_AT_ONCE),
            })
        }));
    }

    /// Waits until there is none, not for long.
    async fn none(&self) {
        let mut neighbours = self.0.subscribe();
        let is_none = neighbours.wait_for(Option::is_none);
        // Late or not, what is known then is told.
        let _ = timeout(UNTIL_NOTED, is_none).await;
    }
}

impl Neighbour {
    /// Has an operation carried out there.
    pub(super) async fn carry_out(
        &self,
        server: &Server,
        api_id: &ApiId,
        recognised: RecognisedId,
        operation: &Operation<'_>,
    ) -> Result<Done, Failure> {
        let asked = Asked {
            api_id: api_id.to_string(),
            connection_id: recognised.id().to_string(),
            operation: AskedOperation::of(operation),
        };
        let payload = match operation {
            Operation::Post(post) => post.body,
            Operation::Get | Operation::Delete => &Bytes::new(),
        };
        let patience = server.gateway.limits().integration_timeout;
        match timeout(patience, self.ask(&asked, payload)).await {
            Ok(Ok(told)) => told.into(),
            Ok(Err(NoAnswer::Unknown)) | Err(_) => Err(Failure::Unknown),
            Ok(Err(NoAnswer::NotThere)) => {
                server.neighbours.none().await;
                operation.carry_out(&server.gateway, recognised).await
            }
        }
    }

    async fn ask(&self, asked: &Asked, payload: &[u8]) -> Result<Told, NoAnswer> {
        // It is never closed.
        let _turn = self.turns.acquire().await;
        let socket = UnixStream::connect(&self.socket).await;
        let mut socket = socket.map_err(|_| NoAnswer::NotThere)?;
        let mut line = serde_json::to_vec(asked).map_err(|_| NoAnswer::Unknown)?;
        line.push(b'\n');
        let exchange = async {
            socket.write_all(&line).await?;
            socket.write_all(payload).await?;
            let mut told = Vec::new();
            socket.take(MAX_LINE).read_to_end(&mut told).await?;
            Ok::<_, io::Error>(serde_json::from_slice(&told)?)
        };
        exchange.await.map_err(|_| NoAnswer::Unknown)
    }
}

/// Answers what the other Gatepost asks, until the task is dropped.
pub async fn serve(server: Arc<Server>, listener: UnixListener) {
    let turns = Arc::new(Semaphore::new(CALLS_AT_ONCE));
    loop {
        // It is never closed.
        let turn = Arc::clone(&turns).acquire_owned().await;
        match listener.accept().await {
            Ok((socket, _)) if is_of_this_user(&socket) => {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    let _turn = turn;
                    // Who asked and left is answered by nobody.
                    let _ = answer(&server, socket).await;
                });
            }
            Ok(_) => {}
            // Out of file descriptors: others may fare better soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Whether a process of this user, or root's, is at the other end of a Unix socket.
pub fn is_of_this_user(socket: &impl AsFd) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    getsockopt(socket, PeerCredentials).is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn answer(server: &Server, socket: UnixStream) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    let patience = server.gateway.limits().handshake_timeout;
    let told = match timeout(patience, read(&mut socket, &server.gateway)).await?? {
        Some((asked, payload)) => told(server, &asked, &payload).await,
        None => Told::TooLarge,
    };
    socket.write_all(&serde_json::to_vec(&told)?).await
}

/// What is asked, with its payload; `None` when that is greater than any message may be.
async fn read(
    socket: &mut (impl AsyncRead + AsyncBufReadExt + Unpin),
    gateway: &Gateway,
) -> io::Result<Option<(Asked, Bytes)>> {
    let mut line = Vec::new();
    socket.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    let asked: Asked = serde_json::from_slice(&line)?;
    let AskedOperation::Post { bytes, .. } = asked.operation else {
        return Ok(Some((asked, Bytes::new())));
    };
    if bytes > greatest_message(gateway) {
        return Ok(None);
    }
    let mut payload = vec![0; bytes];
    socket.read_exact(&mut payload).await?;
    Ok(Some((asked, payload.into())))
}

/// `max_message_bytes` of the stage that takes the most.
fn greatest_message(gateway: &Gateway) -> usize {
    let apis = gateway.apis();
    let stages = apis.apis.values().flat_map(|api| api.stages.values());
    let greatest = stages.map(|stage| stage.settings.load().limits.max_message_bytes);
    greatest.max().unwrap_or_default()
}

async fn told(server: &Server, asked: &Asked, payload: &Bytes) -> Told {
    let gateway = &server.gateway;
    let recognised = asked.connection_id.parse().ok();
    let recognised =
        recognised.and_then(|id| gateway.recognise(&asked.api_id.as_str().into(), id).ok());
    let Some(recognised) = recognised else {
        return Told::Gone(Reason::Forgotten);
    };
    let operation = match &asked.operation {
        AskedOperation::Post {
            is_binary,
            invocation_id,
            is_retry,
            ..
        } => {
            let invocation_id = invocation_id.as_ref().map(String::as_bytes);
            Operation::Post(Post::known(payload, *is_binary, invocation_id, *is_retry))
        }
        AskedOperation::Get => Operation::Get,
        AskedOperation::Delete => Operation::Delete,
    };
    operation.carry_out(gateway, recognised).await.into()
}

impl AskedOperation {
    fn of(operation: &Operation<'_>) -> Self {
        match operation {
            Operation::Post(post) => Self::Post {
                bytes: post.body.len(),
                is_binary: post.is_binary(),
                invocation_id: post
                    .invocation_id
                    .and_then(|id| String::from_utf8(id.to_vec()).ok()),
                is_retry: post.is_retry,
            },
            Operation::Get => Self::Get,
            Operation::Delete => Self::Delete,
        }
    }
}

impl From<Result<Done, Failure>> for Told {
    fn from(result: Result<Done, Failure>) -> Self {
        match result {
            Ok(Done::Posted) => Self::Posted,
            Ok(Done::Info(body)) => Self::Info(body),
            Ok(Done::Deleted) => Self::Deleted,
            Err(Failure::LimitExceeded) => Self::Full,
            Err(Failure::Gone(reason)) => Self::Gone(reason.into()),
            // Everything else was decided where the caller is.
            Err(_) => Self::Gone(Reason::Forgotten),
        }
    }
}

impl From<Told> for Result<Done, Failure> {
    fn from(told: Told) -> Self {
        match told {
            Told::Posted => Ok(Done::Posted),
            Told::Info(body) => Ok(Done::Info(body)),
            Told::Deleted => Ok(Done::Deleted),
            Told::Full => Err(Failure::LimitExceeded),
            Told::TooLarge => Err(Failure::TooLarge),
            Told::Gone(reason) => Err(Failure::Gone(reason.into())),
        }
    }
}

impl From<GoneReason> for Reason {
    fn from(reason: GoneReason) -> Self {
        match reason {
            GoneReason::NotEstablished { since_ms } => Self::NotEstablished { since_ms },
            GoneReason::Refused { at_ms } => Self::Refused { at_ms },
            // As what the client came back, this Gatepost knows best.
            GoneReason::Closed { cause, at_ms } | GoneReason::Replaced { cause, at_ms, .. } => {
                let (slug, code, reason) = cause.parts();
                let cause = Cause {
                    slug: slug.into(),
                    code,
                    reason: reason.map(str::to_owned),
                };
                Self::Closed { cause, at_ms }
            }
            GoneReason::OtherApi { .. } | GoneReason::Forgotten => Self::Forgotten,
        }
    }
}

impl From<Reason> for GoneReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::NotEstablished { since_ms } => Self::NotEstablished { since_ms },
            Reason::Refused { at_ms } => Self::Refused { at_ms },
            Reason::Closed { cause, at_ms } => Self::Closed {
                cause: CloseCause::from_parts(&cause.slug, cause.code, cause.reason),
                at_ms,
            },
            Reason::Forgotten => Self::Forgotten,
        }
    }
}
