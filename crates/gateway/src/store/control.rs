//! What calls made in the control plane: API keys, usage plans, custom domain names, client
//! certificates, VPC links, each a row of its own with a JSON document, and what is said of the account.

mod client_certificates;
mod vpc_links;

use std::collections::BTreeMap;

use gatepost_model::{
    domain_name::{ApiMapping, DomainName},
    secret::Secret,
    throttle::ThrottleSettings,
    usage_plan::{ApiKey, ApiStage, QuotaPeriod, QuotaSettings, UsagePlan, UsagePlans},
};
use rusqlite::{Connection as Database, OptionalExtension, Transaction, params, types::Type};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{ReadError, Store};
use crate::control::Made;

pub(super) const SCHEMA: [&str; 2] = [client_certificates::SCHEMA, vpc_links::SCHEMA];

/// From version 7 to version 8.
pub(super) const DOMAIN_NAMES: &str = "
    CREATE TABLE domain_names (id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
";

/// From version 6 to version 7.
pub(super) const USAGE_PLANS: &str = "
    CREATE TABLE api_keys (id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE usage_plans (id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE account (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";

const ROLE: &str = "cloudwatchRoleArn";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptKey {
    name: String,
    description: Option<String>,
    customer_id: Option<String>,
    enabled: bool,
    value: Option<String>,
    tags: BTreeMap<String, String>,
    created_at_ms: u64,
    last_updated_at_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptPlan {
    name: String,
    description: Option<String>,
    api_stages: Vec<KeptStage>,
    throttle: Option<KeptThrottle>,
    quota: Option<KeptQuota>,
    tags: BTreeMap<String, String>,
    api_key_ids: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptStage {
    api_id: String,
    stage: String,
    throttle: BTreeMap<String, KeptThrottle>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptThrottle {
    rate_limit: Option<f64>,
    burst_limit: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct KeptQuota {
    limit: u32,
    offset: u32,
    period: KeptPeriod,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum KeptPeriod {
    Day,
    Week,
    Month,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptDomainName {
    certificate_arn: Option<String>,
    tags: BTreeMap<String, String>,
    api_mappings: Vec<KeptMapping>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptMapping {
    api_mapping_id: String,
    api_mapping_key: String,
    api_id: String,
    stage: String,
}

impl Store {
    /// What was made by calls, as it stood when the store was opened.
    pub(crate) fn made(&self) -> Made {
        self.made.clone()
    }

    /// Keeps `after` in place of `before`, wholly or not at all; it is on the disk when this
    /// returns. Blocks.
    ///
    /// # Errors
    /// [`ReadError`]; then nothing is kept.
    pub(crate) fn keep_made(&self, before: &Made, after: &Made) -> Result<(), ReadError> {
        let mut database = self.control.lock();
        let transaction = database.transaction()?;
        let keys = |made: &Made| rows(&made.plans.api_keys, |key| &key.api_key_id, kept_key);
        write(&transaction, "api_keys", &keys(before), &keys(after))?;
        let plans = |made: &Made| rows(&made.plans.usage_plans, |it| &it.usage_plan_id, kept_plan);
        write(&transaction, "usage_plans", &plans(before), &plans(after))?;
        let names = |made: &Made| rows(&made.domain_names, |it| &it.domain_name, kept_domain_name);
        write(&transaction, "domain_names", &names(before), &names(after))?;
        client_certificates::keep(&transaction, before, after)?;
        vpc_links::keep(&transaction, before, after)?;
        match &after.cloudwatch_role_arn {
            Some(role) => transaction.execute(
                "INSERT OR REPLACE INTO account VALUES (?1, ?2)",
                [ROLE, role],
            )?,
            None => transaction.execute("DELETE FROM account WHERE key = ?1", [ROLE])?,
        };
        transaction.commit()?;
        Ok(())
    }
}

/// Documents by id.
type Rows = BTreeMap<String, String>;

fn rows<T, I: ToString, K: Serialize>(
    items: &[T],
    id: impl Fn(&T) -> &I,
    kept: impl Fn(&T) -> K,
) -> Rows {
    items
        .iter()
        // A structure of texts and numbers always serialises.
        .map(|item| {
            (
                id(item).to_string(),
                serde_json::to_string(&kept(item)).unwrap_or_default(),
            )
        })
        .collect()
}

/// Only what has changed is written.
fn write(
    transaction: &Transaction<'_>,
    table: &str,
    before: &Rows,
    after: &Rows,
) -> rusqlite::Result<()> {
    for id in before.keys().filter(|id| !after.contains_key(*id)) {
        transaction.execute(&format!("DELETE FROM {table} WHERE id = ?1"), [id])?;
    }
    let insert = format!("INSERT OR REPLACE INTO {table} VALUES (?1, ?2)");
    for (id, document) in after {
        if before.get(id) != Some(document) {
            transaction.execute(&insert, params![id, document])?;
        }
    }
    Ok(())
}

/// Reads what was made by calls.
pub(super) fn read(database: &Database) -> rusqlite::Result<Made> {
    let keys = read_rows(database, "SELECT id, document FROM api_keys", api_key)?;
    let plans = read_rows(database, "SELECT id, document FROM usage_plans", usage_plan)?;
    let role = database
        .query_row("SELECT value FROM account WHERE key = ?1", [ROLE], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(Made {
        plans: UsagePlans {
            api_keys: keys,
            usage_plans: plans,
        },
        cloudwatch_role_arn: role,
        client_certificates: client_certificates::read(database)?,
        vpc_links: vpc_links::read(database)?,
        domain_names: read_rows(
            database,
            "SELECT id, document FROM domain_names",
            domain_name,
        )?,
    })
}

fn read_rows<T, K: DeserializeOwned>(
    database: &Database,
    query: &str,
    of: impl Fn(String, K) -> T,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = database.prepare(query)?;
    let rows = statement.query_map([], |row| {
        let (id, document): (String, String) = (row.get(0)?, row.get(1)?);
        let kept = serde_json::from_str(&document).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error))
        })?;
        Ok(of(id, kept))
    })?;
    rows.collect()
}

fn kept_key(key: &ApiKey) -> KeptKey {
    KeptKey {
        name: key.name.clone(),
        description: key.description.clone(),
        customer_id: key.customer_id.clone(),
        enabled: key.enabled,
        value: key.value.as_ref().map(|value| value.reveal().to_owned()),
        tags: key.tags.clone(),
        created_at_ms: key.created_at_ms,
        last_updated_at_ms: key.last_updated_at_ms,
    }
}

fn api_key(id: String, kept: KeptKey) -> ApiKey {
    ApiKey {
        api_key_id: id.into(),
        name: kept.name,
        description: kept.description,
        customer_id: kept.customer_id,
        enabled: kept.enabled,
        value: kept.value.map(Secret::new),
        tags: kept.tags,
        created_at_ms: kept.created_at_ms,
        last_updated_at_ms: kept.last_updated_at_ms,
    }
}

fn kept_throttle(settings: ThrottleSettings) -> KeptThrottle {
    KeptThrottle {
        rate_limit: settings.rate_limit,
        burst_limit: settings.burst_limit,
    }
}

fn throttle(kept: KeptThrottle) -> ThrottleSettings {
    ThrottleSettings {
        rate_limit: kept.rate_limit,
        burst_limit: kept.burst_limit,
    }
}

fn kept_plan(plan: &UsagePlan) -> KeptPlan {
    let kept_stage = |stage: &ApiStage| KeptStage {
        api_id: stage.api_id.to_string(),
        stage: stage.stage.to_string(),
        throttle: stage
            .throttle
            .iter()
            .map(|(route_key, settings)| (route_key.clone(), kept_throttle(*settings)))
            .collect(),
    };
    KeptPlan {
        name: plan.name.clone(),
        description: plan.description.clone(),
        api_stages: plan.api_stages.iter().map(kept_stage).collect(),
        throttle: plan.throttle.map(kept_throttle),
        quota: plan.quota.map(|quota| KeptQuota {
            limit: quota.limit,
            offset: quota.offset,
            period: match quota.period {
                QuotaPeriod::Day => KeptPeriod::Day,
                QuotaPeriod::Week => KeptPeriod::Week,
                QuotaPeriod::Month => KeptPeriod::Month,
            },
        }),
        tags: plan.tags.clone(),
        api_key_ids: plan.api_key_ids.iter().map(ToString::to_string).collect(),
    }
}

fn usage_plan(id: String, kept: KeptPlan) -> UsagePlan {
    let stage = |kept: KeptStage| ApiStage {
        api_id: kept.api_id.into(),
        stage: kept.stage.into(),
        throttle: kept
            .throttle
            .into_iter()
            .map(|(route_key, settings)| (route_key, throttle(settings)))
            .collect(),
    };
    UsagePlan {
        usage_plan_id: id.into(),
        name: kept.name,
        description: kept.description,
        api_stages: kept.api_stages.into_iter().map(stage).collect(),
        throttle: kept.throttle.map(throttle),
        quota: kept.quota.map(|quota| QuotaSettings {
            limit: quota.limit,
            offset: quota.offset,
            period: match quota.period {
                KeptPeriod::Day => QuotaPeriod::Day,
                KeptPeriod::Week => QuotaPeriod::Week,
                KeptPeriod::Month => QuotaPeriod::Month,
            },
        }),
        tags: kept.tags,
        api_key_ids: kept.api_key_ids.into_iter().map(Into::into).collect(),
    }
}

fn kept_domain_name(domain: &DomainName) -> KeptDomainName {
    let kept_mapping = |mapping: &ApiMapping| KeptMapping {
        api_mapping_id: mapping.api_mapping_id.clone(),
        api_mapping_key: mapping.api_mapping_key.clone(),
        api_id: mapping.api_id.to_string(),
        stage: mapping.stage.to_string(),
    };
    KeptDomainName {
        certificate_arn: domain.certificate_arn.clone(),
        tags: domain.tags.clone(),
        api_mappings: domain.api_mappings.iter().map(kept_mapping).collect(),
    }
}

fn domain_name(name: String, kept: KeptDomainName) -> DomainName {
    let mapping = |kept: KeptMapping| ApiMapping {
        api_mapping_id: kept.api_mapping_id,
        api_mapping_key: kept.api_mapping_key,
        api_id: kept.api_id.into(),
        stage: kept.stage.into(),
    };
    DomainName {
        domain_name: name,
        certificate_arn: kept.certificate_arn,
        tags: kept.tags,
        api_mappings: kept.api_mappings.into_iter().map(mapping).collect(),
    }
}
