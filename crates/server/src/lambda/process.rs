//! One process of a function: the event it has, the answer it owes, and when that is due.

use std::{
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use gatepost_gateway::observe::metrics::FunctionSeries;
use gatepost_model::{function::Function, invocation::InvokeError};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::{
    config::{Caller, Shared},
    credentials::Credentials,
    error_body, hint,
    invocation::{Answer, Job},
    log_stream::{Ending, LogStream, Readers, Report},
    memory::Memory,
    pool::{Pool, PoolRef},
};

/// A process from before its start until after its end.
pub(super) struct Process {
    pub shared: Arc<Shared>,
    pub function: Arc<Function>,
    pub credentials: Credentials,
    pub log: LogStream,
    series: Arc<FunctionSeries>,
    pool: PoolRef,
    slot: Mutex<Slot>,
    /// Apart from the slot, for it is asked for while the log is locked.
    memory: Mutex<Memory>,
    /// Held while it initialises.
    turn: Mutex<Option<OwnedSemaphorePermit>>,
    /// There is an event to take.
    event: Notify,
    /// The supervisor shall look at [`Process::due`] again.
    look: Notify,
}

struct Slot {
    phase: Phase,
    running: Option<Running>,
    /// When the supervisor looks next by itself.
    watched_until: Instant,
    quiet_since: Instant,
    /// Until the first REPORT has told it.
    init_duration: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not asked for an event yet; `late` once it took longer than the init timeout.
    Starting {
        since: Instant,
        late: bool,
    },
    Ready,
    /// Takes no further event.
    Retired,
}

struct Running {
    job: Box<Job>,
    delivered: Option<Instant>,
    deadline: Option<Instant>,
}

/// What the supervisor has to do.
pub(super) enum Due {
    /// Nothing before then.
    At(Instant),
    /// Nothing happened for long: end it if it is idle still.
    Idle,
    /// End it in order.
    Stop,
    /// Kill it: its invocation took too long.
    TimedOut(Overdue),
}

/// An invocation that is out of time.
pub(super) struct Overdue(Running);

/// Why a call of the Runtime API is refused: its invocation is not running.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotRunning;

impl Process {
    pub fn new(shared: Arc<Shared>, pool: &Arc<Pool>, job: Option<Box<Job>>) -> Arc<Self> {
        let now = Instant::now();
        let function = Arc::clone(&pool.function);
        let process = Arc::new(Self {
            credentials: Credentials::new(),
            series: shared
                .config
                .metrics
                .functions
                .series(function.name.as_str()),
            log: LogStream::new(
                function.name.clone(),
                &function.version,
                Readers {
                    observer: shared.config.observer.clone(),
                    logs: shared.config.logs.clone(),
                },
            ),
            pool: Arc::downgrade(pool),
            slot: Mutex::new(Slot {
                phase: Phase::Starting {
                    since: now,
                    late: false,
                },
                running: job.map(Running::new),
                watched_until: now,
                quiet_since: now,
                init_duration: None,
            }),
            memory: Mutex::default(),
            turn: Mutex::default(),
            event: Notify::new(),
            look: Notify::new(),
            function,
            shared,
        });
        process.shared.callers.add(&process);
        process
    }

    /// Gives its job away before it started; it is not needed then.
    pub fn give_up_job(&self) -> Option<Box<Job>> {
        let slot = &mut *self.slot.lock();
        let running = slot.running.take()?;
        slot.phase = Phase::Retired;
        self.look.notify_one();
        Some(running.job)
    }

    /// Takes back the job that it gave away.
    pub fn take_back(&self, job: Box<Job>) {
        let slot = &mut *self.slot.lock();
        slot.phase = Phase::Starting {
            since: Instant::now(),
            late: false,
        };
        slot.running = Some(Running::new(job));
    }

    /// It initialises, and keeps others from it so long.
    pub fn begin_turn(&self, turn: OwnedSemaphorePermit) {
        *self.turn.lock() = Some(turn);
    }

    /// It no longer initialises: the next may start.
    pub fn end_turn(&self) {
        self.turn.lock().take();
    }

    /// The process runs from now on.
    pub fn spawned(&self, pid: u32) {
        *self.memory.lock() = Memory::of(pid);
        if let Phase::Starting { since, .. } = &mut self.slot.lock().phase {
            *since = Instant::now();
        }
    }

    /// Gives an idle process an event; gives it back when the process is ending.
    pub fn assign(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        let slot = &mut *self.slot.lock();
        if slot.phase == Phase::Retired || slot.running.is_some() {
            return Err(job);
        }
        let mut running = Running::new(job);
        if slot.phase == Phase::Ready {
            let deadline = Instant::now() + self.function.timeout;
            running.deadline = Some(deadline);
            self.watch(slot, deadline);
        }
        slot.running = Some(running);
        self.event.notify_one();
        Ok(())
    }

    /// Wakes the supervisor if it would otherwise sleep past the deadline: in a row of quick
    /// invocations that is once per timeout, not once each.
    fn watch(&self, slot: &Slot, deadline: Instant) {
        if deadline < slot.watched_until {
            self.look.notify_one();
        }
    }

    /// Waits for an event and lets `deliver` write it out, with the time that is left for it.
    pub async fn next_event<T>(
        &self,
        deliver: impl Fn(&Job, Duration) -> T,
    ) -> Result<T, NotRunning> {
        self.initialised();
        loop {
            if let Some(event) = self.take_event(&deliver)? {
                return Ok(event);
            }
            self.event.notified().await;
        }
    }

    fn initialised(&self) {
        self.end_turn();
        let slot = &mut *self.slot.lock();
        if let Phase::Starting { since, .. } = slot.phase {
            let now = Instant::now();
            slot.phase = Phase::Ready;
            slot.init_duration = Some(now - since);
            slot.quiet_since = now;
        }
    }

    fn take_event<T>(
        &self,
        deliver: &impl Fn(&Job, Duration) -> T,
    ) -> Result<Option<T>, NotRunning> {
        let slot = &mut *self.slot.lock();
        let Some(running) = slot.running.as_mut() else {
            return Ok(None);
        };
        if running.delivered.is_some() {
            return Err(NotRunning);
        }
        let now = Instant::now();
        let deadline = *running.deadline.get_or_insert(now + self.function.timeout);
        running.delivered = Some(now);
        let job = &running.job;
        self.log.start(&job.request_id, &job.version, job.tail_log);
        let event = deliver(job, deadline.saturating_duration_since(now));
        self.watch(slot, deadline);
        Ok(Some(event))
    }

    /// The function answered, with its result or with an error document.
    pub fn answer(
        self: &Arc<Self>,
        request_id: &str,
        payload: Vec<u8>,
        failed: bool,
    ) -> Result<(), NotRunning> {
        let (running, report) = {
            let slot = &mut *self.slot.lock();
            let delivered = |running: &Running| {
                running.job.request_id == request_id && running.delivered.is_some()
            };
            let running = slot
                .running
                .take_if(|running| delivered(running))
                .ok_or(NotRunning)?;
            slot.quiet_since = Instant::now();
            self.watch(slot, slot.quiet_since + self.shared.config.idle_reclaim);
            (running, slot.init_duration.take())
        };
        let payload = if failed {
            self.series.failed();
            hint::explain(&self.shared, &self.function, payload)
        } else {
            payload
        };
        let log_tail = self.finish_log(&running, report, Ending::Answered);
        // Back in the pool before the caller knows, so that its next event finds this process.
        match self.pool.upgrade() {
            Some(pool) => pool.release(Arc::clone(self)),
            None => self.retire(),
        }
        running.job.settle(Ok(Answer {
            payload,
            failed,
            log_tail,
        }));
        Ok(())
    }

    /// The function could not initialise, for the reason in the error document.
    pub fn init_failed(&self, document: Vec<u8>, error_type: &str) -> Result<(), NotRunning> {
        let (running, since) = {
            let slot = &mut *self.slot.lock();
            let Phase::Starting { since, .. } = slot.phase else {
                return Err(NotRunning);
            };
            slot.phase = Phase::Retired;
            self.look.notify_one();
            (slot.running.take(), since)
        };
        self.log_failed_init(since.elapsed(), "error", error_type);
        let document = hint::explain(&self.shared, &self.function, document);
        if let Some(running) = running {
            self.fail(running, Ending::Failed { error_type }, |_| document);
        }
        Ok(())
    }

    fn log_failed_init(&self, took: Duration, status: &str, error_type: &str) {
        let millis = took.as_secs_f64() * 1000.0;
        self.log.platform(format!(
            "INIT_REPORT Init Duration: {millis:.2} ms\tPhase: init\tStatus: {status}\tError Type: \
             {error_type}"
        ));
    }

    /// Looks what is due now.
    pub fn due(&self, now: Instant) -> Due {
        let config = &self.shared.config;
        let slot = &mut *self.slot.lock();
        if let Phase::Starting { since, late: false } = slot.phase {
            let init_deadline = since + config.init_timeout;
            if now < init_deadline {
                slot.watched_until = init_deadline;
                return Due::At(init_deadline);
            }
            // On AWS the init is now repeated within the invocation, whose time begins to run.
            self.log_failed_init(now - since, "timeout", "Sandbox.Timedout");
            self.end_turn();
            slot.phase = Phase::Starting { since, late: true };
            let Some(running) = &mut slot.running else {
                slot.phase = Phase::Retired;
                return Due::Stop;
            };
            running.deadline = Some(now + self.function.timeout);
        }
        if slot.phase == Phase::Retired {
            return Due::Stop;
        }
        slot.watched_until = match &slot.running {
            Some(running) => running.deadline.unwrap_or(now + self.function.timeout),
            None => slot.quiet_since + config.idle_reclaim,
        };
        if now < slot.watched_until {
            return Due::At(slot.watched_until);
        }
        match slot.running.take() {
            Some(running) => {
                slot.phase = Phase::Retired;
                Due::TimedOut(Overdue(running))
            }
            None => Due::Idle,
        }
    }

    /// Waits until [`Process::due`] has something new to tell.
    pub async fn changed(&self) {
        self.look.notified().await;
    }

    /// Looks up its peak memory while it can still be read, for a REPORT line after its end.
    pub fn look_up_memory(&self) {
        self.memory.lock().peak_mb();
    }

    /// Settles what was overdue, once it is killed.
    pub fn settle_overdue(&self, Overdue(running): Overdue) {
        let timeout = self.function.timeout;
        self.fail(running, Ending::TimedOut(timeout), |id| {
            error_body::timed_out(id, timeout)
        });
    }

    /// Settles what the process owed when it ended by itself.
    pub fn ended(&self, status: Option<ExitStatus>) {
        let (running, ready) = {
            let slot = &mut *self.slot.lock();
            let ready = !matches!(slot.phase, Phase::Starting { .. });
            slot.phase = Phase::Retired;
            (slot.running.take(), ready)
        };
        let Some(running) = running else { return };
        if ready && running.delivered.is_none() {
            // It never saw the event: another process may have it.
            if let Some(pool) = self.pool.upgrade() {
                pool.lose();
                pool.dispatch(running.job);
                return;
            }
        }
        let error_type = "Runtime.ExitError";
        self.fail(running, Ending::Failed { error_type }, |id| {
            error_body::exited(id, status)
        });
    }

    /// Settles what was asked of a process that could not even start.
    pub fn not_started(&self, error: InvokeError) {
        let running = {
            let slot = &mut *self.slot.lock();
            slot.phase = Phase::Retired;
            slot.running.take()
        };
        match running {
            Some(running) => {
                self.series.failed();
                self.lose();
                running.job.settle(Err(error));
            }
            None => self.shared.warn_once(format!(
                "function {} does not start: {}",
                self.function.name, error.message
            )),
        }
    }

    fn fail(&self, running: Running, ending: Ending<'_>, document: impl FnOnce(&str) -> Vec<u8>) {
        let job = &running.job;
        if running.delivered.is_none() {
            self.log.start(&job.request_id, &job.version, job.tail_log);
        }
        let init_duration = self.slot.lock().init_duration.take();
        self.series.failed();
        let log_tail = self.finish_log(&running, init_duration, ending);
        let payload = document(&running.job.request_id);
        self.lose();
        running.job.settle(Ok(Answer {
            payload,
            failed: true,
            log_tail,
        }));
    }

    fn lose(&self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.lose();
        }
    }

    fn finish_log(
        &self,
        running: &Running,
        init_duration: Option<Duration>,
        ending: Ending<'_>,
    ) -> Option<String> {
        let duration = running.delivered.map(|at| at.elapsed());
        // What the function never saw took it no time.
        if let Some(duration) = duration {
            self.series.durations.observe(duration);
        }
        if let Some(init) = init_duration {
            self.series.inits.observe(init);
        }
        let report = Report {
            request_id: &running.job.request_id,
            duration: duration.unwrap_or_default(),
            init_duration,
            memory_size_mb: self.function.memory_mb,
            ending,
        };
        self.log.finish(&report, || self.memory.lock().peak_mb())
    }

    /// Takes no further event; ends when it has none.
    pub fn retire(&self) {
        let slot = &mut *self.slot.lock();
        if slot.running.is_none() {
            slot.phase = Phase::Retired;
            self.look.notify_one();
        }
    }

    /// Ends now, whatever it is doing.
    pub fn stop(&self) {
        self.slot.lock().phase = Phase::Retired;
        self.look.notify_one();
    }

    /// Whether it waits for an event.
    pub fn is_idle(&self) -> bool {
        let slot = self.slot.lock();
        slot.phase != Phase::Retired && slot.running.is_none()
    }

    /// Since when it waits.
    pub fn quiet_since(&self) -> Instant {
        self.slot.lock().quiet_since
    }

    /// Ends it unless it was given an event just now.
    pub fn end_if_idle(&self) -> bool {
        let withdrawn = self.pool.upgrade().is_none_or(|pool| pool.withdraw(self));
        if withdrawn {
            self.retire();
        }
        withdrawn
    }

    /// What it is doing for whom.
    pub fn caller(&self) -> Caller {
        let slot = self.slot.lock();
        Caller {
            function: self.function.name.clone(),
            request_id: slot
                .running
                .as_ref()
                .map(|running| running.job.request_id.clone()),
        }
    }
}

impl Running {
    fn new(job: Box<Job>) -> Self {
        Self {
            job,
            delivered: None,
            deadline: None,
        }
    }
}
