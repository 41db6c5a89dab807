//! The APIs that calls made. What a deployment freezes stands once for each API and state of it, by
//! its digest, since the API as it is now and its latest deployment are mostly the same.
//!
//! The documents have the members of AWS's API reference. Whoever changes their shape raises the
//! schema's version and rewrites them there.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use gatepost_model::{
    ApiId,
    api::{Api, ApiDefinition, IpAddressType},
    deployment::Deployment,
    stage::Stage,
};
use rusqlite::{Connection as Database, Transaction, TransactionBehavior, params, types::Type};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{ReadError, Store};
use crate::kill_point::KillPoint;

/// From version 10 to version 11.
pub(super) const MADE_APIS: &str = "
    CREATE TABLE IF NOT EXISTS made_apis (
        api_id TEXT PRIMARY KEY,
        definition BLOB NOT NULL,
        document TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS definitions (
        api_id TEXT NOT NULL,
        digest BLOB NOT NULL,
        document TEXT NOT NULL,
        UNIQUE (api_id, digest)
    );
    CREATE TABLE IF NOT EXISTS deployments (
        api_id TEXT NOT NULL,
        nth INTEGER NOT NULL,
        deployment_id TEXT NOT NULL,
        definition BLOB NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (api_id, deployment_id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS stages (
        api_id TEXT NOT NULL,
        stage_name TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (api_id, stage_name)
    ) WITHOUT ROWID;
";

/// What of an API is not frozen by deployments.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptApi {
    name: String,
    description: Option<String>,
    version: Option<String>,
    ip_address_type: IpAddressType,
    tags: BTreeMap<String, String>,
    created_at_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptDeployment {
    description: Option<String>,
    created_at_ms: u64,
    auto_deployed: bool,
}

impl Store {
    /// The APIs that calls made, as they stood when the store was opened.
    pub(crate) fn made_apis(&self) -> BTreeMap<ApiId, Arc<Api>> {
        self.made_apis.clone()
    }

    /// Keeps `after` in place of `before`, wholly or not at all; it is on the disk when this
    /// returns. Blocks.
    ///
    /// # Errors
    /// [`ReadError`]; then nothing is kept.
    pub(crate) fn keep_api(&self, before: Option<&Api>, after: &Api) -> Result<(), ReadError> {
        let mut database = self.control.lock();
        // What is read in it is still so when it is written.
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        KillPoint::Begun.pass();
        write(&transaction, before, after)?;
        KillPoint::BeforeCommit.pass();
        transaction.commit()?;
        KillPoint::AfterCommit.pass();
        Ok(())
    }

    /// Forgets an API and all that is of it, wholly or not at all; that is on the disk when this
    /// returns. Blocks.
    ///
    /// # Errors
    /// [`ReadError`]; then it is kept.
    pub(crate) fn forget_api(&self, api: &Api) -> Result<(), ReadError> {
        let mut database = self.control.lock();
        // What is read in it is still so when it is written.
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        KillPoint::Begun.pass();
        for (table, point) in [
            ("stages", KillPoint::StageRemoved),
            ("deployments", KillPoint::DeploymentRemoved),
            ("definitions", KillPoint::Swept),
            ("made_apis", KillPoint::ApiRemoved),
        ] {
            let delete = format!("DELETE FROM {table} WHERE api_id = ?1");
            transaction.execute(&delete, [api.api_id.as_str()])?;
            point.pass();
        }
        KillPoint::BeforeCommit.pass();
        transaction.commit()?;
        KillPoint::AfterCommit.pass();
        Ok(())
    }
}

/// Only what has changed is written.
fn write(transaction: &Transaction<'_>, before: Option<&Api>, after: &Api) -> rusqlite::Result<()> {
    let mut definitions = Definitions {
        transaction,
        api_id: &after.api_id,
        written: Vec::new(),
    };
    // Changes of stages and tags leave it alone, and it may be large.
    if before.is_some_and(|before| Arc::ptr_eq(&before.definition, &after.definition)) {
        definitions.find_current(&after.definition)?;
    }
    let definition = definitions.write(&after.definition)?;
    write_deployments(before, after, &mut definitions)?;
    write_stages(transaction, before, after)?;
    transaction.execute(
        "INSERT OR REPLACE INTO made_apis (api_id, definition, document) VALUES (?1, ?2, ?3)",
        params![after.api_id.as_str(), definition, json(&kept_api(after))],
    )?;
    KillPoint::ApiWritten.pass();
    transaction.execute(
        "DELETE FROM definitions WHERE api_id = ?1 AND digest NOT IN (
            SELECT definition FROM made_apis WHERE api_id = ?1
            UNION ALL SELECT definition FROM deployments WHERE api_id = ?1
        )",
        [after.api_id.as_str()],
    )?;
    KillPoint::Swept.pass();
    Ok(())
}

/// The definitions that a change writes.
struct Definitions<'a> {
    transaction: &'a Transaction<'a>,
    api_id: &'a ApiId,
    /// Those that are there.
    written: Vec<(Arc<ApiDefinition>, [u8; 32])>,
}

impl Definitions<'_> {
    /// Finds the digest of what the API has been until now.
    fn find_current(&mut self, definition: &Arc<ApiDefinition>) -> rusqlite::Result<()> {
        let digest = self.transaction.query_row(
            "SELECT definition FROM made_apis WHERE api_id = ?1",
            [self.api_id.as_str()],
            |row| row.get(0),
        )?;
        self.written.push((Arc::clone(definition), digest));
        Ok(())
    }

    /// Writes a definition unless it is there; gives its digest.
    fn write(&mut self, definition: &Arc<ApiDefinition>) -> rusqlite::Result<[u8; 32]> {
        let mut written = self.written.iter();
        if let Some((_, digest)) = written.find(|(other, _)| Arc::ptr_eq(other, definition)) {
            return Ok(*digest);
        }
        let document = json(&**definition);
        let digest: [u8; 32] = Sha256::digest(&document).into();
        self.transaction.execute(
            "INSERT OR IGNORE INTO definitions (api_id, digest, document) VALUES (?1, ?2, ?3)",
            params![self.api_id.as_str(), digest, document],
        )?;
        KillPoint::DefinitionWritten.pass();
        self.written.push((Arc::clone(definition), digest));
        Ok(digest)
    }
}

