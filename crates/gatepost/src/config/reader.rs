//! Takes typed values out of the layers. What was asked for is what exists: the rest are mistakes.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use figment::value::{Dict, Value};
use gatepost_model::secret::Secret;

use super::{
    TlsFiles,
    error::{ConfigError, ConfigErrors},
    layers::{Layers, Source, variable_of_key},
    units::{format_duration, format_size, parse_duration, parse_size},
};

/// Sections and keys that are planned, so that their names are no typing errors.
const NOT_THERE_YET: [&str; 1] = ["server.proxy_protocol"];

/// A key, its value as TOML, and where that came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key with its section, e.g. `limits.idle_timeout`.
    pub key: String,
    /// Its value as TOML, secrets masked; empty when it has none.
    pub value: String,
    /// By what another value is told from it: the value itself, with the content of the files that
    /// it names and that are read with it.
    pub compared: Secret,
    /// Who set it.
    pub source: Source,
}

/// The layers, being read.
#[derive(Debug)]
pub(super) struct Reader {
    layers: Layers,
    sections: Dict,
    settings: Vec<Setting>,
    errors: Vec<ConfigError>,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Result<Self, ConfigErrors> {
        let sections = layers.sections()?;
        Ok(Self {
            layers,
            sections,
            settings: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// Makes each table in the table `key` a section of its own, named as TOML names it: their
    /// names and their sections.
    pub(super) fn subsections(&mut self, key: &str) -> Vec<(String, String)> {
        let Some(value) = self.remove(key) else {
            return Vec::new();
        };
        let Value::Dict(_, tables) = value else {
            self.expected(key, &value, &format!("tables such as [{key}.\"NAME\"]"));
            return Vec::new();
        };
        let mut names = Vec::new();
        for (name, table) in tables {
            let section = format!("{key}.{}", quote(&name));
            if matches!(table, Value::Dict(..)) {
                self.sections.insert(section.clone(), table);
                names.push((name, section));
            } else {
                self.expected(&section, &table, &format!("a section [{section}]"));
            }
        }
        names
    }

    /// Makes the table `key` a section, so that its keys can be read.
    pub(super) fn subsection(&mut self, key: &str) {
        match self.remove(key) {
            Some(table @ Value::Dict(..)) => {
                self.sections.insert(key.to_owned(), table);
            }
            Some(value) => self.expected(key, &value, &format!("a section [{key}]")),
            None => {}
        }
    }

    /// Where the section `name` begins.
    pub(super) fn place_of_section(&self, name: &str) -> Source {
        let value = self.sections.get(name);
        value.map_or(Source::Default, |value| self.layers.source(name, value))
    }

    /// A duration such as `"10m"`.
    pub(super) fn duration(
        &mut self,
        key: &str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let (least, most) = (
            format_duration(*range.start()),
            format_duration(*range.end()),
        );
        let expected = format!("a duration such as \"10m\", from {least} to {most}");
        let written = quote(&format_duration(default));
        self.take(key, default, &written, &expected, |value, _| {
            value
                .as_str()
                .and_then(parse_duration)
                .filter(|duration| range.contains(duration))
        })
    }

    /// A duration, or `"off"`.
    pub(super) fn duration_or_off(
        &mut self,
        key: &str,
        default: Option<Duration>,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let (least, most) = (
            format_duration(*range.start()),
            format_duration(*range.end()),
        );
        let expected = format!("\"off\" or a duration such as \"30s\", from {least} to {most}");
        let written = default.map_or_else(|| "off".to_owned(), format_duration);
        self.take(
            key,
            default,
            &quote(&written),
            &expected,
            |value, _| match value.as_str()? {
                "off" => Some(None),
                text => parse_duration(text)
                    .filter(|duration| range.contains(duration))
                    .map(Some),
            },
        )
    }

    /// A number of bytes, or a size such as `"128KiB"`.
    pub(super) fn size(
        &mut self,
        key: &str,
        default: usize,
        range: RangeInclusive<usize>,
    ) -> usize {
        let (least, most) = (format_size(*range.start()), format_size(*range.end()));
        let expected = format!("a size such as 131072 or \"128KiB\", from {least} to {most}");
        self.take(key, default, &default.to_string(), &expected, |value, _| {
            let size = match value.as_str() {
                Some(text) => parse_size(text),
                None => whole_number(value).and_then(|number| number.try_into().ok()),
            };
            size.filter(|size| range.contains(size))
        })
    }

    /// A whole number.
    pub(super) fn number<N>(&mut self, key: &str, default: N, range: RangeInclusive<N>) -> N
    where
        N: Copy + Display + PartialOrd + TryFrom<i128>,
    {
        self.number_of(key, Some(default), range).unwrap_or(default)
    }

    /// A whole number, or nothing.
    pub(super) fn number_or_none<N>(&mut self, key: &str, range: RangeInclusive<N>) -> Option<N>
    where
        N: Copy + Display + PartialOrd + TryFrom<i128>,
    {
        self.number_of(key, None, range)
    }

    fn number_of<N>(&mut self, key: &str, default: Option<N>, range: RangeInclusive<N>) -> Option<N>
    where
        N: Copy + Display + PartialOrd + TryFrom<i128>,
    {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let written = default.map_or_else(String::new, |number| number.to_string());
        let typed = |text: &str| text.parse::<i128>().ok().map(Value::from);
        self.take_typed(key, default, &written, &expected, typed, |value, _| {
            let number = N::try_from(whole_number(value)?).ok()?;
            range.contains(&number).then_some(Some(number))
        })
    }

    /// So many a second, or nothing.
    pub(super) fn rate(&mut self, key: &str) -> Option<f64> {
        let expected = "a number above 0, e.g. 10000 or 0.5";
        let typed = |text: &str| {
            let whole = text.parse::<u32>().ok().map(Value::from);
            whole.or_else(|| text.parse::<f64>().ok().map(Value::from))
        };
        self.take_typed(key, None, "", expected, typed, |value, _| {
            let whole = whole_number(value).and_then(|number| u32::try_from(number).ok());
            let rate = whole.map(f64::from).or_else(|| value.to_f64())?;
            (rate.is_finite() && rate > 0.0).then_some(Some(rate))
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &str, default: bool) -> bool {
        let written = default.to_string();
        let typed = |text: &str| text.parse::<bool>().ok().map(Value::from);
        let expected = "true or false";
        self.take_typed(key, default, &written, expected, typed, |value, _| {
            value.to_bool()
        })
    }

    /// A text that `parse` understands, or nothing.
    pub(super) fn text<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.take(key, None, "", expected, |value, _| {
            parse(value.as_str()?).map(Some)
        })
    }

    /// A path; in a file, relative to the file's folder.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.take(key, None, "", "the path of a file", |value, source| {
            path_in(value.as_str()?, source).map(Some)
        })
    }

    /// A list of paths, empty by default; in a file, relative to the file's folder; outside files
    /// several are separated by commas.
    pub(super) fn paths(&mut self, key: &str) -> Vec<PathBuf> {
        let expected = "a list of files such as [\"chat/template.yaml\"]";
        let typed = |text: &str| Some(array(text.split(',').map(str::trim)));
        let parse = |value: &Value, source: &Source| match value {
            Value::Array(_, values) => values
                .iter()
                .map(|value| path_in(value.as_str()?, source))
                .collect(),
            value => Some(vec![path_in(value.as_str()?, source)?]),
        };
        self.take_typed(key, Vec::new(), "[]", expected, typed, parse)
    }

    /// A text that never shows, not even when it is wrong.
    pub(super) fn secret(&mut self, key: &str) -> Option<Secret> {
        let secret = self.take(key, None, "", "a text", |value, _| {
            let text = value.as_str().filter(|text| !text.is_empty())?;
            Some(Some(Secret::new(text)))
        });
        if let Some(setting) = self.settings.last_mut()
            && !setting.value.is_empty()
        {
            setting.value = quote("****");
        }
        self.hide_what_was_found(key);
        secret
    }

    /// A list of texts, empty by default.
    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        let expected = "a list such as [\"10.0.0.0/8\", \"example.com\"]";
        self.list(key, &[""; 0], expected, |text| {
            (!text.is_empty()).then(|| text.to_owned())
        })
    }

