//! Taking over from the Gatepost that runs with the same state folder, without refusing anybody.
//!
//! ```text
//!    new                                  old
//!     ── TakeOver ───────────────────────▶  goes on as before
//!     ◀───────── Offer, with the sockets ──
//!       reads configuration and templates
//!     ── Prepared ───────────────────────▶  refuses changes by calls; what was recorded is on disk
//!     ◀──────────────────────────── Kept ──
//!       opens the store beside it, deploys
//!     ── Ready ──────────────────────────▶
//!     ◀────────────────────────────── Go ──
//!       accepts                             accepts no more, serves whom it accepted, drains
//! ```
//!
//! What goes wrong before `Go` leaves the old one serving. Until it is gone, each asks the other about
//! connections that it does not know; then the new one takes on what it left.

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use gatepost_gateway::store::Run;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use super::{inherited::Purpose, state::socket};

/// The socket in the state folder where a new Gatepost asks.
pub const SOCKET: &str = "take-over.sock";
/// What both must speak.
pub const VERSION: u32 = 1;
/// How long one waits for the other.
const PATIENCE: Duration = Duration::from_secs(60);
/// The greatest message, bytes.
const MAX_MESSAGE: usize = 8192;
/// Sockets that may be handed over, and the lock.
const MAX_DESCRIPTORS: usize = 64;

/// What one says to the other, as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// The new one wants to take over.
    TakeOver { version: u32 },
    /// The old one agrees. With it come the lock of the state folder, then its listening sockets.
    Offer { run: Run, sockets: Vec<Purpose> },
    /// The old one does not.
    Refused { why: String },
    /// Nothing but the store is missing.
    Prepared,
    /// Nothing that the new one reads from the store changes any more.
    Kept,
    /// Everything is there.
    Ready { run: Run },
    /// The sockets are the new one's.
    Go,
}

/// Why the running Gatepost is not taken over. It serves on.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// It refuses.
    #[error("the running gatepost does not let itself be taken over: {0}")]
    Refused(String),
    /// It cannot be talked with.
    #[error("the running gatepost cannot be taken over, and serves on: {0}; look at what it says")]
    Failed(#[from] io::Error),
}

/// The connection between both.
#[derive(Debug)]
pub struct Link(UnixStream);

impl Link {
    /// What is read or written takes no longer than [`PATIENCE`].
    pub fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(socket))
    }

    /// Says something.
    pub fn say(&mut self, said: &Said) -> io::Result<()> {
        self.0.write_all(&line(said)?)
    }

    /// Says something with descriptors.
    pub fn say_with(&mut self, said: &Said, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let line = line(said)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("there are too many listening sockets"));
        }
        let bytes = [IoSlice::new(&line)];
        let sent = sendmsg(&self.0, &bytes, &mut beside, SendFlags::empty())?;
        self.0.write_all(&line[sent..])
    }

    /// What the other says.
    pub fn hear(&mut self) -> io::Result<Said> {
        self.hear_with().map(|(said, _)| said)
    }

    /// What the other says, and the descriptors that came with it.
    pub fn hear_with(&mut self) -> io::Result<(Said, Vec<OwnedFd>)> {
        let (mut line, mut descriptors) = (Vec::new(), Vec::new());
        // Nobody says more before he is answered, so that there is nothing behind the line.
        while line.last() != Some(&b'\n') {
            if line.len() >= MAX_MESSAGE {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut bytes = [0; MAX_MESSAGE];
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut beside = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut bytes)];
            let flags = RecvFlags::CMSG_CLOEXEC;
            let received = recvmsg(&self.0, &mut slices, &mut beside, flags)?.bytes;
            for message in beside.drain() {
                if let RecvAncillaryMessage::ScmRights(received) = message {
                    descriptors.extend(received);
                }
            }
            if received == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            line.extend_from_slice(&bytes[..received]);
        }
        Ok((serde_json::from_slice(&line)?, descriptors))
    }

    /// Waits until the other is gone. Blocks.
    fn wait_for_its_end(mut self) {
        // Without a limit: a drain takes its time.
        let _ = self.0.set_read_timeout(None);
        let mut nothing = [0; 64];
        while !matches!(self.0.read(&mut nothing), Ok(0) | Err(_)) {}
    }
}

