//! What the user asked for: the template, the configuration, the addresses, the environment.

use std::{
    collections::BTreeMap,
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::Arguments;
use crate::{config::Config, node::StartError};

/// Names of a template that is not named.
const TEMPLATES: [&str; 3] = ["template.yaml", "template.yml", "template.json"];

/// The template: the one named, or the one of the folder named, or the one here.
pub fn find_template(named: Option<&Path>) -> Result<PathBuf, StartError> {
    match named {
        Some(path) if path.is_file() => Ok(path.to_owned()),
        Some(path) if path.is_dir() => TEMPLATES
            .iter()
            .map(|name| path.join(name))
            .find(|template| template.is_file())
            .ok_or_else(|| {
                StartError::NoFile(format!(
                    "{} holds no {}",
                    path.display(),
                    TEMPLATES.join(", no ")
                ))
            }),
        Some(path) => Err(StartError::NoFile(format!(
            "there is no template {}",
            path.display()
        ))),
        None => TEMPLATES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
            .ok_or_else(|| {
                StartError::NoFile(format!(
                    "there is no {} here: name the template, e.g. app/template.yaml",
                    TEMPLATES.join(", no ")
                ))
            }),
    }
}

/// The folder of a template, absolute, so that functions may run elsewhere.
pub fn folder_of(template: &Path) -> PathBuf {
    let folder = template
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}

/// The configuration: the file named, or `gatepost.toml` beside the template.
pub fn load_config(named: Option<&Path>, folder: &Path) -> Result<Config, StartError> {
    let beside = folder.join("gatepost.toml");
    let file = match named {
        Some(file) if !file.is_file() => {
            let text = format!("there is no configuration file {}", file.display());
            return Err(StartError::NoFile(text));
        }
        Some(file) => Some(file.to_owned()),
        None => beside.is_file().then_some(beside),
    };
    let environment: Vec<(String, String)> = env::vars().collect();
    Ok(Config::load(file.as_deref(), &environment, &[])?)
}

/// Reads `KEY=VALUE` lines; `#` begins a comment line, quotes around a value are dropped.
pub fn read_env_file(path: &Path) -> Result<BTreeMap<String, String>, StartError> {
    let text = fs::read_to_string(path).map_err(|source| StartError::File {
        path: path.to_owned(),
        source,
    })?;
    let mut variables = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = line.split_once('=') else {
            return Err(StartError::Usage(format!(
                "{}:{}: the line is not of the form KEY=VALUE",
                path.display(),
                number + 1
            )));
        };
        let value = value.trim();
        let unquoted = ['"', '\'']
            .iter()
            .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        variables.insert(key.trim().to_owned(), unquoted.unwrap_or(value).to_owned());
    }
    Ok(variables)
}

/// Where to listen: what the configuration says, with the flags' address and port.
pub fn addresses(arguments: &Arguments, config: &Config) -> Vec<SocketAddr> {
    let mut addresses = config.server.listen.clone();
    if let Some(ip) = arguments.listen {
        let port = addresses.first().map_or(0, SocketAddr::port);
        addresses = vec![SocketAddr::new(ip, port)];
    }
    if let Some(port) = arguments.port {
        for address in &mut addresses {
            address.set_port(port);
        }
    }
    addresses
}
