//! A runner on a temporary folder, and functions written out in the tests.

use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration,
};

use gatepost_gateway::{
    integration::invoke_function::InvokeFunction,
    observe::{Event, Observer},
};
use gatepost_model::{
    function::{Function, FunctionCode, Runtime},
    invocation::{InvocationType, InvokeError, InvokeRequest, InvokeResponse},
};
use gatepost_server::lambda::{LocalRunner, RunnerConfig};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

pub struct World {
    pub folder: TempDir,
    pub runner: Arc<LocalRunner>,
    events: mpsc::Receiver<Event>,
}

impl World {
    pub fn new(functions: Vec<Function>) -> Self {
        Self::with(functions, |_| {})
    }

    pub fn with(mut functions: Vec<Function>, change: impl FnOnce(&mut RunnerConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for function in &mut functions {
            lay_out(folder.path(), function);
        }
        let (observer, events) = Observer::new(10_000);
        let url = "http://localhost:4100".to_owned();
        let mut config = RunnerConfig::new(folder.path().join(".gatepost"), url, observer);
        config.own_environment = ["PATH", "HOME"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
            .collect();
        config.async_delay = Duration::from_millis(10);
        config.retry_delays = vec![Duration::from_millis(20)];
        config.throttle_delay = Duration::from_millis(20);
        change(&mut config);
        Self {
            runner: LocalRunner::new(config, functions),
            folder,
            events,
        }
    }

    pub async fn invoke(&self, request: InvokeRequest) -> Result<InvokeResponse, InvokeError> {
        self.runner.invoke(request).await
    }

    /// Invokes a function and gives its answer, or its error document.
    pub async fn call(&self, function: &str, event: &Value) -> (Value, bool) {
        let answer = self.invoke(request(function, event)).await.unwrap();
        let payload = serde_json::from_slice(&answer.payload).unwrap();
        (payload, answer.function_error.is_some())
    }

    /// The next line of a function's log that `wanted` takes.
    pub async fn log_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_for(|event| match event {
            Event::FunctionLog { message, .. } if wanted(&message) => Some(message),
            _ => None,
        })
        .await
    }

    /// The next warning that speaks of `subject`.
    pub async fn warning(&mut self, subject: &str) -> String {
        self.wait_for(|event| match event {
            Event::Warning(text) if text.contains(subject) => Some(text),
            _ => None,
        })
        .await
    }

    async fn wait_for<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap()
    }

    /// All log lines so far.
    pub fn log(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .filter_map(|event| match event {
                Event::FunctionLog { message, .. } => Some(message),
                _ => None,
            })
            .collect()
    }
}

/// Code given as text becomes a folder, unless it shall stay inline: that has no `handler` file.
fn lay_out(folder: &Path, function: &mut Function) {
    let FunctionCode::Inline(text) = &function.code else {
        return;
    };
    let file = match (&function.runtime, function.handler.rsplit_once('.')) {
        (Runtime::Provided(_), _) => "bootstrap".to_owned(),
        (_, Some(("index", _))) => return,
        (Runtime::Python(_), Some((module, _))) => format!("{module}.py"),
        (Runtime::Node(_), _) => function.description.take().unwrap(),
        (_, None) => "app.py".to_owned(),
    };
    let code = folder.join(function.name.as_str());
    let path = code.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    function.code = FunctionCode::Directory(code);
}

fn function(name: &str, runtime: &str, handler: &str, code: &str) -> Function {
    Function {
        name: name.into(),
        arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{name}"),
        logical_id: name.to_owned(),
        runtime: Runtime::parse(runtime).unwrap(),
        handler: handler.to_owned(),
        code: FunctionCode::Inline(code.to_owned()),
        layers: Vec::new(),
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(20),
        memory_mb: 128,
        reserved_concurrency: None,
        event_invoke_configs: BTreeMap::new(),
        aliases: BTreeMap::new(),
        versions: Vec::new(),
        version: gatepost_model::function::LATEST.to_owned(),
        description: None,
    }
}

/// `app.handler` in Python.
pub fn python(name: &str, code: &str) -> Function {
    function(name, "python3.11", "app.handler", code)
}

/// `handler` of the named file.
pub fn node(name: &str, file: &str, code: &str) -> Function {
    let (module, _) = file.rsplit_once('.').unwrap();
    let mut function = function(name, "nodejs20.x", &format!("{module}.handler"), code);
    function.description = Some(file.to_owned());
    function
}

/// A shell script as `bootstrap`, with `api` for its Runtime API.
pub fn provided(name: &str, script: &str) -> Function {
    let code =
        format!("#!/bin/sh\napi=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime\n{script}");
    function(name, "provided.al2023", "unused", &code)
}

pub fn request(function: &str, event: &Value) -> InvokeRequest {
    InvokeRequest {
        function: function.to_owned(),
        qualifier: None,
        invocation_type: InvocationType::RequestResponse,
        payload: event.to_string().into_bytes(),
        tail_log: false,
        client_context: None,
        trace_id: None,
        source: None,
    }
}

pub fn asynchronous(function: &str, event: &Value) -> InvokeRequest {
    InvokeRequest {
        invocation_type: InvocationType::Event,
        ..request(function, event)
    }
}

/// Whether a process is there and no zombie.
pub fn is_alive(pid: &Value) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| !state.starts_with('Z'))
}

/// Waits until something is so, for at most two seconds.
pub async fn soon(so: impl Fn() -> bool) -> bool {
    for _ in 0..100 {
        if so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}
