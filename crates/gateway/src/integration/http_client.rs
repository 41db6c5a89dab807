//! The HTTP client of integrations: keep-alive pools per backend, no redirects, no decompression,
//! bounded bodies, and no call to where `[egress]` forbids.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, Response, Uri, http::uri::Parts};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use parking_lot::Mutex;
use rustls::{ClientConfig, client::Resumption, pki_types::ServerName};

use super::{
    client_certificate::{CertificateFileError, ClientCertificate, provider, trusted_roots},
    connector::Connector,
    egress::Egress,
    http_error::HttpError,
    vpc_link::VpcLink,
};

/// Idle backend connections are closed before most servers close them (60 s).
const POOL_IDLE: Duration = Duration::from_secs(30);

/// What holds for all clients of one process.
#[derive(Debug, Clone)]
pub struct HttpClientConfig {
    /// Where may be called.
    pub egress: Egress,
    /// CAs that are trusted besides the system's, PEM.
    pub ca_certificates: Option<PathBuf>,
    /// Connections to one backend that may wait for their next request.
    pub idle_connections_per_backend: usize,
    /// The greatest answer that is read, bytes.
    pub max_answer_bytes: usize,
}

/// How one integration reaches its backend, where it is not as for all others. Connections are
/// shared only among integrations that have the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ConnectionSettings {
    /// `tlsConfig.serverNameToVerify`: asked for and verified in place of the URL's host.
    pub server_name: Option<ServerName<'static>>,
    /// What the stage's `clientCertificateId` names.
    pub client_certificate: Option<ClientCertificate>,
    /// Where the connection goes instead of the URL's host and port.
    pub vpc_link: Option<VpcLink>,
}

/// The name of a server as certificates are verified for it; `None` when it is no host name.
pub fn server_name(text: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(text.to_owned()).ok()
}

/// A client for the backends of integrations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient {
    pool: Arc<Pool>,
    vpc_link: Option<VpcLink>,
    shared: Arc<Shared>,
}

type Pool = Client<HttpsConnector<Connector>, Full<Bytes>>;

#[derive(Debug)]
struct Shared {
    egress: Arc<Egress>,
    tls: ClientConfig,
    idle_connections_per_backend: usize,
    max_answer_bytes: usize,
    /// The pools of settings that some integration has; asked for at deployment only.
    pools: Mutex<HashMap<ConnectionSettings, Weak<Pool>>>,
}

impl HttpClient {
    /// A client that trusts the system's certificates and those configured.
    ///
    /// # Errors
    /// [`CertificateFileError`].
    pub fn new(config: HttpClientConfig) -> Result<Self, CertificateFileError> {
        let roots = trusted_roots(config.ca_certificates.as_deref())?;
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let shared = Arc::new(Shared {
            egress: Arc::new(config.egress),
            tls,
            idle_connections_per_backend: config.idle_connections_per_backend,
            max_answer_bytes: config.max_answer_bytes,
            pools: Mutex::default(),
        });
        Ok(Self::of(&shared, &ConnectionSettings::default()))
    }

    /// A client that reaches its backends with these settings.
    pub fn with(&self, settings: &ConnectionSettings) -> Self {
        Self::of(&self.shared, settings)
    }

    fn of(shared: &Arc<Shared>, settings: &ConnectionSettings) -> Self {
        let mut pools = shared.pools.lock();
        let known = pools.get(settings).and_then(Weak::upgrade);
        let pool = known.unwrap_or_else(|| {
            pools.retain(|_, pool| pool.strong_count() > 0);
            let pool = Arc::new(shared.pool(settings));
            pools.insert(settings.clone(), Arc::downgrade(&pool));
            pool
        });
        Self {
            pool,
            vpc_link: settings.vpc_link.clone(),
            shared: Arc::clone(shared),
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, HttpError> {
        let max = self.shared.max_answer_bytes;
        let uri = request.uri().clone();
        let backend = || match &self.vpc_link {
            Some(vpc_link) => vpc_link.to_string(),
            None => origin(&uri),
        };
        if let Some(vpc_link) = &self.vpc_link {
            with_scheme_of(vpc_link, request.uri_mut());
        }
        let answer = self
            .pool
            .request(request)
            .await
            .map_err(|error| HttpError::of(&backend(), &error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, max).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                HttpError::TooBig(max)
            } else {
                HttpError::of(&backend(), &*error)
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

impl Shared {
    fn pool(&self, settings: &ConnectionSettings) -> Pool {
        let vpc_link = settings.vpc_link.as_ref().map(VpcLink::uri);
        let connector = Connector::new(Arc::clone(&self.egress), vpc_link);
        let mut tls = self.tls.clone();
        if let Some(certificate) = &settings.client_certificate {
            tls.client_auth_cert_resolver = certificate.resolver();
            // A session that another certificate began is none of this one's.
            tls.resumption = Resumption::default();
        }
        let mut builder = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http();
        if let Some(name) = &settings.server_name {
            builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name.clone()));
        }
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(self.idle_connections_per_backend)
            .build(builder.enable_http1().wrap_connector(connector))
    }
}

/// Scheme, host and port.
fn origin(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}")
}

/// Whether TLS is spoken is the link's business; host header and path stay the URL's.
fn with_scheme_of(vpc_link: &VpcLink, uri: &mut Uri) {
    let mut parts = Parts::from(std::mem::take(uri));
    parts.scheme = vpc_link.uri().into_parts().scheme;
    if let Ok(changed) = Uri::from_parts(parts) {
        *uri = changed;
    }
}
