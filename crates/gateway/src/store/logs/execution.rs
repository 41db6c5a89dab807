//! The requests of execution logs, which become lines when they are read.

use std::collections::BTreeMap;

use gatepost_model::connection_id::ConnectionId;
use gatepost_wire::execution_log::{Line, Record};
use rusqlite::{Connection as Database, Row, params};
use sha2::{Digest, Sha256};

use super::{
    GroupLine, LINE_BITS, LogLine, LogPage, LogPosition, LogQuery, LoggedStream, OF_REQUEST,
    rendered::record_lines,
};
use crate::store::MAX_RECORD;

/// Streams of a group. AWS has one for each of its front ends; here a request's is drawn by its id.
const STREAMS: u8 = 4;
/// Requests that one query makes lines of, whatever it then picks.
const MAX_LOOKED_AT: usize = 20_000;
/// Requests that are looked at for the first and the last time of each stream.
const MAX_SCANNED: i64 = 1_000;

/// The nth stream of a group: 32 hexadecimal digits, as on AWS.
fn stream_name(log_group: &str, nth: u8) -> String {
    let digest = Sha256::digest(format!("{log_group}\n{nth}"));
    let mut number = [0; 16];
    number.copy_from_slice(&digest[..16]);
    format!("{:032x}", u128::from_be_bytes(number))
}

/// The stream of a request.
pub(in crate::store) fn stream_of(log_group: &str, request_id: &str) -> String {
    stream_name(log_group, nth_stream(request_id))
}

fn nth_stream(request_id: &str) -> u8 {
    let sum = request_id.bytes().fold(0, u8::wrapping_add);
    sum % STREAMS
}

/// A request as it is kept.
pub(in crate::store) struct KeptRequest {
    pub rowid: i64,
    began_at_ms: i64,
    pub request_id: String,
    pub connection_id: Option<[u8; 13]>,
    pub record: Record,
}

impl KeptRequest {
    pub const COLUMNS: &str = "rowid, began_at_ms, request_id, connection_id, record";

    pub fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            rowid: row.get(0)?,
            began_at_ms: row.get(1)?,
            request_id: row.get(2)?,
            connection_id: row.get(3)?,
            record: Record::from_bytes(row.get(4)?),
        })
    }

    /// Its lines, as who reads all groups sees them.
    pub fn group_lines(&self, log_group: &str) -> Vec<GroupLine> {
        let stream = stream_of(log_group, &self.request_id);
        self.recorded_lines(log_group)
            .into_iter()
            .map(|line| GroupLine {
                log_group: log_group.to_owned(),
                stream: stream.clone(),
                timestamp_ms: self.began_at_ms.saturating_add(line.offset_ms.into()),
                message: line.message,
                request_id: Some(self.request_id.clone()),
                connection_id: self.connection_id.map(ConnectionId::from_bytes),
                severity: line.severity,
            })
            .collect()
    }

    fn recorded_lines(&self, log_group: &str) -> Vec<Line> {
        let connection_id = self.connection_id.map(ConnectionId::from_bytes);
        record_lines(log_group, &self.request_id, connection_id, &self.record)
    }

    /// Its lines among those of its group.
    fn lines(&self, log_group: &str) -> Vec<LogLine> {
        let stream = stream_of(log_group, &self.request_id);
        let line = |nth: usize, offset_ms: u32, message| LogLine {
            position: LogPosition {
                timestamp_ms: self.began_at_ms.saturating_add(offset_ms.into()),
                row: self.rowid << LINE_BITS
                    | OF_REQUEST
                    | i64::try_from(nth)
                        .unwrap_or(OF_REQUEST - 1)
                        .min(OF_REQUEST - 1),
            },
            stream: stream.clone(),
            message,
            put_at_ms: None,
        };
        self.recorded_lines(log_group)
            .into_iter()
            .enumerate()
            .map(|(nth, of_record)| line(nth, of_record.offset_ms, of_record.message))
            .collect()
    }
}

