//! The logs of all groups in a store's file, read beside the Gatepost that writes it, or of one that
//! is stopped: the latest lines, then what is written after them. Nothing is made or changed.

use std::{collections::HashMap, path::Path};

use gatepost_model::connection_id::ConnectionId;
use gatepost_wire::execution_log::Severity;
use rusqlite::{Connection as Database, OpenFlags, Row, params};

use super::{execution::KeptRequest, packed, rendered::severity_of};
use crate::store::{ReadError, StoreError, schema};

/// Rows of each kind that one read looks at, whatever it then picks.
const MAX_LOOKED_AT: usize = 200_000;

/// Which lines are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineFilter {
    /// Of groups whose names begin so.
    pub log_group: Option<String>,
    /// Of the function of this name, or with this logical id.
    pub function: Option<String>,
    /// Of this connection: its requests, and other events that name it.
    pub connection: Option<ConnectionId>,
    /// At this level, or a graver one.
    pub level: Option<Severity>,
    /// Not older than this, milliseconds since the epoch.
    pub since_ms: Option<i64>,
}

/// A line of any group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLine {
    /// Its group.
    pub log_group: String,
    /// Its stream.
    pub stream: String,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The line, without its line break.
    pub message: String,
    /// Of a request: its id.
    pub request_id: Option<String>,
    /// Of a request: its connection.
    pub connection_id: Option<ConnectionId>,
    /// How grave it is.
    pub severity: Severity,
}

/// Reads the logs of a store's file.
#[derive(Debug)]
pub struct LogReader {
    database: Database,
    groups: HashMap<i64, String>,
    /// The last rows that were looked at.
    last_event: i64,
    last_request: i64,
}

impl LineFilter {
    fn includes_group(&self, name: &str) -> bool {
        let by_name = self
            .log_group
            .as_deref()
            .is_none_or(|group| name.starts_with(group));
        let by_function = self.function.as_deref().is_none_or(|function| {
            // Unless they are named, functions are called `{stack}-{LogicalId}`.
            name.strip_prefix("/aws/lambda/").is_some_and(|name| {
                name == function
                    || name
                        .strip_suffix(function)
                        .is_some_and(|stack| stack.ends_with('-'))
            })
        });
        by_name && by_function
    }

    fn includes(&self, line: &GroupLine) -> bool {
        let is_of_connection = self.connection.is_none_or(|id| {
            line.connection_id == Some(id) || line.message.contains(&id.to_string())
        });
        is_of_connection
            && self.level.is_none_or(|level| line.severity <= level)
            && self.since_ms.is_none_or(|since| line.timestamp_ms >= since)
    }
}

