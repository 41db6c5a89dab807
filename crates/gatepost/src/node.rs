//! A node: one process that serves, whatever command started it. First it is prepared (the
//! configuration is understood, addresses are listened on), then opened (store, TLS, functions,
//! gateway), and last it listens.

mod descriptors;
mod functions;
mod inherited;
mod names;
pub mod ports;
mod start_error;
mod state;
mod successor;
mod take_over;

use std::{
    collections::BTreeMap,
    env,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use gatepost_gateway::{
    auth::AuthMode,
    clock::now_ms,
    deployed::CompileError,
    gateway::{Gateway, GatewayConfig},
    integration::outward::Outward,
    new_id,
    observe::{Event, Logs, Observer, metrics::Metrics},
    store::{Retention, Run, Store},
};
use gatepost_model::{ApiId, FunctionName, function::Function, stage_settings::SettingsByStage};
use gatepost_server::{
    admin::AdminAccess,
    connections_api::neighbour::Neighbours,
    endpoint::Endpoint,
    lambda::{CaBundle, LocalRunner, MadeFunctions, RunnerConfig},
    listener,
    logs::{Queries, QueryLimits, declare_groups},
    server::{Door, Server},
    template::{self, Configured, LoadOptions, ValuesFrom},
    tls::{CertificateFiles, CertificateSource, LocalCa, TlsError, server_config},
    trusted_proxies::TrustedProxies,
};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::{net::TcpListener, sync::mpsc};

use self::{
    functions::refuse_own_endpoint, names::local_authority, ports::Port, successor::Served,
};
pub use self::{
    inherited::{Inherited, Purpose},
    names::stage_path,
    ports::PortFrom,
    start_error::{StartError, compile_lines},
    state::{STATE_FOLDER, StateFolder, is_held},
    successor::HandedOver,
    take_over::Predecessor,
};
use crate::{
    access::{Access, access},
    config::Config,
    outward::outward,
    running, sinks,
};

/// Events that may wait for whoever prints them; more are counted as dropped.
const EVENT_QUEUE: usize = 16_384;
/// How long the end waits for the sinks of logs.
const SINKS_FINISH: Duration = Duration::from_secs(5);
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
    endpoint: Endpoint,
    /// Where programs of this machine do.
    local_authority: String,
    access: Access,
    outward: Outward,
    listeners: Vec<(TcpListener, Door)>,
    inherited: Inherited,
}

impl Prepared {
    /// Reads what the configuration names, and listens on `addresses`, chosen by `port_from`, with
    /// sockets that were `inherited` where there are any. `default_mode` is that of `[auth]` where the
    /// user set none; with `"off"` other machines are served only if `unauthenticated_remote`.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(
        config: Config,
        addresses: &[SocketAddr],
        port_from: PortFrom,
        default_mode: AuthMode,
        unauthenticated_remote: bool,
        inherited: Inherited,
    ) -> Result<Self, StartError> {
        let mode = config.auth.mode.unwrap_or(default_mode);
        if mode == AuthMode::Off
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
        let access = access(&config.auth, mode, &environment, ACCOUNT_ID)?;
        let outward = outward(&config, &environment)?;
        let Port {
            number: port,
            listeners,
        } = ports::listen(addresses, port_from, &inherited)?;
        let local_authority = local_authority(addresses, port);
        refuse_own_endpoint(&config.functions, &outward, &local_authority)?;
        let public_name = config.server.public_name.clone();
        let region = env::var("AWS_REGION")
            .ok()
            .filter(|region| !region.is_empty())
            .unwrap_or_else(|| "us-east-1".into());
        Ok(Self {
            listen: addresses.iter().map(SocketAddr::ip).collect(),
            port,
            region,
            endpoint: public_name.unwrap_or_else(|| Endpoint::plain(&*local_authority)),
            local_authority,
            access,
            outward,
            listeners: listeners.into_iter().map(|it| (it, Door::Public)).collect(),
            inherited,
            config,
        })
    }

    /// Takes the port of Gatepost's own paths; the address, with the port that the system chose.
    ///
    /// # Errors
    /// [`ports::PortError`].
    pub fn bind_admin(&mut self, address: SocketAddr) -> Result<SocketAddr, ports::PortError> {
        let address = [address];
        let Port { number, listeners } = ports::listen(&address, PortFrom::Admin, &self.inherited)?;
        let listeners = listeners.into_iter();
        self.listeners.extend(listeners.map(|it| (it, Door::Admin)));
        Ok(SocketAddr::new(address[0].ip(), number))
    }

    /// How templates are loaded that this node serves.
    pub fn load_options(
        &self,
        parameters: BTreeMap<String, String>,
        values_from: ValuesFrom,
    ) -> LoadOptions {
        LoadOptions {
            region: self.region.clone(),
            account_id: ACCOUNT_ID.into(),
            stack_name: None,
            parameters,
            values_from,
            import_values: BTreeMap::new(),
            now_ms: now_ms(),
            endpoint: self.endpoint.clone(),
            configured: Configured {
                vpc_links: self.outward.vpc_links.configured().cloned().collect(),
                client_certificates: self
                    .outward
                    .client_certificates
                    .configured()
                    .cloned()
                    .collect(),
            },
        }
    }
}

