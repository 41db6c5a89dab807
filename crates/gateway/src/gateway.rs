//! The gateway: everything that one process serves.

#[cfg(test)]
pub(crate) mod for_tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption};
use gatepost_model::{
    ApiId, StageName,
    api::Api,
    connection::{CloseCause, GoneReason, InvalidConnectionId},
    connection_id::{ConnectionId, ConnectionIdKey},
    domain_name::DomainName,
    limits::Limits,
    stage::LoggingLevel,
    usage_plan::UsagePlans,
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    admission::Admission,
    applied_posts::AppliedPosts,
    auth::{AccessKeys, Auth, AuthMode},
    clock::Moment,
    connection::Connection,
    control::Sources,
    deployed::StageSlot,
    disconnects::{self, Disconnects},
    held_posts::{Establishing, HeldInAll, HeldPosts},
    integration::{invoke_function::InvokeFunction, outward::Outward},
    new_id::random_bytes,
    observe::{Logs, Observer, metrics::Metrics},
    pipeline::throttle::AccountThrottle,
    registry::{Entry, Registry},
    simulation::{Variant, is_broken},
    stale_callers::StaleCallers,
    store::{ReadError, Run, Store},
    tombstones::Tombstones,
    usage_plans::ServedPlans,
};

/// What a gateway is made of.
pub struct GatewayConfig {
    /// The limits in force, where a stage has none of its own.
    pub limits: Limits,
    /// The region in ARNs.
    pub region: String,
    /// The account in ARNs.
    pub account_id: String,
    /// How requests prove who they come from.
    pub auth_mode: AuthMode,
    /// The access keys that they are signed with.
    pub access_keys: Arc<AccessKeys>,
    /// The number of this node, part of every connection id.
    pub node: u16,
    /// The embedded store.
    pub store: Arc<Store>,
    /// Where log entries go.
    pub logs: Arc<Logs>,
    /// Who invokes Lambda functions.
    pub lambda: Arc<dyn InvokeFunction>,
    /// What integrations reach their backends with.
    pub outward: Outward,
    /// Who is told what happens.
    pub observer: Observer,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// `loggingLevel` of stages that set none.
    pub logging_level: LoggingLevel,
}

/// Everything that one process serves.
pub struct Gateway {
    pub(crate) config: GatewayConfig,
    pub(crate) registry: Registry,
    pub(crate) tombstones: Tombstones,
    /// The rates that all APIs share.
    pub throttle: AccountThrottle,
    /// Who verifies signed requests.
    pub auth: Auth,
    apis: ArcSwap<ApiTable>,
    usage_plans: ArcSwap<ServedPlans>,
    pub(crate) cloudwatch_role_arn: ArcSwapOption<String>,
    /// Held while a change goes to the disk: who serves a call reads what is published beside it.
    pub(crate) sources: Mutex<Sources>,
    work: Work,
    /// Who may connect.
    pub admission: Admission,
    /// The posts that SDKs may make again.
    pub applied_posts: AppliedPosts,
    /// The `$disconnect` routes that are owed.
    pub disconnects: Disconnects,
    /// Who keeps calling what is gone.
    pub stale_callers: StaleCallers,
    /// The posts that wait for connections.
    pub(crate) held: Arc<HeldInAll>,
    /// Requests that sockets are still to send, or that are not answered yet. Who took the sockets over
    /// cannot have those.
    pub unanswered: AtomicUsize,
    draining: AtomicBool,
    handed_over: AtomicBool,
}

/// The deployed APIs by id, and the custom domains.
#[derive(Debug, Clone, Default)]
pub struct ApiTable {
    /// The APIs.
    pub apis: BTreeMap<ApiId, DeployedApi>,
    /// The custom domains.
    pub domain_names: Vec<DomainName>,
}

impl ApiTable {
    /// The slots of all stages that serve something.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Arc<StageSlot>> {
        self.apis.values().flat_map(|api| api.stages.values())
    }

    /// Whether this is the only API that templates declare, so that it needs no naming.
    pub fn is_only_of_templates(&self, api_id: &ApiId) -> bool {
        let apis = self.apis.values();
        let mut declared = apis.filter(|api| api.origin == Origin::Template);
        declared.next().is_some_and(|api| api.api.api_id == *api_id) && declared.next().is_none()
    }

    /// The slot of a stage.
    pub(crate) fn stage(&self, api_id: &ApiId, stage_name: &StageName) -> Option<&Arc<StageSlot>> {
        self.apis.get(api_id)?.stages.get(stage_name.as_str())
    }

    /// Whether a stage serves something.
    pub(crate) fn serves(&self, api_id: &ApiId, stage_name: &StageName) -> bool {
        let slot = self.stage(api_id, stage_name);
        slot.is_some_and(|slot| slot.deployed.load().is_some())
    }
}

