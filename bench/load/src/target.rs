//! Where connections go to, and where they come from.

use std::{
    net::{Ipv4Addr, SocketAddr, ToSocketAddrs},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, bail};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

/// Source addresses used in turn: one address has too few ports for what is opened in a minute.
const SOURCES: u32 = 64;

/// A `ws`, `wss` or `http` URL of this machine.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whether it is `wss`.
    pub tls: bool,
    /// `Host`.
    pub authority: String,
    /// Path and query.
    pub path: String,
    address: SocketAddr,
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = url.split_once("://").context("the URL has no scheme")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let address = authority
            .to_socket_addrs()?
            .find(SocketAddr::is_ipv4)
            .context("the host has no IPv4 address")?;
        if !address.ip().is_loopback() {
            bail!("load goes only to this machine");
        }
        Ok(Self {
            tls: scheme == "wss",
            authority: authority.to_owned(),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            address,
        })
    }
}

impl Target {
    /// Connects, from another source address each time.
    pub async fn connect(&self) -> anyhow::Result<TcpStream> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % SOURCES;
        // A block per process, so that runs behind each other do not meet their ports.
        let block = (std::process::id() % 200) as u8;
        let source = Ipv4Addr::new(
            127,
            2 + block,
            (number / 250) as u8,
            1 + (number % 250) as u8,
        );
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        let socket = TcpSocket::from_std_stream(std::net::TcpStream::from(socket));
        Ok(socket.connect(self.address).await?)
    }
}

/// TLS that trusts the certificates of a file.
pub fn tls(ca_file: &str) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
