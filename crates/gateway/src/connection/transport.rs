//! A client's socket, plain or TLS, as reads and writes that never wait. Any thread may write; the
//! connection's task alone reads.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    task::{Context, Poll},
};

use parking_lot::Mutex;
use rustls::ServerConnection;
use socket2::SockRef;
use tokio::{io::Interest, net::TcpStream};

/// Plaintext handed to TLS at once, so that little ciphertext waits for a slow reader.
const TLS_WRITE_BYTES: usize = 16 * 1024;

/// The socket of a connection after its handshake.
#[derive(Debug)]
pub enum Transport {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsTransport>),
    /// A socket in memory.
    #[cfg(feature = "simulation")]
    Simulated(crate::simulation::Socket),
}

/// A TLS session and its socket.
#[derive(Debug)]
pub struct TlsTransport {
    socket: TcpStream,
    session: Mutex<ServerConnection>,
}

impl Transport {
    /// A TLS transport whose TLS handshake is done.
    pub fn tls(socket: TcpStream, session: ServerConnection) -> Self {
        Self::Tls(Box::new(TlsTransport {
            socket,
            session: Mutex::new(session),
        }))
    }

    /// Ready when the socket can be read; its errors are found by reading.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Plain(socket) => socket.poll_read_ready(context).map(drop),
            Self::Tls(tls) => tls.socket.poll_read_ready(context).map(drop),
            #[cfg(feature = "simulation")]
            Self::Simulated(socket) => socket.poll_read_ready(context),
        }
    }

    /// Ready when the socket can be written; its errors are found by writing.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Plain(socket) => socket.poll_write_ready(context).map(drop),
            Self::Tls(tls) => tls.socket.poll_write_ready(context).map(drop),
            #[cfg(feature = "simulation")]
            Self::Simulated(socket) => socket.poll_write_ready(context),
        }
    }

    /// Reads what is there; `Ok(0)` is the end, `WouldBlock` means nothing now.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => read_all_there_is(socket, buffer),
            Self::Tls(tls) => tls.try_read(buffer),
            #[cfg(feature = "simulation")]
            Self::Simulated(socket) => socket.try_read(buffer),
        }
    }

    /// Writes what fits; `WouldBlock` means nothing fits now.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write(bytes),
            Self::Tls(tls) => tls.try_write(bytes),
            #[cfg(feature = "simulation")]
            Self::Simulated(socket) => socket.try_write(bytes),
        }
    }

    /// Pushes out bytes that TLS holds; `Ok(true)` when nothing is left.
    pub fn try_flush(&self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(&mut tls.session.lock()),
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => Ok(true),
        }
    }

    /// Ends the sending direction, so that the client reads the end after the last frame.
    pub fn shut_down_write(&self) {
        // A socket that is already gone needs no shutdown.
        match self {
            Self::Plain(socket) => {
                let _ = SockRef::from(socket).shutdown(Shutdown::Write);
            }
            Self::Tls(tls) => {
                let mut session = tls.session.lock();
                session.send_close_notify();
                let _ = tls.flush(&mut session);
                let _ = SockRef::from(&tls.socket).shutdown(Shutdown::Write);
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(socket) => socket.shut_down_write(),
        }
    }
}

/// Reads, and takes a read that does not fill the buffer for the last one: the next wait is then a
/// real one, without a call that only finds `WouldBlock`.
fn read_all_there_is(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = None;
    let asked = socket.try_io(Interest::READABLE, || {
        let n = (&*SockRef::from(socket)).read(buffer)?;
        read = Some(n);
        if n < buffer.len() {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(())
        }
    });
    match (read, asked) {
        (Some(n), _) => Ok(n),
        (None, Err(error)) => Err(error),
        // The call above either reads or fails.
        (None, Ok(())) => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl TlsTransport {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A client that closes TCP without close_notify has ended all the same.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            if session.read_tls(&mut NonBlocking(&self.socket))? == 0 {
                return Ok(0);
            }
            let processed = session.process_new_packets();
            // The alert that tells the client what is wrong goes out too.
            self.flush(&mut session)?;
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        if !self.flush(&mut session)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let accepted = session
            .writer()
            .write(&bytes[..bytes.len().min(TLS_WRITE_BYTES)])?;
        self.flush(&mut session)?;
        Ok(accepted)
    }

    fn flush(&self, session: &mut ServerConnection) -> io::Result<bool> {
        while session.wants_write() {
            match session.write_tls(&mut NonBlocking(&self.socket)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The socket as rustls wants it: reads and writes that fail with `WouldBlock`.
struct NonBlocking<'a>(&'a TcpStream);

impl Read for NonBlocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for NonBlocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
