//! Reading the functions' log lines. They have a connection of their own, so that a long read
//! never makes an `@connections` call wait. Everything here blocks.

use std::ops::Range;

use rusqlite::{OptionalExtension, params};

use super::Store;

/// Lines that one query looks at, whatever it then picks: a store may keep a million.
const MAX_LOOKED_AT: usize = 100_000;

/// Why the store cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot be read: {0}; look at its file and its disk")]
pub struct ReadError(#[from] rusqlite::Error);

/// The place of a line among those of its function: by time, then in the order of printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The number of the line in the store.
    pub row: i64,
}

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
}

/// Which streams are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Streams {
    /// All of the function.
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
    /// Of which function.
    pub function: &'a str,
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

/// A log stream that has lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedStream {
    /// Its name.
    pub name: String,
    /// Its first line, milliseconds since the epoch.
    pub first_ms: i64,
    /// Its last line, milliseconds since the epoch.
    pub last_ms: i64,
}

impl Store {
    /// Reads lines of a function.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn function_log_lines(&self, query: &LogQuery<'_>) -> Result<LogPage, ReadError> {
        // One stream has an index of its own; several are picked from the function's lines.
        let one_stream = match &query.streams {
            Streams::Named(names) if names.len() == 1 => names.first(),
            _ => None,
        };
        let stream = if one_stream.is_some() {
            "stream = ?6"
        } else {
            "?6 IS NULL"
        };
        let order = if query.newest_first { "DESC" } else { "ASC" };
        let reader = self.logs_reader.lock();
        let mut statement = reader.prepare_cached(&format!(
            "SELECT timestamp_ms, rowid, stream, message FROM function_logs
             WHERE function = ?1 AND (timestamp_ms, rowid) >= (?2, ?3)
             AND (timestamp_ms, rowid) < (?4, ?5) AND {stream}
             ORDER BY timestamp_ms {order}, rowid {order}"
        ))?;
        let Range { start, end } = query.range;
        let mut rows = statement.query(params![
            query.function,
            start.timestamp_ms,
            start.row,
            end.timestamp_ms,
            end.row,
            one_stream
        ])?;
        let mut page = LogPage::default();
        let mut bytes = 0;
        let mut looked_at = 0;
        let mut last = None;
        while let Some(row) = rows.next()? {
            if looked_at == MAX_LOOKED_AT {
                page.unfinished_at = last;
                break;
            }
            looked_at += 1;
            let position = LogPosition {
                timestamp_ms: row.get(0)?,
                row: row.get(1)?,
            };
            let stream = row.get_ref(2)?.as_str().unwrap_or_default();
            if query.streams.include(stream) {
                let message: String = row.get(3)?;
                bytes += message.len();
                let is_full = page.lines.len() == query.max_lines
                    || (bytes > query.max_bytes && !page.lines.is_empty());
                if is_full {
                    page.unfinished_at = last;
                    break;
                }
                page.lines.push(LogLine {
                    position,
                    stream: stream.to_owned(),
                    message,
                });
            }
            last = Some(position);
        }
        Ok(page)
    }

    /// The streams of a function, by name.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn function_log_streams(&self, function: &str) -> Result<Vec<LoggedStream>, ReadError> {
        let reader = self.logs_reader.lock();
        // From one stream to the next on the index, past their lines.
        let mut statement = reader.prepare_cached(
            "WITH RECURSIVE streams (name) AS (
                SELECT MIN(stream) FROM function_logs WHERE function = ?1
                UNION ALL
                SELECT (SELECT MIN(stream) FROM function_logs
                        WHERE function = ?1 AND stream > name)
                FROM streams WHERE name IS NOT NULL
             )
             SELECT name,
                (SELECT MIN(timestamp_ms) FROM function_logs WHERE function = ?1 AND stream = name),
                (SELECT MAX(timestamp_ms) FROM function_logs WHERE function = ?1 AND stream = name)
             FROM streams WHERE name IS NOT NULL",
        )?;
        let streams = statement.query_map([function], |row| {
            Ok(LoggedStream {
                name: row.get(0)?,
                first_ms: row.get(1)?,
                last_ms: row.get(2)?,
            })
        })?;
        Ok(streams.collect::<Result<_, _>>()?)
    }

    /// Whether a stream of a function has lines.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn has_function_log_stream(&self, function: &str, stream: &str) -> Result<bool, ReadError> {
        let reader = self.logs_reader.lock();
        let mut statement = reader.prepare_cached(
            "SELECT 1 FROM function_logs WHERE function = ?1 AND stream = ?2 LIMIT 1",
        )?;
        Ok(statement.exists([function, stream])?)
    }

    /// The functions that have lines, also those that are no more, by name.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn logged_functions(&self) -> Result<Vec<String>, ReadError> {
        let reader = self.logs_reader.lock();
        let mut statement = reader.prepare_cached(
            "WITH RECURSIVE functions (name) AS (
                SELECT MIN(function) FROM function_logs
                UNION ALL
                SELECT (SELECT MIN(function) FROM function_logs WHERE function > name)
                FROM functions WHERE name IS NOT NULL
             )
             SELECT name FROM functions WHERE name IS NOT NULL",
        )?;
        let functions = statement.query_map([], |row| row.get(0))?;
        Ok(functions.collect::<Result<_, _>>()?)
    }

    /// Whether a function has lines.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn has_function_log(&self, function: &str) -> Result<bool, ReadError> {
        let reader = self.logs_reader.lock();
        let mut statement =
            reader.prepare_cached("SELECT 1 FROM function_logs WHERE function = ?1 LIMIT 1")?;
        Ok(statement.exists([function])?)
    }

    /// When this store was made, milliseconds since the epoch.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn created_at_ms(&self) -> Result<i64, ReadError> {
        let reader = self.logs_reader.lock();
        let mut statement =
            reader.prepare_cached("SELECT value FROM meta WHERE key = 'created_at_ms'")?;
        let created_at_ms = statement.query_row([], |row| row.get(0)).optional()?;
        Ok(created_at_ms.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::store::{Lifecycle, Retention};

    const ALL: Range<LogPosition> = LogPosition::at(0)..LogPosition::at(i64::MAX);

    fn store(folder: &tempfile::TempDir) -> Arc<Store> {
        let retention = Retention {
            max_tombstones: 100,
            tombstone_age: Duration::from_secs(3600),
            max_log_lines: 1000,
        };
        Store::open(&folder.path().join("store.sqlite"), retention).unwrap()
    }

    fn print(store: &Store, function: &str, stream: &str, timestamp_ms: u64, message: &str) {
        store.record(Lifecycle::FunctionLog {
            function: function.into(),
            stream: stream.into(),
            timestamp_ms,
            message: message.into(),
        });
    }

    fn messages(page: &LogPage) -> Vec<&str> {
        page.lines.iter().map(|line| &*line.message).collect()
    }

    fn query(max_bytes: usize) -> LogQuery<'static> {
        LogQuery {
            function: "f",
            streams: Streams::All,
            range: ALL,
            newest_first: false,
            max_lines: 10,
            max_bytes,
        }
    }

    #[test]
    fn a_page_ends_at_its_bytes_but_holds_a_line_however_long() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for message in ["aaa", "bbb", "cccc"] {
            print(&store, "f", "s", 5, message);
        }
        store.flush();
        let page = store.function_log_lines(&query(6)).unwrap();
        assert_eq!(messages(&page), ["aaa", "bbb"]);
        let unfinished_at = page.unfinished_at.unwrap();
        let rest = LogQuery {
            range: unfinished_at.behind()..ALL.end,
            ..query(1)
        };
        let page = store.function_log_lines(&rest).unwrap();
        assert_eq!(messages(&page), ["cccc"]);
        assert_eq!(page.unfinished_at, None);
    }

    #[test]
    fn functions_and_streams_are_listed_once_with_their_first_and_last_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert!(store.logged_functions().unwrap().is_empty());
        for (function, stream, at) in [("g", "s", 1), ("f", "b", 2), ("f", "a", 3), ("f", "b", 4)] {
            print(&store, function, stream, at, "x");
        }
        store.flush();
        assert_eq!(store.logged_functions().unwrap(), ["f", "g"]);
        let stream = |name: &str, first_ms, last_ms| LoggedStream {
            name: name.to_owned(),
            first_ms,
            last_ms,
        };
        assert_eq!(
            store.function_log_streams("f").unwrap(),
            [stream("a", 3, 3), stream("b", 2, 4)]
        );
        assert!(store.function_log_streams("h").unwrap().is_empty());
    }
}
