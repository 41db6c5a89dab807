//! `[logs]`: what is logged, where to, and how long it is kept.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use gatepost_model::{secret::Secret, stage::LoggingLevel};

use super::{DAY, GIB, HOUR, MIB, MINUTE, SECOND, YEAR, endpoint, reader::Reader};

/// `[logs]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsConfig {
    /// `level`: `LoggingLevel` of the stages that set none.
    pub level: LoggingLevel,
    /// `retention`: how long log events are kept.
    pub retention: Duration,
    /// `max_bytes`: the greatest store; beyond it the oldest log events go.
    pub max_bytes: usize,
    /// `query_timeout`: how long a query of Logs Insights may run.
    pub query_timeout: Duration,
    /// `query_memory`: what one query may hold in memory, bytes.
    pub query_memory: usize,
    /// `max_queries`: how many queries run at once.
    pub max_queries: usize,
    /// `sink_queue`: what may wait for each sink, bytes.
    pub sink_queue: usize,
    /// `[logs.store] enabled`: whether the embedded store keeps logs.
    pub store: bool,
    /// `[logs.stdout] enabled`: JSON lines on stdout.
    pub stdout: bool,
    /// `[logs.file]`, when it is enabled.
    pub file: Option<LogFileConfig>,
    /// `[logs.cloudwatch]`, when it is enabled.
    pub cloudwatch: Option<CloudWatchConfig>,
    /// `[logs.otlp]`, when it is enabled.
    pub otlp: Option<OtlpConfig>,
}

/// `[logs.file]`: JSON lines in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFileConfig {
    /// `path`; else `gatepost.log` in the state folder.
    pub path: Option<PathBuf>,
    /// `max_bytes`: then a new file is begun.
    pub max_bytes: usize,
    /// `max_files`, with the one that is written.
    pub max_files: u32,
}

/// `[logs.cloudwatch]`: a real CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudWatchConfig {
    /// `region`; else Gatepost's own.
    pub region: Option<String>,
    /// `endpoint`; else that of the environment, else AWS's.
    pub endpoint: Option<String>,
    /// `log_group_prefix`: stands before the name of each group.
    pub log_group_prefix: String,
}

/// `[logs.otlp]`: an OpenTelemetry collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// `endpoint`, without `/v1/logs`.
    pub endpoint: String,
    /// `headers`, such as a key.
    pub headers: BTreeMap<String, Secret>,
}

pub(super) fn read(reader: &mut Reader) -> LogsConfig {
    LogsConfig {
        level: reader.take(
            "logs.level",
            LoggingLevel::Info,
            "\"INFO\"",
            "\"OFF\", \"ERROR\" or \"INFO\"",
            |value, _| match value.as_str()? {
                "OFF" => Some(LoggingLevel::Off),
                "ERROR" => Some(LoggingLevel::Error),
                "INFO" => Some(LoggingLevel::Info),
                _ => None,
            },
        ),
        retention: reader.duration("logs.retention", 7 * DAY, SECOND..=YEAR),
        max_bytes: reader.size("logs.max_bytes", GIB, 16 * MIB..=1024 * GIB),
        query_timeout: reader.duration("logs.query_timeout", MINUTE, SECOND..=HOUR),
        query_memory: reader.size("logs.query_memory", 64 * MIB, MIB..=16 * GIB),
        max_queries: reader.number("logs.max_queries", 4, 1..=100),
        sink_queue: reader.size("logs.sink_queue", 16 * MIB, MIB..=GIB),
        store: {
            reader.subsection("logs.store");
            reader.flag("logs.store.enabled", true)
        },
        stdout: {
            reader.subsection("logs.stdout");
            reader.flag("logs.stdout.enabled", false)
        },
        file: file(reader),
        cloudwatch: cloudwatch(reader),
        otlp: otlp(reader),
    }
}

fn file(reader: &mut Reader) -> Option<LogFileConfig> {
    reader.subsection("logs.file");
    let is_enabled = reader.flag("logs.file.enabled", false);
    let config = LogFileConfig {
        path: reader.path("logs.file.path"),
        // The longest line has its place in it.
        max_bytes: reader.size("logs.file.max_bytes", 64 * MIB, 2 * MIB..=64 * GIB),
        max_files: reader.number("logs.file.max_files", 5, 1..=1000),
    };
    is_enabled.then_some(config)
}

fn cloudwatch(reader: &mut Reader) -> Option<CloudWatchConfig> {
    reader.subsection("logs.cloudwatch");
    let is_enabled = reader.flag("logs.cloudwatch.enabled", false);
    let region = |text: &str| {
        let is_region = !text.is_empty()
            && text
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        is_region.then(|| text.to_owned())
    };
    let prefix = |text: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || ".-_/#".contains(c);
        (text.len() <= 256 && text.chars().all(is_part)).then(|| text.to_owned())
    };
    let config = CloudWatchConfig {
        region: reader.text(
            "logs.cloudwatch.region",
            "a region such as \"eu-west-1\"",
            region,
        ),
        endpoint: reader.text(
            "logs.cloudwatch.endpoint",
            "a URL such as \"http://localhost:4566\"",
            endpoint,
        ),
        log_group_prefix: reader
            .text(
                "logs.cloudwatch.log_group_prefix",
                "the beginning of a log group's name such as \"/gatepost\"",
                prefix,
            )
            .unwrap_or_default(),
    };
    is_enabled.then_some(config)
}

fn otlp(reader: &mut Reader) -> Option<OtlpConfig> {
    reader.subsection("logs.otlp");
    let is_enabled = reader.flag("logs.otlp.enabled", false);
    let given = reader.text(
        "logs.otlp.endpoint",
        "a URL such as \"http://localhost:4318\"",
        endpoint,
    );
    let headers = reader.secret_table("logs.otlp.headers").into_iter();
    let config = OtlpConfig {
        endpoint: given.unwrap_or_else(|| "http://localhost:4318".into()),
        headers: headers
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
    };
    is_enabled.then_some(config)
}