    /// A list of texts that `parse` understands, or one such text; outside files several are
    /// separated by commas. A default must be understood too.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        default: &[impl AsRef<str>],
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let default = default.iter().map(AsRef::as_ref);
        let written = default.clone().map(quote).collect::<Vec<_>>().join(", ");
        let written = format!("[{written}]");
        let default = default.filter_map(&parse).collect();
        let typed = |text: &str| {
            let texts = text.split(',').map(str::trim);
            Some(array(texts.filter(|text| !text.is_empty())))
        };
        self.take_typed(
            key,
            default,
            &written,
            expected,
            typed,
            |value, _| match value {
                Value::Array(_, values) => values
                    .iter()
                    .map(|value| value.as_str().and_then(&parse))
                    .collect(),
                value => value.as_str().and_then(&parse).map(|one| vec![one]),
            },
        )
    }

    /// A table of texts that `parse` understands, empty by default; outside files
    /// `NAME=TEXT,NAME=TEXT`.
    pub(super) fn table<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let typed = |text: &str| {
            let pairs = text.split(',').map(|pair| {
                let (name, text) = pair.split_once('=')?;
                Some((name.trim().to_owned(), Value::from(text.trim())))
            });
            pairs.collect::<Option<Dict>>().map(Value::from)
        };
        self.take_typed(key, BTreeMap::new(), "{}", expected, typed, |value, _| {
            let entries = value.as_dict()?.iter();
            entries
                .map(|(name, value)| Some((name.clone(), parse(value.as_str()?)?)))
                .collect()
        })
    }

    /// A table of texts, empty by default, that never show: some may be secrets.
    pub(super) fn secret_table(&mut self, key: &str) -> BTreeMap<String, String> {
        let expected = "a table of texts such as {Stage = \"prod\"}";
        let table = self.table(key, expected, |text| Some(text.to_owned()));
        if let Some(setting) = self.settings.last_mut() {
            let names = table.keys();
            let names = names.map(|name| format!("{} = {}", quote_key(name), quote("****")));
            setting.value = format!("{{{}}}", names.collect::<Vec<_>>().join(", "));
        }
        self.hide_what_was_found(key);
        table
    }

    fn hide_what_was_found(&mut self, of: &str) {
        for error in &mut self.errors {
            if let ConfigError::Expected { key, found, .. } = error
                && key == of
            {
                "something else".clone_into(found);
            }
        }
    }

    /// A table of certificates with their keys, empty by default; written in files only, and
    /// relative to them.
    pub(super) fn certificates(&mut self, key: &'static str) -> BTreeMap<String, TlsFiles> {
        let expected = "a table such as {abc123 = {certificate = \"client.pem\", key = \
                        \"client-key.pem\"}}";
        self.take(key, BTreeMap::new(), "{}", expected, |value, source| {
            let entries = value.as_dict()?.iter();
            let parsed = entries.map(|(name, entry)| {
                let entry = entry.as_dict().filter(|entry| entry.len() == 2)?;
                let path = |name| path_in(entry.get(name)?.as_str()?, source);
                let (certificate, key) = (path("certificate")?, path("key")?);
                Some((name.clone(), TlsFiles { certificate, key }))
            });
            parsed.collect()
        })
    }

    /// Lets the value of `key` differ when the content of a file that it names does. What is wrong
    /// with a file says whoever uses it.
    pub(super) fn compare_file(&mut self, key: &str, path: &Path) {
        let mut settings = self.settings.iter_mut();
        if let Some(setting) = settings.find(|setting| setting.key == key) {
            // A pipe gives its content once, to whoever uses it.
            let is_file = path.is_file();
            let content = is_file.then(|| std::fs::read(path).unwrap_or_default());
            let content = content.unwrap_or_default();
            let content = String::from_utf8_lossy(&content);
            let before = setting.compared.reveal();
            setting.compared = Secret::new(format!("{before}\n{content}"));
        }
    }

    /// Reports that `key` makes no sense without `other`.
    pub(super) fn lacks(&mut self, key: &str, other: &str) {
        let (key, other) = (key.to_owned(), other.to_owned());
        self.errors.push(ConfigError::Lacks {
            place: self.place_of(&key),
            key,
            other,
        });
    }

    /// Reports that the name of a section is none.
    pub(super) fn refuse_name(&mut self, section: &str, expected: &str) {
        self.errors.push(ConfigError::Expected {
            place: self.place_of_section(section),
            key: section.to_owned(),
            expected: expected.to_owned(),
            found: "something else".to_owned(),
        });
    }

    /// Reports that a section is not whole without `what`.
    pub(super) fn needs(&mut self, section: &str, what: &str) {
        self.errors.push(ConfigError::Needs {
            place: self.place_of_section(section),
            section: section.to_owned(),
            what: what.to_owned(),
        });
    }

    /// Reports all that is wrong, and what was never asked for; else gives what was read.
    pub(super) fn finish(mut self) -> Result<Vec<Setting>, ConfigErrors> {
        for (section, value) in std::mem::take(&mut self.sections) {
            let is_section = self.is_section(&section);
            match value {
                Value::Dict(_, keys) if is_section => {
                    for (name, value) in keys {
                        self.refuse(&format!("{section}.{name}"), &value);
                    }
                }
                value if is_section => {
                    let expected = format!("a section [{section}]");
                    self.expected(&section, &value, &expected);
                }
                value => self.refuse(&section, &value),
            }
        }
        for name in self.layers.variables_without_section() {
            let mut variables = self
                .settings
                .iter()
                .map(|setting| variable_of_key(&setting.key));
            if let Some(meant) = variables.find(|meant| meant.replace("__", "_") == *name) {
                let place = Source::Variable(name.clone());
                self.errors
                    .push(ConfigError::OneUnderscore { place, meant });
            }
        }
        if self.errors.is_empty() {
            return Ok(self.settings);
        }
        Err(ConfigErrors(self.errors))
    }

    /// Takes the value of `key` out of the layers; a wrong one is reported, and the default stands.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        default: T,
        written: &str,
        expected: &str,
        parse: impl FnOnce(&Value, &Source) -> Option<T>,
    ) -> T {
        self.take_typed(key, default, written, expected, |_| None, parse)
    }

    /// [`Reader::take`] of what is no text in a file: `typed` makes it of the text of a variable or
    /// flag, which has no types.
    fn take_typed<T>(
        &mut self,
        key: &str,
        default: T,
        written: &str,
        expected: &str,
        typed: impl FnOnce(&str) -> Option<Value>,
        parse: impl FnOnce(&Value, &Source) -> Option<T>,
    ) -> T {
        let Some(value) = self.remove(key) else {
            self.settings.push(Setting {
                key: key.to_owned(),
                value: written.to_owned(),
                compared: Secret::new(written),
                source: Source::Default,
            });
            return default;
        };
        let source = self.layers.source(key, &value);
        let found = describe(&value);
        let value = text_outside_files(&value, &source)
            .and_then(typed)
            .unwrap_or(value);
        let parsed = parse(&value, &source);
        let value = describe(&value);
        self.settings.push(Setting {
            key: key.to_owned(),
            compared: Secret::new(value.as_str()),
            value,
            source: source.clone(),
        });
        parsed.unwrap_or_else(|| {
            let (key, expected) = (key.to_owned(), expected.to_owned());
            self.errors.push(ConfigError::Expected {
                place: source,
                key,
                expected,
                found,
            });
            default
        })
    }

    fn remove(&mut self, key: &str) -> Option<Value> {
        let (section, name) = key.rsplit_once('.')?;
        match self.sections.get_mut(section)? {
            Value::Dict(_, keys) => keys.remove(name),
            _ => None,
        }
    }

    fn expected(&mut self, key: &str, value: &Value, expected: &str) {
        self.errors.push(ConfigError::Expected {
            place: self.layers.source(key, value),
            key: key.to_owned(),
            expected: expected.to_owned(),
            // Where a secret may stand by mistake, nothing is shown.
            found: if key.starts_with("auth.access_keys") {
                "something else".to_owned()
            } else {
                describe(value)
            },
        });
    }

    fn refuse(&mut self, key: &str, value: &Value) {
        let place = self.layers.source(key, value);
        let is_planned = |planned: &str| {
            key.strip_prefix(planned)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let error = if NOT_THERE_YET.into_iter().any(is_planned) {
            ConfigError::NotThereYet {
                place,
                what: key.to_owned(),
            }
        } else {
            let suggestion = self.suggestion(key);
            ConfigError::UnknownKey {
                place,
                key: key.to_owned(),
                suggestion,
            }
        };
        self.errors.push(error);
    }

    fn place_of(&self, key: &str) -> Source {
        let setting = self.settings.iter().find(|setting| setting.key == key);
        setting.map_or(Source::Default, |setting| setting.source.clone())
    }

    fn is_section(&self, name: &str) -> bool {
        self.settings
            .iter()
            .any(|setting| section_of(&setting.key) == name)
    }

    /// The known key, or section, that most resembles `key`.
    fn suggestion(&self, key: &str) -> Option<String> {
        let distance = |known: &str| {
            // The right name in the wrong section is nearer than its letters say.
            let is_same_name = name_of(known) == name_of(key);
            if is_same_name {
                1
            } else {
                strsim::damerau_levenshtein(known, key)
            }
        };
        let keys = self.settings.iter().map(|setting| setting.key.as_str());
        let known = keys.clone().chain(keys.map(section_of));
        let (distance, nearest) = known.map(|known| (distance(known), known)).min()?;
        let in_section = nearest
            .strip_prefix(section_of(key))
            .and_then(|rest| rest.strip_prefix('.'));
        (distance <= 1 + key.len() / 8).then(|| in_section.unwrap_or(nearest).to_owned())
    }
}

