//! Reading the logs. They have a connection of their own, so that a long read never makes an
//! `@connections` call wait. Everything here blocks.
//!
//! A log group holds plain events, of functions and access logs, and the requests of execution
//! logs, whose lines are made when they are read. Both come in one order.

mod events;
mod execution;
pub(super) mod packed;
mod reader;
mod rendered;

pub(super) use execution::{KeptRequest, stream_of};
pub use reader::{GroupLine, LineFilter, LogReader};
pub use rendered::JsonLine;
pub(crate) use rendered::{RenderedEntry, RenderedLine};

use std::{collections::BTreeMap, ops::Range};

use rusqlite::OptionalExtension;

use super::Store;

/// Why the store cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot be read: {0}; look at its file and its disk")]
pub struct ReadError(#[from] rusqlite::Error);

/// The place of a line among those of its group: by time, then in the order of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Which line of this millisecond: the row of the store, and the line within that.
    pub row: i64,
}

/// Bits of [`LogPosition::row`] that tell lines of one row of the store apart.
const LINE_BITS: u32 = 16;
/// The one of them that is set for lines of a request.
const OF_REQUEST: i64 = 1 << (LINE_BITS - 1);

impl LogPosition {
    /// Before every line of this millisecond.
    pub const fn at(timestamp_ms: i64) -> Self {
        Self {
            timestamp_ms,
            row: 0,
        }
    }

    /// Right behind this line.
    pub const fn behind(self) -> Self {
        Self {
            row: self.row.saturating_add(1),
            ..self
        }
    }
}

/// A kept line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its place.
    pub position: LogPosition,
    /// Its stream.
    pub stream: String,
    /// The line, without its line break.
    pub message: String,
    /// When it was put by `PutLogEvents`, milliseconds since the epoch; nothing for what Gatepost
    /// wrote itself, as it happened.
    pub put_at_ms: Option<i64>,
}

/// Which streams are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Streams {
    /// All of the group.
    All,
    /// These.
    Named(Vec<String>),
    /// Those whose names begin so.
    Prefixed(String),
}

impl Streams {
    fn include(&self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == stream),
            Self::Prefixed(prefix) => stream.starts_with(prefix),
        }
    }
}

/// Which lines are read.
#[derive(Debug, Clone)]
pub struct LogQuery<'a> {
    /// Of which group.
    pub log_group: &'a str,
    /// Of which of its streams.
    pub streams: Streams,
    /// Between which places.
    pub range: Range<LogPosition>,
    /// From the end of the range backwards.
    pub newest_first: bool,
    /// At most so many lines.
    pub max_lines: usize,
    /// At most so many bytes, but always one line.
    pub max_bytes: usize,
}

/// What a query found.
#[derive(Debug, Default)]
pub struct LogPage {
    /// The lines, in the order asked for.
    pub lines: Vec<LogLine>,
    /// The last place that was looked at, when the range goes on behind it.
    pub unfinished_at: Option<LogPosition>,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// When it was made, by hand or by its first event, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// `logGroupClass`.
    pub class: String,
    /// `kmsKeyId`.
    pub kms_key_id: Option<String>,
    /// Whether it cannot be deleted.
    pub deletion_protection: bool,
    /// How long its events are kept, days.
    pub retention_days: Option<u32>,
}

/// A log stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedStream {
    /// Its name.
    pub name: String,
    /// When it was made, by hand or by its first line, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// The times of its first and its last line, milliseconds since the epoch; nothing without any.
    pub lines_ms: Option<(i64, i64)>,
}

impl LoggedStream {
    /// A stream that lives by its lines.
    fn of_lines(name: String, first_ms: i64, last_ms: i64) -> Self {
        Self {
            name,
            created_at_ms: first_ms,
            lines_ms: Some((first_ms, last_ms)),
        }
    }

    /// Takes over what another finds of the same stream.
    fn join(&mut self, other: &Self) {
        self.created_at_ms = self.created_at_ms.min(other.created_at_ms);
        self.lines_ms = match (self.lines_ms, other.lines_ms) {
            (Some((first, last)), Some((other_first, other_last))) => {
                Some((first.min(other_first), last.max(other_last)))
            }
            (lines, other) => lines.or(other),
        };
    }
}

