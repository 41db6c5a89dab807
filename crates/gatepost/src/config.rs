//! The configuration: `gatepost.toml`, then `GATEPOST_SECTION__KEY` variables, then flags; the
//! later wins. Every mistake in it is reported at once, with its place.

mod admin;
mod auth;
mod error;
mod extensions;
pub mod integrations;
mod layers;
mod limits;
mod logs;
mod reader;
pub mod units;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use gatepost_model::{limits::Limits, network::Network};
use gatepost_server::endpoint::Endpoint;

pub use self::{
    admin::AdminConfig,
    auth::{AccessKeyConfig, AuthConfig, PoliciesConfig, PolicySource, SecretSource},
    error::ConfigErrors,
    extensions::StagesConfig,
    integrations::IntegrationsConfig,
    layers::{Override, Source},
    logs::{CloudWatchConfig, LogsConfig, OtlpConfig},
    reader::Setting,
};
use self::{layers::Layers, reader::Reader};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * 1024 * 1024;

/// What runs, after every layer has had its say.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[server]`.
    pub server: ServerConfig,
    /// `[admin]`.
    pub admin: AdminConfig,
    /// `[store]`: the folder where `serve` keeps its state, `path`.
    pub store_path: Option<PathBuf>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[auth]`.
    pub auth: AuthConfig,
    /// `[functions]`.
    pub functions: FunctionsConfig,
    /// `[logs]`.
    pub logs: LogsConfig,
    /// `[integrations]`.
    pub integrations: IntegrationsConfig,
    /// `[egress]`.
    pub egress: EgressConfig,
    /// `[extensions]`, and what single stages have for themselves.
    pub stages: StagesConfig,
    /// Every key with its value and where that came from, in the order of the sections.
    pub settings: Vec<Setting>,
}

/// `[server]`: where Gatepost listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `listen`.
    pub listen: Vec<SocketAddr>,
    /// `public_name`: what clients reach Gatepost by.
    pub public_name: Option<Endpoint>,
    /// `trusted_proxies`: whose word about clients is taken.
    pub trusted_proxies: Vec<Network>,
    /// `templates`: the files that `serve` serves.
    pub templates: Vec<PathBuf>,
    /// `parameters` of the templates.
    pub parameters: BTreeMap<String, String>,
    /// `tls_certificate` and `tls_key`.
    pub tls: Option<TlsFiles>,
}

/// A certificate of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// `[functions]`: how Lambda functions are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionsConfig {
    /// `async_delay`: how long an asynchronous invocation waits before it starts.
    pub async_delay: Duration,
    /// `retry_delays`: the waits before the first and the second repeat after a function error.
    pub retry_delays: Vec<Duration>,
    /// `init_timeout`: how long a process may take before it asks for its first event.
    pub init_timeout: Duration,
    /// `max_processes`: how many processes run at once, over all functions.
    pub max_processes: usize,
    /// `require_permissions`: whether API Gateway invokes only the functions whose policies let it.
    pub require_permissions: bool,
    /// `endpoint`: an Invoke API that runs the functions instead of local processes.
    pub endpoint: Option<FunctionEndpoint>,
    /// `endpoints`: such an endpoint for each of some functions, by function name.
    pub endpoints: BTreeMap<String, FunctionEndpoint>,
}

/// Who runs functions instead of local processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionEndpoint {
    /// `"aws"`: Lambda.
    Aws,
    /// An Invoke endpoint, its URL without a slash at its end.
    Url(String),
}

/// `[egress]`: where integrations may call. Host names, addresses and networks, not yet parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EgressConfig {
    /// `allow`.
    pub allow: Vec<String>,
    /// `deny`.
    pub deny: Vec<String>,
}

impl Config {
    /// Reads the file, if there is one, the variables and the flags.
    ///
    /// # Errors
    /// [`ConfigErrors`]: all that is wrong, each with its file and line, variable or flag.
    pub fn load(
        file: Option<&Path>,
        env: &[(String, String)],
        overrides: &[Override],
    ) -> Result<Self, ConfigErrors> {
        let layers = Layers::read(file, env, overrides)?;
        let mut reader = Reader::new(layers)?;
        let server = server(&mut reader);
        let limits = limits::limits(&mut reader);
        let config = Self {
            server,
            admin: admin::read(&mut reader),
            store_path: reader.path("store.path"),
            stages: extensions::stages(&mut reader, &limits),
            limits,
            auth: auth::read(&mut reader),
            functions: functions(&mut reader),
            logs: logs::read(&mut reader),
            integrations: integrations::read(&mut reader),
            egress: EgressConfig {
                allow: reader.texts("egress.allow"),
                deny: reader.texts("egress.deny"),
            },
            settings: Vec::new(),
        };
        let settings = reader.finish()?;
        Ok(Self { settings, ..config })
    }
}

fn server(reader: &mut Reader) -> ServerConfig {
    let listen = reader.list(
        "server.listen",
        &["localhost:4100"],
        "an address and a port such as \"127.0.0.1:4100\", or several",
        listen_addresses,
    );
    let public_name = reader.text(
        "server.public_name",
        "a host such as \"ws.example.com\" or \"https://ws.example.com\"",
        |name| name.parse().ok(),
    );
    let trusted_proxies = reader.list(
        "server.trusted_proxies",
        &[""; 0],
        "addresses and networks such as [\"127.0.0.1\", \"10.0.0.0/8\"]",
        |text| text.parse().ok(),
    );
    let templates = reader.paths("server.templates");
    let parameters = reader.secret_table("server.parameters");
    let certificate = reader.path("server.tls_certificate");
    let key = reader.path("server.tls_key");
    let tls = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            reader.lacks("server.tls_certificate", "server.tls_key");
            None
        }
        (None, Some(_)) => {
            reader.lacks("server.tls_key", "server.tls_certificate");
            None
        }
    };
    ServerConfig {
        listen: listen.into_iter().flatten().collect(),
        public_name,
        trusted_proxies,
        templates,
        parameters,
        tls,
    }
}

/// The addresses of `host:port`; `localhost` is both loopback addresses.
fn listen_addresses(text: &str) -> Option<Vec<SocketAddr>> {
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().ok()?;
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Some(
            loopback
                .map(|address| SocketAddr::new(address, port))
                .into(),
        );
    }
    text.parse().ok().map(|address| vec![address])
}

fn functions(reader: &mut Reader) -> FunctionsConfig {
    FunctionsConfig {
        async_delay: reader.duration(
            "functions.async_delay",
            100 * MILLISECOND,
            Duration::ZERO..=HOUR,
        ),
        retry_delays: reader.list(
            "functions.retry_delays",
            // What Lambda waits.
            &["1m", "2m"],
            "durations up to 6h such as [\"1m\", \"2m\"]",
            |text| units::parse_duration(text).filter(|delay| *delay <= 6 * HOUR),
        ),
        init_timeout: reader.duration("functions.init_timeout", 10 * SECOND, SECOND..=15 * MINUTE),
        max_processes: reader.number("functions.max_processes", 100, 1..=10_000),
        require_permissions: reader.flag("functions.require_permissions", true),
        endpoint: reader.text(
            "functions.endpoint",
            "\"aws\", or a URL such as \"http://localhost:3001\"",
            function_endpoint,
        ),
        endpoints: reader.table(
            "functions.endpoints",
            "a table such as {chat-Main = \"http://localhost:9000\"}",
            function_endpoint,
        ),
    }
}

fn function_endpoint(text: &str) -> Option<FunctionEndpoint> {
    if text == "aws" {
        return Some(FunctionEndpoint::Aws);
    }
    endpoint(text).map(FunctionEndpoint::Url)
}

/// The URL of an endpoint, without a slash at its end.
fn endpoint(url: &str) -> Option<String> {
    let rest = url
        .strip_prefix("http://")
        .or(url.strip_prefix("https://"))?;
    (!rest.is_empty()).then(|| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
