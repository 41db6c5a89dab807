//! Plain events: what functions printed, and the rows of access logs.

use std::ops::Range;

use rusqlite::{Connection as Database, params, types::ValueRef};

use super::{LINE_BITS, LogLine, LogPage, LogPosition, LogQuery, LoggedStream, Streams, packed};

/// Lines that one query looks at, whatever it then picks: a store may keep millions.
const MAX_LOOKED_AT: usize = 100_000;

/// The row of the table that holds a place.
fn row_of(place: LogPosition) -> i64 {
    place.row >> LINE_BITS
}

/// The first row of the table that is not before a place.
fn first_row(place: LogPosition) -> i64 {
    place.row.saturating_add((1 << LINE_BITS) - 1) >> LINE_BITS
}

pub(super) fn lines(
    reader: &Database,
    group: i64,
    query: &LogQuery<'_>,
) -> rusqlite::Result<LogPage> {
    // One stream has an index of its own; several are picked from the group's lines.
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
    let mut statement = reader.prepare_cached(&format!(
        "SELECT timestamp_ms, rowid, stream, message, ingested_at_ms FROM log_events
         WHERE log_group = ?1 AND (timestamp_ms, rowid) >= (?2, ?3)
         AND (timestamp_ms, rowid) < (?4, ?5) AND {stream}
         ORDER BY timestamp_ms {order}, rowid {order}"
    ))?;
    let Range { start, end } = query.range;
    let mut rows = statement.query(params![
        group,
        start.timestamp_ms,
        row_of(start),
        end.timestamp_ms,
        first_row(end),
        one_stream
    ])?;
    let mut page = LogPage::default();
    let mut bytes = 0;
    let mut looked_at = 0;
    let mut last = None;
    'page: while let Some(row) = rows.next()? {
        if looked_at >= MAX_LOOKED_AT {
            page.unfinished_at = last;
            break;
        }
        looked_at += 1;
        let first = LogPosition {
            timestamp_ms: row.get(0)?,
            row: row.get::<_, i64>(1)? << LINE_BITS,
        };
        let stream = row.get_ref(2)?.as_str().unwrap_or_default();
        if !query.streams.include(stream) {
            last = Some(first);
            continue;
        }
        for (position, message) in lines_of_row(first, row.get_ref(3)?, query) {
            looked_at += 1;
            bytes += message.len();
            let is_full = page.lines.len() == query.max_lines
                || (bytes > query.max_bytes && !page.lines.is_empty());
            if is_full {
                page.unfinished_at = last;
                break 'page;
            }
            page.lines.push(LogLine {
                position,
                stream: stream.to_owned(),
                message,
                put_at_ms: row.get(4)?,
            });
            last = Some(position);
        }
    }
    Ok(page)
}

/// The lines of a row that a query asks for, in its order.
fn lines_of_row(
    first: LogPosition,
    message: ValueRef<'_>,
    query: &LogQuery<'_>,
) -> Vec<(LogPosition, String)> {
    let positions = (first.row..).map(|row| LogPosition { row, ..first });
    let mut lines: Vec<_> = positions
        .zip(packed::lines(message))
        .filter(|(position, _)| query.range.contains(position))
        .collect();
    if query.newest_first {
        lines.reverse();
    }
    lines
}

pub(super) fn streams(reader: &Database, group: i64) -> rusqlite::Result<Vec<LoggedStream>> {
    // From one stream to the next on the index, past their lines.
    let mut statement = reader.prepare_cached(
        "WITH RECURSIVE streams (name) AS (
            SELECT MIN(stream) FROM log_events WHERE log_group = ?1
            UNION ALL
            SELECT (SELECT MIN(stream) FROM log_events WHERE log_group = ?1 AND stream > name)
            FROM streams WHERE name IS NOT NULL
         )
         SELECT name,
            (SELECT MIN(timestamp_ms) FROM log_events WHERE log_group = ?1 AND stream = name),
            (SELECT MAX(timestamp_ms) FROM log_events WHERE log_group = ?1 AND stream = name)
         FROM streams WHERE name IS NOT NULL",
    )?;
    let streams = statement.query_map([group], |row| {
        let (name, first_ms, last_ms) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(LoggedStream::of_lines(name, first_ms, last_ms))
    })?;
    streams.collect()
}

pub(super) fn has_stream(reader: &Database, group: i64, stream: &str) -> rusqlite::Result<bool> {
    let mut statement = reader
        .prepare_cached("SELECT 1 FROM log_events WHERE log_group = ?1 AND stream = ?2 LIMIT 1")?;
    statement.exists(rusqlite::params![group, stream])
}
