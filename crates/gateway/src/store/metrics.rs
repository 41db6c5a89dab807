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

/// Whose samples of a metric are asked for.
#[derive(Debug, Clone, Copy)]
pub struct MetricsOf<'a> {
    /// `apiId`.
    pub api_id: &'a str,
    /// One stage, else all of them together.
    pub stage: Option<&'a str>,
    /// One route, as long as it had detailed metrics; else all of them together.
    pub route: Option<&'a str>,
    /// The metric.
    pub metric: Metric,
}

impl Store {
    /// Hands on what was counted in these minutes, each with its minute, in the order of time. Waits
    /// for what is on its way to the disk. Blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn each_metric(
        &self,
        of: MetricsOf<'_>,
        minutes: std::ops::Range<u64>,
        mut take: impl FnMut(u64, &Delta),
    ) -> Result<(), ReadError> {
        self.flush();
        let reader = self.logs_reader.lock();
        // What others counted is passed over unread.
        let mut statement = reader.prepare_cached(
            "SELECT minute, delta FROM metrics
             WHERE api_id = ?1 AND minute >= ?2 AND minute < ?3 AND present & ?4 <> 0
             AND (?5 IS NULL OR stage = ?5)
             AND (?6 IS NULL OR (route = ?6 AND route <> '' AND detailed))
             ORDER BY minute",
        )?;
        let mut rows = statement.query(params![
            of.api_id,
            sql_ms(minutes.start),
            sql_ms(minutes.end),
            bit(of.metric),
            of.stage,
            of.route,
        ])?;
        while let Some(row) = rows.next()? {
            let minute: i64 = row.get(0)?;
            let delta = row.get_ref(1)?.as_blob().ok();
            if let Some(delta) = delta.and_then(Delta::from_bytes) {
                take(minute.cast_unsigned(), &delta);
            }
        }
        Ok(())
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
            let metrics = metrics.filter(|metric| present & bit(*metric) != 0);
            Ok((key, row.get(3)?, metrics.collect()))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// A metric's bit of those that there are samples of.
fn bit(metric: Metric) -> u8 {
    1 << metric as u8
}

/// A bit for each metric that there are samples of.
fn present(delta: &Delta) -> u8 {
    let counted = Metric::ALL.into_iter().filter(|metric| delta.has(*metric));
    counted.map(bit).sum()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::now_ms,
        store::{Lifecycle, tests::RETENTION},
    };

    /// One sample of a metric other than the latency.
    fn row(stage: &str, route: &str, detailed: bool, minute: u64, metric: Metric) -> MetricRow {
        let mut numbers = [0; 13];
        numbers[2 * metric as usize] = 1;
        let delta: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        MetricRow {
            key: SeriesKey {
                api_id: "abcdef1234".into(),
                stage: stage.into(),
                route: route.into(),
            },
            detailed,
            minute,
            delta: Delta::from_bytes(&delta).unwrap(),
        }
    }

    #[test]
    fn only_what_is_asked_for_is_handed_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.sqlite"), RETENTION).unwrap();
        let now = now_ms() / 60_000;
        let message = Metric::MessageCount;
        store.record(Lifecycle::Counted(vec![
            row("prod", "one", true, now, message),
            row("prod", "two", false, now + 1, message),
            row("dev", "one", false, now + 2, message),
            row("prod", "", true, now + 3, message),
            row("prod", "one", true, now + 4, Metric::ClientError),
        ]));
        let minutes = |stage, route, metric| {
            let of = MetricsOf {
                api_id: "abcdef1234",
                stage,
                route,
                metric,
            };
            let mut found: Vec<u64> = Vec::new();
            let take = |minute: u64, delta: &Delta| {
                assert!(delta.has(metric));
                found.push(minute - now);
            };
            store.each_metric(of, now..now + 9, take).unwrap();
            found
        };
        assert_eq!(minutes(None, None, message), [0, 1, 2, 3]);
        assert_eq!(minutes(Some("prod"), None, message), [0, 1, 3]);
        assert_eq!(minutes(Some("none"), None, message), [0; 0]);
        assert_eq!(minutes(Some("prod"), Some("one"), message), [0]);
        assert_eq!(minutes(Some("prod"), Some("two"), message), [0; 0]);
        assert_eq!(minutes(Some("prod"), Some(""), message), [0; 0]);
        assert_eq!(minutes(Some("prod"), Some("one"), Metric::ClientError), [4]);
        assert_eq!(minutes(None, None, Metric::ConnectCount), [0; 0]);
    }
}
