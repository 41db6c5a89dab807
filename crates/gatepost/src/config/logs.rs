//! `[logs]`: what is logged, and how long it is kept.

use std::time::Duration;

use gatepost_model::stage::LoggingLevel;

use super::{DAY, GIB, HOUR, MIB, MINUTE, SECOND, YEAR, reader::Reader};

/// `[logs]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    }
}