/// Says it when whoever reaches this server may choose whom it comes from.
fn trusts_everybody(config: &Config) -> Option<String> {
    let mut proxies = config.server.trusted_proxies.iter();
    let network = proxies.find(|network| network.is_everything())?;
    Some(format!(
        "[server] trusted_proxies: {network} trusts everybody: whoever reaches this server directly \
         chooses the address that policies and logs see; name the proxies only"
    ))
}

/// What a command wants of its node.
#[derive(Debug)]
pub struct NodeOptions {
    /// The page at `/`.
    pub home_page: Option<&'static str>,
    /// Variables that all functions get.
    pub env_file: BTreeMap<String, String>,
    /// Whether nobody wants to hear of connections, messages and log lines.
    pub quiet: bool,
    /// Whether 410 and 400 answers of `@connections` carry `x-gatepost-gone-reason`.
    pub gone_reason_header: bool,
    /// Who may ask Gatepost's own paths.
    pub admin: AdminAccess,
    /// The run that it takes over from.
    pub beside: Option<Run>,
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
    listeners: Vec<(TcpListener, Door)>,
    served: Arc<Mutex<Vec<Served>>>,
    tls: Arc<ServerConfig>,
    certificate: Option<Arc<CertificateFiles>>,
    state: Arc<StateFolder>,
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
            endpoint,
            local_authority,
            access,
            outward,
            listeners,
            inherited,
        } = prepared;
        // On those that are not used nobody would accept.
        drop(inherited);
        let most_sockets = descriptors::raise();
        let store = Store::open_beside(
            &state.path().join("store.sqlite"),
            Retention {
                max_tombstones: config.limits.max_tombstones,
                tombstone_age: config.limits.tombstone_age,
                log_age: config.logs.retention,
                max_bytes: config.logs.max_bytes as u64,
            },
            options.beside,
        )?;
        let ca = LocalCa::open_or_create(state.path())?;
        let ca_bundle = CaBundle {
            local_ca: ca.certificate_file().to_owned(),
            combined: state.path().join("ca-bundle.pem"),
        };
        ca.write_bundle(&ca_bundle.combined)?;
        let files = match &config.server.tls {
            Some(files) => Some(CertificateFiles::open(
                files.certificate.clone(),
                files.key.clone(),
            )?),
            None => None,
        };
        let tls = server_config(match &files {
            Some(files) => CertificateSource::Files(Arc::clone(files)),
            None => CertificateSource::LocalCa {
                ca: Arc::new(ca),
                addresses: listen.clone(),
            },
        })?;

        let sinks = sinks::open(&config, state.path(), &region, &outward)?;
        let metrics = Arc::<Metrics>::default();
        let logs = Logs::new(Arc::clone(&store), config.logs.store, sinks);

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
                logs: Some(Arc::clone(&logs)),
                metrics: Arc::clone(&metrics),
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
            logs,
            lambda,
            outward,
            observer,
            metrics,
        });
        let server = Arc::new(Server {
            gateway,
            functions,
            made_functions,
            endpoint,
            trusted_proxies: TrustedProxies::new(config.server.trusted_proxies.clone()),
            home_page: options.home_page,
            queries: Queries::new(QueryLimits {
                timeout: config.logs.query_timeout,
                memory: config.logs.query_memory,
                concurrent: config.logs.max_queries,
            }),
            admin: options.admin,
            instance: new_id::uuid().into(),
            gone_reason_header: options.gone_reason_header,
            neighbours: Neighbours::default(),
            max_sockets: config.limits.max_sockets.unwrap_or(most_sockets),
            sockets: AtomicUsize::new(0),
            admin_sockets: AtomicUsize::new(0),
        });
        if options.beside.is_some() {
            // Should this one not come to serve, the other still owes it.
            server.gateway.disconnects.hold();
        }
        let mut warnings = access.warnings;
        warnings.extend(trusts_everybody(&config));
        let links = server.gateway.vpc_links();
        let lost = links.made();
        let lost = lost.iter().filter_map(|link| links.address(link).err());
        warnings.extend(lost.map(|unknown| unknown.to_string()));
        let node = Self {
            server,
            config,
            ca_bundle: ca_bundle.local_ca,
            port,
            warnings,
            local_authority,
            listen,
            listeners,
            served: Arc::default(),
            tls,
            certificate: files,
            state: Arc::new(state),
        };
        Ok((node, events))
    }

    /// Serves what arrives at the node's port, and at that of [`Prepared::bind_admin`].
    pub fn listen(&mut self) {
        for (listener, door) in std::mem::take(&mut self.listeners) {
            self.serve(listener, door);
        }
        self.server.gateway.disconnects.release();
    }

    /// Gives an API a port of its own, the next free one behind `port`, on which its stages stand
    /// at the root.
    ///
    /// # Errors
    /// [`ports::PortError`].
    pub fn listen_for(&self, api_id: &ApiId, port: u16) -> Result<u16, ports::PortError> {
        let Port { number, listeners } = ports::listen_next(&self.listen, port)?;
        for listener in listeners {
            self.serve(listener, Door::Api(api_id.clone()));
        }
        Ok(number)
    }

    fn serve(&self, listener: TcpListener, door: Door) {
        let tls = Some(Arc::clone(&self.tls));
        let server = Arc::clone(&self.server);
        let served = Served::new(listener, door, |listener, door| {
            listener::serve(server, listener, tls, door)
        });
        self.served.lock().push(served);
    }

    /// Reads the configured certificate again.
    ///
    /// # Errors
    /// [`TlsError`]; then the old one stays.
    pub fn reload_certificate(&self) -> Result<(), TlsError> {
        let files = self.certificate.as_ref();
        files.map_or(Ok(()), |files| files.reload())
    }

    /// The state folder.
    pub fn state_path(&self) -> &Path {
        self.state.path()
    }

    /// Leaves in the state folder where programs of this machine ask Gatepost's own paths.
    ///
    /// # Errors
    /// The system's error.
    pub fn announce(&self, address: SocketAddr) -> Result<(), StartError> {
        let text = running::announcement(address, &self.server.instance);
        self.state.announce(&text)?;
        Ok(())
    }

    /// Serves what templates hold in place of what they held before. New functions stand before
    /// the routes that call them, removed ones go after theirs, so that no message meets a route
    /// without its function. What calls made is served beside them. What of that is not, and what
    /// fails of the log groups, comes back in words.
    ///
    /// # Errors
    /// What cannot be served; then the APIs stay as they were.
    pub fn deploy(
        &self,
        before: &template::App,
        loaded: &template::App,
        settings: &SettingsByStage,
    ) -> Result<Vec<String>, Vec<CompileError>> {
        let Server {
            gateway, functions, ..
        } = &*self.server;
        let is_kept = |function: &&Function| {
            let mut kept = loaded.functions.iter();
            kept.any(|kept| kept.name == function.name)
        };
        let removed = before
            .functions
            .iter()
            .filter(|function| !is_kept(function));
        let removed: Vec<Function> = removed.cloned().collect();
        let removed_names: Vec<FunctionName> = removed
            .iter()
            .map(|function| function.name.clone())
            .collect();
        let endpoints = functions::management_endpoints(&loaded.apis, &self.local_authority);
        functions.set_management_endpoints(endpoints);
        // What may be invoked before or after the change may be while it happens.
        let mut policies = before.function_policies.clone();
        for (name, policy) in &loaded.function_policies {
            let statements = policies.entry(name.clone()).or_default();
            statements.statements.extend_from_slice(&policy.statements);
        }
        functions.replace_policies(policies);
        functions.replace_functions([loaded.functions.clone(), removed].concat());
        gateway.serve_usage_plans(loaded.usage_plans.clone());
        let not_served =
            gateway.deploy(loaded.apis.clone(), loaded.domain_names.clone(), settings)?;
        // A message that met the old route may still be on its way to a removed function.
        let mut policies = loaded.function_policies.clone();
        for name in &removed_names {
            if let Some(policy) = before.function_policies.get(name) {
                policies.insert(name.clone(), policy.clone());
            }
        }
        functions.replace_policies(policies);
        functions.remove_functions(&removed_names);
        let not_served = not_served.iter().map(ToString::to_string);
        let warnings = not_served.chain(self.declare_log_groups(&loaded.log_groups));
        Ok(warnings.collect())
    }

    /// Makes the log groups that are there before their first event; what fails of it, in words.
    fn declare_log_groups(&self, groups: &[template::LogGroup]) -> Vec<String> {
        let failed = declare_groups(&self.server, groups).into_iter();
        failed
            .map(|(name, error)| format!("the log group {name} cannot be made: {error}"))
            .collect()
    }

    /// Closes the connections, runs the `$disconnect` routes, ends the functions, and waits for the
    /// sinks of logs. What they lost comes back in words.
    pub async fn stop(&self) -> Vec<String> {
        self.server.gateway.drain().await;
        self.server.functions.shutdown().await;
        self.server.gateway.logs().finish(SINKS_FINISH).await
    }
}
