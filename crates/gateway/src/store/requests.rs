//! One request as the logs tell of it: its lines, and those of the function that it called.

use gatepost_model::connection_id::ConnectionId;
use gatepost_wire::execution_log::Entry;
use rusqlite::{OptionalExtension, params};

use super::{
    LifeReader, ReadError,
    logs::{KeptRequest, packed},
};

/// Before a request is answered its function runs; the clocks of both are one.
const AROUND_MS: i64 = 5_000;
/// The latest events that are looked through for an invocation of which no request is known.
const MAX_LOOKED_AT: i64 = 100_000;
/// Lines of an invocation that are told.
const MAX_LINES: usize = 200;
/// How the names of functions' log groups begin.
pub(crate) const OF_FUNCTIONS: &str = "/aws/lambda/";

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoggedRequest {
    /// `requestId`; absent when only the function's log tells of it.
    pub request_id: Option<String>,
    /// Its connection.
    pub connection_id: Option<ConnectionId>,
    /// The lines of the execution log, without the id before each.
    pub lines: Vec<LoggedLine>,
    /// What went wrong: its name, and the line that says so.
    pub fault: Option<(String, String)>,
    /// What it was answered with, where the logs say so.
    pub status: Option<u16>,
    /// The request id that the function has in its own log.
    pub endpoint_request_id: Option<String>,
    /// What the function printed.
    pub function: Option<FunctionLog>,
}

/// A line and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedLine {
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// The line.
    pub text: String,
}

/// What a function printed during one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionLog {
    /// Its name.
    pub function: String,
    /// From `START` to `REPORT`.
    pub lines: Vec<LoggedLine>,
}

impl LifeReader {
    /// The request with this id: its own, or the one that the function has in its log.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn request(&self, id: &str) -> Result<Option<LoggedRequest>, ReadError> {
        let mut statement = self.database.prepare_cached(&format!(
            "SELECT {}, (SELECT name FROM log_groups WHERE id = log_group), endpoint_request_id
             FROM execution_logs
             WHERE log_group IN (SELECT id FROM log_groups) AND request_id = (SELECT request_id FROM execution_logs WHERE request_id = ?1
                UNION ALL SELECT request_id FROM execution_logs WHERE endpoint_request_id = ?1
                LIMIT 1)
             ORDER BY rowid",
            KeptRequest::COLUMNS
        ))?;
        let mut rows = statement.query([id])?;
        let mut request = LoggedRequest::default();
        // A request that was waited for long has several rows.
        while let Some(row) = rows.next()? {
            let kept = KeptRequest::read(row)?;
            let log_group: String = row.get(5)?;
            let prefix = format!("({}) ", kept.request_id);
            request
                .lines
                .extend(kept.group_lines(&log_group).into_iter().map(|line| {
                    LoggedLine {
                        at_ms: line.timestamp_ms,
                        text: line
                            .message
                            .strip_prefix(&prefix)
                            .map_or_else(|| line.message.clone(), str::to_owned),
                    }
                }));
            request.connection_id = kept.connection_id.map(ConnectionId::from_bytes);
            let endpoint_request_id: Option<String> = row.get(6)?;
            request.endpoint_request_id = endpoint_request_id.or(request.endpoint_request_id);
            for entry in kept.record.entries().flatten() {
                match entry.1 {
                    Entry::Fault { slug, text } => {
                        request.fault = Some((slug.to_owned(), text.to_owned()));
                    }
                    Entry::MessageDone { status } => request.status = Some(status),
                    Entry::Disconnected { status, .. } => request.status = status,
                    _ => {}
                }
            }
            request.request_id = Some(kept.request_id);
        }
        match (&request.request_id, &request.endpoint_request_id) {
            (Some(_), None) => {}
            (Some(_), Some(invocation)) => {
                let times = request.lines.iter().map(|line| line.at_ms);
                let first = times.clone().min().unwrap_or_default() - AROUND_MS;
                let last = times.max().unwrap_or_default() + AROUND_MS;
                request.function = self.invocation_between(invocation, first, last)?;
            }
            (None, _) => match self.invocation(id)? {
                None => return Ok(None),
                found => request.function = found,
            },
        }
        Ok(Some(request))
    }

    /// An invocation whose time is known, in the log of any function.
    fn invocation_between(
        &self,
        id: &str,
        first_ms: i64,
        last_ms: i64,
    ) -> Result<Option<FunctionLog>, ReadError> {
        let mut statement = self.database.prepare_cached(
            "SELECT log_events.rowid, log_group, stream FROM log_groups
             JOIN log_events ON log_group = id
             WHERE name LIKE '/aws/lambda/%' AND timestamp_ms BETWEEN ?2 AND ?3
             AND instr(message, 'START RequestId: ' || ?1 || ' ') > 0
             ORDER BY timestamp_ms, log_events.rowid LIMIT 1",
        )?;
        let start = statement.query_row(params![id, first_ms, last_ms], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        });
        self.lines_from(id, start.optional()?)
    }

    /// An invocation of which no more than its id is known.
    fn invocation(&self, id: &str) -> Result<Option<FunctionLog>, ReadError> {
        let is_invocation =
            id.len() == 36 && id.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
        if !is_invocation {
            return Ok(None);
        }
        let mut statement = self.database.prepare_cached(
            "SELECT rowid, log_group, stream FROM log_events
             WHERE rowid > (SELECT MAX(rowid) FROM log_events) - ?2
             AND instr(message, 'START RequestId: ' || ?1 || ' ') > 0 ORDER BY rowid DESC LIMIT 1",
        )?;
        let start = statement.query_row(params![id, MAX_LOOKED_AT], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        });
        self.lines_from(id, start.optional()?)
    }

    /// What stands behind a `START`, up to the `REPORT` of the same invocation.
    fn lines_from(
        &self,
        id: &str,
        start: Option<(i64, i64, String)>,
    ) -> Result<Option<FunctionLog>, ReadError> {
        let Some((row, group, stream)) = start else {
            return Ok(None);
        };
        let mut statement = self
            .database
            .prepare_cached("SELECT name FROM log_groups WHERE id = ?1")?;
        let name: Option<String> = statement.query_row([group], |row| row.get(0)).optional()?;
        let Some(function) = name
            .as_deref()
            .and_then(|name| name.strip_prefix(OF_FUNCTIONS))
        else {
            return Ok(None);
        };
        let mut statement = self.database.prepare_cached(
            // In the order of writing: by the stream's index all of its lines would be sorted.
            "SELECT timestamp_ms, message FROM log_events
             WHERE +log_group = ?1 AND +stream = ?2 AND rowid BETWEEN ?3 AND ?3 + ?4
             ORDER BY rowid",
        )?;
        let mut rows = statement.query(params![group, stream, row, MAX_LOOKED_AT])?;
        let mut log = FunctionLog {
            function: function.to_owned(),
            lines: Vec::new(),
        };
        let (start, end) = (
            format!("START RequestId: {id} "),
            format!("REPORT RequestId: {id}"),
        );
        while let Some(row) = rows.next()? {
            let at_ms = row.get(0)?;
            for text in packed::lines(row.get_ref(1)?) {
                // Lines of the invocation before may be in the same row.
                if log.lines.is_empty() && !text.starts_with(&start) {
                    continue;
                }
                let is_last = text.starts_with(&end);
                log.lines.push(LoggedLine { at_ms, text });
                if is_last || log.lines.len() == MAX_LINES {
                    return Ok(Some(log));
                }
            }
        }
        Ok((!log.lines.is_empty()).then_some(log))
    }
}
