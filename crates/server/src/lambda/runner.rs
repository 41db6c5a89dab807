//! The local runner: which function an Invoke request means, and whether it may run.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use gatepost_gateway::integration::invoke_function::{Invocation, InvokeFunction};
use gatepost_model::{
    FunctionName,
    arn::FunctionReference,
    function::{Function, LATEST},
    function_policy::{ApiSource, FunctionPolicy},
    invocation::{InvocationType, InvokeError, InvokeRequest, InvokeResponse},
};
use gatepost_wire::function_policy::lets_api_gateway;
use serde::de::IgnoredAny;

use super::{
    async_queue::AsyncQueue,
    code::{self, CodeError},
    config::{Caller, RunnerConfig, Shared},
    error_body::{self, MAX_EVENT_PAYLOAD, MAX_PAYLOAD},
    invocation::{Answer, Event, Job, Outcome},
    pool::Pool,
};

type Pools = HashMap<FunctionName, Arc<Pool>>;
/// Who may invoke each function that has a policy.
pub type FunctionPolicies = HashMap<FunctionName, FunctionPolicy>;

/// The functions that were made by calls.
type Made = HashMap<FunctionName, MadePools>;

/// A function that was made by calls. Each of its versions has its own code and configuration.
#[derive(Clone)]
struct MadePools {
    latest: Arc<Pool>,
    versions: HashMap<String, Arc<Pool>>,
}

/// Runs functions as processes of this machine. Must be made inside of a Tokio runtime.
pub struct LocalRunner {
    shared: Arc<Shared>,
    /// The template's functions.
    pools: ArcSwap<Pools>,
    made: ArcSwap<Made>,
    policies: ArcSwap<FunctionPolicies>,
    made_policies: ArcSwap<FunctionPolicies>,
    queue: AsyncQueue,
    /// For asynchronous invocations, which must not keep the runner alive.
    me: Weak<Self>,
}

impl std::fmt::Debug for LocalRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalRunner")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

/// A function as an Invoke request names it.
#[derive(Clone)]
pub(super) struct Target {
    pub name: FunctionName,
    /// The alias or version that was asked for.
    pub qualifier: Option<String>,
    /// The ARN with it.
    pub arn: String,
    /// `$LATEST` or a version: `X-Amz-Executed-Version`.
    pub version: String,
}

impl LocalRunner {
    /// A runner for these functions; no process starts yet.
    pub fn new(config: RunnerConfig, functions: Vec<Function>) -> Arc<Self> {
        let shared = Arc::new(Shared::new(config));
        let queue = AsyncQueue::new(shared.config.async_queue_bytes);
        let runner = Arc::new_cyclic(|me| Self {
            shared,
            pools: ArcSwap::default(),
            made: ArcSwap::default(),
            policies: ArcSwap::default(),
            made_policies: ArcSwap::default(),
            queue,
            me: me.clone(),
        });
        runner.replace_functions(functions);
        runner
    }

    /// Puts other functions in the place of the present ones. Those whose configuration or code
    /// changed get new processes; what is running finishes in the old ones.
    pub fn replace_functions(&self, functions: Vec<Function>) {
        let endpoints = self.shared.management_endpoints.read().clone();
        let env_file = self.shared.env_file.read().clone();
        let old = self.pools.load();
        let pools = functions.into_iter().map(|function| {
            let endpoint = endpoints.get(&function.name);
            let same = old.get(&function.name).filter(|pool| {
                pool.management_endpoint.as_ref() == endpoint
                    && pool.env_file == env_file
                    && runs(pool, &function)
            });
            let pool = same.cloned().unwrap_or_else(|| {
                self.shared.code.forget_bytecode(&function);
                Pool::new(
                    Arc::clone(&self.shared),
                    Arc::new(function),
                    endpoint.cloned(),
                    Arc::clone(&env_file),
                )
            });
            (pool.function.name.clone(), pool)
        });
        self.pools.store(Arc::new(pools.collect()));
    }

    /// Puts other policies in the place of the present ones: who may invoke each function.
    pub fn replace_policies(&self, policies: FunctionPolicies) {
        self.policies.store(Arc::new(policies));
    }