/// Who made an API, and so who may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A template declares it.
    Template,
    /// Calls of the control plane did.
    Calls,
}

/// An API and its stages.
#[derive(Debug, Clone)]
pub struct DeployedApi {
    /// The API.
    pub api: Arc<Api>,
    /// Who made it.
    pub origin: Origin,
    /// Its stages that serve something.
    pub stages: HashMap<Box<str>, Arc<StageSlot>>,
}

/// Integrations and `$disconnect` routes that still run, so that a drain can wait for them.
#[derive(Debug, Default)]
struct Work {
    running: AtomicUsize,
    done: Notify,
}

/// A connection id that was issued here: its form is right, whoever asks.
#[derive(Debug, Clone)]
pub struct RecognisedId {
    id: ConnectionId,
    /// The API that issued it, when it is not the one that is asked.
    other_api: Option<ApiId>,
}

impl RecognisedId {
    /// The id.
    pub fn id(&self) -> &ConnectionId {
        &self.id
    }
}

/// A connection id that an `@connections` call may act on, or why not.
#[derive(Debug, Clone)]
pub enum FoundConnection {
    /// It is open.
    Open(Arc<Connection>),
    /// Its `$connect` route runs, and its stage holds posts. For other calls it is gone.
    Establishing(Establishing),
    /// 410.
    Gone(GoneReason),
}

