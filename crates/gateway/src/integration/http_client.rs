//! The HTTP client of integrations: keep-alive pools per backend, no redirects, no decompression,
//! bounded bodies, and no call to where `[egress]` forbids.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore};

use super::egress::{Egress, EgressResolver};

/// Idle backend connections are closed before most servers close them (60 s).
const POOL_IDLE: Duration = Duration::from_secs(30);
const POOL_PER_HOST: usize = 256;
/// The greatest answer that is read, bytes: Lambda's limit, the greatest of all backends.
const MAX_ANSWER_BYTES: usize = 6_291_556;

/// A client for the backends of integrations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<EgressResolver>>, Full<Bytes>>,
    egress: Arc<Egress>,
}

/// Why a backend could not be called.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// `[egress]` forbids the address.
    #[error("{0} may not be called: [egress] denies its address")]
    Denied(String),
    /// No connection, or it broke.
    #[error("{0}")]
    Failed(String),
    /// The answer is too big.
    #[error("the answer is larger than {MAX_ANSWER_BYTES} bytes")]
    TooBig,
}

impl HttpClient {
    /// A client that trusts the system's certificates.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(egress: Egress) -> io::Result<Self> {
        let egress = Arc::new(egress);
        let mut connector = HttpConnector::new_with_resolver(EgressResolver(Arc::clone(&egress)));
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(10)));
        let mut roots = RootCertStore::empty();
        // Certificates of the system that rustls cannot read are of no use to it.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_PER_HOST)
            .build(connector);
        Ok(Self { client, egress })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        self.check(request.uri())?;
        let answer = self.client.request(request).await.map_err(|error| {
            // The cause of "client error (Connect)" says what users need.
            let cause = std::error::Error::source(&error);
            HttpError::Failed(cause.map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    HttpError::TooBig
                } else {
                    HttpError::Failed(error.to_string())
                }
            })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    /// A literal address never reaches the resolver, so it is checked here.
    fn check(&self, uri: &Uri) -> Result<(), HttpError> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        match host.parse::<IpAddr>() {
            Ok(address) if !self.egress.permits(address) => Err(HttpError::Denied(host.to_owned())),
            _ => Ok(()),
        }
    }
}
