//! `gatepost dev`: run an app from its template.

mod app;
mod asked;
mod services;
mod tables;
mod terminal;
mod watch;

use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use gatepost_server::template::{Diagnostic, TemplateErrors};
use tokio::signal::unix::{SignalKind, signal};

use crate::node::StartError;

pub use app::{App, rewritten_lines};
pub use asked::{find_template, folder_of, load_config};
pub use services::real_calls;
pub use terminal::{ReadyApi, Style, Terminal, printable};
pub use watch::{Watched, Watcher};

/// Run an app locally from a SAM or CloudFormation template: its functions as local processes, its
/// WebSocket APIs served, code and template reloaded on change.
#[derive(Args, Clone, Default)]
#[command(
    after_help = "Examples:\n  gatepost dev\n  gatepost dev chat/template.yaml --port 0 \
                        --parameter Stage=test\n  AWS_ENDPOINT_URL_DYNAMODB=http://localhost:8000 \
                        gatepost dev"
)]
pub struct Arguments {
    /// The template [default: template.yaml, template.yml or template.json in this folder]
    pub template: Option<PathBuf>,
    /// Port to listen on; 0 takes any free one [default: 4100]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Address to listen on [default: loopback, IPv4 and IPv6]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<IpAddr>,
    /// Configuration file [default: gatepost.toml beside the template, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Value of a template parameter; may be repeated
    #[arg(long = "parameter", value_name = "K=V", value_parser = key_value)]
    pub parameters: Vec<(String, String)>,
    /// File with KEY=VALUE lines that functions get as environment variables
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Forget the kept state: connection ids of earlier runs become unknown
    #[arg(long)]
    pub fresh: bool,
    /// Start a process of every function at once
    #[arg(long)]
    pub warm: bool,
    /// Print events as JSON lines
    #[arg(long)]
    pub json: bool,
    /// Print no line for each connection, message and log line: only the start, warnings and errors
    #[arg(long)]
    pub quiet: bool,
    /// Serve other machines, although nobody has to sign requests
    #[arg(long)]
    pub allow_unauthenticated_remote: bool,
}

pub fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not of the form KEY=VALUE"))
}

/// Runs the app until it is interrupted.
pub async fn run(arguments: Arguments) -> ExitCode {
    let terminal = Terminal::new(arguments.json, arguments.quiet);
    let app = match App::start(arguments, &terminal, None).await {
        Ok(app) => app,
        Err(error) => {
            Terminal::start_failed(&error);
            return match error {
                StartError::Usage(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            };
        }
    };
    serve(app, &terminal).await
}

/// Serves a started app until it is interrupted: reloads on change, drains at the end.
pub async fn serve(mut app: App, terminal: &Terminal) -> ExitCode {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        terminal.warning("signals cannot be received on this system");
        return ExitCode::FAILURE;
    };
    let mut watcher = match Watcher::new(&app.watched()) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            terminal.warning(&format!("changes are not watched: {error}"));
            None
        }
    };
    terminal.ready(&app.ready());
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = changed(watcher.as_mut()) => {
                // Folders that were made anew, as builds do, are watched before they are read.
                if let Some(watcher) = &mut watcher {
                    watcher.watch(&app.watched());
                }
                let before = app.ready();
                match app.reload().await {
                    Ok(()) => terminal.reloaded(&before, &app.ready()),
                    Err(errors) => terminal.reload_failed(&errors),
                }
                if let Some(watcher) = &mut watcher {
                    watcher.watch(&app.watched());
                }
            }
        }
    }
    terminal.stopping();
    tokio::select! {
        () = app.stop() => {}
        // A second signal hurries.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    ExitCode::SUCCESS
}

pub async fn changed(watcher: Option<&mut Watcher>) {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}

/// The lines of a failed load, each `file:line: what; mend`; files of this folder by their name.
pub fn error_lines(errors: &TemplateErrors) -> Vec<String> {
    let here = std::env::current_dir().unwrap_or_default();
    let line = |error: &Diagnostic| match error.file.strip_prefix(&here) {
        Ok(file) => Diagnostic {
            file: file.to_owned(),
            ..error.clone()
        }
        .to_string(),
        Err(_) => error.to_string(),
    };
    errors.0.iter().map(line).collect()
}