/// Runs what ends with the gateway, and starts it again when it panics.
fn keep_running<F>(gateway: &Arc<Gateway>, run: fn(Weak<Gateway>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let gateway = Arc::downgrade(gateway);
    tokio::spawn(async move {
        while tokio::spawn(run(Weak::clone(&gateway)))
            .await
            .is_err_and(|error| error.is_panic())
        {}
    });
}

impl Gateway {
    /// A gateway without APIs. Its sweeper runs until the gateway is dropped.
    pub fn new(config: GatewayConfig) -> Arc<Self> {
        let tombstones = Tombstones::new(Arc::clone(&config.store), config.limits.tombstone_age);
        let throttle = AccountThrottle::new(&config.limits);
        let auth = Auth::new(
            config.auth_mode,
            config.region.as_str(),
            config.account_id.as_str(),
            Arc::clone(&config.access_keys),
        );
        let held = Arc::new(HeldInAll::new(&config.limits));
        let admission = Admission::new(&config.limits);
        let applied_posts = AppliedPosts::new(config.limits.max_applied_posts);
        let made = config.store.made();
        let role = made.cloudwatch_role_arn.clone().map(Arc::new);
        let certificates = &config.outward.client_certificates;
        certificates.replace_made(&made.client_certificates);
        config.outward.vpc_links.replace_made(&made.vpc_links);
        let sources = Mutex::new(Sources {
            made,
            made_apis: config.store.made_apis(),
            ..Sources::default()
        });
        let gateway = Arc::new(Self {
            config,
            admission,
            applied_posts,
            throttle,
            auth,
            registry: Registry::new(),
            tombstones,
            apis: ArcSwap::default(),
            usage_plans: ArcSwap::default(),
            cloudwatch_role_arn: ArcSwapOption::new(role),
            sources,
            work: Work::default(),
            disconnects: Disconnects::default(),
            stale_callers: StaleCallers::default(),
            held,
            unanswered: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            handed_over: AtomicBool::new(false),
        });
        gateway.serve_usage_plans(UsagePlans::default());
        keep_running(&gateway, crate::sweeper::run);
        keep_running(&gateway, disconnects::run);
        gateway
    }

    /// The limits in force, where a stage has none of its own.
    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// The region in ARNs.
    pub fn region(&self) -> &str {
        &self.config.region
    }

    /// What invokes Lambda functions.
    pub fn lambda(&self) -> &dyn InvokeFunction {
        &*self.config.lambda
    }

    /// The account in ARNs.
    pub fn account_id(&self) -> &str {
        &self.config.account_id
    }

    /// What integrations reach their backends with.
    pub fn outward(&self) -> &Outward {
        &self.config.outward
    }

    /// The embedded store.
    pub fn store(&self) -> &Arc<Store> {
        &self.config.store
    }

    /// Where log entries go.
    pub fn logs(&self) -> &Arc<Logs> {
        &self.config.logs
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.config.metrics
    }

    /// Who is told what happens.
    pub fn observer(&self) -> &Observer {
        &self.config.observer
    }

    /// The APIs as they are deployed now.
    pub fn apis(&self) -> Arc<ApiTable> {
        self.apis.load_full()
    }

    /// The API keys and usage plans as they are served now.
    pub fn usage_plans(&self) -> arc_swap::Guard<Arc<ServedPlans>> {
        self.usage_plans.load()
    }

    /// How many posts wait for their connections.
    pub fn held_posts(&self) -> usize {
        self.held.posts()
    }

    /// How many connections handshake, are open or close.
    pub fn connections(&self) -> usize {
        self.registry.len()
    }

    pub(crate) fn serve_apis(&self, table: Arc<ApiTable>) {
        self.apis.store(table);
    }

    pub(crate) fn serve_plans(&self, plans: UsagePlans) {
        let before = self.usage_plans.load_full();
        let served = ServedPlans::new(plans, &before, &self.config.store);
        self.usage_plans.store(Arc::new(served));
        before.record_usage(&self.config.store);
    }

    /// The stage of this name, if it is deployed.
    pub(crate) fn stage_slot(&self, api_id: &ApiId, stage: &StageName) -> Option<Arc<StageSlot>> {
        self.apis.load().stage(api_id, stage).cloned()
    }

    pub(crate) fn close_all(&self, cause: &CloseCause, which: impl Fn(&Connection) -> bool) {
        let now = Moment::now();
        for connection in self.registry.established(which) {
            connection.close(cause.clone(), now);
        }
    }

    /// Whether [`Gateway::drain`] has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Another Gatepost has the listening sockets now. Handshakes on sockets that this one had
    /// accepted are still carried out, so that nobody is refused.
    pub fn hand_over(&self) {
        self.handed_over.store(true, Ordering::SeqCst);
    }

    /// Whether [`Gateway::hand_over`] was called.
    pub fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::SeqCst)
    }

    /// Whether handshakes are refused because it stops.
    pub(crate) fn refuses_handshakes(&self) -> bool {
        self.is_draining() && !self.is_handed_over()
    }

    /// The run that worked beside this one is gone: what it owed is carried out here. Blocks.
    ///
    /// # Errors
    /// [`ReadError`]: the store does not take it; at the next start it does.
    pub fn take_on(&self, run: Run) -> Result<(), ReadError> {
        self.store().take_on(run)?;
        self.disconnects.are_due();
        Ok(())
    }

    /// Closes every connection with 1001, also those that still handshake, and waits until their
    /// `$disconnect` routes and all other integrations have run, at most `limits.drain`. A
    /// connection whose integrations run is closed when they are done, or after half of that time.
    /// What does not run in time stays in the journal for the next start.
    ///
    /// Having handed over it also waits for whoever is not answered yet, at most
    /// `limits.handshake_timeout`.
    pub async fn drain(&self) {
        let began = tokio::time::Instant::now();
        let deadline = began + self.limits().drain;
        // Before the connections are looked for: one that is established later sees it.
        self.draining.store(true, Ordering::SeqCst);
        let mut closing = Closing::new(self);
        // Asked in this order: whoever is answered with 101 is a connection by then.
        while self.owes_answers(began) || !self.is_drained() {
            closing.close_some(self);
            let done = self.work.done.notified();
            let poll = tokio::time::sleep(std::time::Duration::from_millis(20));
            tokio::select! {
                biased;
                () = done => {}
                () = poll => {}
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        let store = Arc::clone(&self.config.store);
        self.usage_plans.load().record_usage(&store);
        self.metrics().roll(Moment::now().epoch_ms, &store);
        store.synced().await;
    }

    /// Whether somebody is still to be answered who came before it handed over.
    fn owes_answers(&self, since: tokio::time::Instant) -> bool {
        self.is_handed_over()
            && self.unanswered.load(Ordering::SeqCst) > 0
            && since.elapsed() < self.limits().handshake_timeout
    }

    fn is_drained(&self) -> bool {
        self.registry.is_empty() && (self.is_idle() || is_broken(Variant::HastyDrain))
    }

    /// Whether nothing runs and nothing is owed.
    fn is_idle(&self) -> bool {
        self.work.running.load(Ordering::Acquire) == 0 && self.disconnects.are_idle()
    }

    /// Runs work that a drain waits for, detached from whoever asked for it.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        self.work.running.fetch_add(1, Ordering::AcqRel);
        let gateway = Arc::clone(self);
        tokio::spawn(async move {
            let _running = Running(gateway);
            work.await;
        });
    }

    /// A new connection id of `api_id`, entered as handshaking.
    pub(crate) fn begin_handshake(
        &self,
        api_id: &ApiId,
        since_ms: u64,
        held: Option<&Arc<HeldPosts>>,
    ) -> ConnectionId {
        loop {
            let id = self.issue_id(api_id);
            if self.registry.begin_handshake(id, since_ms, held.cloned()) {
                return id;
            }
        }
    }

    /// An id of `api_id` that nobody has, nor may have had.
    pub(crate) fn issue_id(&self, api_id: &ApiId) -> ConnectionId {
        self.key().issue(api_id, self.config.node, random_bytes())
    }

    fn key(&self) -> &ConnectionIdKey {
        self.config.store.connection_id_key()
    }

    /// The API of this process that issued `id`.
    pub fn api_of(&self, id: &ConnectionId) -> Option<ApiId> {
        let apis = self.apis.load();
        apis.apis
            .keys()
            .find(|api_id| self.key().is_issued_for(id, api_id))
            .cloned()
    }

    /// Recognises the id of an `@connections` call of `api_id`, without looking for a connection.
    ///
    /// # Errors
    /// [`InvalidConnectionId::NotIssuedHere`] for an id that this Gatepost did not issue.
    pub fn recognise(
        &self,
        api_id: &ApiId,
        id: ConnectionId,
    ) -> Result<RecognisedId, InvalidConnectionId> {
        let other_api = if self.key().is_issued_for(&id, api_id) {
            None
        } else {
            Some(self.api_of(&id).ok_or(InvalidConnectionId::NotIssuedHere)?)
        };
        Ok(RecognisedId { id, other_api })
    }

    /// Finds the connection that an `@connections` call names, or says why it is gone.
    pub async fn find(&self, recognised: RecognisedId) -> FoundConnection {
        let RecognisedId { id, other_api } = recognised;
        if let Some(api_id) = other_api {
            return FoundConnection::Gone(GoneReason::OtherApi { api_id });
        }
        if let Some(found) = self.find_in_registry(&id).await {
            return found;
        }
        let is_live = |id: &ConnectionId| self.registry.get(id).is_some();
        FoundConnection::Gone(self.tombstones.reason(id, is_live).await)
    }
}

