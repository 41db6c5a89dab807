//! `gatepost serve`: the production server.

mod apps;
mod notify;
mod restart;
mod token;

use std::{env, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use gatepost_gateway::auth::AuthMode;
use gatepost_server::{
    admin::AdminAccess,
    template::{self, LoadOptions, ValuesFrom},
};
use serde_json::{Map, Value, json};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use super::{
    dev::{
        ReadyApi, Terminal, Watched, Watcher, error_lines, folder_of, load_config, rewritten_lines,
    },
    output,
};
use crate::{
    config::{Config, ConfigErrors},
    node::{
        HandedOver, Inherited, Node, NodeOptions, PortFrom, Predecessor, Prepared, Purpose,
        STATE_FOLDER, StartError, StateFolder, compile_lines, stage_path,
    },
};

/// The version of the shape of the JSON events.
const JSON_VERSION: u32 = 1;

/// Serve the WebSocket APIs of the templates that the configuration names, in production.
#[derive(Args, Clone)]
#[command(
    after_help = "Examples:\n  gatepost serve --config /etc/gatepost/gatepost.toml\n  \
                  GATEPOST_SERVER__TEMPLATES=chat/template.yaml gatepost serve\n  gatepost serve \
                  --take-over --config gatepost.toml\n\nSIGHUP reads templates and certificates \
                  again; SIGTERM drains and stops."
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
    /// Take the listening sockets over from the gatepost that runs with the same state folder, if one
    /// does, which then drains and ends; nobody is refused meanwhile
    #[arg(long)]
    take_over: bool,
}