    /// Serves a function that was made by calls as it is now, with its versions.
    pub(super) fn serve_made(
        &self,
        latest: Function,
        versions: Vec<Function>,
        policy: &FunctionPolicy,
    ) {
        let name = latest.name.clone();
        let present = self.made.load();
        let present = present.get(&name);
        let env_file = self.shared.env_file.read().clone();
        let pool = |function: Function, old: Option<&Arc<Pool>>| {
            let same = old.filter(|pool| runs(pool, &function));
            same.cloned().unwrap_or_else(|| {
                self.shared.code.forget_bytecode(&function);
                let (shared, env_file) = (Arc::clone(&self.shared), Arc::clone(&env_file));
                Pool::new(shared, Arc::new(function), None, env_file)
            })
        };
        let versions = versions.into_iter().map(|function| {
            let old = present.and_then(|made| made.versions.get(&function.version));
            (function.version.clone(), pool(function, old))
        });
        let pools = MadePools {
            versions: versions.collect(),
            latest: pool(latest, present.map(|made| &made.latest)),
        };
        self.made_policies.rcu(|policies| {
            let mut policies = FunctionPolicies::clone(policies);
            policies.insert(name.clone(), policy.clone());
            policies
        });
        self.made.rcu(|made| {
            let mut made = Made::clone(made);
            made.insert(name.clone(), pools.clone());
            made
        });
    }

    /// A function that was made by calls is no more: what is running finishes.
    pub(super) fn remove_made(&self, name: &FunctionName) {
        self.made.rcu(|made| {
            let mut made = Made::clone(made);
            made.remove(name);
            made
        });
        self.made_policies.rcu(|policies| {
            let mut policies = FunctionPolicies::clone(policies);
            policies.remove(name);
            policies
        });
    }

    /// A function of the template.
    pub(super) fn function_of_template(&self, name: &FunctionName) -> Option<Arc<Function>> {
        let pools = self.pools.load();
        pools.get(name).map(|pool| Arc::clone(&pool.function))
    }

    /// The resource policy of a function of the template, if it has one.
    pub(super) fn policy_of_template(&self, name: &FunctionName) -> Option<FunctionPolicy> {
        self.policies.load().get(name).cloned()
    }

    /// Lays a package of code down and proves that it can be unpacked: the file, and its SHA-256.
    /// Writes files: not for an async task.
    pub(super) fn keep_package(&self, package: &[u8]) -> Result<(PathBuf, [u8; 32]), CodeError> {
        self.shared.code.keep_package(package)
    }

    /// Proves that a package of code can be unpacked, and leaves nothing: where it would be kept, and
    /// its SHA-256. Writes files: not for an async task.
    pub(super) fn check_package(&self, package: &[u8]) -> Result<(PathBuf, [u8; 32]), CodeError> {
        self.shared.code.check_package(package)
    }

    /// The processes of a function's version.
    fn pool_of(&self, name: &FunctionName, version: &str) -> Option<Arc<Pool>> {
        if let Some(pool) = self.pools.load().get(name) {
            return Some(Arc::clone(pool));
        }
        let made = self.made.load();
        let made = made.get(name)?;
        match version {
            LATEST => Some(Arc::clone(&made.latest)),
            version => made.versions.get(version).cloned(),
        }
    }

    /// Whether the function's own policy lets API Gateway invoke it, as far as that is asked.
    fn permit(&self, target: &Target, source: &ApiSource) -> Result<(), InvokeError> {
        let config = &self.shared.config;
        if !config.require_permissions {
            return Ok(());
        }
        let source_arn = source.arn(&config.region, &config.account_id);
        let (policies, made) = (self.policies.load(), self.made_policies.load());
        // The template's function may hide one that calls made, whose policy is about that one.
        let is_hidden = self.pools.load().contains_key(&target.name);
        let made = made.get(&target.name).filter(|_| !is_hidden);
        let is_permitted = policies
            .get(&target.name)
            .into_iter()
            .chain(made)
            .any(|policy| {
                let qualifier = target.qualifier.as_deref();
                lets_api_gateway(policy, qualifier, &source_arn, &config.account_id)
            });
        if is_permitted {
            Ok(())
        } else {
            Err(error_body::not_permitted(&target.arn, &source_arn))
        }
    }

    /// Where each function's `@connections` calls shall go; for the processes of the functions that
    /// are given to [`Self::replace_functions`] next.
    pub fn set_management_endpoints(&self, endpoints: BTreeMap<FunctionName, String>) {
        *self.shared.management_endpoints.write() = endpoints;
    }

