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
use toml_edit::{ImDocument, Key, TableLike};

use super::error::ConfigError;

/// The names of the layers, by which figment remembers where a value came from.
const FILE: &str = "file";
const ENVIRONMENT: &str = "environment";

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
        for (name, value) in env {
            if let Some(key) = key_of_variable(name) {
                figment = figment.merge(Layer::one(ENVIRONMENT, &key, value));
            }
        }
        for Override { flag, key, value } in overrides {
            figment = figment.merge(Layer::one(flag, key, value));
        }
        Ok(Self {
            figment,
            file: file.map(Path::to_owned),
            lines,
        })
    }

    /// The merged sections.
    pub(super) fn sections(&self) -> Result<Dict, figment::Error> {
        let merged = self.figment.data()?;
        Ok(merged.into_values().next().unwrap_or_default())
    }

    /// Where a value came from.
    pub(super) fn source(&self, key: &str, value: &Value) -> Source {
        let layer = self
            .figment
            .get_metadata(value.tag())
            .map(|metadata| metadata.name.as_ref());
        match (layer, &self.file) {
            (Some(FILE), Some(path)) => Source::File {
                path: path.clone(),
                line: self.lines.get(key).copied(),
            },
            (Some(ENVIRONMENT), _) => Source::Variable(variable_of_key(key)),
            (Some(flag), _) => Source::Flag(flag.to_owned()),
            (None, _) => Source::Default,
        }
    }
}

/// `GATEPOST_LIMITS__IDLE_TIMEOUT` → `limits.idle_timeout`. Variables without `__` are not the
/// configuration's.
fn key_of_variable(name: &str) -> Option<String> {
    let (section, key) = name.strip_prefix("GATEPOST_")?.split_once("__")?;
    Some(format!("{section}.{key}").to_ascii_lowercase())
}

fn variable_of_key(key: &str) -> String {
    format!(
        "GATEPOST_{}",
        key.replacen('.', "__", 1).to_ascii_uppercase()
    )
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
        for (name, key, _) in item.as_table_like().into_iter().flat_map(keys) {
            remember(format!("{section}.{name}"), key);
        }
    }
    Ok(lines)
}

fn keys(table: &dyn TableLike) -> impl Iterator<Item = (&str, &Key, &toml_edit::Item)> {
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
