//! `gatepost backup`: a copy of what a Gatepost keeps, made while it serves or when it is stopped.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use gatepost_gateway::store::{Backup, BackupError};
use gatepost_server::lambda::packages;
use serde_json::json;

use super::{dev::printable, output, serve::state_path};
use crate::running::{AskError, Which};

/// The version of the shape that `--json` prints.
const JSON_VERSION: u32 = 1;
/// A package may go between the copy of the store and its own: then both are made again.
const ATTEMPTS: u32 = 5;
/// The file's name in the state folder.
const STORE: &str = "store.sqlite";

/// Copy the store, while Gatepost serves or when it is stopped.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost backup /backups/gatepost-$(date +%F).sqlite\n  gatepost \
                  backup copy.sqlite --config /etc/gatepost/gatepost.toml\n\nThe copy is of one \
                  moment, is read through before it has its name, and is for your user only: it holds \
                  secrets. Without --config and --store it is of the state folder of the configuration \
                  here, or of that of `gatepost dev` here; where both have a store, say which. To start from it, make it store.sqlite in an empty state folder. It has no \
                  configuration and none of the templates and code that this names.\nExit status: 0, \
                  or 1 when there is no copy."
)]
pub struct Arguments {
    /// The new file
    file: PathBuf,
    /// Configuration of the Gatepost [default: gatepost.toml in this folder, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The store, instead of the configuration's or of that of `gatepost dev` here
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    store: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] AskError),
    #[error(
        "there is no store {}: name the configuration of the Gatepost with --config, or its store \
         with --store", .0.display()
    )]
    NoStore(PathBuf),
    #[error(
        "there are two stores, {} and {}: name the one that is meant with --store", .0.display(),
        .1.display()
    )]
    TwoStores(PathBuf, PathBuf),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error("the store's function {name} cannot be read: {error}")]
    Document {
        name: String,
        error: serde_json::Error,
    },
    #[error(
        "the package {file} of the function {name} cannot be copied: {error}; without it the copy \
         would not be whole, and was removed"
    )]
    Package {
        name: String,
        file: String,
        error: io::Error,
    },
}

/// A copy that was made.
struct Made {
    bytes: u64,
    /// What it has not, in words.
    notes: Vec<String>,
}

/// Makes the copy.
pub fn run(arguments: &Arguments) -> ExitCode {
    match back_up(arguments) {
        Ok(made) => {
            for note in &made.notes {
                output::error_line(&format!("gatepost: {}", printable(note)));
            }
            output::line(&told(arguments, &made));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            output::error_line(&format!("gatepost: {}", printable(&failure.to_string())));
            ExitCode::FAILURE
        }
    }
}

fn told(arguments: &Arguments, made: &Made) -> String {
    let Made { bytes, notes } = made;
    if arguments.json {
        let file = &arguments.file;
        return json!({"version": JSON_VERSION, "file": file, "bytes": bytes, "notes": notes})
            .to_string();
    }
    let file = printable(&arguments.file.display().to_string());
    format!("{file} is a whole copy of {bytes} bytes.")
}

fn back_up(arguments: &Arguments) -> Result<Made, Failure> {
    let store = find(arguments)?;
    let state = store
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let state = state.unwrap_or(Path::new("."));
    let mut attempt = 1;
    loop {
        match copy(&store, state, &arguments.file) {
            Err(Failure::Package { error, .. })
                if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            made => return made,
        }
    }
}

/// The store that is meant: a wrong one must not be taken for it, so that of `gatepost dev` here is only
/// when there is no other.
fn find(arguments: &Arguments) -> Result<PathBuf, Failure> {
    let (store, of_dev) = if let Some(store) = &arguments.store {
        (store.clone(), None)
    } else {
        let which = Which {
            config: arguments.config.clone(),
            url: None,
        };
        let configured = state_path(&which.load()?);
        let of_dev = which.of_dev(&configured);
        (configured.join(STORE), of_dev)
    };
    let of_dev = of_dev.map(|folder| folder.join(STORE));
    match of_dev.filter(|it| it.is_file()) {
        Some(of_dev) if store.is_file() => Err(Failure::TwoStores(store, of_dev)),
        Some(of_dev) => Ok(of_dev),
        None if store.is_file() => Ok(store),
        None => Err(Failure::NoStore(store)),
    }
}

fn copy(store: &Path, state: &Path, to: &Path) -> Result<Made, Failure> {
    let backup = Backup::begin(store, to)?;
    let mut notes = Vec::new();
    for (name, document) in backup.functions()? {
        let needed = packages::needed(&document).map_err(|error| Failure::Document {
            name: name.clone(),
            error,
        })?;
        for file in needed.packages {
            let content = packages::read(state, &file).map_err(|error| Failure::Package {
                name: name.clone(),
                file: file.clone(),
                error,
            })?;
            backup.carry(&file, &content)?;
        }
        notes.extend(needed.local.into_iter().map(|path| {
            format!("the function {name} is run from {path}, which is not in the copy")
        }));
    }
    let bytes = backup.finish()?;
    Ok(Made { bytes, notes })
}
