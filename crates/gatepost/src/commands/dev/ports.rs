//! The ports of `dev`: one for everything, and one for each API when there are several.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gatepost_server::listener::bind;
use tokio::net::TcpListener;

/// How many free ports are tried when the chosen one is taken on IPv6.
const ATTEMPTS: usize = 16;

/// Listeners of one port.
pub struct Port {
    /// The port.
    pub number: u16,
    /// One for each address.
    pub listeners: Vec<TcpListener>,
}

/// Why a port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{address} cannot be listened on: {source}; choose another with --port, or --port 0")]
pub struct PortError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Listens on `port` of the given address, or of both loopback addresses. Port 0 takes a free one.
pub async fn listen(address: Option<IpAddr>, port: u16) -> Result<Port, PortError> {
    let Some(address) = address else { return listen_on_loopback(port).await };
    let address = SocketAddr::new(address, port);
    let listener = bind(address).await.map_err(|source| PortError { address, source })?;
    let number = listener.local_addr().map_or(port, |address| address.port());
    Ok(Port { number, listeners: vec![listener] })
}

async fn listen_on_loopback(port: u16) -> Result<Port, PortError> {
    let mut attempts = ATTEMPTS;
    loop {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let v4 = bind(address).await.map_err(|source| PortError { address, source })?;
        let number = v4.local_addr().map_or(port, |address| address.port());
        let address = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), number);
        match bind(address).await {
            Ok(v6) => return Ok(Port { number, listeners: vec![v4, v6] }),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                attempts -= 1;
                if port != 0 || attempts == 0 {
                    return Err(PortError { address, source: error });
                }
            }
            // A machine without IPv6.
            Err(_) => return Ok(Port { number, listeners: vec![v4] }),
        }
    }
}

/// Listens on the next free port behind `port`.
pub async fn listen_next(address: Option<IpAddr>, port: u16) -> Result<Port, PortError> {
    for candidate in port.saturating_add(1)..=port.saturating_add(100) {
        if let Ok(found) = listen(address, candidate).await {
            return Ok(found);
        }
    }
    listen(address, 0).await
}
