//! A process of Gatepost: the shipped code on a runtime of one thread, whose clock jumps to whatever
//! happens next.

use std::{
    io,
    path::Path,
    sync::{Arc, OnceLock, atomic::AtomicUsize},
    time::Duration,
};

use gatepost_gateway::{
    auth::AuthMode,
    gateway::{Gateway, GatewayConfig},
    integration::{
        aws_service::AwsServices,
        bulkhead::{Bounds, Bulkheads},
        client_certificate::ClientCertificates,
        egress::Egress,
        http_client::{HttpClient, HttpClientConfig},
        outward::Outward,
        vpc_link::VpcLinks,
    },
    observe::{Logs, Observer},
    simulation::{self, Replaced, Variant},
    store::{SimulatedWriter, Store},
};
use gatepost_model::{limits::Limits, stage::LoggingLevel, stage_settings::SettingsByStage};
use gatepost_server::{
    admin::AdminAccess,
    connections_api::neighbour::Neighbours,
    endpoint::Endpoint,
    lambda::{LocalRunner, MadeFunctions, RunnerConfig},
    logs::{Queries, QueryLimits},
    server::Server,
    trusted_proxies::TrustedProxies,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use crate::{
    app::app,
    disk::{Disk, RETENTION},
    function::Function,
    story::{Ended, Life},
    world::{Command, Event, Shared},
};

/// 2026-09-25, milliseconds since the epoch.
const EPOCH_MS: u64 = 1_790_294_508_123;

/// What a process has in the place of the machine's clock and randomness.
pub(crate) fn replaced(began_at_ms: u64, random: u64, variant: Option<Variant>) -> Replaced {
    Replaced {
        started: Instant::now(),
        epoch_ms: EPOCH_MS + began_at_ms,
        clock_set_ms: 0,
        random,
        variant,
        disk: Arc::default(),
    }
}

/// Runs a process until it ends.
pub(crate) fn run(world: &Shared, disk: &mut Disk, began_at_ms: u64) -> Result<Ended, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let ended = runtime.block_on(async {
        let (random, variant, clock_set_ms) = {
            let mut world = world.lock();
            world.lives.push(Life {
                began_at_ms,
                ..Life::default()
            });
            (world.random.next(), world.variant, world.clock_set_ms)
        };
        let mut replaced = replaced(began_at_ms, random, variant);
        replaced.clock_set_ms = clock_set_ms;
        let disk_has_work = Arc::clone(&replaced.disk);
        simulation::replace(replaced);
        world.lock().note("process starts");
        let opened = Store::open_simulated(&disk.store(), RETENTION);
        let (store, writer) = opened.map_err(|error| error.to_string())?;
        writer.set_full(world.lock().disk_is_full);
        let server = server(world, store, &disk.process()).map_err(|error| error.to_string())?;
        let mut process = Process {
            world,
            server,
            writer,
            disk,
            is_writing: false,
            drain: None,
        };
        loop {
            process.lets_happen()?;
            let next_at_ms = world.lock().next_at_ms();
            let next = next_at_ms.map(|at_ms| {
                let at_ms = at_ms.saturating_sub(began_at_ms);
                began() + Duration::from_millis(at_ms)
            });
            let network = Arc::clone(&world.lock().network);
            tokio::select! {
                biased;
                () = network.written.notified() => world.lock().collect(),
                () = disk_has_work.notified() => process.writes_soon(),
                () = drained(&mut process.drain) => return process.stops(),
                () = sleep_until(next.unwrap_or_else(far)) => {}
            }
            if let Some(ended) = process.step()? {
                return Ok(ended);
            }
        }
    });
    // What its tasks still do as they are dropped reaches nobody: its sockets are cut.
    drop(runtime);
    simulation::restore();
    ended
}

/// When the runtime's clock began.
fn began() -> Instant {
    let now = Instant::now();
    let uptime = simulation::moment().map_or(0, |moment| moment.monotonic_ms);
    now - Duration::from_millis(uptime)
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

async fn drained(drain: &mut Option<JoinHandle<()>>) {
    match drain {
        Some(drain) => {
            let _ = drain.await;
        }
        None => std::future::pending().await,
    }
}

struct Process<'a> {
    world: &'a Shared,
    server: Arc<Server>,
    writer: SimulatedWriter,
    disk: &'a mut Disk,
    /// A write is under way.
    is_writing: bool,
    drain: Option<JoinHandle<()>>,
}

