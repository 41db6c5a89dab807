//! The app that `dev` runs: started once, reloaded on change, stopped at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_credential_types::Credentials;
use gatepost_gateway::{
    auth::AuthMode,
    clock::now_ms,
    gateway::{Gateway, GatewayConfig},
    integration::{
        function_endpoints::FunctionEndpoints, invoke_endpoint::InvokeEndpoint,
        invoke_function::InvokeFunction, outward::Outward,
    },
    observe::Observer,
    store::{Retention, Store},
};
use gatepost_model::{
    ApiId, FunctionName, api::Api, arn::lambda_function_of_uri, function::Function, secret::Secret,
    stage_settings::SettingsByStage,
};
use gatepost_server::{
    lambda::{CaBundle, LocalRunner, RunnerConfig},
    listener,
    logs::{Queries, QueryLimits, declare_groups},
    server::Server,
    template::{self, Configured, Endpoint, LoadOptions},
    tls::{CertificateSource, LocalCa, server_config},
};
use rustls::ServerConfig;

use super::{
    Arguments,
    asked::{addresses, find_template, folder_of, load_config, read_env_file},
    error_lines,
    ports::{self, Port},
    services,
    start_error::{StartError, compile_lines},
    state::StateFolder,
    tables::{self, Said},
    terminal::{Ready, ReadyApi, ReadyApiKey, ReadyFunction, Terminal},
};
use crate::{
    access::access,
    config::{ConfigErrors, FunctionsConfig, StagesConfig},
    outward::outward,
};

/// Events that may wait for the terminal; more are counted as dropped.
const EVENT_QUEUE: usize = 16_384;
const ACCOUNT_ID: &str = "000000000000";

/// A running app.
pub struct App {
    terminal: Terminal,
    arguments: Arguments,
    template: PathBuf,
    folder: PathBuf,
    loaded: template::App,
    options: LoadOptions,
    stages: StagesConfig,
    server: Arc<Server>,
    ca_bundle: PathBuf,
    listen: Vec<IpAddr>,
    local_authority: String,
    api_ports: Vec<(ApiId, u16)>,
    notes: Vec<String>,
    warned_of_services: BTreeSet<String>,
    port: u16,
    tls: Arc<ServerConfig>,
    _state: StateFolder,
}

