//! The task beside each process: starts it, serves its Runtime API, keeps its deadlines, reads
//! what it prints, and cleans up after it.

use std::{
    io::{self, PipeWriter},
    pin::pin,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Instant,
};

use gatepost_model::invocation::InvokeError;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    net::{TcpListener, unix::pipe::Receiver},
    process::{Child, Command},
    sync::OwnedSemaphorePermit,
    task::JoinSet,
    time::{sleep_until, timeout},
};

use super::{
    code::{CodeError, Prepared},
    config::Shared,
    environment, error_body,
    log_stream::Drained,
    pool::Pool,
    process::{Due, Process},
    runtime_api,
    runtime_lookup::{Interpreter, RuntimeError},
};

/// Connections of one process to its Runtime API; clients use one.
const MAX_CONNECTIONS: usize = 16;

/// One of the places for running processes.
pub(super) enum Place {
    Free(OwnedSemaphorePermit),
    /// An idle process is being ended for this one.
    BeingFreed,
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error("no process can start here: {0}")]
    Io(#[from] io::Error),
    #[error("another process did its work")]
    NotNeeded,
    #[error("all places for processes are taken: raise the greatest number of processes")]
    NoPlace,
}

impl From<StartError> for InvokeError {
    fn from(error: StartError) -> Self {
        let text = error.to_string();
        let error = match error {
            StartError::Code(CodeError::Zip { .. } | CodeError::TooLarge { .. }) => {
                error_body::invalid_zip_file(text)
            }
            StartError::Code(_) | StartError::Runtime(_) => error_body::invalid_runtime(text),
            StartError::Io(_) | StartError::NotNeeded => error_body::service(text),
            StartError::NoPlace => error_body::throttled("ConcurrentInvocationLimitExceeded"),
        };
        Self {
            never_sent: true,
            ..error
        }
    }
}

/// A process that runs, and what belongs to it.
struct Started {
    child: Child,
    group: Pid,
    listener: TcpListener,
    log: Receiver,
}

/// The whole life of a process.
pub(super) async fn run(process: Arc<Process>, pool: Arc<Pool>, place: Place) {
    let started = start(&process, &pool, place).await;
    // From here on the pool may go; the process then ends with its last answer.
    drop(pool);
    match started {
        Ok((started, permit)) => {
            started.supervise(&process).await;
            drop(permit);
        }
        Err(StartError::NotNeeded) => {}
        Err(error) => {
            process.shared.warn_once(format!(
                "function {} does not start: {error}",
                process.function.name
            ));
            process.not_started(error.into());
        }
    }
    process.end_turn();
    process.end_if_idle();
    process.shared.callers.remove(&process);
}

