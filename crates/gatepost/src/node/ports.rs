//! The ports of a node: one for everything, and in `dev` one for each API when there are several.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use gatepost_server::listener::bind;
use tokio::net::TcpListener;

use super::inherited::{Inherited, Purpose};

/// How many free ports are tried when the chosen one is taken on another address.
const ATTEMPTS: usize = 16;
/// How many ports behind a taken one are tried for an API's own port.
const NEXT_PORTS: u16 = 100;

/// Listeners of one port.
pub struct Port {
    /// The port.
    pub number: u16,
    /// One for each address.
    pub listeners: Vec<TcpListener>,
}

/// How a port was chosen, and another may be.
#[derive(Debug, Clone, Copy)]
pub enum PortFrom {
    /// By a flag.
    Flag,
    /// By `[server] listen`.
    Server,
    /// By `[admin] listen`.
    Admin,
}

impl PortFrom {
    /// What a port is for that was chosen so.
    fn purpose(self) -> Purpose {
        match self {
            Self::Flag | Self::Server => Purpose::Public,
            Self::Admin => Purpose::Admin,
        }
    }

    fn mend(self) -> &'static str {
        match self {
            Self::Flag => "choose another with --port, or --port 0",
            Self::Server => "choose another in [server] listen",
            Self::Admin => "choose another in [admin] listen",
        }
    }
}

/// Why a port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{address} cannot be listened on: {source}; {}", .from.mend())]
pub struct PortError {
    address: SocketAddr,
    from: PortFrom,
    source: io::Error,
}

/// Listens on these addresses. Those with port 0 get one free port together. An IPv6 address is
/// left out where the machine has no IPv6, if another address serves. Where somebody else opened a
/// socket, that is used.
pub fn listen(
    addresses: &[SocketAddr],
    from: PortFrom,
    inherited: &Inherited,
) -> Result<Port, PortError> {
    let mut attempts = ATTEMPTS;
    loop {
        match listen_once(addresses, from, inherited) {
            Err(PortError { source, .. })
                if source.kind() == io::ErrorKind::AddrInUse
                    && attempts > 0
                    && addresses.iter().all(|address| address.port() == 0) =>
            {
                attempts -= 1;
            }
            listening => return listening,
        }
    }
}

fn listen_once(
    addresses: &[SocketAddr],
    from: PortFrom,
    inherited: &Inherited,
) -> Result<Port, PortError> {
    let mut listening = Port {
        number: 0,
        listeners: Vec::new(),
    };
    for address in addresses {
        let mut address = *address;
        if address.port() == 0 {
            address.set_port(listening.number);
        }
        let listener = match inherited.at(from.purpose(), address) {
            Some(listener) => adopt(listener),
            None => bind(address),
        };
        match listener {
            Ok(listener) => {
                if listening.listeners.is_empty() {
                    listening.number = listener
                        .local_addr()
                        .map_or(address.port(), |address| address.port());
                }
                listening.listeners.push(listener);
            }
            Err(error)
                if address.is_ipv6()
                    && !listening.listeners.is_empty()
                    && error.kind() != io::ErrorKind::AddrInUse => {}
            Err(source) => {
                return Err(PortError {
                    address,
                    from,
                    source,
                });
            }
        }
    }
    Ok(listening)
}

/// Serves on a socket that listens already.
fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Listens on the next free port behind `port`.
pub fn listen_next(addresses: &[IpAddr], port: u16) -> Result<Port, PortError> {
    let nobodys = Inherited::default();
    let on = |port| {
        addresses
            .iter()
            .map(|ip| SocketAddr::new(*ip, port))
            .collect::<Vec<_>>()
    };
    for candidate in port.saturating_add(1)..=port.saturating_add(NEXT_PORTS) {
        if let Ok(found) = listen(&on(candidate), PortFrom::Flag, &nobodys) {
            return Ok(found);
        }
    }
    listen(&on(0), PortFrom::Flag, &nobodys)
}
