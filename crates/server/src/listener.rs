//! Listeners: plaintext and TLS on one port (the first byte tells), one deadline from accepting the
//! socket to the last header, HTTP/1.1 only.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use gatepost_gateway::connection::transport::Transport;
use hyper::{StatusCode, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    respond,
    server::{Door, Peer, Server},
};

/// Header bytes of one request at most.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
/// Sockets of the admin listener that may be open at once, beside those of clients: however many of
/// these there are, an operator is heard. They fit into what is kept of the file descriptors.
const MAX_ADMIN_SOCKETS: usize = 16;
/// How long an HTTP connection may wait for its next request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 22;

/// Serves everything that arrives at `listener`, until the task is dropped.
pub async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    door: Door,
) {
    let local_port = listener.local_addr().map_or(0, |address| address.port());
    let tls = tls.map(TlsAcceptor::from);
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                let Some(place) = OpenSocket::take(&server, &door) else {
                    // Whoever may not stay shall not cost more than this.
                    drop(socket);
                    continue;
                };
                let connection = Incoming {
                    place,
                    server: Arc::clone(&server),
                    tls: tls.clone(),
                    peer: Peer {
                        address,
                        local_port,
                        is_tls: false,
                        door: door.clone(),
                    },
                };
                tokio::spawn(connection.serve(socket));
            }
            // Out of file descriptors, or the client is gone again: others may fare better soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Serves a simulated socket, as one that was accepted and says nothing of TLS.
#[cfg(feature = "simulation")]
pub async fn serve_simulated(
    server: Arc<Server>,
    socket: gatepost_gateway::simulation::Socket,
    peer: Peer,
) {
    let Some(place) = OpenSocket::take(&server, &peer.door) else {
        return;
    };
    let deadline = Instant::now() + server.gateway.limits().handshake_timeout;
    let connection = Incoming {
        place,
        server,
        tls: None,
        peer,
    };
    let stream = ServerStream::Simulated(socket);
    connection.serve_http(stream, deadline).await;
}

/// Binds an address; with port 0 the system chooses one.
///
/// # Errors
/// The system's error, e.g. that the port is in use.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        tokio::net::TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

/// A socket that speaks HTTP, or does not speak yet, among those that may be open, and among those of
/// which a request or its answer is awaited.
struct OpenSocket {
    server: Arc<Server>,
    of: fn(&Server) -> &AtomicUsize,
    is_awaited: AtomicBool,
    is_answered: AtomicBool,
}

impl OpenSocket {
    /// `None` when there are as many as may be: of clients those of connections included, and of the
    /// admin listener its own.
    fn take(server: &Arc<Server>, door: &Door) -> Option<Self> {
        let (of, most, limit): (fn(&Server) -> &AtomicUsize, _, _) = match door {
            Door::Admin => (
                |server| &server.admin_sockets,
                MAX_ADMIN_SOCKETS,
                "max_admin_sockets",
            ),
            Door::Public | Door::Api(_) => {
                let connections = server.gateway.admission.connections();
                let most = server.max_sockets.saturating_sub(connections);
                (|server| &server.sockets, most, "max_sockets")
            }
        };
        let more = |sockets| (sockets < most).then_some(sockets + 1);
        let taken = of(server).fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        if taken.is_err() {
            server.gateway.metrics().limits.add(limit, "");
            return None;
        }
        server.gateway.unanswered.fetch_add(1, Ordering::SeqCst);
        Some(Self {
            server: Arc::clone(server),
            of,
            is_awaited: AtomicBool::new(true),
            is_answered: AtomicBool::new(false),
        })
    }

    /// A request has come.
    fn asked(&self) {
        self.is_answered.store(false, Ordering::Relaxed);
        if !self.is_awaited.swap(true, Ordering::Relaxed) {
            self.server
                .gateway
                .unanswered
                .fetch_add(1, Ordering::SeqCst);
        }
    }