async fn start(
    process: &Arc<Process>,
    pool: &Pool,
    place: Place,
) -> Result<(Started, OwnedSemaphorePermit), StartError> {
    let shared = &process.shared;
    let permit = match place {
        Place::Free(permit) => permit,
        Place::BeingFreed => {
            let freed = Arc::clone(&shared.processes).acquire_owned();
            timeout(shared.config.stop_grace * 2, freed)
                .await
                .ok()
                .and_then(Result::ok)
                .ok_or(StartError::NoPlace)?
        }
    };
    take_turn(process, pool).await?;
    let (code, interpreter) = prepare(shared, process).await?;
    let _ = pool.code_fingerprint.set(code.fingerprint);
    if let Some(warning) = &interpreter.warning {
        // The same for all functions of the runtime.
        shared.warn_once(warning.clone());
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (log, writer) = process.log.open()?;
    process.log.platform(init_start(process, &interpreter));
    let runtime_api = listener.local_addr()?.to_string();
    let environment = environment::of(process, pool, &code, &interpreter, &runtime_api);
    let child = spawn(&code, &interpreter, environment, writer)?;
    // A child that was spawned and not waited for has an id; it is small.
    let pid = child
        .id()
        .ok_or_else(|| io::Error::other("the process is gone at once"))?;
    let group = Pid::from_raw(pid.cast_signed());
    shared.guard.add(group.as_raw());
    process.spawned(pid);
    let started = Started {
        child,
        group,
        listener,
        log,
    };
    Ok((started, permit))
}

/// Waits until few enough processes initialise. The job may be done by another process meanwhile.
async fn take_turn(process: &Arc<Process>, pool: &Pool) -> Result<(), StartError> {
    let starting = Arc::clone(&process.shared.starting);
    let turn = match Arc::clone(&starting).try_acquire_owned() {
        Ok(turn) => Some(turn),
        // Started ahead of its first event: it may be given one while it waits.
        Err(_) if process.is_idle() => starting.acquire_owned().await.ok(),
        Err(_) => {
            pool.wait_for_turn(process);
            let mut turn = pin!(starting.acquire_owned());
            let turn = loop {
                tokio::select! {
                    turn = &mut turn => break turn.ok(),
                    // Not needed any more, it gives its place back at once.
                    () = process.changed() => if !pool.is_waiting(process) {
                        return Err(StartError::NotNeeded);
                    },
                }
            };
            if !pool.take_turn(process) {
                return Err(StartError::NotNeeded);
            }
            turn
        }
    };
    // The semaphore is never closed, so there is a turn.
    if let Some(turn) = turn {
        process.begin_turn(turn);
    }
    Ok(())
}

async fn prepare(
    shared: &Arc<Shared>,
    process: &Process,
) -> Result<(Prepared, Interpreter), StartError> {
    let (shared, function) = (Arc::clone(shared), Arc::clone(&process.function));
    let prepared = tokio::task::spawn_blocking(move || {
        let code = shared.code.prepare(&function)?;
        let interpreter = shared.runtimes.find(&function, &code, &shared.code)?;
        Ok((code, interpreter))
    });
    prepared.await.map_err(io::Error::other)?
}

fn init_start(process: &Process, interpreter: &Interpreter) -> String {
    format!(
        "INIT_START Runtime Version: {}:{}\tRuntime Version ARN: arn:aws:lambda:{}::runtime:local",
        process.function.runtime.identifier(),
        interpreter.program.display(),
        process.shared.config.region
    )
}

fn spawn(
    code: &Prepared,
    interpreter: &Interpreter,
    environment: environment::Environment,
    log: PipeWriter,
) -> io::Result<Child> {
    Command::new(&interpreter.program)
        .args(&interpreter.arguments)
        .current_dir(&code.root)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A group of its own, so that a timeout reaches what the function itself started.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

impl Started {
    /// Serves the process until it has ended, and cleans up.
    async fn supervise(mut self, process: &Arc<Process>) {
        let mut connections = JoinSet::new();
        let mut log_open = true;
        let status = loop {
            let until = match process.due(Instant::now()) {
                Due::At(until) => until,
                Due::Idle => {
                    process.end_if_idle();
                    continue;
                }
                Due::Stop => break self.stop(process).await,
                Due::TimedOut(overdue) => {
                    process.look_up_memory();
                    self.kill();
                    let status = self.child.wait().await.ok();
                    process.settle_overdue(overdue);
                    break status;
                }
            };
            tokio::select! {
                status = self.child.wait() => break status.ok(),
                Ok((stream, _)) = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                    connections.spawn(runtime_api::serve(stream, Arc::clone(process)));
                }
                Some(_) = connections.join_next() => {}
                _ = self.log.readable(), if log_open => match process.log.drain(&self.log) {
                    Drained::All => {}
                    Drained::Some => tokio::task::yield_now().await,
                    Drained::Closed => log_open = false,
                },
                () = process.changed() => {}
                () = sleep_until(until.into()) => {}
            }
        };
        // What it started may live on in its group.
        self.kill();
        process.shared.guard.remove(self.group.as_raw());
        process.ended(status);
        process.log.close();
    }

    /// SIGTERM, and SIGKILL when that is not heeded.
    async fn stop(&mut self, process: &Process) -> Option<ExitStatus> {
        let _ = killpg(self.group, Signal::SIGTERM);
        let grace = process.shared.config.stop_grace;
        if let Ok(status) = timeout(grace, self.child.wait()).await {
            return status.ok();
        }
        self.kill();
        self.child.wait().await.ok()
    }

    /// Kills the whole group; one that is gone is no error.
    fn kill(&self) {
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}