fn line(said: &Said) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    Ok(line)
}

/// The running Gatepost, seen from the one that takes over.
#[derive(Debug)]
pub struct Predecessor {
    link: Link,
    /// Its run on the store.
    pub run: Run,
}

/// What the running Gatepost gives.
pub struct Offered {
    /// It.
    pub predecessor: Predecessor,
    /// What it holds the state folder with.
    pub lock: File,
    /// Its listening sockets.
    pub sockets: Vec<(Purpose, OwnedFd)>,
}

impl Predecessor {
    /// Asks the Gatepost that runs with this state folder; `None` when there is none that hears.
    ///
    /// # Errors
    /// [`TakeOverError`].
    pub fn ask(state: &Path) -> Result<Option<Offered>, TakeOverError> {
        let Ok(folder) = File::open(state) else {
            return Ok(None);
        };
        let Ok(socket) = UnixStream::connect(socket(&folder, SOCKET)) else {
            return Ok(None);
        };
        let mut link = Link::new(socket)?;
        link.say(&Said::TakeOver { version: VERSION })?;
        let (said, descriptors) = link.hear_with()?;
        let (run, sockets) = match said {
            Said::Offer { run, sockets } => (run, sockets),
            Said::Refused { why } => return Err(TakeOverError::Refused(why)),
            other => return Err(unexpected(&other)),
        };
        let mut descriptors = descriptors.into_iter();
        let incomplete = || io::Error::other("not all its sockets arrived");
        let lock = descriptors.next().ok_or_else(incomplete)?;
        if descriptors.len() != sockets.len() {
            return Err(incomplete().into());
        }
        Ok(Some(Offered {
            predecessor: Self { link, run },
            lock: lock.into(),
            sockets: sockets.into_iter().zip(descriptors).collect(),
        }))
    }

    /// Waits until nothing changes any more that is read from the store.
    ///
    /// # Errors
    /// [`TakeOverError`].
    pub fn keep(&mut self) -> Result<(), TakeOverError> {
        self.link.say(&Said::Prepared)?;
        match self.link.hear()? {
            Said::Kept => Ok(()),
            Said::Refused { why } => Err(TakeOverError::Refused(why)),
            other => Err(unexpected(&other)),
        }
    }

    /// Takes the sockets: it accepts no more.
    ///
    /// # Errors
    /// [`TakeOverError`].
    pub fn go(&mut self, run: Run) -> Result<(), TakeOverError> {
        self.link.say(&Said::Ready { run })?;
        match self.link.hear()? {
            Said::Go => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits until it is gone. Blocks.
    pub fn wait_for_its_end(self) {
        self.link.wait_for_its_end();
    }
}

fn unexpected(said: &Said) -> TakeOverError {
    let text = format!("it said {said:?}, which was not its turn");
    TakeOverError::Failed(io::Error::other(text))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, os::fd::AsFd};

    use super::*;

    #[test]
    fn sockets_go_over_with_what_is_said() {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut one, mut other) = (Link::new(one).unwrap(), Link::new(other).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let descriptors = [listener.as_fd(), listener.as_fd()];
        one.say_with(&Said::Kept, &descriptors).unwrap();
        let (said, received) = other.hear_with().unwrap();
        assert!(matches!(said, Said::Kept));
        let received: Vec<TcpListener> = received.into_iter().map(Into::into).collect();
        let addresses: Vec<_> = received.iter().map(|it| it.local_addr().unwrap()).collect();
        assert_eq!(addresses, [address; 2]);
        drop(one);
        assert!(other.hear().is_err());
    }
}
