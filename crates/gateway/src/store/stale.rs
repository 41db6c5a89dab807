//! Who keeps posting to ids that are gone. Everything here blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::{LifeReader, ReadError};
#[cfg(doc)]
use crate::lifecycle::RefusedCall;

/// A caller whose calls found no connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaleCaller {
    /// A function, or a program at an address.
    pub caller: String,
    /// Calls that were answered 410 or 400.
    pub calls: u64,
    /// To how many ids.
    pub ids: u64,
    /// Ids that were called again after they had been refused.
    pub repeated: u64,
    /// Ids that are none of this Gatepost.
    pub foreign: u64,
    /// Ids whose end no `$disconnect` route heard of.
    pub unheard: u64,
    /// Ids whose `$disconnect` failed.
    pub failed: u64,
    /// The first and the latest kept call, milliseconds since the epoch.
    pub between_ms: (u64, u64),
}

impl StaleCaller {
    /// Whether a reason says that an id is none of this Gatepost's, or of this API's.
    pub(crate) fn is_foreign(reason: &str) -> bool {
        matches!(reason, "malformed" | "not-issued-here" | "other-api")
    }

    /// The step that is likely missing, in a sentence without a full stop.
    pub fn missing_step(&self) -> &'static str {
        if self.foreign * 2 > self.ids {
            "ids of another environment are in the table: remove them, and give each its own table"
        } else if self.failed > 0 {
            "$disconnect fails, so the ids stay: mend it, and delete ids on GoneException too"
        } else if self.unheard > 0 {
            "there is no $disconnect route that deletes the ids: add one, and delete ids on \
             GoneException too"
        } else if self.repeated > 0 {
            "nothing deletes an id on GoneException, so that it is called again and again: delete it \
             there"
        } else {
            "posts come while or after clients leave: delete the id on GoneException"
        }
    }
}

/// From version 9 to version 10: `gone` counts the calls for an id up to this one that found no
/// connection. Of calls that were not kept nothing is known, they count.
pub(super) const VERSION_10: &str = "
    ALTER TABLE refused_calls ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
    UPDATE refused_calls SET gone = nth - (
        SELECT COUNT(*) FROM refused_calls AS other
        WHERE other.connection_id = refused_calls.connection_id AND other.nth <= refused_calls.nth
            AND NOT (other.status IN (400, 410) AND other.reason <> 'not-established'));
";

/// [`RefusedCall::is_gone`] of a row.
const IS_GONE: &str = "status IN (400, 410) AND reason <> 'not-established'";

impl LifeReader {
    /// The callers of what is gone, those with the most calls first. Of each id the first and the
    /// latest callers are kept; its calls count for the latest.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn stale_callers(&self) -> Result<Vec<StaleCaller>, ReadError> {
        let version: i64 = self
            .database
            .query_row("PRAGMA user_version", [], |row| row.get(0))?;
        // A store that is only read may be of before the column.
        let gone = if version < 10 {
            format!("MAX(nth) - SUM(NOT ({IS_GONE}))")
        } else {
            "MAX(gone)".into()
        };
        // The latest call may have been refused for another reason: it counts those before all the
        // same.
        let mut statement = self.database.prepare_cached(&format!(
            "WITH ids AS (
                SELECT connection_id, {gone} AS calls,
                    MAX(nth) FILTER (WHERE {IS_GONE}) AS latest,
                    MIN(at_ms) FILTER (WHERE {IS_GONE}) AS since,
                    MAX(at_ms) FILTER (WHERE {IS_GONE}) AS until
                FROM refused_calls GROUP BY connection_id)
             SELECT caller, connection_id, calls, since, until, reason
             FROM ids JOIN refused_calls USING (connection_id) WHERE nth = latest"
        ))?;
        let mut callers: BTreeMap<String, StaleCaller> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let caller: String = row.get(0)?;
            // Each invocation has a request id of its own.
            let caller = caller.split(" (request ").next().unwrap_or_default();
            let id: String = row.get(1)?;
            let calls = row.get::<_, i64>(2)?.cast_unsigned();
            let first = row.get::<_, i64>(3)?.cast_unsigned();
            let latest = row.get::<_, i64>(4)?.cast_unsigned();
            let reason: String = row.get(5)?;
            let stale = callers
                .entry(caller.to_owned())
                .or_insert_with(|| StaleCaller {
                    caller: caller.to_owned(),
                    between_ms: (first, latest),
                    ..StaleCaller::default()
                });
            stale.calls += calls;
            stale.ids += 1;
            stale.repeated += u64::from(calls > 1);
            stale.between_ms.0 = stale.between_ms.0.min(first);
            stale.between_ms.1 = stale.between_ms.1.max(latest);
            if StaleCaller::is_foreign(&reason) {
                stale.foreign += 1;
            } else if let Ok(id) = id.parse()
                && seen.insert(id)
                && let Some(record) = self.life(&id)?.and_then(|life| life.disconnect)
            {
                stale.unheard += u64::from(record.request_id.is_none());
                stale.failed += u64::from(record.error.is_some());
            }
        }
        let mut callers: Vec<StaleCaller> = callers.into_values().collect();
        callers.sort_by_key(|stale| std::cmp::Reverse(stale.calls));
        Ok(callers)
    }
}