    /// These functions are no more: what is running finishes.
    pub fn remove_functions(&self, names: &[FunctionName]) {
        self.pools.rcu(|pools| {
            let mut pools = Pools::clone(pools);
            pools.retain(|name, _| !names.contains(name));
            pools
        });
    }

    /// The variables of `--env-file`; for the processes of the functions that are given to
    /// [`Self::replace_functions`] next.
    pub fn set_env_file(&self, variables: BTreeMap<String, String>) {
        *self.shared.env_file.write() = Arc::new(variables);
    }

    /// The function's code was edited: its next events get new processes.
    pub fn code_changed(&self, name: &FunctionName) {
        self.pools.rcu(|pools| {
            let mut pools = Pools::clone(pools);
            if let Some(pool) = pools.get_mut(name) {
                self.shared.code.forget_bytecode(&pool.function);
                *pool = Pool::new(
                    Arc::clone(&self.shared),
                    Arc::clone(&pool.function),
                    pool.management_endpoint.clone(),
                    Arc::clone(&pool.env_file),
                );
            }
            pools
        });
    }

    /// Starts one process of each function, as far as places are free.
    pub fn warm(&self) {
        self.pools.load().values().for_each(Pool::warm);
    }

    /// All functions, by name.
    pub fn functions(&self) -> Vec<Arc<Function>> {
        let (pools, made) = (self.pools.load(), self.made.load());
        let made = made.values().map(|made| &made.latest);
        let mut functions: Vec<_> = pools
            .values()
            .chain(made.filter(|pool| !pools.contains_key(&pool.function.name)))
            .map(|pool| Arc::clone(&pool.function))
            .collect();
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        functions
    }

    /// How many asynchronous invocations wait.
    pub fn waiting_invocations(&self) -> usize {
        self.queue.waiting()
    }

    /// The function whose process signs with this access key, and what it is doing.
    pub fn caller_of(&self, access_key_id: &str) -> Option<Caller> {
        self.shared.callers.caller_of(access_key_id)
    }

    /// Ends all processes: SIGTERM, then SIGKILL, at the latest after the grace and half a second.
    /// Waiting asynchronous invocations are lost, which a warning tells.
    pub async fn shutdown(&self) {
        if let Some(waiting) = self.queue.close() {
            self.shared.warn(format!(
                "{waiting} asynchronous invocations were not carried out"
            ));
        }
        self.pools.store(Arc::default());
        self.made.store(Arc::default());
        for process in self.shared.callers.processes() {
            process.stop();
        }
        let all = u32::try_from(self.shared.config.max_processes).unwrap_or(u32::MAX);
        let gone = self.shared.processes.acquire_many(all);
        let patience = self.shared.config.stop_grace + Duration::from_millis(500);
        let _ = tokio::time::timeout(patience, gone).await;
    }