impl LogReader {
    /// Opens the file of a store.
    ///
    /// # Errors
    /// [`StoreError`]: it is no store, or one of another version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let damaged = |source| StoreError::Damaged {
            path: path.to_owned(),
            source,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Database::open_with_flags(path, flags).map_err(damaged)?;
        schema::check_readable(&database, path)?;
        Ok(Self {
            database,
            groups: HashMap::new(),
            last_event: 0,
            last_request: 0,
        })
    }

    /// The latest lines, at most so many, oldest first. What is written later is [`Self::next`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn latest(
        &mut self,
        filter: &LineFilter,
        max_lines: usize,
    ) -> Result<Vec<GroupLine>, ReadError> {
        let last = |table| {
            let max = format!("SELECT COALESCE(MAX(rowid), 0) FROM {table}");
            self.database.query_row(&max, [], |row| row.get(0))
        };
        (self.last_event, self.last_request) = (last("log_events")?, last("execution_logs")?);
        let mut lines = self.events(filter, 0, self.last_event, "DESC", max_lines)?;
        lines.extend(self.requests(filter, 0, self.last_request, "DESC", max_lines)?);
        // The lines of a row are together, and in their order.
        lines.sort_by_key(|line| line.timestamp_ms);
        let excess = lines.len().saturating_sub(max_lines);
        Ok(lines.split_off(excess))
    }

    /// What was written since the last read, in the order of time.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn next(&mut self, filter: &LineFilter) -> Result<Vec<GroupLine>, ReadError> {
        let (event, request) = (self.last_event, self.last_request);
        let mut lines = self.events(filter, event, i64::MAX, "ASC", usize::MAX)?;
        lines.extend(self.requests(filter, request, i64::MAX, "ASC", usize::MAX)?);
        lines.sort_by_key(|line| line.timestamp_ms);
        Ok(lines)
    }

    fn events(
        &mut self,
        filter: &LineFilter,
        after: i64,
        until: i64,
        order: &str,
        max_lines: usize,
    ) -> Result<Vec<GroupLine>, ReadError> {
        let sql = format!(
            "SELECT rowid, log_group, stream, timestamp_ms, message FROM log_events
             WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid {order} LIMIT {MAX_LOOKED_AT}"
        );
        let mut found = Picked::new(order, max_lines);
        let mut groups = std::mem::take(&mut self.groups);
        let mut statement = self.database.prepare_cached(&sql)?;
        let mut rows = statement.query(params![after, until])?;
        while let Some(row) = rows.next()? {
            self.last_event = self.last_event.max(row.get(0)?);
            let Some(log_group) = group_of(&self.database, &mut groups, row.get(1)?)? else {
                continue;
            };
            if filter.includes_group(&log_group)
                && !found.take(filter, read_events(row, &log_group)?)
            {
                break;
            }
        }
        drop(rows);
        drop(statement);
        self.groups = groups;
        Ok(found.lines())
    }

    fn requests(
        &mut self,
        filter: &LineFilter,
        after: i64,
        until: i64,
        order: &str,
        max_lines: usize,
    ) -> Result<Vec<GroupLine>, ReadError> {
        let sql = format!(
            "SELECT {}, log_group FROM execution_logs
             WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid {order} LIMIT {MAX_LOOKED_AT}",
            KeptRequest::COLUMNS
        );
        let mut found = Picked::new(order, max_lines);
        let mut groups = std::mem::take(&mut self.groups);
        let mut statement = self.database.prepare_cached(&sql)?;
        let mut rows = statement.query(params![after, until])?;
        while let Some(row) = rows.next()? {
            let request = KeptRequest::read(row)?;
            self.last_request = self.last_request.max(request.rowid);
            let Some(log_group) = group_of(&self.database, &mut groups, row.get(5)?)? else {
                continue;
            };
            if filter.includes_group(&log_group)
                && !found.take(filter, request.group_lines(&log_group))
            {
                break;
            }
        }
        drop(rows);
        drop(statement);
        self.groups = groups;
        Ok(found.lines())
    }
}

/// The lines of the rows that were picked, each row's together.
struct Picked {
    rows: Vec<Vec<GroupLine>>,
    lines: usize,
    newest_first: bool,
    max_lines: usize,
}

impl Picked {
    fn new(order: &str, max_lines: usize) -> Self {
        Self {
            rows: Vec::new(),
            lines: 0,
            newest_first: order == "DESC",
            max_lines,
        }
    }

    /// Picks of a row's lines; `false` when there are enough.
    fn take(&mut self, filter: &LineFilter, mut lines: Vec<GroupLine>) -> bool {
        lines.retain(|line| filter.includes(line));
        self.lines += lines.len();
        self.rows.push(lines);
        self.lines < self.max_lines
    }

    fn lines(mut self) -> Vec<GroupLine> {
        if self.newest_first {
            self.rows.reverse();
        }
        self.rows.into_iter().flatten().collect()
    }
}

/// The name of a group; `None` when it is deleted, and its rows are yet to be.
fn group_of(
    database: &Database,
    known: &mut HashMap<i64, String>,
    id: i64,
) -> rusqlite::Result<Option<String>> {
    if !known.contains_key(&id) {
        let mut statement = database.prepare_cached("SELECT id, name FROM log_groups")?;
        let groups = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        *known = groups.collect::<rusqlite::Result<_>>()?;
    }
    Ok(known.get(&id).cloned())
}

