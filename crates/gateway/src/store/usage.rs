//! What API keys used of their plans, by day, and what was granted them beside their quotas.

use gatepost_model::{
    ApiKeyId, UsagePlanId,
    calendar::Day,
    usage_plan::{QuotaPeriod, QuotaSettings},
};
use rusqlite::{Connection as Database, OptionalExtension, Transaction, params};

use super::{ReadError, Store};
use crate::usage_plans::meter::{Extension, Usage};

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS usage (
        usage_plan_id TEXT NOT NULL,
        api_key_id TEXT NOT NULL,
        day INTEGER NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (usage_plan_id, api_key_id, day)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS usage_extensions (
        usage_plan_id TEXT NOT NULL,
        api_key_id TEXT NOT NULL,
        quota_limit INTEGER NOT NULL,
        quota_offset INTEGER NOT NULL,
        quota_period TEXT NOT NULL,
        period_start INTEGER NOT NULL,
        granted_limit INTEGER NOT NULL,
        PRIMARY KEY (usage_plan_id, api_key_id)
    ) WITHOUT ROWID;
";

impl Store {
    /// What a key used of a plan, and what was granted it; nothing when that cannot be read. Blocks.
    pub(crate) fn usage(&self, plan: &UsagePlanId, key: &ApiKeyId) -> Usage {
        let by_day = || {
            let reader = self.reader.lock();
            let mut statement = reader.prepare_cached(
                "SELECT day, used FROM usage WHERE usage_plan_id = ?1 AND api_key_id = ?2",
            )?;
            let rows = statement.query_map([plan.as_str(), key.as_str()], |row| {
                Ok((Day(row.get(0)?), row.get(1)?))
            })?;
            rows.collect::<rusqlite::Result<_>>()
        };
        let extension = || {
            let reader = self.reader.lock();
            let mut statement = reader.prepare_cached(
                "SELECT quota_limit, quota_offset, quota_period, period_start, granted_limit
                 FROM usage_extensions WHERE usage_plan_id = ?1 AND api_key_id = ?2",
            )?;
            let row = statement.query_row([plan.as_str(), key.as_str()], |row| {
                let period: String = row.get(2)?;
                let (limit, offset) = (row.get(0)?, row.get(1)?);
                let (start, granted) = (row.get(3)?, row.get(4)?);
                Ok(QuotaPeriod::parse(&period).map(|period| Extension {
                    quota: QuotaSettings {
                        limit,
                        offset,
                        period,
                    },
                    period_start: Day(start),
                    limit: granted,
                }))
            });
            row.optional()
        };
        Usage {
            by_day: by_day().unwrap_or_default(),
            extension: extension().ok().flatten().flatten(),
        }
    }

    /// Keeps what was granted a key in a plan, in place of what was granted it before; it is on the
    /// disk when this returns. Blocks.
    ///
    /// # Errors
    /// [`ReadError`]; then nothing is kept.
    pub(crate) fn keep_extension(
        &self,
        plan: &UsagePlanId,
        key: &ApiKeyId,
        extension: Extension,
    ) -> Result<(), ReadError> {
        let Extension {
            quota,
            period_start,
            limit,
        } = extension;
        self.control.lock().execute(
            "INSERT OR REPLACE INTO usage_extensions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                plan.as_str(),
                key.as_str(),
                quota.limit,
                quota.offset,
                quota.period.as_str(),
                period_start.0,
                limit
            ],
        )?;
        Ok(())
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
    database.execute(
        "DELETE FROM usage_extensions WHERE period_start < ?1",
        [oldest.0],
    )?;
    Ok(())
}