    /// Finds the function that a name or ARN and a qualifier mean.
    pub(super) fn target(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<(Target, Arc<Pool>), InvokeError> {
        let reference = FunctionReference::parse(function)
            .map_err(|error| error_body::validation(error.to_string()))?;
        let qualifier = match (reference.qualifier.as_deref(), qualifier) {
            (Some(one), Some(other)) if one != other => {
                return Err(error_body::invalid_parameter(
                    "The derived qualifier from the function name does not match the specified \
                     qualifier.",
                ));
            }
            (one, other) => one.or(other),
        };
        let name = reference.name;
        let suffix = qualifier
            .map(|qualifier| format!(":{qualifier}"))
            .unwrap_or_default();
        let latest = self.pool_of(&name, LATEST);
        let version = latest
            .as_ref()
            .and_then(|pool| version(&pool.function, qualifier));
        let pool = version
            .as_deref()
            .and_then(|version| self.pool_of(&name, version));
        let (Some(pool), Some(version)) = (pool, version) else {
            let config = &self.shared.config;
            return Err(error_body::function_not_found(&format!(
                "arn:aws:lambda:{}:{}:function:{name}{suffix}",
                config.region, config.account_id
            )));
        };
        let arn = format!("{}{suffix}", pool.function.arn);
        let target = Target {
            name,
            qualifier: qualifier.map(str::to_owned),
            arn,
            version,
        };
        Ok((target, pool))
    }

    async fn invoke_function(&self, request: InvokeRequest) -> Result<InvokeResponse, InvokeError> {
        let (target, pool) = self.target(&request.function, request.qualifier.as_deref())?;
        if let Some(source) = &request.source {
            self.permit(&target, source)?;
        }
        let payload = event_payload(request.payload, request.invocation_type)?;
        let response = |status, request_id| InvokeResponse {
            status,
            request_id,
            executed_version: target.version.clone(),
            function_error: None,
            payload: Vec::new(),
            log_tail: None,
        };
        let event = Event {
            request_id: gatepost_gateway::new_id::uuid(),
            payload,
            function_arn: target.arn.clone(),
            version: target.version.clone(),
            client_context: request.client_context,
            trace_id: request.trace_id,
            tail_log: request.tail_log,
        };
        match request.invocation_type {
            InvocationType::DryRun => Ok(response(204, event.request_id)),
            InvocationType::Event => {
                let request_id = event.request_id.clone();
                self.queue.push(&self.me, target.name.clone(), event)?;
                Ok(response(202, request_id))
            }
            InvocationType::RequestResponse => {
                let response = response(200, event.request_id.clone());
                let Answer {
                    payload,
                    failed,
                    log_tail,
                } = run(&pool, event).await?;
                Ok(InvokeResponse {
                    function_error: failed.then(|| "Unhandled".to_owned()),
                    payload,
                    log_tail,
                    ..response
                })
            }
        }
    }

    /// One attempt at an asynchronous invocation, by the function as it is now.
    pub(super) async fn attempt(&self, name: &FunctionName, event: Event) -> Outcome {
        let Some(pool) = self.pool_of(name, &event.version) else {
            return Err(error_body::function_not_found(&event.function_arn));
        };
        run(&pool, event).await
    }

    pub(super) fn function(&self, name: &FunctionName) -> Option<Arc<Function>> {
        let pool = self.pool_of(name, LATEST)?;
        Some(Arc::clone(&pool.function))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl InvokeFunction for LocalRunner {
    fn invoke(&self, request: InvokeRequest) -> Invocation<'_> {
        Box::pin(self.invoke_function(request))
    }
}

/// Whether the pool's processes are of this function as it is, with its code as it is on the disk.
fn runs(pool: &Pool, function: &Function) -> bool {
    let present = pool.code_fingerprint.get();
    *pool.function == *function && present.is_none_or(|code| *code == code::fingerprint(function))
}

async fn run(pool: &Arc<Pool>, event: Event) -> Outcome {
    let (job, pending) = Job::new(event);
    pool.dispatch(job);
    pending.outcome().await
}

/// The version that a qualifier means; `None` when there is no such.
fn version(function: &Function, qualifier: Option<&str>) -> Option<String> {
    match qualifier {
        None | Some(LATEST) => Some(LATEST.to_owned()),
        Some(qualifier) => function
            .aliases
            .get(qualifier)
            .or_else(|| {
                function
                    .versions
                    .iter()
                    .find(|version| *version == qualifier)
            })
            .cloned(),
    }
}

/// Checks an event as the Invoke API does; an empty one is `{}`.
fn event_payload(payload: Vec<u8>, kind: InvocationType) -> Result<Bytes, InvokeError> {
    let (name, limit) = match kind {
        InvocationType::Event => ("Event", MAX_EVENT_PAYLOAD),
        InvocationType::RequestResponse | InvocationType::DryRun => {
            ("RequestResponse", MAX_PAYLOAD)
        }
    };
    if payload.len() > limit {
        return Err(error_body::request_too_large(payload.len(), name, limit));
    }
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    let text = std::str::from_utf8(&payload)
        .map_err(|error| error_body::invalid_request_content(&error.to_string()))?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| error_body::invalid_request_content(&error.to_string()))?;
    Ok(payload.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_must_be_json_and_no_larger_than_lambda_takes() {
        let sync =
            |payload: &[u8]| event_payload(payload.to_vec(), InvocationType::RequestResponse);
        assert_eq!(&sync(b"").unwrap()[..], b"{}");
        assert_eq!(&sync(b" [1]").unwrap()[..], b" [1]");
        for payload in [&b"{"[..], b"\xff", b"1 2"] {
            assert_eq!(
                sync(payload).unwrap_err().error_type,
                "InvalidRequestContentException"
            );
        }
        let nested = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(sync(nested.as_bytes()).is_ok());
        let large = format!("\"{}\"", "x".repeat(1_048_576)).into_bytes();
        assert!(sync(&large).is_ok());
        let error = event_payload(large, InvocationType::Event).unwrap_err();
        assert_eq!(
            (error.status, error.error_type.as_str()),
            (413, "RequestTooLargeException")
        );
    }
}
