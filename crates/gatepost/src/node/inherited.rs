//! Listening sockets that somebody else opened: systemd (`LISTEN_FDS`, see `sd_listen_fds(3)`), or
//! the Gatepost that is taken over.

use std::{
    env, io,
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
};

use listenfd::ListenFd;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde::{Deserialize, Serialize};

use super::StartError;

/// What a listening socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Clients and backends.
    Public,
    /// Gatepost's own paths.
    Admin,
}

/// Listening sockets that somebody else opened.
#[derive(Debug, Default)]
pub struct Inherited {
    /// By systemd: they say where to listen.
    passed: Vec<(Purpose, TcpListener)>,
    /// By the Gatepost that is taken over: one that listens where it is wanted is used.
    offered: Vec<(Purpose, TcpListener)>,
}

impl Inherited {
    /// Those that systemd passed. They are taken out of the environment, so no other thread may run
    /// yet.
    ///
    /// # Errors
    /// One is no listening TCP socket, or its name is not known, or it would not be served.
    pub fn from_systemd() -> Result<Self, StartError> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut passed = ListenFd::from_env();
        let mut inherited = Self::default();
        for index in 0..passed.len() {
            let purpose = purpose(names.next().unwrap_or_default())?;
            let listener = passed.take_tcp_listener(index).map_err(|error| {
                let number = index + 3;
                StartError::Usage(format!(
                    "LISTEN_FDS: descriptor {number} is no listening TCP socket ({error}): use \
                     ListenStream= with an address and a port"
                ))
            })?;
            if let Some(listener) = listener {
                // Functions must not have it.
                let close = FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC);
                fcntl(&listener, close).map_err(io::Error::from)?;
                inherited.passed.push((purpose, listener));
            }
        }
        let of_admin = |(purpose, _): &&(Purpose, _)| *purpose == Purpose::Admin;
        if inherited.passed.iter().filter(of_admin).count() > 1 {
            return Err(StartError::Usage(
                "LISTEN_FDS: Gatepost's own paths are at one address, and more than one socket is for \
                 them: keep one ListenStream= with FileDescriptorName=admin"
                    .into(),
            ));
        }
        Ok(inherited)
    }

    /// These, and those of the Gatepost that is taken over.
    pub fn and(mut self, offered: Vec<(Purpose, OwnedFd)>) -> Self {
        let offered = offered.into_iter();
        let offered = offered.map(|(purpose, socket)| (purpose, socket.into()));
        self.offered.extend(offered);
        self
    }

    /// Where to listen: where systemd does, else where it is `configured`.
    pub fn addresses(&self, purpose: Purpose, configured: &[SocketAddr]) -> Vec<SocketAddr> {
        let of_purpose = self.passed.iter().filter(|(of, _)| *of == purpose);
        let addresses: Vec<_> = of_purpose
            .filter_map(|(_, listener)| listener.local_addr().ok())
            .collect();
        if addresses.is_empty() {
            return configured.to_vec();
        }
        addresses
    }

    /// The one that listens at `address`, where port 0 is any.
    pub fn at(&self, purpose: Purpose, address: SocketAddr) -> Option<TcpListener> {
        let is_there = |listener: &TcpListener| {
            listener.local_addr().is_ok_and(|at| {
                at.ip() == address.ip() && (address.port() == 0 || at.port() == address.port())
            })
        };
        let mut listeners = self.passed.iter().chain(&self.offered);
        let (_, listener) = listeners.find(|(of, it)| *of == purpose && is_there(it))?;
        listener.try_clone().ok()
    }
}

/// What a socket is for by its `FileDescriptorName=`. Without one systemd names it after its unit.
fn purpose(name: &str) -> Result<Purpose, StartError> {
    match name {
        "admin" => Ok(Purpose::Admin),
        "" | "public" | "unknown" => Ok(Purpose::Public),
        unit if unit.strip_suffix(".socket").is_some() => Ok(Purpose::Public),
        other => Err(StartError::Usage(format!(
            "LISTEN_FDNAMES: {other:?} names no socket of Gatepost: write FileDescriptorName=public \
             or FileDescriptorName=admin"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_known_is_refused() {
        for name in ["", "public", "unknown", "gatepost.socket"] {
            assert_eq!(purpose(name).unwrap(), Purpose::Public);
        }
        assert_eq!(purpose("admin").unwrap(), Purpose::Admin);
        let refused = purpose("amdin").unwrap_err().to_string();
        assert!(refused.contains("FileDescriptorName=admin"), "{refused}");
    }

    #[test]
    fn one_is_found_by_its_purpose_and_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inherited = Inherited::default().and(vec![(Purpose::Public, listener.into())]);
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let other: SocketAddr = "127.0.0.2:0".parse().unwrap();
        let at = |purpose, address| inherited.at(purpose, address).is_some();
        assert!(at(Purpose::Public, address) && at(Purpose::Public, any));
        assert!(!at(Purpose::Public, other) && !at(Purpose::Admin, address));
        // It is where the configuration says that is listened, which may say something else.
        assert_eq!(inherited.addresses(Purpose::Public, &[other]), [other]);
    }
}
