//! `gatepost serve`: the production server.

mod apps;
mod notify;
mod token;

use std::{env, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use gatepost_gateway::auth::AuthMode;
use gatepost_server::{
    admin::AdminAccess,
    template::{self, LoadOptions},
};
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    dev::{Terminal, Watched, Watcher, folder_of, load_config},
    output,
};
use crate::{
    config::{Config, ConfigErrors},
    node::{Node, NodeOptions, Prepared, StartError, StateFolder, compile_lines, stage_path},
};

/// The version of the shape of the JSON events.
const JSON_VERSION: u32 = 1;

/// Serve the WebSocket APIs of the templates that the configuration names, in production.
#[derive(Args, Clone)]
#[command(
    after_help = "Examples:\n  gatepost serve --config /etc/gatepost/gatepost.toml\n  \
                  GATEPOST_SERVER__TEMPLATES=chat/template.yaml gatepost serve\n\nSIGHUP reads \
                  templates and certificates again; SIGTERM drains and stops."
)]
pub struct Arguments {
    /// Configuration file [default: gatepost.toml in this folder, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print events as JSON lines
    #[arg(long)]
    json: bool,
    /// While requests are not authenticated: serve other machines nevertheless
    #[arg(long)]
    allow_unauthenticated_remote: bool,
}

/// Serves until it is told to stop.
pub async fn run(arguments: Arguments) -> ExitCode {
    let terminal = Terminal::new(arguments.json, true);
    let mut server = match Running::start(arguments, terminal) {
        Ok(server) => server,
        Err(error) => {
            Terminal::start_failed(&error);
            return match error {
                StartError::Usage(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            };
        }
    };
    match server.serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal.warning(&format!(
                "signals cannot be received on this system: {error}"
            ));
            ExitCode::FAILURE
        }
    }
}

/// A server that runs.
struct Running {
    arguments: Arguments,
    terminal: Terminal,
    node: Node,
    options: LoadOptions,
    loaded: template::App,
    admin: SocketAddr,
    token_file: Option<PathBuf>,
}

impl Running {
    /// Everything that can be wrong is found before anything is served.
    fn start(arguments: Arguments, terminal: Terminal) -> Result<Self, StartError> {
        let config = read_config(&arguments)?;
        let listen = config.server.listen.clone();
        let remote = arguments.allow_unauthenticated_remote;
        let is_open = config.auth.mode == Some(AuthMode::Off);
        let state = StateFolder::open(state_path(&config), false)?;
        let (token, token_file) = token::find(&config.admin, state.path())?;
        let admin = config.admin.listen;
        let prepared = Prepared::new(config, &listen, AuthMode::SigV4, remote)?;
        let options = prepared.load_options(std::collections::BTreeMap::new());
        let loaded = apps::load(&prepared.config.server.templates, &options)?;
        let settings = prepared
            .config
            .stages
            .resolve(&loaded.apis, &loaded.api_logical_ids)
            .map_err(ConfigErrors)?;
        let node_options = NodeOptions {
            home_page: None,
            env_file: std::collections::BTreeMap::new(),
            quiet: true,
            gone_reason_header: false,
            admin: AdminAccess::Token(token),
        };
        let (mut node, events) = Node::open(prepared, state, node_options)?;
        tokio::spawn(terminal.follow(events, Arc::clone(node.server.gateway.store())));
        let mut warnings = node
            .deploy(&template::App::default(), &loaded, &settings)
            .map_err(StartError::Deploy)?;
        let admin = node.listen_for_admin(admin)?;
        node.listen();
        if is_open {
            terminal.warning(
                "[auth] mode is \"off\": WHOEVER REACHES THIS SERVER MAY DO EVERYTHING; nobody has \
                 to sign requests",
            );
        }
        warnings.extend(node.warnings.clone());
        warnings.extend(apps::warnings(&loaded));
        for warning in warnings {
            terminal.warning(&warning);
        }
        Ok(Self {
            arguments,
            terminal,
            node,
            options,
            loaded,
            admin,
            token_file,
        })
    }