impl Gateway {
    /// What the registry says of `id`. Whether one that has been accepted gets established is
    /// waited for: its client may have the `101` already, and must not be told that it is not.
    async fn find_in_registry(&self, id: &ConnectionId) -> Option<FoundConnection> {
        let deadline = tokio::time::Instant::now() + self.limits().handshake_timeout;
        loop {
            let since_ms = match self.registry.get(id)? {
                Entry::Established(connection) => {
                    return Some(match connection.ending() {
                        None => FoundConnection::Open(connection),
                        Some(ending) => FoundConnection::Gone(GoneReason::Closed {
                            cause: ending.cause,
                            at_ms: ending.since.epoch_ms,
                        }),
                    });
                }
                Entry::Handshaking {
                    since_ms,
                    held: Some(held),
                } => {
                    let establishing = Establishing { held, since_ms };
                    return Some(FoundConnection::Establishing(establishing));
                }
                Entry::Handshaking {
                    since_ms,
                    held: None,
                } => since_ms,
                Entry::Accepted {
                    since_ms,
                    mut settled,
                } => {
                    let settled = tokio::time::timeout_at(deadline, settled.changed());
                    if !is_broken(Variant::HastyGone) && settled.await.is_ok() {
                        continue;
                    }
                    since_ms
                }
            };
            let reason = GoneReason::NotEstablished { since_ms };
            return Some(FoundConnection::Gone(reason));
        }
    }
}

/// The closes of a drain, spread so that not all clients come back at once.
struct Closing {
    began: tokio::time::Instant,
    at_begin: usize,
    closed: usize,
}

/// So few connections are closed at once.
const CLOSED_AT_ONCE: usize = 50;

impl Closing {
    fn new(gateway: &Gateway) -> Self {
        Self {
            began: tokio::time::Instant::now(),
            at_begin: gateway.registry.len(),
            closed: 0,
        }
    }

    /// How many may be closed by now.
    fn allowed(&self, limits: &Limits) -> usize {
        let spread = limits.drain_spread.min(limits.drain / 2);
        let elapsed = self.began.elapsed();
        if elapsed >= spread {
            return usize::MAX;
        }
        let share = elapsed.as_nanos() * self.at_begin as u128 / spread.as_nanos();
        CLOSED_AT_ONCE.saturating_add(usize::try_from(share).unwrap_or(usize::MAX))
    }

    /// Closes those whose time has come.
    fn close_some(&mut self, gateway: &Gateway) {
        let limits = gateway.limits();
        let must = self.began.elapsed() >= limits.drain / 2;
        let mut left = self.allowed(limits).saturating_sub(self.closed);
        if left == 0 {
            return;
        }
        let now = Moment::now();
        let is_ready = |connection: &Connection| {
            connection.ending().is_none() && (must || !connection.is_in_flight())
        };
        for connection in gateway.registry.established(is_ready) {
            if left == 0 {
                break;
            }
            if connection.close(CloseCause::Draining, now) {
                (left, self.closed) = (left - 1, self.closed + 1);
            }
        }
    }
}

/// Counts one piece of work as done, even when it panics.
struct Running(Arc<Gateway>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.work.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.work.done.notify_waiters();
        }
    }
}