pub(super) fn lines(
    reader: &Database,
    group: i64,
    query: &LogQuery<'_>,
) -> rusqlite::Result<LogPage> {
    let (start, end) = (query.range.start, query.range.end);
    let order = if query.newest_first { "DESC" } else { "ASC" };
    let longest_ms = i64::try_from(MAX_RECORD.as_millis()).unwrap_or(i64::MAX);
    let mut statement = reader.prepare_cached(&format!(
        "SELECT {} FROM execution_logs
         WHERE log_group = ?1 AND began_at_ms >= ?2 AND began_at_ms <= ?3
         AND began_at_ms + duration_ms >= ?4
         ORDER BY began_at_ms {order}, rowid {order}",
        KeptRequest::COLUMNS
    ))?;
    let mut rows = statement.query(params![
        group,
        start.timestamp_ms.saturating_sub(longest_ms),
        end.timestamp_ms,
        start.timestamp_ms
    ])?;
    let mut page = Page {
        query,
        pending: BTreeMap::new(),
        done: LogPage::default(),
        bytes: 0,
    };
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let request = KeptRequest::read(row)?;
        // Lines of the requests to come are all on this side of it.
        let border = if query.newest_first {
            LogPosition::at(request.began_at_ms.saturating_add(longest_ms + 1))
        } else {
            LogPosition::at(request.began_at_ms)
        };
        if !page.finish_to(border) {
            return Ok(page.done);
        }
        if looked_at == MAX_LOOKED_AT && (query.range.contains(&border)) {
            page.done.unfinished_at = Some(border);
            return Ok(page.done);
        }
        looked_at += 1;
        for line in request.lines(query.log_group) {
            if query.range.contains(&line.position) && query.streams.include(&line.stream) {
                page.pending.insert(line.position, line);
            }
        }
    }
    page.finish();
    Ok(page.done)
}

/// Lines that were read but whose turn may not have come.
struct Page<'a> {
    query: &'a LogQuery<'a>,
    pending: BTreeMap<LogPosition, LogLine>,
    done: LogPage,
    bytes: usize,
}

impl Page<'_> {
    /// Takes over the pending lines up to a border; `false` when the page is full.
    fn finish_to(&mut self, border: LogPosition) -> bool {
        loop {
            let next = if self.query.newest_first {
                self.pending
                    .last_entry()
                    .filter(|line| *line.key() >= border)
            } else {
                self.pending
                    .first_entry()
                    .filter(|line| *line.key() < border)
            };
            let Some(next) = next else {
                return true;
            };
            self.bytes += next.get().message.len();
            let lines = &mut self.done.lines;
            if lines.len() == self.query.max_lines
                || (self.bytes > self.query.max_bytes && !lines.is_empty())
            {
                self.done.unfinished_at = lines.last().map(|line| line.position);
                return false;
            }
            lines.push(next.remove());
        }
    }

    fn finish(&mut self) {
        let border = if self.query.newest_first {
            LogPosition::at(i64::MIN)
        } else {
            LogPosition::at(i64::MAX)
        };
        self.finish_to(border);
    }
}

pub(super) fn streams(
    reader: &Database,
    group: i64,
    log_group: &str,
) -> rusqlite::Result<Vec<LoggedStream>> {
    let mut streams: [Option<(i64, i64)>; STREAMS as usize] = [None; STREAMS as usize];
    for order in ["ASC", "DESC"] {
        let mut statement = reader.prepare_cached(&format!(
            "SELECT request_id, began_at_ms, duration_ms FROM execution_logs
             WHERE log_group = ?1 ORDER BY began_at_ms {order}, rowid {order} LIMIT ?2"
        ))?;
        let mut rows = statement.query([group, MAX_SCANNED])?;
        while let Some(row) = rows.next()? {
            let nth = nth_stream(row.get_ref(0)?.as_str().unwrap_or_default());
            let (began, duration): (i64, i64) = (row.get(1)?, row.get(2)?);
            let stream = streams[usize::from(nth)].get_or_insert((began, began));
            stream.0 = stream.0.min(began);
            stream.1 = stream.1.max(began.saturating_add(duration));
        }
    }
    let named = (0..STREAMS).zip(streams).filter_map(|(nth, times)| {
        let (first_ms, last_ms) = times?;
        let name = stream_name(log_group, nth);
        Some(LoggedStream::of_lines(name, first_ms, last_ms))
    });
    Ok(named.collect())
}

pub(super) fn has_stream(
    reader: &Database,
    group: i64,
    log_group: &str,
    stream: &str,
) -> rusqlite::Result<bool> {
    let Some(nth) = (0..STREAMS).find(|nth| stream_name(log_group, *nth) == stream) else {
        return Ok(false);
    };
    let mut statement = reader.prepare_cached(
        "SELECT request_id FROM execution_logs WHERE log_group = ?1
         ORDER BY began_at_ms DESC LIMIT ?2",
    )?;
    let mut rows = statement.query([group, MAX_SCANNED])?;
    while let Some(row) = rows.next()? {
        if nth_stream(row.get_ref(0)?.as_str().unwrap_or_default()) == nth {
            return Ok(true);
        }
    }
    Ok(false)
}