/// Serves until it is told to stop, on the sockets that systemd passed if it did.
pub async fn run(arguments: Arguments, passed: Result<Inherited, StartError>) -> ExitCode {
    let terminal = Terminal::new(arguments.json, true);
    let started = passed.and_then(|passed| Running::start(arguments, terminal, passed));
    let mut server = match started {
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
    /// Told when another Gatepost has taken over.
    successor: Option<mpsc::Receiver<HandedOver>>,
}

impl Running {
    /// Everything that can be wrong is found before anything is served.
    fn start(
        arguments: Arguments,
        terminal: Terminal,
        passed: Inherited,
    ) -> Result<Self, StartError> {
        let config = read_config(&arguments)?;
        let (state, mut predecessor, sockets) = open_state(&arguments, &config, passed)?;
        let listen = sockets.addresses(Purpose::Public, &config.server.listen);
        let admin = sockets.addresses(Purpose::Admin, &[config.admin.listen])[0];
        let remote = arguments.allow_unauthenticated_remote;
        let is_open = config.auth.mode == Some(AuthMode::Off);
        let (token, token_file) = token::find(&config.admin, &state, predecessor.is_some())?;
        let mode = AuthMode::SigV4;
        let mut prepared = Prepared::new(config, &listen, PortFrom::Server, mode, remote, sockets)?;
        let admin = prepared.bind_admin(admin)?;
        let parameters = prepared.config.server.parameters.clone();
        let options = prepared.load_options(parameters, ValuesFrom::Configuration);
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
            beside: predecessor.as_ref().map(|it| it.run),
        };
        if let Some(predecessor) = &mut predecessor {
            predecessor.keep()?;
        }
        let (mut node, events) = Node::open(prepared, state, node_options)?;
        terminal.follow(events)?;
        let mut warnings = node
            .deploy(&template::App::default(), &loaded, &settings)
            .map_err(StartError::Deploy)?;
        if let Some(mut predecessor) = predecessor {
            let answering = node.take_over(&mut predecessor)?;
            node.listen();
            node.follow(predecessor, answering);
            // From here on it serves, whatever else there is.
            if let Err(error) = announce(&node, admin) {
                warnings.push(format!("commands do not find this gatepost: {error}"));
            }
        } else {
            announce(&node, admin)?;
            node.listen();
        }
        let successor = match node.await_successor() {
            Ok(successor) => Some(successor),
            Err(error) => {
                warnings.push(format!("nobody can take over from this gatepost: {error}"));
                None
            }
        };
        if is_open {
            terminal.warning(
                "[auth] mode is \"off\": WHOEVER REACHES THIS SERVER MAY DO EVERYTHING; nobody has \
                 to sign requests",
            );
        }
        warnings.extend(node.warnings.clone());
        let services = &node.server.gateway.outward().services;
        warnings.extend(apps::warnings(&loaded, services));
        if node.server.gateway.apis().apis.is_empty() {
            warnings.push(
                "there is no API yet: name what to serve in [server] templates, or deploy it by \
                 calls of apigatewayv2"
                    .into(),
            );
        }
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
            successor,
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
        self.tell_ready();
        notify::tell("READY=1");
        // Kept until the end, by which the other knows of it.
        let mut _handed_over = None;
        loop {
            tokio::select! {
                () = either(&mut interrupt, &mut terminate) => break,
                given = taken_over(self.successor.as_mut()) => {
                    _handed_over = Some(given);
                    self.terminal.handed_over();
                    break;
                }
                _ = hang_up.recv() => {
                    self.reload_certificate();
                    self.say_what_needs_a_restart();
                }
                () = super::dev::changed(watcher.as_mut()) => {}
            }
            // Folders that were made anew, as builds do, are watched before they are read.
            if let Some(watcher) = &mut watcher {
                watcher.watch(&self.watched());
            }
            self.reload();
            if let Some(watcher) = &mut watcher {
                watcher.watch(&self.watched());
            }
        }
        notify::tell("STOPPING=1");
        self.terminal.stopping();
        tokio::select! {
            lost = self.node.stop() => self.terminal.last_words(lost),
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
        let before = self.apis();
        match self.try_reload() {
            Ok(()) => self.tell_reloaded(&before),
            Err(errors) => self.terminal.reload_failed(&errors),
        }
    }

    fn try_reload(&mut self) -> Result<(), Vec<String>> {
        self.options.now_ms = gatepost_gateway::clock::now_ms();
        let config = &self.node.config;
        let loaded =
            apps::load(&config.server.templates, &self.options).map_err(|error| match error {
                StartError::Template(errors) => error_lines(&errors),
                error => vec![error.to_string()],
            })?;
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
        let services = &self.node.server.gateway.outward().services;
        let known = apps::warnings(&self.loaded, services);
        let new = apps::warnings(&loaded, services);
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
            Err(error) => self.terminal.warning_of(&error),
            Ok(now) => {
                for line in restart::needed(&self.node.config.settings, &now.settings) {
                    self.terminal.warning(&line);
                }
            }
        }
    }

    fn tell_ready(&self) {
        let not_acted_on = &self.loaded.not_acted_on;
        let notes = rewritten_lines(&self.loaded);
        let base = self.node.server.endpoint.http_base();
        if self.arguments.json {
            let not_acted_on: Map<String, Value> = not_acted_on
                .iter()
                .map(|(kind, ids)| (kind.clone(), json!(ids)))
                .collect();
            let event = json!({
                "event": "ready",
                "version": JSON_VERSION,
                "port": self.node.port,
                "httpUrl": base,
                "adminUrl": format!("http://{}", self.admin),
                "adminTokenFile": self.token_file,
                "caBundle": self.node.ca_bundle,
                "apis": self.apis().iter().map(api_json).collect::<Vec<_>>(),
                "notActedOn": not_acted_on,
                "notes": notes,
            });
            output::line(&event.to_string());
            return;
        }
        let style = self.terminal.style();
        let apis = self.apis();
        let mut text = style.apis(apis.iter());
        text += &style.notes(not_acted_on, &notes);
        output::line(&format!(
            "{text}Serving {} APIs on {base}\nAdmin on {}\nReady.",
            apis.len(),
            self.admin
        ));
    }

    fn tell_reloaded(&self, before: &[ReadyApi]) {
        let apis = self.apis();
        if self.arguments.json {
            let apis: Vec<Value> = apis.iter().map(api_json).collect();
            let event = json!({"event": "reloaded", "version": JSON_VERSION, "apis": apis});
            output::line(&event.to_string());
        } else {
            let new = apis.iter().filter(|api| !before.contains(api));
            output::line(&self.terminal.style().reloaded(new));
        }
    }

    fn apis(&self) -> Vec<ReadyApi> {
        let table = self.node.server.gateway.apis();
        let endpoint = &self.node.server.endpoint;
        let (ws_base, http_base) = (endpoint.ws_base(), endpoint.http_base());
        let apis = table.apis.values().map(|deployed| {
            let api = &deployed.api;
            let stages = api
                .stages
                .iter()
                .filter(|stage| api.deployed_to(stage).is_some());
            let several = !table.is_only_of_templates(&api.api_id);
            let stages = stages.map(|stage| {
                let path = stage_path(&api.api_id, stage.stage_name.as_str(), several);
                (
                    stage.stage_name.to_string(),
                    format!("{ws_base}{path}"),
                    format!("{http_base}{path}"),
                )
            });
            let logical_id = self.loaded.api_logical_ids.get(&api.api_id);
            ReadyApi {
                api_id: api.api_id.to_string(),
                name: api.name.clone(),
                logical_id: logical_id.cloned().unwrap_or_default(),
                stages: stages.collect(),
                port: None,
            }
        });
        apis.collect()
    }
}