impl Store {
    /// Reads lines of a group.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn log_lines(&self, query: &LogQuery<'_>) -> Result<LogPage, ReadError> {
        let reader = self.logs_reader.lock();
        let Some(group) = group_id(&reader, query.log_group)? else {
            return Ok(LogPage::default());
        };
        let events = events::lines(&reader, group, query)?;
        let requests = execution::lines(&reader, group, query)?;
        Ok(merge(events, requests, query))
    }

    /// The streams of a group, by name.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn log_streams(&self, log_group: &str) -> Result<Vec<LoggedStream>, ReadError> {
        let reader = self.logs_reader.lock();
        let Some(group) = group_id(&reader, log_group)? else {
            return Ok(Vec::new());
        };
        let mut streams = events::streams(&reader, group)?;
        streams.extend(execution::streams(&reader, group, log_group)?);
        streams.extend(created_streams(&reader, group)?);
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        streams.dedup_by(|next, kept| {
            let is_same = next.name == kept.name;
            if is_same {
                kept.join(next);
            }
            is_same
        });
        Ok(streams)
    }

    /// Whether a group has a stream.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn has_log_stream(&self, log_group: &str, stream: &str) -> Result<bool, ReadError> {
        let reader = self.logs_reader.lock();
        let Some(group) = group_id(&reader, log_group)? else {
            return Ok(false);
        };
        Ok(has_stream(&reader, group, log_group, stream)?)
    }

    /// The groups, by name.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn log_groups(&self) -> Result<Vec<LogGroup>, ReadError> {
        let reader = self.logs_reader.lock();
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {} FROM log_groups ORDER BY name",
            LogGroup::COLUMNS
        ))?;
        let groups = statement.query_map([], LogGroup::read)?;
        Ok(groups.collect::<Result<_, _>>()?)
    }

    /// The group of this name.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn log_group(&self, name: &str) -> Result<Option<LogGroup>, ReadError> {
        let reader = self.logs_reader.lock();
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {} FROM log_groups WHERE name = ?1",
            LogGroup::COLUMNS
        ))?;
        Ok(statement.query_row([name], LogGroup::read).optional()?)
    }

    /// The tags of a group; nothing when there is no such group.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn log_group_tags(
        &self,
        log_group: &str,
    ) -> Result<Option<BTreeMap<String, String>>, ReadError> {
        let reader = self.logs_reader.lock();
        let Some(group) = group_id(&reader, log_group)? else {
            return Ok(None);
        };
        let mut statement =
            reader.prepare_cached("SELECT key, value FROM log_group_tags WHERE log_group = ?1")?;
        let tags = statement.query_map([group], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Some(tags.collect::<Result<_, _>>()?))
    }
}

impl LogGroup {
    const COLUMNS: &str =
        "name, created_at_ms, class, kms_key_id, deletion_protection, retention_days";

    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            created_at_ms: row.get(1)?,
            class: row.get(2)?,
            kms_key_id: row.get(3)?,
            deletion_protection: row.get(4)?,
            retention_days: row.get(5)?,
        })
    }
}

/// Whether a group has a stream: one with lines, or one that was made.
pub(super) fn has_stream(
    reader: &rusqlite::Connection,
    group: i64,
    log_group: &str,
    stream: &str,
) -> rusqlite::Result<bool> {
    let mut made =
        reader.prepare_cached("SELECT 1 FROM log_streams WHERE log_group = ?1 AND name = ?2")?;
    Ok(made.exists(rusqlite::params![group, stream])?
        || events::has_stream(reader, group, stream)?
        || execution::has_stream(reader, group, log_group, stream)?)
}

/// The streams of a group that were made by hand.
fn created_streams(
    reader: &rusqlite::Connection,
    group: i64,
) -> rusqlite::Result<Vec<LoggedStream>> {
    let mut statement = reader
        .prepare_cached("SELECT name, created_at_ms FROM log_streams WHERE log_group = ?1")?;
    let streams = statement.query_map([group], |row| {
        Ok(LoggedStream {
            name: row.get(0)?,
            created_at_ms: row.get(1)?,
            lines_ms: None,
        })
    })?;
    streams.collect()
}

pub(super) fn group_id(reader: &rusqlite::Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = reader.prepare_cached("SELECT id FROM log_groups WHERE name = ?1")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

/// One page of two, each in the order asked for.
fn merge(one: LogPage, other: LogPage, query: &LogQuery<'_>) -> LogPage {
    // Neither page tells of what is behind its end.
    let known_to = match (one.unfinished_at, other.unfinished_at) {
        (Some(one), Some(other)) if query.newest_first => Some(one.max(other)),
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let is_known = |line: &LogLine| match known_to {
        None => true,
        Some(end) if query.newest_first => line.position >= end,
        Some(end) => line.position <= end,
    };
    let mut lines: Vec<LogLine> = one.lines.into_iter().chain(other.lines).collect();
    lines.retain(is_known);
    lines.sort_unstable_by_key(|line| line.position);
    if query.newest_first {
        lines.reverse();
    }
    let mut page = LogPage {
        lines: Vec::with_capacity(lines.len().min(query.max_lines)),
        unfinished_at: known_to,
    };
    let mut bytes = 0;
    for line in lines {
        bytes += line.message.len();
        let is_full = page.lines.len() == query.max_lines
            || (bytes > query.max_bytes && !page.lines.is_empty());
        if is_full {
            page.unfinished_at = page.lines.last().map(|line| line.position);
            break;
        }
        page.lines.push(line);
    }
    page
}

#[cfg(test)]
mod tests;