fn read_events(row: &Row<'_>, log_group: &str) -> rusqlite::Result<Vec<GroupLine>> {
    let (stream, timestamp_ms): (String, i64) = (row.get(2)?, row.get(3)?);
    let messages = packed::lines(row.get_ref(4)?).into_iter();
    let line = |message: String| GroupLine {
        log_group: log_group.to_owned(),
        stream: stream.clone(),
        timestamp_ms,
        severity: severity_of(&message),
        message,
        request_id: None,
        connection_id: None,
    };
    Ok(messages.map(line).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gatepost_wire::execution_log::{Entry, Masked, Record};

    use super::*;
    use crate::store::{ExecutionLogRecord, LogEntry, LogEvent, Retention, Store};

    const API: &str = "/aws/apigateway/abcdef1234/prod";
    const FUNCTION: &str = "/aws/lambda/chat-Send";

    fn connection(number: u8) -> ConnectionId {
        ConnectionId::from_bytes([number; 13])
    }

    fn carry_out(store: &Store, number: u8, began_at_ms: u64) {
        let mut record = Record::default();
        record.push(0, &Entry::MessageReceived);
        record.push(
            1,
            &Entry::EndpointRequest {
                uri: "u",
                headers: Masked::default(),
                body: "b",
            },
        );
        record.push(2, &Entry::Failed("it failed"));
        store.log(LogEntry::Execution(Arc::new(ExecutionLogRecord {
            log_group: API.into(),
            began_at_ms,
            duration_ms: 2,
            request_id: format!("r{number}").into(),
            connection_id: Some(connection(number)),
            endpoint_request_id: None,
            record,
        })));
    }

    fn print(store: &Store, log_group: &str, timestamp_ms: u64, message: &str) {
        store.log(LogEntry::Event(Arc::new(LogEvent {
            log_group: log_group.into(),
            stream: "s".into(),
            timestamp_ms,
            message: message.into(),
        })));
    }

    fn filled(folder: &tempfile::TempDir) -> (Arc<Store>, LogReader) {
        let path = folder.path().join("store.sqlite");
        let retention = Retention {
            max_tombstones: 100,
            tombstone_age: std::time::Duration::from_secs(3600),
            log_age: std::time::Duration::MAX,
            max_bytes: 1 << 30,
        };
        let store = Store::open(&path, retention).unwrap();
        print(&store, FUNCTION, 1_000, "START");
        carry_out(&store, 1, 1_001);
        print(&store, FUNCTION, 1_002, "[ERROR] no");
        print(&store, "rows", 1_100, &format!("{} 200", connection(2)));
        carry_out(&store, 2, 1_200);
        store.flush();
        let reader = LogReader::open(&path).unwrap();
        (store, reader)
    }

    fn read(reader: &mut LogReader, filter: &LineFilter, max_lines: usize) -> Vec<String> {
        let lines = reader.latest(filter, max_lines).unwrap();
        lines.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn the_latest_lines_of_all_groups_are_in_the_order_of_time() {
        let folder = tempfile::tempdir().unwrap();
        let (_store, mut reader) = filled(&folder);
        let all = read(&mut reader, &LineFilter::default(), 100);
        assert_eq!(all.len(), 3 + 2 * 5);
        assert_eq!(all[0], "START");
        assert_eq!(all[12], "(r2) it failed");
        let latest = read(&mut reader, &LineFilter::default(), 2);
        assert_eq!(latest, all[11..]);
    }

    #[test]
    fn lines_are_picked_by_group_function_connection_level_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let (_store, mut reader) = filled(&folder);
        let mut read = |filter| read(&mut reader, &filter, 100);
        let by_group = |log_group: &str| LineFilter {
            log_group: Some(log_group.into()),
            ..LineFilter::default()
        };
        assert_eq!(read(by_group("/aws/lambda/")), ["START", "[ERROR] no"]);
        let by_function = |function: &str| LineFilter {
            function: Some(function.into()),
            ..LineFilter::default()
        };
        for function in ["chat-Send", "Send"] {
            assert_eq!(read(by_function(function)), ["START", "[ERROR] no"]);
        }
        assert!(read(by_function("end")).is_empty());
        let of_connection = read(LineFilter {
            connection: Some(connection(2)),
            ..LineFilter::default()
        });
        assert_eq!(of_connection.len(), 6);
        assert_eq!(of_connection[0], format!("{} 200", connection(2)));
        let at = |level| LineFilter {
            level: Some(level),
            ..LineFilter::default()
        };
        assert_eq!(
            read(at(Severity::Error)),
            ["[ERROR] no", "(r1) it failed", "(r2) it failed"]
        );
        assert_eq!(read(at(Severity::Info)).len(), 7);
        let since = LineFilter {
            since_ms: Some(1_200),
            ..LineFilter::default()
        };
        assert_eq!(read(since).len(), 5);
    }

    #[test]
    fn what_is_written_later_comes_once() {
        let folder = tempfile::tempdir().unwrap();
        let (store, mut reader) = filled(&folder);
        let filter = LineFilter::default();
        reader.latest(&filter, 1).unwrap();
        assert_eq!(reader.next(&filter).unwrap(), []);
        carry_out(&store, 3, 900);
        print(&store, "new", 899, "first");
        store.flush();
        let next = reader.next(&filter).unwrap();
        let messages: Vec<_> = next.iter().map(|line| &*line.message).collect();
        assert_eq!(messages.len(), 6);
        assert_eq!((messages[0], messages[5]), ("first", "(r3) it failed"));
        assert_eq!(next[1].connection_id, Some(connection(3)));
        assert_eq!(next[1].request_id.as_deref(), Some("r3"));
        assert_eq!(reader.next(&filter).unwrap(), []);
    }
}
