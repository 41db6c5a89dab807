//! The processes of one function: which one gets an event, and how many may run.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, OnceLock, Weak},
};

use gatepost_model::function::Function;
use parking_lot::Mutex;

use super::{config::Shared, error_body, invocation::Job, process::Process, supervise};

/// A function in one version of its code and configuration. A change makes a new pool; when the
/// old one is dropped its idle processes end at once and the busy ones after their answer.
pub(super) struct Pool {
    pub function: Arc<Function>,
    /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`.
    pub management_endpoint: Option<String>,
    /// The variables of `--env-file`.
    pub env_file: Arc<BTreeMap<String, String>>,
    /// What the code looked like when the first process started.
    pub code_fingerprint: OnceLock<u64>,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The process used last is used next, so that those in excess grow old and end.
    idle: Vec<Arc<Process>>,
    /// Processes that wait for their turn to start, each with a job, in the order of their jobs.
    waiting: VecDeque<Arc<Process>>,
    busy: u32,
}

impl Pool {
    pub fn new(
        shared: Arc<Shared>,
        function: Arc<Function>,
        management_endpoint: Option<String>,
        env_file: Arc<BTreeMap<String, String>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            function,
            management_endpoint,
            env_file,
            code_fingerprint: OnceLock::new(),
            shared,
            state: Mutex::default(),
        })
    }

    /// Hands the job to an idle process or to a new one; every outcome comes through the job.
    pub fn dispatch(self: &Arc<Self>, mut job: Box<Job>) {
        let refusal = {
            let mut state = self.state.lock();
            if self
                .function
                .reserved_concurrency
                .is_some_and(|limit| state.busy >= limit)
            {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            } else {
                while let Some(process) = state.idle.pop() {
                    match process.assign(job) {
                        Ok(()) => {
                            state.busy += 1;
                            return;
                        }
                        Err(returned) => job = returned,
                    }
                }
                match self.place() {
                    Some(place) => {
                        state.busy += 1;
                        self.start(Some(job), place);
                        return;
                    }
                    None => "ConcurrentInvocationLimitExceeded",
                }
            }
        };
        job.settle(Err(error_body::throttled(refusal)));
    }

    /// Starts a process ahead of its first event, if there is none yet and a place is free.
    pub fn warm(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.busy == 0
            && state.idle.is_empty()
            && let Ok(permit) = Arc::clone(&self.shared.processes).try_acquire_owned()
        {
            let process = self.start(None, supervise::Place::Free(permit));
            state.idle.push(process);
        }
    }

    fn start(self: &Arc<Self>, job: Option<Box<Job>>, place: supervise::Place) -> Arc<Process> {
        let process = Process::new(Arc::clone(&self.shared), self, job);
        tokio::spawn(supervise::run(
            Arc::clone(&process),
            Arc::clone(self),
            place,
        ));
        process
    }

    /// A place for one more process, if need be that of the process idle longest anywhere.
    fn place(&self) -> Option<supervise::Place> {
        if let Ok(permit) = Arc::clone(&self.shared.processes).try_acquire_owned() {
            return Some(supervise::Place::Free(permit));
        }
        let mut idle = self.shared.callers.processes();
        idle.retain(|process| process.is_idle());
        idle.sort_by_key(|process| process.quiet_since());
        idle.iter()
            .any(|process| process.end_if_idle())
            .then_some(supervise::Place::BeingFreed)
    }

    /// A busy process has answered and may be given the next event: that of the process that waits
    /// longest for its turn to start, which is then not needed.
    pub fn release(&self, process: Arc<Process>) {
        let mut state = self.state.lock();
        state.busy = state.busy.saturating_sub(1);
        while let Some(waiting) = state.waiting.pop_front() {
            let Some(job) = waiting.give_up_job() else {
                continue;
            };
            // The waiting process counted as busy with this job; now this one does.
            if let Err(job) = process.assign(job) {
                waiting.take_back(job);
                state.waiting.push_front(waiting);
            }
            return;
        }
        state.idle.push(process);
    }

    /// The process waits for its turn to start.
    pub fn wait_for_turn(&self, process: &Arc<Process>) {
        self.state.lock().waiting.push_back(Arc::clone(process));
    }

    /// The process still waits for its turn: its job is not done by another.
    pub fn is_waiting(&self, process: &Process) -> bool {
        let waiting = &self.state.lock().waiting;
        waiting
            .iter()
            .any(|other| std::ptr::eq(&raw const **other, process))
    }

    /// It is the process's turn; false if its job was done meanwhile.
    pub fn take_turn(&self, process: &Process) -> bool {
        let waiting = &mut self.state.lock().waiting;
        let position = waiting
            .iter()
            .position(|other| std::ptr::eq(&raw const **other, process));
        position.map(|position| waiting.remove(position)).is_some()
    }

    /// A busy process will take no further event.
    pub fn lose(&self) {
        let mut state = self.state.lock();
        state.busy = state.busy.saturating_sub(1);
    }

    /// Takes a process out of the idle ones; false if it was not among them.
    pub fn withdraw(&self, process: &Process) -> bool {
        // Another function's dispatch may hold its own pool while it looks here for a place.
        let Some(mut state) = self.state.try_lock() else {
            return false;
        };
        let position = state
            .idle
            .iter()
            .position(|idle| std::ptr::eq(&raw const **idle, process));
        position
            .map(|position| state.idle.remove(position))
            .is_some()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for process in self.state.get_mut().idle.drain(..) {
            process.retire();
        }
    }
}

/// A process's way back to its pool, which it must not keep alive.
pub(super) type PoolRef = Weak<Pool>;