fn write_deployments(
    before: Option<&Api>,
    after: &Api,
    definitions: &mut Definitions<'_>,
) -> rusqlite::Result<()> {
    let known = before.map_or(&[][..], |before| &before.deployments);
    let api_id = after.api_id.as_str();
    let transaction = definitions.transaction;
    let is_in = |deployments: &[Deployment], id| {
        let mut deployments = deployments.iter();
        deployments.any(|deployment| deployment.deployment_id == id)
    };
    for gone in known {
        if !is_in(&after.deployments, gone.deployment_id.clone()) {
            transaction.execute(
                "DELETE FROM deployments WHERE api_id = ?1 AND deployment_id = ?2",
                params![api_id, gone.deployment_id.as_str()],
            )?;
            KillPoint::DeploymentRemoved.pass();
        }
    }
    for deployment in &after.deployments {
        if known.contains(deployment) {
            continue;
        }
        let definition = definitions.write(&deployment.definition)?;
        let kept = KeptDeployment {
            description: deployment.description.clone(),
            created_at_ms: deployment.created_at_ms,
            auto_deployed: deployment.auto_deployed,
        };
        // A deployment that stays keeps its place among them.
        transaction.execute(
            "INSERT INTO deployments (api_id, nth, deployment_id, definition, document)
             VALUES (
                ?1,
                (SELECT IFNULL(MAX(nth), 0) + 1 FROM deployments WHERE api_id = ?1),
                ?2, ?3, ?4
             )
             ON CONFLICT DO UPDATE SET document = excluded.document",
            params![
                api_id,
                deployment.deployment_id.as_str(),
                definition,
                json(&kept)
            ],
        )?;
        KillPoint::DeploymentWritten.pass();
    }
    Ok(())
}

