//! A node: one process that serves, whatever command started it. First it is prepared (the
//! configuration is understood, addresses are listened on), then opened (store, TLS, functions,
//! gateway), and last it listens.

mod functions;
mod names;
pub mod ports;
mod start_error;
mod state;

use std::{
    collections::BTreeMap,
    env,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use gatepost_gateway::{
    auth::AuthMode,
    clock::now_ms,
    gateway::{Gateway, GatewayConfig},
    integration::outward::Outward,
    observe::{Event, Observer},
    store::{Retention, Store},
};
use gatepost_model::{ApiId, api::Api};
use gatepost_server::{
    lambda::{CaBundle, LocalRunner, MadeFunctions, RunnerConfig},
    listener,
    logs::{Queries, QueryLimits, declare_groups},
    server::Server,
    template::{self, Configured, Endpoint, LoadOptions},
    tls::{CertificateSource, LocalCa, server_config},
};
use rustls::ServerConfig;
use tokio::{net::TcpListener, sync::mpsc};

use self::{functions::refuse_own_endpoint, names::local_authority, ports::Port};
pub use self::{
    names::stage_path,
    start_error::{StartError, compile_lines},
    state::StateFolder,
};
use crate::{
    access::{Access, access},
    config::Config,
    outward::outward,
};

/// Events that may wait for whoever prints them; more are counted as dropped.
const EVENT_QUEUE: usize = 16_384;
const ACCOUNT_ID: &str = "000000000000";

/// A node whose configuration is understood and whose addresses are listened on. It has opened no
/// file of its own, and serves nothing yet.
pub struct Prepared {
    /// The configuration.
    pub config: Config,
    /// The addresses that are listened on.
    pub listen: Vec<IpAddr>,
    /// The port.
    pub port: u16,
    /// The region in ARNs.
    pub region: String,
    /// Where clients reach the APIs.
    authority: String,
    /// Where programs of this machine do.
    local_authority: String,
    access: Access,
    outward: Outward,
    listeners: Vec<TcpListener>,
}

impl Prepared {
    /// Reads what the configuration names, and listens on `addresses`. Whom `[auth] mode = "off"`
    /// may serve beyond this machine says `unauthenticated_remote`.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(
        config: Config,
        addresses: &[SocketAddr],
        unauthenticated_remote: bool,
    ) -> Result<Self, StartError> {
        if config.auth.mode == AuthMode::Off
            && addresses.iter().any(|address| !address.ip().is_loopback())
            && !unauthenticated_remote
        {
            return Err(StartError::Usage(
                "requests are not authenticated: other machines are served only with [auth] mode \
                 = \"sigv4\", or with --allow-unauthenticated-remote"
                    .into(),
            ));
        }
        let environment = env::vars().collect();
        let access = access(&config.auth, &environment, ACCOUNT_ID)?;
        let outward = outward(&config, &environment)?;
        let Port {
            number: port,
            listeners,
        } = ports::listen(addresses)?;
        let local_authority = local_authority(addresses, port);
        refuse_own_endpoint(&config.functions, &local_authority)?;
        let public_name = config.server.public_name.clone();
        let region = env::var("AWS_REGION")
            .ok()
            .filter(|region| !region.is_empty())
            .unwrap_or_else(|| "us-east-1".into());
        Ok(Self {
            listen: addresses.iter().map(SocketAddr::ip).collect(),
            port,
            region,
            authority: public_name.unwrap_or_else(|| local_authority.clone()),
            local_authority,
            access,
            outward,
            listeners,
            config,
        })
    }

    /// How templates are loaded that this node serves.
    pub fn load_options(&self, parameters: BTreeMap<String, String>) -> LoadOptions {
        let authority = &self.authority;
        LoadOptions {
            region: self.region.clone(),
            account_id: ACCOUNT_ID.into(),
            stack_name: None,
            parameters,
            import_values: BTreeMap::new(),
            now_ms: now_ms(),
            endpoint: Endpoint {
                ws_base: format!("ws://{authority}"),
                http_base: format!("http://{authority}"),
            },
            configured: Configured {
                vpc_links: self.outward.vpc_links.keys().cloned().collect(),
                client_certificates: self.outward.client_certificates.keys().cloned().collect(),
            },
        }
    }
}

/// What a command wants of its node.
#[derive(Debug, Default)]
pub struct NodeOptions {
    /// The page at `/`.
    pub home_page: Option<&'static str>,
    /// Variables that all functions get.
    pub env_file: BTreeMap<String, String>,
    /// Whether nobody wants to hear of connections, messages and log lines.
    pub quiet: bool,
    /// Whether 410 and 400 answers of `@connections` carry `x-gatepost-gone-reason`.
    pub gone_reason_header: bool,
}

/// A node with its store, TLS, functions and gateway. It has no APIs until some are deployed.
pub struct Node {
    /// What all its listeners share.
    pub server: Arc<Server>,
    /// The configuration.
    pub config: Config,
    /// The file with the certificates that clients of the TLS port trust.
    pub ca_bundle: PathBuf,
    /// The port.
    pub port: u16,
    /// What loads, but may not do what its author expects.
    pub warnings: Vec<String>,
    local_authority: String,
    listen: Vec<IpAddr>,
    listeners: Vec<TcpListener>,
    tls: Arc<ServerConfig>,
    _state: StateFolder,
}

