//! What API keys used of their plans, by day.

use std::collections::BTreeMap;

use gatepost_model::{ApiKeyId, UsagePlanId, calendar::Day};
use rusqlite::{Connection as Database, Transaction, params};

use super::Store;

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS usage (
        usage_plan_id TEXT NOT NULL,
        api_key_id TEXT NOT NULL,
        day INTEGER NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (usage_plan_id, api_key_id, day)
    ) WITHOUT ROWID;
";

impl Store {
    /// The requests of a key in a plan, by day; none when they cannot be read. Blocks.
    pub fn usage(&self, plan: &UsagePlanId, key: &ApiKeyId) -> BTreeMap<Day, u32> {
        let read = || {
            let reader = self.reader.lock();
            let mut statement = reader.prepare_cached(
                "SELECT day, used FROM usage WHERE usage_plan_id = ?1 AND api_key_id = ?2",
            )?;
            let rows = statement.query_map([plan.as_str(), key.as_str()], |row| {
                Ok((Day(row.get(0)?), row.get(1)?))
            })?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().unwrap_or_default()
    }
}

/// Keeps that a key made `used` requests on `day`.
pub(super) fn write(
    transaction: &Transaction<'_>,
    plan: &UsagePlanId,
    key: &ApiKeyId,
    day: Day,
    used: u32,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO usage VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![plan.as_str(), key.as_str(), day.0, used])?;
    Ok(())
}

/// Forgets all days before `oldest`.
pub(super) fn prune(database: &Database, oldest: Day) -> rusqlite::Result<()> {
    database.execute("DELETE FROM usage WHERE day < ?1", [oldest.0])?;
    Ok(())
}
