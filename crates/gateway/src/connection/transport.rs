//! A client's socket, plain or TLS, as reads and writes that never wait. Any thread may write; the
//! connection's task alone reads.

use std::io::{self, Read, Write};

use parking_lot::Mutex;
use rustls::ServerConnection;
use tokio::{
    io::{Interest, Ready},
    net::TcpStream,
};

/// Plaintext handed to TLS at once, so that little ciphertext waits for a slow reader.
const TLS_WRITE_BYTES: usize = 16 * 1024;

/// The socket of a connection after its handshake.
#[derive(Debug)]
pub enum Transport {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsTransport>),
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

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.socket,
        }
    }

    /// Waits until the socket can be read (or written, if that is asked for too).
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.socket().ready(interest).await
    }

    /// Reads what is there; `Ok(0)` is the end, `WouldBlock` means nothing now.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_read(buffer),
            Self::Tls(tls) => tls.try_read(buffer),
        }
    }

    /// Writes what fits; `WouldBlock` means nothing fits now.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write(bytes),
            Self::Tls(tls) => tls.try_write(bytes),
        }
    }

    /// Pushes out bytes that TLS holds; `Ok(true)` when nothing is left.
    pub fn try_flush(&self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(&mut tls.session.lock()),
        }
    }

    /// Ends the sending direction, so that the client reads the end after the last frame.
    pub fn shut_down_write(&self) {
        if let Self::Tls(tls) = self {
            let mut session = tls.session.lock();
            session.send_close_notify();
            let _ = tls.flush(&mut session);
        }
        // A socket that is already gone needs no shutdown.
        let _ = socket2::SockRef::from(self.socket()).shutdown(std::net::Shutdown::Write);
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
