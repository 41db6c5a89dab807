//! The app that `dev` runs: started once, reloaded on change, stopped at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
};

use gatepost_gateway::{auth::AuthMode, clock::now_ms};
use gatepost_model::{ApiId, secret::Secret};
use gatepost_server::{
    admin::AdminAccess,
    template::{self, LoadOptions, ValuesFrom},
};

use super::{
    Arguments,
    asked::{addresses, find_template, folder_of, load_config, read_env_file},
    error_lines, services,
    tables::{self, Said},
    terminal::{Ready, ReadyApi, ReadyApiKey, ReadyFunction, Terminal},
    watch::Watched,
};
use crate::{
    config::ConfigErrors,
    node::{
        Inherited, Node, NodeOptions, PortFrom, Prepared, STATE_FOLDER, StartError, StateFolder,
        compile_lines, stage_path,
    },
};

/// A running app.
pub struct App {
    terminal: Terminal,
    arguments: Arguments,
    template: PathBuf,
    folder: PathBuf,
    loaded: template::App,
    options: LoadOptions,
    node: Node,
    api_ports: Vec<(ApiId, u16)>,
    notes: Vec<String>,
    warned_of_services: BTreeSet<String>,
}

impl App {
    /// Starts the app: everything that can be wrong is found before anything is served. `home_page`
    /// is served at `/`.
    pub async fn start(
        arguments: Arguments,
        terminal: &Terminal,
        home_page: Option<&'static str>,
    ) -> Result<Self, StartError> {
        let template = find_template(arguments.template.as_deref())?;
        let folder = folder_of(&template);
        let config = load_config(arguments.config.as_deref(), &folder)?;
        let listen = addresses(&arguments, &config);
        let env_file = match &arguments.env_file {
            Some(path) => read_env_file(path)?,
            None => BTreeMap::new(),
        };
        let remote = arguments.allow_unauthenticated_remote;
        let prepared = Prepared::new(
            config,
            &listen,
            PortFrom::Flag,
            AuthMode::Off,
            remote,
            Inherited::default(),
        )?;
        let parameters = arguments.parameters.iter().cloned().collect();
        let options = prepared.load_options(parameters, ValuesFrom::Flags);
        let loaded = template::load(&template, &options).map_err(StartError::Template)?;
        let settings = prepared
            .config
            .stages
            .resolve(&loaded.apis, &loaded.api_logical_ids)
            .map_err(ConfigErrors)?;

        let state = StateFolder::open(folder.join(STATE_FOLDER), arguments.fresh)?;
        let node_options = NodeOptions {
            home_page,
            env_file,
            quiet: arguments.quiet,
            gone_reason_header: true,
            admin: AdminAccess::ThisMachine,
            beside: None,
        };
        let (mut node, events) = Node::open(prepared, state, node_options)?;
        terminal.follow(events)?;
        let mut warnings = node
            .deploy(&template::App::default(), &loaded, &settings)
            .map_err(StartError::Deploy)?;
        let mut notes = rewritten_lines(&loaded);
        for said in tables::create(&options.region, &loaded.tables).await {
            match said {
                Said::Note(note) => notes.push(note),
                Said::Warning(warning) => terminal.warning(&warning),
            }
        }
        node.announce(SocketAddr::new(listen[0].ip(), node.port))?;
        node.listen();
        warnings.extend(node.warnings.clone());
        warnings.extend(loaded.warnings.iter().map(ToString::to_string));
        let mut app = Self {
            terminal: *terminal,
            arguments,
            template,
            folder,
            loaded,
            options,
            node,
            api_ports: Vec::new(),
            notes,
            warned_of_services: BTreeSet::new(),
        };
        app.open_api_ports()?;
        if app.arguments.warm {
            app.node.server.functions.warm();
        }
        for warning in warnings {
            terminal.warning(&warning);
        }
        app.warn_of_real_calls();
        Ok(app)
    }

    /// Warns of services that are called at AWS itself, once each.
    fn warn_of_real_calls(&mut self) {
        let services = &self.node.server.gateway.outward().services;
        for warning in services::real_calls(&self.loaded.apis, services) {
            if self.warned_of_services.insert(warning.clone()) {
                self.terminal.warning(&warning);
            }
        }
    }

    /// With several APIs each has a port of its own, on which its stages stand at the root.
    fn open_api_ports(&mut self) -> Result<(), StartError> {
        if self.loaded.apis.len() < 2 {
            return Ok(());
        }
        for api in &self.loaded.apis {
            if self
                .api_ports
                .iter()
                .any(|(api_id, _)| *api_id == api.api_id)
            {
                continue;
            }
            let last = self.api_ports.last();
            let last = last.map_or(self.node.port, |(_, port)| *port);
            let number = self.node.listen_for(&api.api_id, last)?;
            self.api_ports.push((api.api_id.clone(), number));
        }
        Ok(())
    }

