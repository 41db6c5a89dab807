//! The only way out: connects to backends, and nowhere that `[egress]` denies. A name is resolved
//! once, and the address that was checked is the one that is connected to.

use std::{
    error::Error,
    future::Future,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::Uri;
use hyper_util::{
    client::legacy::connect::{HttpConnector, dns::Name},
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower_service::Service;

use super::egress::Egress;

/// How long a connection may take to be established, over all addresses of a name.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// `[egress]` forbids the address.
#[derive(Debug, thiserror::Error)]
#[error("[egress] denies {0}")]
pub(super) struct Denied(pub(super) String);

/// Opens connections for a client.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    http: HttpConnector<Resolver>,
    egress: Arc<Egress>,
    /// Scheme, host and port of a VPC link, connected to whatever the URL says.
    vpc_link: Option<Uri>,
}

impl Connector {
    pub(super) fn new(egress: Arc<Egress>, vpc_link: Option<Uri>) -> Self {
        let mut http = HttpConnector::new_with_resolver(Resolver(Arc::clone(&egress)));
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self {
            http,
            egress,
            vpc_link,
        }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let uri = self.vpc_link.clone().unwrap_or(uri);
        // A literal address never reaches the resolver.
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        if let Ok(address) = host.parse::<IpAddr>()
            && !self.egress.permits(address)
        {
            let denied = Denied(host.to_owned());
            return Box::pin(async move { Err(denied.into()) });
        }
        let connecting = self.http.call(uri);
        Box::pin(async move { Ok(connecting.await?) })
    }
}

/// Gives only permitted addresses.
#[derive(Debug, Clone)]
struct Resolver(Arc<Egress>);

type Resolving = Pin<Box<dyn Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + Send>>;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        let egress = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let resolved =
                tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs())
                    .await
                    .map_err(io::Error::other)?
                    .map_err(|error| io::Error::other(Unresolved(error.to_string())))?;
            let permitted: Vec<_> = resolved
                .filter(|address| egress.permits(address.ip()))
                .collect();
            if permitted.is_empty() {
                let denied = Denied(format!("every address of {name}"));
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, denied));
            }
            Ok(permitted.into_iter())
        })
    }
}

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unresolved(String);