impl App {
    /// Starts the app: everything that can be wrong is found before anything is served. `home_page`
    /// is served at `/`.
    pub async fn start(
        arguments: Arguments,
        terminal: &Terminal,
        home_page: Option<&'static str>,
    ) -> Result<Self, StartError> {
        let template = find_template(arguments.template.as_deref())?;
        let folder = folder_of(&template);
        let config = load_config(arguments.config.as_deref(), &folder)?;
        let listen = addresses(&arguments, &config);
        if config.auth.mode == AuthMode::Off
            && listen.iter().any(|address| !address.ip().is_loopback())
            && !arguments.allow_unauthenticated_remote
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
        let env_file = match &arguments.env_file {
            Some(path) => read_env_file(path)?,
            None => BTreeMap::new(),
        };
        let Port {
            number: port,
            listeners,
        } = ports::listen(&listen)?;
        let local_authority = local_authority(&listen, port);
        refuse_own_endpoint(&config.functions, &local_authority)?;
        let public_name = config.server.public_name.clone();
        let authority = public_name.unwrap_or_else(|| local_authority.clone());

        let region = env::var("AWS_REGION")
            .ok()
            .filter(|region| !region.is_empty())
            .unwrap_or_else(|| "us-east-1".into());
        let options = LoadOptions {
            region: region.clone(),
            account_id: ACCOUNT_ID.into(),
            stack_name: None,
            parameters: arguments.parameters.iter().cloned().collect(),
            import_values: BTreeMap::new(),
            now_ms: now_ms(),
            endpoint: Endpoint {
                ws_base: format!("ws://{authority}"),
                http_base: format!("http://{authority}"),
            },
            configured: Configured {
                vpc_links: outward.vpc_links.keys().cloned().collect(),
                client_certificates: outward.client_certificates.keys().cloned().collect(),
            },
        };
        let loaded = template::load(&template, &options).map_err(StartError::Template)?;
        let settings = config
            .stages
            .resolve(&loaded.apis, &loaded.api_logical_ids)
            .map_err(ConfigErrors)?;

        let state = StateFolder::open(folder.join(".gatepost"), arguments.fresh)?;
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
        let ca_bundle = ca.certificate_file().to_owned();
        let combined = state.path().join("ca-bundle.pem");
        ca.write_bundle(&combined)?;
        let tls = server_config(match &config.server.tls {
            Some(files) => CertificateSource::Files {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            },
            None => CertificateSource::LocalCa {
                ca: Arc::new(ca),
                addresses: listen.iter().map(SocketAddr::ip).collect(),
            },
        })?;

        let (mut observer, events) = Observer::new(EVENT_QUEUE);
        if arguments.quiet {
            observer = observer.without_traffic();
        }
        tokio::spawn(terminal.follow(events, Arc::clone(&store)));
        let functions = LocalRunner::new(
            RunnerConfig {
                region: region.clone(),
                account_id: ACCOUNT_ID.into(),
                management_endpoints: management_endpoints(&loaded.apis, &local_authority),
                ca_bundle: Some(CaBundle {
                    local_ca: ca_bundle.clone(),
                    combined,
                }),
                env_file,
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
            loaded.functions.clone(),
        );
        functions.replace_policies(loaded.function_policies.clone());
        let lambda = lambda(&config.functions, &functions, &outward, &region);
        let gateway = Gateway::new(GatewayConfig {
            limits: config.limits.clone(),
            region: region.clone(),
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
        gateway.serve_usage_plans(loaded.usage_plans.clone());
        gateway
            .deploy(loaded.apis.clone(), loaded.domain_names.clone(), &settings)
            .map_err(StartError::Deploy)?;
        let mut notes = rewritten_lines(&loaded);
        for said in tables::create(&region, &loaded.tables).await {
            match said {
                Said::Note(note) => notes.push(note),
                Said::Warning(warning) => terminal.warning(&warning),
            }
        }
        let server = Arc::new(Server {
            gateway,
            functions,
            authority,
            home_page,
            queries: Queries::new(QueryLimits {
                timeout: config.logs.query_timeout,
                memory: config.logs.query_memory,
                concurrent: config.logs.max_queries,
            }),
            gone_reason_header: true,
        });
        declare_log_groups(&server, &loaded, *terminal);
        for listener in listeners {
            let serving =
                listener::serve(Arc::clone(&server), listener, Some(Arc::clone(&tls)), None);
            tokio::spawn(serving);
        }
        let mut app = Self {
            terminal: *terminal,
            arguments,
            template,
            folder,
            loaded,
            options,
            stages: config.stages,
            server,
            ca_bundle,
            listen: listen.iter().map(SocketAddr::ip).collect(),
            local_authority,
            api_ports: Vec::new(),
            notes,
            warned_of_services: BTreeSet::new(),
            port,
            tls,
            _state: state,
        };
        app.open_api_ports()?;
        if app.arguments.warm {
            app.server.functions.warm();
        }
        for warning in &access.warnings {
            terminal.warning(warning);
        }
        for warning in &app.loaded.warnings {
            terminal.warning(&warning.to_string());
        }
        app.warn_of_real_calls();
        Ok(app)
    }

    /// Warns of services that are called at AWS itself, once each.
    fn warn_of_real_calls(&mut self) {
        let services = &self.server.gateway.outward().services;
        for warning in services::real_calls(&self.loaded.apis, services) {
            if self.warned_of_services.insert(warning.clone()) {
                self.terminal.warning(&warning);
            }
        }
    }

    /// With several APIs each has a port of its own, on which its stages stand at the root.
    fn open_api_ports(&mut self) -> Result<(), StartError> {
        if self.loaded.apis.len() < 2 {
            return Ok(());
        }
        for api in &self.loaded.apis {
            if self
                .api_ports
                .iter()
                .any(|(api_id, _)| *api_id == api.api_id)
            {
                continue;
            }
            let last = self.api_ports.last().map_or(self.port, |(_, port)| *port);
            let Port { number, listeners } = ports::listen_next(&self.listen, last)?;
            for listener in listeners {
                let serving = listener::serve(
                    Arc::clone(&self.server),
                    listener,
                    Some(Arc::clone(&self.tls)),
                    Some(api.api_id.clone()),
                );
                tokio::spawn(serving);
            }
            self.api_ports.push((api.api_id.clone(), number));
        }
        Ok(())
    }

    /// The template's folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Files and folders whose changes matter.
    pub fn sources(&self) -> impl Iterator<Item = &Path> {
        let sources = self.loaded.sources.iter().map(PathBuf::as_path);
        sources.chain(self.arguments.env_file.as_deref())
    }

    /// Loads the template again and serves it, whole or not at all.
    pub async fn reload(&mut self) -> Result<(), Vec<String>> {
        self.options.now_ms = now_ms();
        let loaded =
            template::load(&self.template, &self.options).map_err(|errors| error_lines(&errors))?;
        // All that can refuse comes before anything changes.
        let settings = self
            .stages
            .resolve(&loaded.apis, &loaded.api_logical_ids)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        self.server
            .gateway
            .check(&loaded.apis, &settings)
            .map_err(|errors| compile_lines(&errors))?;
        if let Some(path) = &self.arguments.env_file {
            let env_file = read_env_file(path).map_err(|error| vec![error.to_string()])?;
            self.server.functions.set_env_file(env_file);
        }
        self.deploy(&loaded, &settings)?;
        for warning in &loaded.warnings {
            if !self.loaded.warnings.contains(warning) {
                self.terminal.warning(&warning.to_string());
            }
        }
        let new_tables: Vec<_> = loaded
            .tables
            .iter()
            .filter(|table| {
                !self
                    .loaded
                    .tables
                    .iter()
                    .any(|known| known.name == table.name)
            })
            .cloned()
            .collect();
        self.loaded = loaded;
        self.warn_of_real_calls();
        for said in tables::create(&self.options.region, &new_tables).await {
            if let Said::Warning(warning) = said {
                self.terminal.warning(&warning);
            }
        }
        if let Err(error) = self.open_api_ports() {
            // The change is served all the same, under the API's path.
            self.terminal
                .warning(&format!("an API gets no port of its own: {error}"));
        }
        Ok(())
    }

    /// Deploys APIs, usage plans and functions. New functions stand before the routes that call them, removed
    /// ones go after theirs, so that no message meets a route without its function.
    fn deploy(
        &self,
        loaded: &template::App,
        settings: &SettingsByStage,
    ) -> Result<(), Vec<String>> {
        let Server {
            gateway, functions, ..
        } = &*self.server;
        let is_kept = |function: &&Function| {
            let mut kept = loaded.functions.iter();
            kept.any(|kept| kept.name == function.name)
        };
        let removed: Vec<Function> = self
            .loaded
            .functions
            .iter()
            .filter(|function| !is_kept(function))
            .cloned()
            .collect();
        let removed_names: Vec<FunctionName> = removed
            .iter()
            .map(|function| function.name.clone())
            .collect();
        functions
            .set_management_endpoints(management_endpoints(&loaded.apis, &self.local_authority));
        // What may be invoked before or after the change may be while it happens.
        let mut policies = self.loaded.function_policies.clone();
        for (name, policy) in &loaded.function_policies {
            let statements = policies.entry(name.clone()).or_default();
            statements.statements.extend_from_slice(&policy.statements);
        }
        functions.replace_policies(policies);
        functions.replace_functions([loaded.functions.clone(), removed].concat());
        gateway.serve_usage_plans(loaded.usage_plans.clone());
        gateway
            .deploy(loaded.apis.clone(), loaded.domain_names.clone(), settings)
            .map_err(|errors| compile_lines(&errors))?;
        functions.replace_policies(loaded.function_policies.clone());
        functions.remove_functions(&removed_names);
        declare_log_groups(&self.server, loaded, self.terminal);
        Ok(())
    }

    /// Closes the connections, runs the `$disconnect` routes, ends the functions.
    pub async fn stop(&self) {
        self.server.gateway.drain().await;
        self.server.functions.shutdown().await;
    }

    /// The keys as they are served, which have a value even when the template gives none.
    fn ready_api_keys(&self) -> Vec<ReadyApiKey> {
        let served = self.server.gateway.usage_plans();
        let keys = served.plans().api_keys.iter();
        keys.map(|key| ReadyApiKey {
            api_key_id: key.api_key_id.to_string(),
            name: key.name.clone(),
            enabled: key.enabled,
            masked_value: key.value.as_ref().map(Secret::masked).unwrap_or_default(),
        })
        .collect()
    }

    /// What start-up says.
    pub fn ready(&self) -> Ready {
        let several = self.loaded.apis.len() > 1;
        let authority = &self.server.authority;
        let apis = self.loaded.apis.iter().map(|api| ReadyApi {
            api_id: api.api_id.to_string(),
            name: api.name.clone(),
            logical_id: self
                .loaded
                .api_logical_ids
                .get(&api.api_id)
                .cloned()
                .unwrap_or_default(),
            stages: api
                .stages
                .iter()
                .filter(|stage| api.deployed_to(stage).is_some())
                .map(|stage| {
                    let path = stage_path(&api.api_id, stage.stage_name.as_str(), several);
                    (
                        stage.stage_name.to_string(),
                        format!("ws://{authority}{path}"),
                        format!("http://{authority}{path}"),
                    )
                })
                .collect(),
            port: self
                .api_ports
                .iter()
                .find(|(api_id, _)| *api_id == api.api_id)
                .map(|(_, port)| *port),
        });
        let functions = self.loaded.functions.iter().map(|function| ReadyFunction {
            name: function.name.to_string(),
            logical_id: function.logical_id.clone(),
            arn: function.arn.clone(),
            runtime: function.runtime.identifier(),
        });
        Ready {
            template: self.template.clone(),
            stack_name: self.loaded.stack_name.clone(),
            port: self.port,
            authority: authority.clone(),
            has_page: self.server.home_page.is_some(),
            ca_bundle: self.ca_bundle.clone(),
            apis: apis.collect(),
            api_keys: self.ready_api_keys(),
            functions: functions.collect(),
            outputs: self.loaded.outputs.clone().into_iter().collect(),
            not_acted_on: self.loaded.not_acted_on.clone(),
            notes: self.notes.clone(),
        }
    }
}

/// Makes the log groups that are there before their first event.
fn declare_log_groups(server: &Server, loaded: &template::App, terminal: Terminal) {
    for (name, error) in declare_groups(server, &loaded.log_groups) {
        terminal.warning(&format!("the log group {name} cannot be made: {error}"));
    }
}

/// What invokes functions: the local runner, unless endpoints are configured.
fn lambda(
    config: &FunctionsConfig,
    local: &Arc<LocalRunner>,
    outward: &Outward,
    region: &str,
) -> Arc<dyn InvokeFunction> {
    let client = |base: &str| {
        let credentials = outward.services.credentials.clone();
        // Emulators take any.
        let credentials = credentials
            .unwrap_or_else(|| Credentials::new("gatepost", "gatepost", None, None, "dummy"));
        InvokeEndpoint::new(outward.http.clone(), base, region, credentials)
    };
    let others: Arc<dyn InvokeFunction> = match &config.endpoint {
        None => Arc::clone(local) as _,
        Some(base) => Arc::new(client(base)),
    };
    if config.endpoints.is_empty() {
        return others;
    }
    let endpoints = config.endpoints.iter();
    let endpoints = endpoints.map(|(name, base)| (name.as_str().into(), client(base)));
    Arc::new(FunctionEndpoints {
        endpoints: endpoints.collect(),
        others,
    })
}

/// Functions that Gatepost would look for at itself would be looked for without end.
fn refuse_own_endpoint(config: &FunctionsConfig, authority: &str) -> Result<(), StartError> {
    let is_own = |base: &&String| {
        let rest = base.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next() == Some(authority)
    };
    match config
        .endpoints
        .values()
        .chain(&config.endpoint)
        .find(is_own)
    {
        Some(base) => Err(StartError::Usage(format!(
            "[functions]: the endpoint {base} is Gatepost itself: remove it, and functions run here"
        ))),
        None => Ok(()),
    }
}

/// The path of a stage: plain when there is one API only.
fn stage_path(api_id: &ApiId, stage: &str, several: bool) -> String {
    if several {
        format!("/_aws/execute-api/{api_id}/{stage}")
    } else {
        format!("/{stage}")
    }
}

/// The callback URL of each function: that of the stage whose routes call it; with one API only,
/// of its first stage for all others too.
fn management_endpoints(apis: &[Api], authority: &str) -> BTreeMap<FunctionName, String> {
    let mut endpoints = BTreeMap::new();
    for api in apis {
        let Some((stage, definition)) = api
            .stages
            .iter()
            .find_map(|stage| Some((stage, api.deployed_to(stage)?)))
        else {
            continue;
        };
        let path = stage_path(&api.api_id, stage.stage_name.as_str(), apis.len() > 1);
        for integration in &definition.integrations {
            let function = integration
                .integration_uri
                .as_deref()
                .and_then(lambda_function_of_uri)
                .and_then(|arn| gatepost_model::arn::FunctionReference::parse(arn).ok());
            if let Some(function) = function {
                endpoints
                    .entry(function.name)
                    .or_insert_with(|| format!("http://{authority}{path}"));
            }
        }
    }
    endpoints
}

/// What start-up says of URLs that named AWS and name Gatepost now.
fn rewritten_lines(loaded: &template::App) -> Vec<String> {
    let line = |url: &template::RewrittenUrl| {
        format!("Rewritten: {}: {} is {} here", url.place, url.from, url.to)
    };
    loaded.rewritten_urls.iter().map(line).collect()
}

/// Host and port where this machine's programs reach us: `localhost` wherever that does.
fn local_authority(listen: &[SocketAddr], port: u16) -> String {
    let is_localhost = |address: &SocketAddr| {
        let ip = address.ip();
        ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST
    };
    match listen.first() {
        Some(address) if !listen.iter().any(is_localhost) => {
            SocketAddr::new(address.ip(), port).to_string()
        }
        _ => format!("localhost:{port}"),
    }
}