    /// Serves until SIGTERM or SIGINT; a second one hurries.
    async fn serve(&mut self) -> std::io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut watcher = match Watcher::new(&self.watched()) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                let text = format!("changes are not watched, send SIGHUP instead: {error}");
                self.terminal.warning(&text);
                None
            }
        };
        self.tell(&self.ready());
        notify::tell("READY=1");
        loop {
            tokio::select! {
                () = either(&mut interrupt, &mut terminate) => break,
                _ = hang_up.recv() => {
                    self.reload_certificate();
                    self.say_what_needs_a_restart();
                    self.reload();
                }
                () = super::dev::changed(watcher.as_mut()) => self.reload(),
            }
            if let Some(watcher) = &mut watcher {
                watcher.watch(&self.watched());
            }
        }
        notify::tell("STOPPING=1");
        self.terminal.stopping();
        tokio::select! {
            () = self.node.stop() => {}
            () = either(&mut interrupt, &mut terminate) => {}
        }
        Ok(())
    }

    fn watched(&self) -> Watched {
        let templates = &self.node.config.server.templates;
        Watched {
            sources: self.loaded.sources.clone(),
            folders: templates.iter().map(|path| folder_of(path)).collect(),
        }
    }

    /// Serves the templates as they are now, whole or not at all.
    fn reload(&mut self) {
        match self.try_reload() {
            Ok(()) => self
                .tell(&json!({"event": "reloaded", "version": JSON_VERSION, "apis": self.apis()})),
            Err(errors) => self.terminal.reload_failed(&errors),
        }
    }

    fn try_reload(&mut self) -> Result<(), Vec<String>> {
        self.options.now_ms = gatepost_gateway::clock::now_ms();
        let config = &self.node.config;
        let loaded = apps::load(&config.server.templates, &self.options)
            .map_err(|error| vec![error.to_string()])?;
        let settings = config
            .stages
            .resolve(&loaded.apis, &loaded.api_logical_ids)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let gateway = &self.node.server.gateway;
        gateway
            .check(&loaded.apis, &settings)
            .map_err(|errors| compile_lines(&errors))?;
        let warnings = self
            .node
            .deploy(&self.loaded, &loaded, &settings)
            .map_err(|errors| compile_lines(&errors))?;
        let known = apps::warnings(&self.loaded);
        let new = apps::warnings(&loaded);
        for warning in warnings
            .iter()
            .chain(new.iter().filter(|it| !known.contains(it)))
        {
            self.terminal.warning(warning);
        }
        self.loaded = loaded;
        Ok(())
    }

    /// Shows the certificate as its files are now.
    fn reload_certificate(&self) {
        if let Err(error) = self.node.reload_certificate() {
            let text = format!("{error}; the old certificate is shown on");
            self.terminal.warning(&text);
        }
    }

    /// Says which keys of the configuration have changed since the start.
    fn say_what_needs_a_restart(&self) {
        match read_config(&self.arguments) {
            Err(error) => self.terminal.warning(&error.to_string()),
            Ok(now) => {
                let before = &self.node.config.settings;
                let is_new = |setting: &&crate::config::Setting| {
                    let mut before = before.iter();
                    !before.any(|it| it.key == setting.key && it.value == setting.value)
                };
                for setting in now.settings.iter().filter(is_new) {
                    let text = format!("{}: {} needs a restart", setting.source, setting.key);
                    self.terminal.warning(&text);
                }
            }
        }
    }

    fn tell(&self, event: &Value) {
        if self.arguments.json {
            output::line(&event.to_string());
            return;
        }
        let apis = event["apis"].as_array().map_or(0, Vec::len);
        if event["event"] == "ready" {
            let authority = &self.node.server.authority;
            output::error_line(&format!("Serving {apis} APIs on {authority}"));
            output::error_line(&format!("Admin on {}", self.admin));
            output::line("Ready.");
        } else {
            output::error_line(&format!("Reloaded: {apis} APIs."));
        }
    }

    fn apis(&self) -> Value {
        let table = self.node.server.gateway.apis();
        let several = table.apis.len() > 1;
        let authority = &self.node.server.authority;
        let apis = table.apis.values().map(|deployed| {
            let api = &deployed.api;
            let stages = api
                .stages
                .iter()
                .filter(|stage| api.deployed_to(stage).is_some());
            let stages = stages.map(|stage| {
                let path = stage_path(&api.api_id, stage.stage_name.as_str(), several);
                json!({
                    "stage": stage.stage_name.as_str(),
                    "url": format!("ws://{authority}{path}"),
                    "callbackUrl": format!("http://{authority}{path}"),
                })
            });
            json!({
                "apiId": api.api_id.as_str(),
                "name": api.name,
                "logicalId": self.loaded.api_logical_ids.get(&api.api_id),
                "stages": stages.collect::<Vec<_>>(),
            })
        });
        apis.collect()
    }

    fn ready(&self) -> Value {
        let authority = &self.node.server.authority;
        json!({
            "event": "ready",
            "version": JSON_VERSION,
            "port": self.node.port,
            "httpUrl": format!("http://{authority}"),
            "adminUrl": format!("http://{}", self.admin),
            "adminTokenFile": self.token_file,
            "caBundle": self.node.ca_bundle,
            "apis": self.apis(),
        })
    }
}

fn read_config(arguments: &Arguments) -> Result<Config, StartError> {
    let here = env::current_dir()?;
    load_config(arguments.config.as_deref(), &here)
}

/// Where state is kept: `[store] path`, else systemd's folder, else `.gatepost` here.
fn state_path(config: &Config) -> PathBuf {
    let given = config.store_path.clone();
    let of_systemd = || env::var_os("STATE_DIRECTORY").filter(|it| !it.is_empty());
    given
        .or_else(|| of_systemd().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(".gatepost"))
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