impl Node {
    /// Opens the store and all that lives beside it in `state`. What happens arrives at the
    /// receiver.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(
        prepared: Prepared,
        state: StateFolder,
        options: NodeOptions,
    ) -> Result<(Self, mpsc::Receiver<Event>), StartError> {
        let Prepared {
            config,
            listen,
            port,
            region,
            authority,
            local_authority,
            access,
            outward,
            listeners,
        } = prepared;
        let store = Store::open(
            &state.path().join("store.sqlite"),
            Retention {
                max_tombstones: config.limits.max_tombstones,
                tombstone_age: config.limits.tombstone_age,
                log_age: config.logs.retention,
                max_bytes: config.logs.max_bytes as u64,
            },
        )?;
        let ca = LocalCa::open_or_create(state.path())?;
        let ca_bundle = CaBundle {
            local_ca: ca.certificate_file().to_owned(),
            combined: state.path().join("ca-bundle.pem"),
        };
        ca.write_bundle(&ca_bundle.combined)?;
        let tls = server_config(match &config.server.tls {
            Some(files) => CertificateSource::Files {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            },
            None => CertificateSource::LocalCa {
                ca: Arc::new(ca),
                addresses: listen.clone(),
            },
        })?;

        let (mut observer, events) = Observer::new(EVENT_QUEUE);
        if options.quiet {
            observer = observer.without_traffic();
        }
        let functions = LocalRunner::new(
            RunnerConfig {
                region: region.clone(),
                account_id: ACCOUNT_ID.into(),
                ca_bundle: Some(ca_bundle.clone()),
                env_file: options.env_file,
                own_environment: env::vars().collect(),
                async_delay: config.functions.async_delay,
                retry_delays: config.functions.retry_delays.clone(),
                init_timeout: config.functions.init_timeout,
                max_processes: config.functions.max_processes,
                require_permissions: config.functions.require_permissions,
                guard_command: vec![env::current_exe()?.into(), "__guard".into()],
                access_keys: Arc::clone(&access.keys),
                permissions: Arc::clone(&access.function_permissions),
                ..RunnerConfig::new(
                    state.path().to_owned(),
                    format!("http://{local_authority}"),
                    observer.clone(),
                )
            },
            Vec::new(),
        );
        let made_functions = MadeFunctions::open(Arc::clone(&store), Arc::clone(&functions))?;
        let lambda = functions::invoker(&config.functions, &functions, &outward, &region);
        let gateway = Gateway::new(GatewayConfig {
            limits: config.limits.clone(),
            region,
            account_id: ACCOUNT_ID.into(),
            auth_mode: access.mode,
            access_keys: access.keys,
            node: 0,
            logging_level: config.logs.level,
            store,
            lambda,
            outward,
            observer,
            metrics: Arc::default(),
        });
        let server = Arc::new(Server {
            gateway,
            functions,
            made_functions,
            authority,
            home_page: options.home_page,
            queries: Queries::new(QueryLimits {
                timeout: config.logs.query_timeout,
                memory: config.logs.query_memory,
                concurrent: config.logs.max_queries,
            }),
            gone_reason_header: options.gone_reason_header,
        });
        let node = Self {
            server,
            config,
            ca_bundle: ca_bundle.local_ca,
            port,
            warnings: access.warnings,
            local_authority,
            listen,
            listeners,
            tls,
            _state: state,
        };
        Ok((node, events))
    }

    /// Serves what arrives at the node's port.
    pub fn listen(&mut self) {
        for listener in std::mem::take(&mut self.listeners) {
            self.serve(listener, None);
        }
    }

    /// Gives an API a port of its own, the next free one behind `port`, on which its stages stand
    /// at the root.
    ///
    /// # Errors
    /// [`ports::PortError`].
    pub fn listen_for(&self, api_id: &ApiId, port: u16) -> Result<u16, ports::PortError> {
        let Port { number, listeners } = ports::listen_next(&self.listen, port)?;
        for listener in listeners {
            self.serve(listener, Some(api_id.clone()));
        }
        Ok(number)
    }

    fn serve(&self, listener: TcpListener, api_id: Option<ApiId>) {
        let tls = Some(Arc::clone(&self.tls));
        tokio::spawn(listener::serve(
            Arc::clone(&self.server),
            listener,
            tls,
            api_id,
        ));
    }

    /// Tells functions where the stages are whose routes call them.
    pub fn set_management_endpoints(&self, apis: &[Api]) {
        let endpoints = functions::management_endpoints(apis, &self.local_authority);
        self.server.functions.set_management_endpoints(endpoints);
    }

    /// Makes the log groups that are there before their first event; what fails of it, in words.
    pub fn declare_log_groups(&self, groups: &[template::LogGroup]) -> Vec<String> {
        let failed = declare_groups(&self.server, groups).into_iter();
        failed
            .map(|(name, error)| format!("the log group {name} cannot be made: {error}"))
            .collect()
    }

    /// Closes the connections, runs the `$disconnect` routes, ends the functions.
    pub async fn stop(&self) {
        self.server.gateway.drain().await;
        self.server.functions.shutdown().await;
    }
}
