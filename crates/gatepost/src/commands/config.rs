//! `gatepost config`: the effective configuration, and where each value came from.

use std::{
    env,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use super::{dev::load_config, output};
use crate::config::Setting;

/// The version of the shape that `--json` prints.
const JSON_VERSION: u32 = 1;

/// Show the effective configuration and where each value came from; secrets are masked.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost config\n  gatepost config --config /etc/gatepost.toml \
                  --json\n\nExit status: 0, or 1 when the configuration is wrong."
)]
pub struct Arguments {
    /// Configuration file [default: gatepost.toml in this folder, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints every key with its value and source.
pub fn run(arguments: &Arguments) -> ExitCode {
    let folder = env::current_dir().unwrap_or_default();
    let config = match load_config(arguments.config.as_deref(), &folder) {
        Ok(config) => config,
        Err(error) => {
            output::error_line(&format!("gatepost: {error}"));
            return ExitCode::FAILURE;
        }
    };
    if arguments.json {
        output::line(&as_json(&config.settings, &folder).to_string());
    } else {
        output::line(as_toml(&config.settings, &folder).trim_end());
    }
    ExitCode::SUCCESS
}

/// Where a value came from; files of this folder by their name.
fn source(setting: &Setting, here: &Path) -> String {
    let source = setting.source.to_string();
    let prefix = format!("{}/", here.display());
    source.strip_prefix(&prefix).unwrap_or(&source).to_owned()
}

fn as_json(settings: &[Setting], here: &Path) -> serde_json::Value {
    let settings = settings.iter().map(|setting| {
        json!({
            "key": setting.key,
            "value": (!setting.value.is_empty()).then_some(&setting.value),
            "source": source(setting, here),
        })
    });
    json!({"version": JSON_VERSION, "settings": settings.collect::<Vec<_>>()})
}

/// A `gatepost.toml` that says the same; keys without a value are comments.
fn as_toml(settings: &[Setting], here: &Path) -> String {
    let mut text = String::new();
    let mut open = "";
    for setting in settings {
        let (section, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
        if section != open {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[{section}]");
            open = section;
        }
        let line = if setting.value.is_empty() {
            format!("# {name} is not set")
        } else {
            format!("{name} = {}", setting.value)
        };
        let _ = writeln!(text, "{line:44} # {}", source(setting, here));
    }
    text
}