    /// It has its answer, and the socket stays.
    fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }

    /// What was answered is written.
    fn written(&self) {
        if self.is_answered.swap(false, Ordering::Relaxed) {
            self.await_nothing();
        }
    }

    fn await_nothing(&self) {
        if self.is_awaited.swap(false, Ordering::Relaxed) {
            self.server
                .gateway
                .unanswered
                .fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.await_nothing();
        (self.of)(&self.server).fetch_sub(1, Ordering::AcqRel);
    }
}

/// A socket that has just been accepted.
struct Incoming {
    place: OpenSocket,
    server: Arc<Server>,
    tls: Option<TlsAcceptor>,
    peer: Peer,
}

impl Incoming {
    async fn serve(mut self, socket: TcpStream) {
        // Without it every small frame waits for the client's acknowledgement.
        let _ = socket.set_nodelay(true);
        let deadline = Instant::now() + self.server.gateway.limits().handshake_timeout;
        match timeout_at(deadline, self.open(socket)).await {
            Ok(Some(stream)) => self.serve_http(stream, deadline).await,
            Ok(None) => {}
            Err(_) => is_late(&self.server),
        }
    }

    /// Decides between plaintext and TLS, and does the TLS handshake. `None` when it fails.
    async fn open(&mut self, socket: TcpStream) -> Option<ServerStream> {
        let mut first = [0];
        if socket.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        match &self.tls {
            Some(tls) if first[0] == TLS_HANDSHAKE => {
                self.peer.is_tls = true;
                let stream = tls.accept(socket).await.ok()?;
                Some(ServerStream::Tls(Box::new(stream)))
            }
            _ => Some(ServerStream::Plain(socket)),
        }
    }

    async fn serve_http(self, stream: ServerStream, deadline: Instant) {
        let late = Arc::clone(&self.server);
        let asked = Arc::new(AtomicBool::new(false));
        let place = Arc::new(self.place);
        let service = {
            let (asked, place) = (Arc::clone(&asked), Arc::clone(&place));
            let server = Arc::clone(&self.server);
            let peer = Arc::new(self.peer);
            service_fn(move |request| {
                asked.store(true, Ordering::Relaxed);
                place.asked();
                let (server, peer) = (Arc::clone(&server), Arc::clone(&peer));
                let place = Arc::clone(&place);
                async move {
                    let mut response = server.handle(&peer, request).await;
                    let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                    if server.gateway.is_handed_over() && !is_upgrade {
                        // Whoever asks again shall ask the one that takes over.
                        response = respond::closing(response);
                    } else if !is_upgrade {
                        place.answered();
                    }
                    Ok::<_, std::convert::Infallible>(response)
                }
            })
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(KEEP_ALIVE)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let connection = poll_fn(|context| {
            let polled = connection.as_mut().poll(context);
            place.written();
            polled
        });
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            biased;
            // A client that breaks HTTP or leaves concerns nobody else.
            _ = connection.as_mut() => return,
            () = sleep_until(deadline) => {}
        }
        if asked.load(Ordering::Relaxed) {
            let _ = connection.await;
        } else {
            is_late(&late);
        }
    }
}

/// A client said nothing, or not all of it, in time.
fn is_late(server: &Server) {
    server.gateway.metrics().limits.add("handshake_timeout", "");
}

/// A client's socket while it speaks HTTP.
#[derive(Debug)]
pub enum ServerStream {
    /// Plaintext.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// A socket in memory.
    #[cfg(feature = "simulation")]
    Simulated(gatepost_gateway::simulation::Socket),
}

impl ServerStream {
    /// The socket for the connection's task.
    pub fn into_transport(self) -> Transport {
        match self {
            Self::Plain(socket) => Transport::Plain(socket),
            Self::Tls(stream) => {
                let (socket, session) = stream.into_inner();
                Transport::tls(socket, session)
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(socket) => Transport::Simulated(socket),
        }
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
