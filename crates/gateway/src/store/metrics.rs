//! The metrics of past minutes.

use rusqlite::{Connection as Database, OptionalExtension, Transaction, params};

use super::{ReadError, Store, sql_ms};
use crate::observe::metrics::{Delta, Metric, MetricRow, SeriesKey};

/// How long minutes are kept: as long as AWS keeps points of one minute.
const KEPT_MINUTES: u64 = 15 * 24 * 60;
/// Rows that are kept at most, about a quarter of a gigabyte; beyond them the oldest go.
const MAX_ROWS: i64 = 1_000_000;

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS metrics (
        minute INTEGER NOT NULL,
        api_id TEXT NOT NULL,
        stage TEXT NOT NULL,
        route TEXT NOT NULL,
        detailed INTEGER NOT NULL,
        present INTEGER NOT NULL,
        delta BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS metrics_by_minute ON metrics (minute);
    CREATE INDEX IF NOT EXISTS metrics_by_api ON metrics (api_id, minute);
";

impl Store {
    /// What was counted in these minutes, of one API or of all, in the order of time. Waits for what
    /// is on its way to the disk. Blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn metrics(
        &self,
        api_id: Option<&str>,
        minutes: std::ops::Range<u64>,
    ) -> Result<Vec<MetricRow>, ReadError> {
        self.flush();
        let reader = self.logs_reader.lock();
        let of_api = if api_id.is_some() {
            "AND api_id = ?3"
        } else {
            "AND ?3 IS NULL"
        };
        let mut statement = reader.prepare_cached(&format!(
            "SELECT minute, api_id, stage, route, detailed, delta FROM metrics
             WHERE minute >= ?1 AND minute < ?2 {of_api} ORDER BY minute"
        ))?;
        let range = (sql_ms(minutes.start), sql_ms(minutes.end));
        let rows = statement.query_map(params![range.0, range.1, api_id], |row| {
            let minute: i64 = row.get(0)?;
            let delta: Vec<u8> = row.get(5)?;
            Ok(Delta::from_bytes(&delta).map(|delta| MetricRow {
                key: SeriesKey {
                    api_id: row.get(1).unwrap_or_default(),
                    stage: row.get(2).unwrap_or_default(),
                    route: row.get(3).unwrap_or_default(),
                },
                detailed: row.get(4).unwrap_or_default(),
                minute: minute.cast_unsigned(),
                delta,
            }))
        })?;
        let rows: Vec<Option<MetricRow>> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// What there are samples of from this minute on: whose, whether the route is a dimension, and
    /// which metrics. Blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn counted_metrics(
        &self,
        since_minute: u64,
    ) -> Result<Vec<(SeriesKey, bool, Vec<Metric>)>, ReadError> {
        self.flush();
        let reader = self.logs_reader.lock();
        let mut statement = reader.prepare_cached(
            "SELECT DISTINCT api_id, stage, route, detailed, present FROM metrics
             WHERE minute >= ?1",
        )?;
        let rows = statement.query_map([sql_ms(since_minute)], |row| {
            let key = SeriesKey {
                api_id: row.get(0)?,
                stage: row.get(1)?,
                route: row.get(2)?,
            };
            let present: u8 = row.get(4)?;
            let metrics = Metric::ALL.into_iter();
            let metrics = metrics.filter(|metric| present & (1 << *metric as u8) != 0);
            Ok((key, row.get(3)?, metrics.collect()))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// A bit for each metric that there are samples of.
fn present(delta: &Delta) -> u8 {
    let bits = Metric::ALL
        .into_iter()
        .map(|metric| u8::from(delta.has(metric)) << metric as u8);
    bits.sum()
}

pub(super) fn write(transaction: &Transaction<'_>, rows: &[MetricRow]) -> rusqlite::Result<()> {
    let mut insert =
        transaction.prepare_cached("INSERT INTO metrics VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for row in rows {
        let SeriesKey {
            api_id,
            stage,
            route,
        } = &row.key;
        insert.execute(params![
            sql_ms(row.minute),
            api_id,
            stage,
            route,
            row.detailed,
            present(&row.delta),
            row.delta.to_bytes()
        ])?;
    }
    Ok(())
}

/// What is older, or more, than is kept.
pub(super) struct Expired {
    before_minute: i64,
    until_row: i64,
}

impl Expired {
    pub(super) fn find(database: &Database, now_ms: u64) -> rusqlite::Result<Self> {
        let oldest = (now_ms / 60_000).saturating_sub(KEPT_MINUTES);
        let surplus: Option<i64> = database
            .prepare_cached("SELECT rowid FROM metrics ORDER BY rowid DESC LIMIT 1 OFFSET ?1")?
            .query_row([MAX_ROWS], |row| row.get(0))
            .optional()?;
        Ok(Self {
            before_minute: sql_ms(oldest),
            until_row: surplus.unwrap_or(i64::MIN),
        })
    }

    /// Removes at most so many rows of it; gives how many.
    pub(super) fn remove(&self, database: &Database, at_most: u32) -> rusqlite::Result<usize> {
        database
            .prepare_cached(
                "DELETE FROM metrics WHERE rowid IN (SELECT rowid FROM metrics
                 WHERE minute < ?1 OR rowid <= ?2 LIMIT ?3)",
            )?
            .execute(params![self.before_minute, self.until_row, at_most])
    }
}