fn section_of(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(section, _)| section)
}

fn name_of(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// A path; in a file, relative to the file's folder.
pub(super) fn path_in(path: &str, source: &Source) -> Option<PathBuf> {
    let path = Path::new(Some(path).filter(|path| !path.is_empty())?);
    let folder = match source {
        Source::File { path, .. } => path.parent(),
        _ => None,
    };
    Some(folder.map_or_else(|| path.to_owned(), |folder| folder.join(path)))
}

/// The text of a variable or flag, which has no types.
fn text_outside_files<'a>(value: &'a Value, source: &Source) -> Option<&'a str> {
    match source {
        Source::File { .. } => None,
        _ => value.as_str(),
    }
}

/// A number without fraction, however figment keeps it.
fn whole_number(value: &Value) -> Option<i128> {
    value.to_i128().or_else(|| value.to_u128()?.try_into().ok())
}

/// A value as TOML.
fn describe(value: &Value) -> String {
    match value {
        Value::String(_, text) => quote(text),
        Value::Char(_, c) => quote(&c.to_string()),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_f64()) {
            // As TOML has it, with a point or an exponent.
            (None, Some(number)) => format!("{number:?}"),
            _ => whole_number(value).map_or_else(String::new, |number| number.to_string()),
        },
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(_, entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| format!("{} = {}", quote_key(name), describe(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(_, values) => {
            format!(
                "[{}]",
                values.iter().map(describe).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

/// An array of texts.
fn array<'a>(texts: impl Iterator<Item = &'a str>) -> Value {
    texts.map(Value::from).collect::<Vec<_>>().into()
}

/// A text as TOML.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A key as TOML: bare where that can be.
fn quote_key(name: &str) -> String {
    let is_bare = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        quote(name)
    }
}
