//! What the local runner must be told.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use gatepost_gateway::{
    auth::AccessKeys,
    observe::{Event, Logs, Observer, metrics::Metrics},
};
use gatepost_model::FunctionName;
use gatepost_wire::iam_policy::Permissions;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use super::{callers::Callers, code::CodeStore, guard::Guard, runtime_lookup::RuntimeLookup};

/// How functions are run here.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// Where code is unpacked and bootstraps are written; `.gatepost/` beside the template.
    pub state_folder: PathBuf,
    /// `AWS_REGION`.
    pub region: String,
    /// The account in ARNs.
    pub account_id: String,
    /// Gatepost as functions reach it, e.g. `http://localhost:4100`.
    pub endpoint_url: String,
    /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` of each function that belongs to a stage; others
    /// get `endpoint_url`.
    pub management_endpoints: BTreeMap<FunctionName, String>,
    /// The certificates that functions trust; none without TLS.
    pub ca_bundle: Option<CaBundle>,
    /// The variables of `--env-file`, stronger than the template's.
    pub env_file: BTreeMap<String, String>,
    /// Gatepost's own environment, of which functions see only what the contract names.
    pub own_environment: BTreeMap<String, String>,
    /// Names of further variables of `own_environment` that functions shall see.
    pub pass_environment: Vec<String>,
    /// How long an asynchronous invocation waits before it starts.
    pub async_delay: Duration,
    /// The waits before each repeat after a function error. AWS: one minute, then two.
    pub retry_delays: Vec<Duration>,
    /// The first wait after a throttle; doubled each time up to five minutes. AWS: one second.
    pub throttle_delay: Duration,
    /// What all waiting asynchronous invocations may occupy, bytes.
    pub async_queue_bytes: usize,
    /// How long a process may take before it asks for its first event. AWS: 10 seconds.
    pub init_timeout: Duration,
    /// An idle process ends after this long.
    pub idle_reclaim: Duration,
    /// How many processes run at once, over all functions; AWS's account concurrency.
    pub max_processes: usize,
    /// How many processes initialise at once. More would only slow each other down; who waits gets
    /// whichever process is ready first.
    pub max_starting: usize,
    /// How long a process has between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// The command that runs [`super::guard::main`]; without one no guard is started.
    pub guard_command: Vec<OsString>,
    /// Where the access keys of the processes are known from.
    pub access_keys: Arc<AccessKeys>,
    /// What all functions may do with theirs.
    pub permissions: Arc<Permissions>,
    /// Whether API Gateway invokes only the functions whose policies let it, as on AWS.
    pub require_permissions: bool,
    /// Who hears of logs and warnings.
    pub observer: Observer,
    /// What functions count.
    pub metrics: Arc<Metrics>,
    /// Where what functions print is logged, if anywhere.
    pub logs: Option<Arc<Logs>>,
}

impl RunnerConfig {
    /// AWS's values for everything but where things are.
    pub fn new(state_folder: PathBuf, endpoint_url: String, observer: Observer) -> Self {
        Self {
            state_folder,
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            endpoint_url,
            management_endpoints: BTreeMap::new(),
            ca_bundle: None,
            env_file: BTreeMap::new(),
            own_environment: BTreeMap::new(),
            pass_environment: Vec::new(),
            async_delay: Duration::from_millis(100),
            retry_delays: vec![Duration::from_secs(60), Duration::from_secs(120)],
            throttle_delay: Duration::from_secs(1),
            async_queue_bytes: 64 << 20,
            init_timeout: Duration::from_secs(10),
            idle_reclaim: Duration::from_secs(600),
            max_processes: 100,
            max_starting: std::thread::available_parallelism().map_or(2, |n| n.get().max(2)),
            stop_grace: Duration::from_millis(1500),
            guard_command: Vec::new(),
            access_keys: Arc::default(),
            permissions: Arc::default(),
            require_permissions: true,
            observer,
            metrics: Arc::default(),
            logs: None,
        }
    }
}

/// PEM files with certificates.
#[derive(Debug, Clone)]
pub struct CaBundle {
    /// Gatepost's own CA alone: `NODE_EXTRA_CA_CERTS` adds it.
    pub local_ca: PathBuf,
    /// The system's roots and the local CA, for clients whose variable *replaces* their roots.
    pub combined: PathBuf,
}

/// Which function a request came from, known by its access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The function.
    pub function: FunctionName,
    /// The invocation that was running.
    pub request_id: Option<String>,
}

/// What all pools and processes of one runner share.
pub(super) struct Shared {
    pub config: RunnerConfig,
    pub code: CodeStore,
    pub runtimes: RuntimeLookup,
    pub guard: Guard,
    pub callers: Callers,
    /// One permit per running process.
    pub processes: Arc<Semaphore>,
    /// One permit per process that initialises.
    pub starting: Arc<Semaphore>,
    pub management_endpoints: RwLock<BTreeMap<FunctionName, String>>,
    pub env_file: RwLock<Arc<BTreeMap<String, String>>>,
    warned: Mutex<HashSet<String>>,
}

impl Shared {
    pub fn new(config: RunnerConfig) -> Self {
        Self {
            code: CodeStore::new(&config.state_folder),
            runtimes: RuntimeLookup::new(&config.own_environment),
            guard: Guard::spawn(&config.guard_command, &config.observer),
            callers: Callers::default(),
            processes: Arc::new(Semaphore::new(config.max_processes)),
            starting: Arc::new(Semaphore::new(config.max_starting)),
            management_endpoints: RwLock::new(config.management_endpoints.clone()),
            env_file: RwLock::new(Arc::new(config.env_file.clone())),
            warned: Mutex::default(),
            config,
        }
    }

    pub fn warn(&self, warning: String) {
        self.config.observer.emit(Event::Warning(warning));
    }

    /// Warns of the same thing once only.
    pub fn warn_once(&self, warning: String) {
        const REMEMBERED: usize = 1000;
        let mut warned = self.warned.lock();
        if warned.len() < REMEMBERED && warned.insert(warning.clone()) {
            self.warn(warning);
        }
    }
}