impl Process<'_> {
    fn lets_happen(&self) -> Result<(), String> {
        // A broken promise ends the schedule: what follows from it only hides it.
        match self.world.lock().broken.first() {
            Some(broken) => Err(broken.clone()),
            None => Ok(()),
        }
    }

    fn step(&mut self) -> Result<Option<Ended>, String> {
        let command = self.world.lock().step(&self.server);
        match command {
            Some(Command::DiskStep) => self.writes(),
            Some(Command::DiskIsFull(is_full)) => self.writer.set_full(is_full),
            Some(Command::Terminate) if self.drain.is_none() => {
                let mut world = self.world.lock();
                world.note("SIGTERM");
                let now_ms = world.now_ms();
                world.life_mut().terminated_at_ms = Some(now_ms);
                let gateway = Arc::clone(&self.server.gateway);
                self.drain = Some(tokio::spawn(async move { gateway.drain().await }));
            }
            Some(Command::Hurry) if self.drain.is_some() => {
                self.world.lock().life_mut().hurried = true;
                return self.stops().map(Some);
            }
            Some(Command::Crash(crash)) => {
                let ended = Ended::Crashed(crash);
                self.world.lock().process_ended(ended);
                self.disk.next(Some(crash)).map_err(|it| it.to_string())?;
                return Ok(Some(ended));
            }
            Some(Command::Terminate | Command::Hurry) | None => {}
        }
        Ok(None)
    }

    /// The process stops by itself.
    fn stops(&mut self) -> Result<Ended, String> {
        let mut world = self.world.lock();
        world.collect();
        let drain = world.plan.settings.limits.drain;
        let began_ms = world.life().terminated_at_ms.unwrap_or_default();
        let took = Duration::from_millis(world.now_ms().saturating_sub(began_ms));
        let in_time = took < drain && !world.life().hurried;
        world.check_stop(in_time);
        let ended = Ended::Stopped { in_time };
        world.process_ended(ended);
        // Its files are left as they are, and not closed.
        self.disk.next(None).map_err(|error| error.to_string())?;
        Ok(ended)
    }

    fn writes_soon(&mut self) {
        if !self.is_writing && self.writer.has_work() {
            self.is_writing = true;
            let mut world = self.world.lock();
            let most_ms = world.plan.disk_ms;
            let in_ms = world.random.within(0..=most_ms);
            world.schedule(in_ms, Event::DiskStep);
        }
    }

    fn writes(&mut self) {
        self.is_writing = false;
        if self.writer.step() {
            self.disk.is_synced();
        }
        self.writes_soon();
    }
}

fn server(world: &Shared, store: Arc<Store>, folder: &Path) -> io::Result<Arc<Server>> {
    let settings = world.lock().plan.settings.clone();
    let limits = settings.limits.clone();
    let logging_level = if world.lock().plan.logs {
        LoggingLevel::Info
    } else {
        LoggingLevel::Off
    };
    let observer = Observer::none();
    let endpoint = "http://localhost:4100".to_owned();
    let runner = RunnerConfig::new(folder.to_owned(), endpoint, observer.clone());
    let functions = LocalRunner::new(runner, Vec::new());
    let made_functions = MadeFunctions::open(Arc::clone(&store), Arc::clone(&functions))
        .map_err(io::Error::other)?;
    let gateway = Gateway::new(GatewayConfig {
        region: "us-east-1".into(),
        account_id: "000000000000".into(),
        auth_mode: AuthMode::Off,
        access_keys: Arc::default(),
        node: 0,
        logs: Logs::new(Arc::clone(&store), true, Vec::new()),
        store,
        lambda: Arc::new(Function(Arc::clone(world))),
        outward: outward(&limits)?,
        observer,
        metrics: Arc::default(),
        logging_level,
        limits,
    });
    let settings = SettingsByStage {
        others: Arc::new(settings),
        ..SettingsByStage::default()
    };
    gateway
        .deploy(vec![app()], Vec::new(), &settings)
        .map_err(|errors| io::Error::other(format!("{errors:?}")))?;
    Ok(Arc::new(Server {
        gateway,
        functions,
        made_functions,
        endpoint: Endpoint::plain("localhost:4100"),
        trusted_proxies: TrustedProxies::default(),
        home_page: None,
        queries: Queries::new(QueryLimits {
            timeout: Duration::from_secs(60),
            memory: 1 << 20,
            concurrent: 1,
        }),
        admin: AdminAccess::ThisMachine,
        instance: "simulated".into(),
        neighbours: Neighbours::default(),
        max_sockets: usize::MAX,
        sockets: AtomicUsize::new(0),
        admin_sockets: AtomicUsize::new(0),
        gone_reason_header: true,
    }))
}

/// Nothing is called by HTTP; the client is made once, since it reads the machine's certificates.
fn outward(limits: &Limits) -> io::Result<Outward> {
    static CLIENT: OnceLock<HttpClient> = OnceLock::new();
    if CLIENT.get().is_none() {
        let client = HttpClient::new(HttpClientConfig {
            egress: Egress::default(),
            ca_certificates: None,
            idle_connections_per_backend: 1,
            max_answer_bytes: 1,
        });
        // Another thread may have been quicker.
        let _ = CLIENT.set(client.map_err(io::Error::other)?);
    }
    let http = CLIENT.get().cloned();
    Ok(Outward {
        http: http.ok_or(io::ErrorKind::NotFound)?,
        vpc_links: VpcLinks::default(),
        client_certificates: ClientCertificates::default(),
        services: AwsServices::default(),
        bulkheads: Bulkheads::new(Bounds::of(limits)),
    })
}