fn api_json(api: &ReadyApi) -> Value {
    let stages = api.stages.iter().map(
        |(stage, url, callback_url)| json!({"stage": stage, "url": url, "callbackUrl": callback_url}),
    );
    json!({
        "apiId": api.api_id,
        "name": api.name,
        "logicalId": Some(&api.logical_id).filter(|id| !id.is_empty()),
        "stages": stages.collect::<Vec<_>>(),
    })
}

fn read_config(arguments: &Arguments) -> Result<Config, StartError> {
    let here = env::current_dir()?;
    load_config(arguments.config.as_deref(), &here)
}

/// Opens the state folder, or takes it over with its Gatepost's sockets if that is wanted.
fn open_state(
    arguments: &Arguments,
    config: &Config,
    passed: Inherited,
) -> Result<(StateFolder, Option<Predecessor>, Inherited), StartError> {
    let path = state_path(config);
    let offered = if arguments.take_over {
        Predecessor::ask(&path)?
    } else {
        None
    };
    let Some(offered) = offered else {
        return Ok((StateFolder::open(path, false)?, None, passed));
    };
    let state = StateFolder::taken_over(path, offered.lock)?;
    let sockets = passed.and(offered.sockets);
    Ok((state, Some(offered.predecessor), sockets))
}

/// Leaves in the state folder where commands ask this Gatepost, and no token that is not its own.
fn announce(node: &Node, admin: SocketAddr) -> Result<(), StartError> {
    node.announce(admin)?;
    token::forget_made(&node.config.admin, node.state_path())
}

/// Waits until another Gatepost has taken over.
async fn taken_over(successor: Option<&mut mpsc::Receiver<HandedOver>>) -> HandedOver {
    let given = match successor {
        Some(successor) => successor.recv().await,
        None => None,
    };
    match given {
        Some(given) => given,
        None => std::future::pending().await,
    }
}

/// Where state is kept: `[store] path`, else systemd's folder, else `.gatepost` here.
pub fn state_path(config: &Config) -> PathBuf {
    let given = config.store_path.clone();
    let of_systemd = || env::var_os("STATE_DIRECTORY").filter(|it| !it.is_empty());
    given
        .or_else(|| of_systemd().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(STATE_FOLDER))
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