    /// What is watched for changes.
    pub fn watched(&self) -> Watched {
        let sources = self.loaded.sources.iter().chain(&self.arguments.env_file);
        Watched {
            sources: sources.cloned().collect(),
            folders: vec![self.folder.clone()],
        }
    }

    /// Loads the template again and serves it, whole or not at all.
    pub async fn reload(&mut self) -> Result<(), Vec<String>> {
        self.options.now_ms = now_ms();
        let loaded =
            template::load(&self.template, &self.options).map_err(|errors| error_lines(&errors))?;
        // All that can refuse comes before anything changes.
        let settings = self
            .node
            .config
            .stages
            .resolve(&loaded.apis, &loaded.api_logical_ids)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        self.node
            .server
            .gateway
            .check(&loaded.apis, &settings)
            .map_err(|errors| compile_lines(&errors))?;
        if let Some(path) = &self.arguments.env_file {
            let env_file = read_env_file(path).map_err(|error| vec![error.to_string()])?;
            self.node.server.functions.set_env_file(env_file);
        }
        let deployed = self.node.deploy(&self.loaded, &loaded, &settings);
        for warning in deployed.map_err(|errors| compile_lines(&errors))? {
            self.terminal.warning(&warning);
        }
        for warning in &loaded.warnings {
            if !self.loaded.warnings.contains(warning) {
                self.terminal.warning(&warning.to_string());
            }
        }
        let new_tables: Vec<_> = loaded
            .tables
            .iter()
            .filter(|table| {
                !self
                    .loaded
                    .tables
                    .iter()
                    .any(|known| known.name == table.name)
            })
            .cloned()
            .collect();
        self.loaded = loaded;
        self.warn_of_real_calls();
        for said in tables::create(&self.options.region, &new_tables).await {
            if let Said::Warning(warning) = said {
                self.terminal.warning(&warning);
            }
        }
        if let Err(error) = self.open_api_ports() {
            // The change is served all the same, under the API's path.
            self.terminal
                .warning(&format!("an API gets no port of its own: {error}"));
        }
        Ok(())
    }

    /// Closes the connections, runs the `$disconnect` routes, ends the functions.
    pub async fn stop(&self) {
        let lost = self.node.stop().await;
        self.terminal.last_words(lost);
    }

    /// The keys as they are served, which have a value even when the template gives none.
    fn ready_api_keys(&self) -> Vec<ReadyApiKey> {
        let served = self.node.server.gateway.usage_plans();
        let keys = served.plans().api_keys.iter();
        keys.map(|key| ReadyApiKey {
            api_key_id: key.api_key_id.to_string(),
            name: key.name.clone(),
            enabled: key.enabled,
            masked_value: key.value.as_ref().map(Secret::masked).unwrap_or_default(),
        })
        .collect()
    }

    /// What start-up says.
    pub fn ready(&self) -> Ready {
        let several = self.loaded.apis.len() > 1;
        let endpoint = &self.node.server.endpoint;
        let (ws_base, http_base) = (endpoint.ws_base(), endpoint.http_base());
        let apis = self.loaded.apis.iter().map(|api| ReadyApi {
            api_id: api.api_id.to_string(),
            name: api.name.clone(),
            logical_id: self
                .loaded
                .api_logical_ids
                .get(&api.api_id)
                .cloned()
                .unwrap_or_default(),
            stages: api
                .stages
                .iter()
                .filter(|stage| api.deployed_to(stage).is_some())
                .map(|stage| {
                    let path = stage_path(&api.api_id, stage.stage_name.as_str(), several);
                    (
                        stage.stage_name.to_string(),
                        format!("{ws_base}{path}"),
                        format!("{http_base}{path}"),
                    )
                })
                .collect(),
            port: self
                .api_ports
                .iter()
                .find(|(api_id, _)| *api_id == api.api_id)
                .map(|(_, port)| *port),
        });
        let functions = self.loaded.functions.iter().map(|function| ReadyFunction {
            name: function.name.to_string(),
            logical_id: function.logical_id.clone(),
            arn: function.arn.clone(),
            runtime: function.runtime.identifier(),
        });
        Ready {
            template: self.template.clone(),
            stack_name: self.loaded.stack_name.clone(),
            port: self.node.port,
            endpoint: endpoint.clone(),
            has_page: self.node.server.home_page.is_some(),
            ca_bundle: self.node.ca_bundle.clone(),
            apis: apis.collect(),
            api_keys: self.ready_api_keys(),
            functions: functions.collect(),
            outputs: self.loaded.outputs.clone().into_iter().collect(),
            not_acted_on: self.loaded.not_acted_on.clone(),
            notes: self.notes.clone(),
        }
    }
}

/// What start-up says of URLs that named AWS and name Gatepost now.
pub fn rewritten_lines(loaded: &template::App) -> Vec<String> {
    let line = |url: &template::RewrittenUrl| {
        format!("Rewritten: {}: {} is {} here", url.place, url.from, url.to)
    };
    loaded.rewritten_urls.iter().map(line).collect()
}
