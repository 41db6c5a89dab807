//! The layers of the configuration, merged, and where each value came from.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format, Toml},
    util::nest,
    value::{Dict, Map, Value},
};
use toml_edit::{ImDocument, Item, Key, TableLike};

use super::{error::ConfigError, reader::quote};

/// The names of the layers, by which figment remembers where a value came from.
const FILE: &str = "file";
const ENVIRONMENT: &str = "environment";

const PREFIX: &str = "GATEPOST_";

/// A value that a flag gives to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The flag, e.g. `--listen`.
    pub flag: String,
    /// The key, e.g. `server.listen`.
    pub key: &'static str,
    /// The value; several of a list are separated by commas.
    pub value: String,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A file; the line is unknown only for a file that is empty.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
    },
    /// An environment variable.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Every layer, read but not yet understood.
#[derive(Debug)]
pub(super) struct Layers {
    figment: Figment,
    file: Option<PathBuf>,
    lines: BTreeMap<String, usize>,
    variables_without_section: Vec<String>,
}

impl Layers {
    pub(super) fn read(
        file: Option<&Path>,
        env: &[(String, String)],
        overrides: &[Override],
    ) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        let mut lines = BTreeMap::new();
        if let Some(path) = file {
            let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
                path: path.into(),
                error,
            })?;
            lines = lines_of_keys(path, &text)?;
            let values = Toml::from_str(&text).map_err(|error| ConfigError::Syntax {
                place: Source::File {
                    path: path.into(),
                    line: None,
                },
                message: error.to_string(),
            })?;
            figment = figment.merge(Layer {
                name: FILE.to_owned(),
                values,
            });
        }
        let mut variables_without_section = Vec::new();
        for (name, value) in env {
            match key_of_variable(name) {
                Some(key) => figment = figment.merge(Layer::one(ENVIRONMENT, &key, value)),
                None if name.starts_with(PREFIX) => variables_without_section.push(name.clone()),
                None => {}
            }
        }
        for Override { flag, key, value } in overrides {
            figment = figment.merge(Layer::one(flag, key, value));
        }
        let file = file.map(Path::to_owned);
        Ok(Self {
            figment,
            file,
            lines,
            variables_without_section,
        })
    }

    /// The variables that begin like ours but have no `__`: others' or mistakes.
    pub(super) fn variables_without_section(&self) -> &[String] {
        &self.variables_without_section
    }

    /// The merged sections.
    pub(super) fn sections(&self) -> Result<Dict, ConfigError> {
        let merged = self.figment.data().map_err(|error| ConfigError::Syntax {
            place: Source::Default,
            message: error.to_string(),
        })?;
        Ok(merged.into_values().next().unwrap_or_default())
    }

    /// Where a value came from.
    pub(super) fn source(&self, key: &str, value: &Value) -> Source {
        let layer = self
            .figment
            .get_metadata(value.tag())
            .map(|metadata| metadata.name.as_ref());
        if let (Some(FILE), Some(path)) = (layer, &self.file) {
            return Source::File {
                path: path.clone(),
                line: self.lines.get(key).copied(),
            };
        }
        // Variables and flags set single keys, so a table there comes from the keys in it.
        if let Some((name, value)) = value.as_dict().and_then(|keys| keys.iter().next()) {
            return self.source(&format!("{key}.{name}"), value);
        }
        match layer {
            Some(ENVIRONMENT) => Source::Variable(variable_of_key(key)),
            Some(flag) => Source::Flag(flag.to_owned()),
            None => Source::Default,
        }
    }
}

/// `GATEPOST_LIMITS__IDLE_TIMEOUT` → `limits.idle_timeout`, `GATEPOST_LOGS__FILE__PATH` →
/// `logs.file.path`.
fn key_of_variable(name: &str) -> Option<String> {
    let (section, key) = name.strip_prefix(PREFIX)?.split_once("__")?;
    let key = key.replace("__", ".");
    Some(format!("{section}.{key}").to_ascii_lowercase())
}

/// `limits.idle_timeout` → `GATEPOST_LIMITS__IDLE_TIMEOUT`.
pub(super) fn variable_of_key(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// The line of every section and key.
fn lines_of_keys(path: &Path, text: &str) -> Result<BTreeMap<String, usize>, ConfigError> {
    let line_at = |offset: usize| text[..offset].matches('\n').count() + 1;
    let document = ImDocument::parse(text).map_err(|error| ConfigError::Syntax {
        place: Source::File {
            path: path.into(),
            line: error.span().map(|at| line_at(at.start)),
        },
        message: error.message().trim_end().replace('\n', ", "),
    })?;
    let mut lines = BTreeMap::new();
    let mut remember = |name: String, key: &Key| {
        if let Some(span) = key.span() {
            lines.insert(name, line_at(span.start));
        }
    };
    for (section, key, item) in keys(document.as_table()) {
        remember(section.to_owned(), key);
        for (name, key, item) in keys_below(item) {
            let name = format!("{section}.{name}");
            remember(name.clone(), key);
            // The tables in a table are sections with names that the user chose, or ours.
            for (section, key, item) in keys_below(item) {
                remember(format!("{name}.{section}"), key);
                let section = format!("{name}.{}", quote(section));
                remember(section.clone(), key);
                for (name, key, _) in keys_below(item) {
                    remember(format!("{section}.{name}"), key);
                }
            }
        }
    }
    Ok(lines)
}

/// The keys in a table, or in a value that is one.
fn keys_below(item: &Item) -> impl Iterator<Item = (&str, &Key, &Item)> {
    item.as_table_like().into_iter().flat_map(keys)
}

fn keys(table: &dyn TableLike) -> impl Iterator<Item = (&str, &Key, &Item)> {
    table.iter().filter_map(|(name, item)| {
        let (key, _) = table.get_key_value(name)?;
        Some((name, key, item))
    })
}

/// One layer, under a name of its own.
struct Layer {
    name: String,
    values: Dict,
}

impl Layer {
    fn one(name: &str, key: &str, value: &str) -> Self {
        let values = nest(key, Value::from(value))
            .into_dict()
            .unwrap_or_default();
        Self {
            name: name.to_owned(),
            values,
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}
