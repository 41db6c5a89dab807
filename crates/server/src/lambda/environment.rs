//! The environment of a function's process: cleared, then what the contract names, each later
//! source stronger than the earlier ones.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use gatepost_model::function::Runtime;

use super::{code::Prepared, pool::Pool, process::Process, runtime_lookup::Interpreter};

/// Variables of a process.
pub(super) type Environment = BTreeMap<String, OsString>;

/// What is passed on from Gatepost's own environment, besides proxies and AWS's endpoints.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// Where no proxy may stand between a function and Gatepost.
const LOCAL: &str = "localhost,127.0.0.1,::1";

/// The environment for a process of this function.
pub(super) fn of(
    process: &Process,
    pool: &Pool,
    code: &Prepared,
    interpreter: &Interpreter,
    runtime_api: &str,
) -> Environment {
    let mut environment = Environment::new();
    inherit(&mut environment, process);
    describe_function(&mut environment, process);
    describe_layers(&mut environment, process, code, interpreter);
    point_to_gatepost(&mut environment, process, pool);
    for (name, value) in pool.function.environment.iter().chain(&*pool.env_file) {
        environment.insert(name.clone(), value.into());
    }
    // Without these the process cannot reach us, whatever a template says.
    set(&mut environment, "AWS_LAMBDA_RUNTIME_API", runtime_api);
    set(&mut environment, "LAMBDA_TASK_ROOT", &code.root);
    set(&mut environment, "_HANDLER", &pool.function.handler);
    environment
}

fn set(environment: &mut Environment, name: &str, value: impl AsRef<OsStr>) {
    environment.insert(name.to_owned(), value.as_ref().to_owned());
}

fn inherit(environment: &mut Environment, process: &Process) {
    let config = &process.shared.config;
    set(environment, "PATH", "/usr/local/bin:/usr/bin:/bin");
    set(environment, "LANG", "en_US.UTF-8");
    for (name, value) in &config.own_environment {
        let known = INHERITED.iter().chain(&PROXIES).chain(&NO_PROXY);
        if known.into_iter().any(|known| known == name)
            || name.starts_with("AWS_ENDPOINT_URL")
            || config.pass_environment.contains(name)
        {
            set(environment, name, value);
        }
    }
    if PROXIES.iter().any(|name| environment.contains_key(*name)) {
        for name in NO_PROXY {
            let value = environment.entry(name.to_owned()).or_default();
            if !value.is_empty() {
                value.push(",");
            }
            value.push(LOCAL);
        }
    }
}

/// Lambda's own variables (control-and-observability spec F.4), and credentials for Gatepost only.
fn describe_function(environment: &mut Environment, process: &Process) {
    let (config, function) = (&process.shared.config, &process.function);
    let credentials = &process.credentials;
    let name = function.name.as_str();
    let memory = function.memory_mb.to_string();
    let log_group = format!("/aws/lambda/{name}");
    for (variable, value) in [
        ("AWS_REGION", config.region.as_str()),
        ("AWS_DEFAULT_REGION", &config.region),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        (
            "AWS_SECRET_ACCESS_KEY",
            credentials.secret_access_key.reveal(),
        ),
        ("AWS_SESSION_TOKEN", credentials.session_token.reveal()),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", function.version.as_str()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", process.log.name()),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("TZ", ":UTC"),
    ] {
        set(environment, variable, value);
    }
    set(
        environment,
        "LAMBDA_RUNTIME_DIR",
        process.shared.code.runtime_folder(),
    );
    if !matches!(function.runtime, Runtime::Provided(_)) {
        let identifier = function.runtime.identifier();
        set(
            environment,
            "AWS_EXECUTION_ENV",
            format!("AWS_Lambda_{identifier}"),
        );
    }
}

/// What lies under `/opt` on AWS, and the virtual environment.
fn describe_layers(
    environment: &mut Environment,
    process: &Process,
    code: &Prepared,
    interpreter: &Interpreter,
) {
    let in_layers = |part: &str| code.layers.iter().map(|layer| layer.join(part)).collect();
    let mut programs: Vec<PathBuf> = in_layers("bin");
    if let Some(path) = environment.get("PATH") {
        programs.extend(std::env::split_paths(path));
    }
    join(environment, "PATH", &programs);
    let mut libraries = vec![code.root.clone(), code.root.join("lib")];
    libraries.append(&mut in_layers("lib"));
    join(environment, "LD_LIBRARY_PATH", &libraries);
    match &process.function.runtime {
        Runtime::Python(version) => {
            let mut modules: Vec<PathBuf> = in_layers("python");
            let versioned = format!("python/lib/python{version}/site-packages");
            modules.append(&mut in_layers(&versioned));
            modules.extend(interpreter.site_packages.clone());
            join(environment, "PYTHONPATH", &modules);
        }
        Runtime::Node(major) => {
            let mut modules: Vec<PathBuf> = in_layers(&format!("nodejs/node{major}/node_modules"));
            modules.append(&mut in_layers("nodejs/node_modules"));
            join(environment, "NODE_PATH", &modules);
        }
        Runtime::Provided(_) => {}
    }
}

/// Sets a list of folders; those with a colon in their name cannot stand in one.
fn join(environment: &mut Environment, name: &str, folders: &[PathBuf]) {
    let folders = folders
        .iter()
        .filter(|folder| !folder.as_os_str().as_encoded_bytes().contains(&b':'));
    if let Ok(joined) = std::env::join_paths(folders)
        && !joined.is_empty()
    {
        environment.insert(name.to_owned(), joined);
    }
}

fn point_to_gatepost(environment: &mut Environment, process: &Process, pool: &Pool) {
    let config = &process.shared.config;
    let endpoint = &config.endpoint_url;
    set(environment, "AWS_ENDPOINT_URL_LAMBDA", endpoint);
    set(environment, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", endpoint);
    let management = pool.management_endpoint.as_ref().unwrap_or(endpoint);
    set(
        environment,
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
        management,
    );
    if let Some(bundle) = &config.ca_bundle {
        set(environment, "NODE_EXTRA_CA_CERTS", &bundle.local_ca);
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"] {
            set(environment, name, &bundle.combined);
        }
    }
}