fn write_stages(
    transaction: &Transaction<'_>,
    before: Option<&Api>,
    after: &Api,
) -> rusqlite::Result<()> {
    let known = before.map_or(&[][..], |before| &before.stages);
    let api_id = after.api_id.as_str();
    for gone in known {
        let mut stages = after.stages.iter();
        if !stages.any(|stage| stage.stage_name == gone.stage_name) {
            transaction.execute(
                "DELETE FROM stages WHERE api_id = ?1 AND stage_name = ?2",
                params![api_id, gone.stage_name.as_str()],
            )?;
            KillPoint::StageRemoved.pass();
        }
    }
    for stage in &after.stages {
        if !known.contains(stage) {
            transaction.execute(
                "INSERT OR REPLACE INTO stages (api_id, stage_name, document) VALUES (?1, ?2, ?3)",
                params![api_id, stage.stage_name.as_str(), json(stage)],
            )?;
            KillPoint::StageWritten.pass();
        }
    }
    Ok(())
}

fn kept_api(api: &Api) -> KeptApi {
    KeptApi {
        name: api.name.clone(),
        description: api.description.clone(),
        version: api.version.clone(),
        ip_address_type: api.ip_address_type,
        tags: api.tags.clone(),
        created_at_ms: api.created_at_ms,
    }
}

/// Structures of texts, numbers and maps by text always serialise.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn parse<T: DeserializeOwned>(column: usize, document: &str) -> rusqlite::Result<T> {
    serde_json::from_str(document).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// A definition by the API and its digest.
type ByDigest = HashMap<(String, [u8; 32]), Arc<ApiDefinition>>;

/// Reads the APIs that calls made.
pub(super) fn read(database: &Database) -> rusqlite::Result<BTreeMap<ApiId, Arc<Api>>> {
    let definitions = read_definitions(database)?;
    let definition = |column, api_id: &str, digest| {
        let found = definitions.get(&(api_id.to_owned(), digest));
        found.cloned().ok_or_else(|| {
            let missing = format!("a definition of the API {api_id} is missing");
            rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, missing.into())
        })
    };
    let mut apis = BTreeMap::new();
    let mut rows = database.prepare("SELECT api_id, definition, document FROM made_apis")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let api_id: String = row.get(0)?;
        let kept: KeptApi = parse(2, row.get_ref(2)?.as_str()?)?;
        let api = Api {
            definition: definition(1, &api_id, row.get(1)?)?,
            name: kept.name,
            description: kept.description,
            version: kept.version,
            ip_address_type: kept.ip_address_type,
            tags: kept.tags,
            created_at_ms: kept.created_at_ms,
            deployments: Vec::new(),
            stages: Vec::new(),
            api_id: ApiId::from(api_id.clone()),
        };
        apis.insert(ApiId::from(api_id), api);
    }
    let mut rows = database.prepare(
        "SELECT api_id, deployment_id, definition, document FROM deployments ORDER BY api_id, nth",
    )?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (api_id, deployment_id): (String, String) = (row.get(0)?, row.get(1)?);
        let kept: KeptDeployment = parse(3, row.get_ref(3)?.as_str()?)?;
        let deployment = Deployment {
            deployment_id: deployment_id.into(),
            description: kept.description,
            created_at_ms: kept.created_at_ms,
            auto_deployed: kept.auto_deployed,
            definition: definition(2, &api_id, row.get(2)?)?,
        };
        if let Some(api) = apis.get_mut(api_id.as_str()) {
            api.deployments.push(deployment);
        }
    }
    let mut rows = database.prepare("SELECT api_id, document FROM stages ORDER BY stage_name")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let api_id: String = row.get(0)?;
        let stage: Stage = parse(1, row.get_ref(1)?.as_str()?)?;
        if let Some(api) = apis.get_mut(api_id.as_str()) {
            api.stages.push(stage);
        }
    }
    let apis = apis.into_iter();
    Ok(apis.map(|(id, api)| (id, Arc::new(api))).collect())
}

fn read_definitions(database: &Database) -> rusqlite::Result<ByDigest> {
    let mut definitions = HashMap::new();
    let mut rows = database.prepare("SELECT api_id, digest, document FROM definitions")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let definition = parse(2, row.get_ref(2)?.as_str()?)?;
        definitions.insert((row.get(0)?, row.get(1)?), Arc::new(definition));
    }
    Ok(definitions)
}

#[cfg(test)]
mod tests;
