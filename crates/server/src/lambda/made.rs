//! Functions that were made by calls of Lambda's API: what is kept of them, and how they change.
//! A change is on disk before it is served and before its caller is answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use gatepost_gateway::{
    new_id,
    store::{ReadError, Store},
};
use gatepost_model::{
    FunctionName,
    arn::FunctionReference,
    function::{EventInvokeConfig, Function, FunctionCode, LATEST, Runtime},
    function_policy::{FunctionPolicy, PolicyStatement},
    invocation::InvokeError,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{error_body, log_stream::iso_now, runner::LocalRunner};

/// All that is kept of a function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MadeFunction {
    pub latest: Revision,
    /// The published versions, in their order.
    pub versions: Vec<Revision>,
    pub last_version: u64,
    pub aliases: BTreeMap<String, Alias>,
    pub policy: Vec<Statement>,
    /// `RevisionId` of the policy of each qualifier; empty stands for none.
    pub policy_revisions: BTreeMap<String, String>,
    pub reserved_concurrency: Option<u32>,
    /// By qualifier, `$LATEST` included.
    pub event_invoke_configs: BTreeMap<String, AsyncConfig>,
    pub tags: BTreeMap<String, String>,
}

/// Code and configuration: `$LATEST`, or a version, which stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the name of AWS's member")]
pub(super) struct Revision {
    pub version: String,
    pub runtime: String,
    pub role: String,
    pub handler: String,
    pub description: String,
    pub timeout: u32,
    pub memory_size: u32,
    pub environment: BTreeMap<String, String>,
    /// Members that change nothing here and are only shown, as they stand on the wire.
    pub shown: Map<String, Value>,
    pub code: Code,
    pub last_modified: String,
    pub revision_id: String,
}

/// Where code is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Code {
    /// A package that was uploaded, by the name of its file.
    Package {
        file: String,
        sha256: String,
        size: u64,
    },
    /// A folder or archive of this machine, used in place.
    Local { path: PathBuf },
    /// That of a function of the template.
    OfTemplate { path: Option<PathBuf> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Alias {
    pub version: String,
    pub description: String,
    pub revision_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the name of AWS's member")]
pub(super) struct Statement {
    pub statement_id: String,
    pub qualifier: Option<String>,
    pub action: String,
    pub principal: String,
    pub source_arn: Option<String>,
    pub source_account: Option<String>,
    pub event_source_token: Option<String>,
    pub principal_org_id: Option<String>,
    #[serde(default)]
    pub function_url_auth_type: Option<String>,
    #[serde(default)]
    pub invoked_via_function_url: Option<bool>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct AsyncConfig {
    pub max_retry_attempts: Option<u8>,
    pub max_event_age: Option<u32>,
    pub on_success: Option<String>,
    pub on_failure: Option<String>,
    pub last_modified_ms: u64,
}

impl Revision {
    /// Notes that it changed now.
    pub fn touch(&mut self) {
        self.last_modified = iso_now().replace('Z', "+0000");
        self.revision_id = new_id::uuid();
    }

    /// Whether code and configuration are the same, whatever the version.
    pub fn is_same(&self, other: &Self) -> bool {
        let bare = |revision: &Self| Self {
            version: String::new(),
            description: String::new(),
            last_modified: String::new(),
            revision_id: String::new(),
            ..revision.clone()
        };
        serde_json::to_value(bare(self)).ok() == serde_json::to_value(bare(other)).ok()
    }
}

impl MadeFunction {
    /// `$LATEST`, a version, or what an alias points to.
    pub fn revision(&self, qualifier: Option<&str>) -> Option<&Revision> {
        let version = match qualifier {
            None | Some(LATEST) => return Some(&self.latest),
            Some(qualifier) => match self.aliases.get(qualifier) {
                Some(alias) if alias.version == LATEST => return Some(&self.latest),
                Some(alias) => &alias.version,
                None => qualifier,
            },
        };
        self.versions
            .iter()
            .find(|revision| revision.version == version)
    }

    /// Publishes `$LATEST`, unless the last version is the same.
    pub fn publish(&mut self, description: Option<String>) -> Revision {
        if let Some(last) = self.versions.last()
            && last.is_same(&self.latest)
        {
            return last.clone();
        }
        self.last_version += 1;
        let mut version = self.latest.clone();
        version.version = self.last_version.to_string();
        version.description = description.unwrap_or(version.description);
        version.revision_id = new_id::uuid();
        self.versions.push(version.clone());
        version
    }

    /// A function of the template, to be shown.
    fn of_template(function: &Function, policy: Option<FunctionPolicy>) -> Self {
        let code = match &function.code {
            FunctionCode::Directory(path) | FunctionCode::Zip(path) => Some(path.clone()),
            FunctionCode::Inline(_) => None,
        };
        let latest = Revision {
            version: LATEST.to_owned(),
            runtime: function.runtime.identifier(),
            role: String::new(),
            handler: function.handler.clone(),
            description: function.description.clone().unwrap_or_default(),
            timeout: u32::try_from(function.timeout.as_secs()).unwrap_or(u32::MAX),
            memory_size: function.memory_mb,
            environment: function.environment.clone(),
            shown: Map::new(),
            code: Code::OfTemplate { path: code },
            last_modified: String::new(),
            revision_id: String::new(),
        };
        let versions = function.versions.iter().map(|version| Revision {
            version: version.clone(),
            ..latest.clone()
        });
        let aliases = function.aliases.iter().map(|(name, version)| {
            let alias = Alias {
                version: version.clone(),
                description: String::new(),
                revision_id: String::new(),
            };
            (name.clone(), alias)
        });
        let configs = function.event_invoke_configs.iter();
        let configs = configs.map(|(qualifier, config)| {
            let config = AsyncConfig {
                max_retry_attempts: Some(config.max_retry_attempts),
                max_event_age: u32::try_from(config.max_event_age.as_secs()).ok(),
                on_success: config.on_success.clone(),
                on_failure: config.on_failure.clone(),
                last_modified_ms: 0,
            };
            (qualifier.clone(), config)
        });
        let policy = policy.unwrap_or_default().statements.into_iter();
        Self {
            versions: versions.collect(),
            last_version: 0,
            aliases: aliases.collect(),
            policy: policy.map(Statement::from).collect(),
            policy_revisions: BTreeMap::new(),
            reserved_concurrency: function.reserved_concurrency,
            event_invoke_configs: configs.collect(),
            tags: BTreeMap::new(),
            latest,
        }
    }

    /// As it runs: the function itself, or one of its versions.
    fn runnable(
        &self,
        name: &FunctionName,
        functions: &MadeFunctions,
        revision: &Revision,
    ) -> Option<Function> {
        let code = match &revision.code {
            Code::Package { file, .. } => FunctionCode::Zip(functions.packages().join(file)),
            Code::Local { path } if path.is_file() => FunctionCode::Zip(path.clone()),
            Code::Local { path } => FunctionCode::Directory(path.clone()),
            Code::OfTemplate { .. } => return None,
        };
        let aliases = self.aliases.iter();
        let configs = self.event_invoke_configs.iter();
        Some(Function {
            name: name.clone(),
            arn: functions.arn(name),
            version: revision.version.clone(),
            logical_id: name.to_string(),
            runtime: Runtime::parse(&revision.runtime)?,
            handler: revision.handler.clone(),
            code,
            layers: Vec::new(),
            environment: revision.environment.clone(),
            timeout: Duration::from_secs(revision.timeout.into()),
            memory_mb: revision.memory_size,
            reserved_concurrency: self.reserved_concurrency,
            event_invoke_configs: configs
                .map(|(qualifier, config)| (qualifier.clone(), config.as_it_runs()))
                .collect(),
            aliases: aliases
                .map(|(name, alias)| (name.clone(), alias.version.clone()))
                .collect(),
            versions: self.versions.iter().map(|v| v.version.clone()).collect(),
            description: Some(revision.description.clone()),
        })
    }
}

impl AsyncConfig {
    fn as_it_runs(&self) -> EventInvokeConfig {
        let default = EventInvokeConfig::default();
        EventInvokeConfig {
            max_retry_attempts: self
                .max_retry_attempts
                .unwrap_or(default.max_retry_attempts),
            max_event_age: self.max_event_age.map_or(default.max_event_age, |seconds| {
                Duration::from_secs(seconds.into())
            }),
            on_success: self.on_success.clone(),
            on_failure: self.on_failure.clone(),
        }
    }
}

impl From<PolicyStatement> for Statement {
    fn from(statement: PolicyStatement) -> Self {
        Self {
            statement_id: statement.statement_id,
            qualifier: statement.qualifier,
            action: statement.action,
            principal: statement.principal,
            source_arn: statement.source_arn,
            source_account: statement.source_account,
            event_source_token: statement.event_source_token,
            principal_org_id: statement.principal_org_id,
            function_url_auth_type: statement.function_url_auth_type,
            invoked_via_function_url: statement.invoked_via_function_url,
        }
    }
}

impl From<Statement> for PolicyStatement {
    fn from(statement: Statement) -> Self {
        Self {
            statement_id: statement.statement_id,
            qualifier: statement.qualifier,
            action: statement.action,
            principal: statement.principal,
            source_arn: statement.source_arn,
            source_account: statement.source_account,
            event_source_token: statement.event_source_token,
            principal_org_id: statement.principal_org_id,
            function_url_auth_type: statement.function_url_auth_type,
            invoked_via_function_url: statement.invoked_via_function_url,
        }
    }
}

/// Why the functions of an earlier run cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MadeFunctionsError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
    /// What is kept of a function is not what this Gatepost writes.
    #[error("the store's function {0} cannot be read: {1}; use the Gatepost that wrote it")]
    Document(String, serde_json::Error),
    /// A package that the store carries, as copies do, cannot be laid down.
    #[error("the package {0}, which the store carries, cannot be laid down: {1}")]
    Package(String, String),
}

/// The functions that were made by calls, served by the local runner.
pub struct MadeFunctions {
    runner: Arc<LocalRunner>,
    store: Arc<Store>,
    functions: Mutex<BTreeMap<FunctionName, MadeFunction>>,
}

impl MadeFunctions {
    /// Those that the store keeps; they are served from now on. Blocks.
    ///
    /// # Errors
    /// [`MadeFunctionsError`].
    pub fn open(
        store: Arc<Store>,
        runner: Arc<LocalRunner>,
    ) -> Result<Arc<Self>, MadeFunctionsError> {
        store.lay_down_packages(|file, content| {
            let laid_down = runner.keep_package(&content);
            laid_down
                .map(drop)
                .map_err(|error| MadeFunctionsError::Package(file.to_owned(), error.to_string()))
        })?;
        let mut functions = BTreeMap::new();
        for (name, document) in store.functions()? {
            let function: MadeFunction = serde_json::from_str(&document)
                .map_err(|error| MadeFunctionsError::Document(name.clone(), error))?;
            functions.insert(FunctionName::from(name), function);
        }
        let made = Self {
            runner,
            store,
            functions: Mutex::new(functions),
        };
        for (name, function) in &*made.functions.lock() {
            made.serve(name, function);
        }
        made.remove_unused_packages();
        Ok(Arc::new(made))
    }

    pub(super) fn runner(&self) -> &LocalRunner {
        &self.runner
    }

    pub(super) fn packages(&self) -> PathBuf {
        self.runner.shared().code.package_folder()
    }

    /// `arn:aws:lambda:{region}:{account}:function:{name}`.
    pub(super) fn arn(&self, name: &FunctionName) -> String {
        let config = &self.runner.shared().config;
        let (region, account) = (&config.region, &config.account_id);
        format!("arn:aws:lambda:{region}:{account}:function:{name}")
    }

    /// A function as it is, be it the template's.
    pub(super) fn get(&self, name: &FunctionName) -> Result<MadeFunction, InvokeError> {
        if let Some(function) = self.of_template(name) {
            let policy = self.runner.policy_of_template(name);
            return Ok(MadeFunction::of_template(&function, policy));
        }
        let functions = self.functions.lock();
        let found = functions.get(name).cloned();
        found.ok_or_else(|| error_body::function_not_found(&self.arn(name)))
    }

    /// All of them, the template's too, by name.
    pub(super) fn all(&self) -> Vec<(FunctionName, MadeFunction)> {
        let names = self.runner.functions();
        let all = names.iter().filter_map(|function| {
            let name = &function.name;
            Some((name.clone(), self.get(name).ok()?))
        });
        all.collect()
    }

    /// Refuses a name that is taken, before anything is done for a function of it.
    pub(super) fn refuse_taken(&self, name: &FunctionName) -> Result<(), InvokeError> {
        if self.functions.lock().contains_key(name) || self.of_template(name).is_some() {
            return Err(taken(name));
        }
        Ok(())
    }

    /// Makes a function. Blocks.
    pub(super) fn create(
        &self,
        name: &FunctionName,
        function: MadeFunction,
    ) -> Result<(), InvokeError> {
        let mut functions = self.functions.lock();
        if functions.contains_key(name) || self.of_template(name).is_some() {
            return Err(taken(name));
        }
        self.keep(name, Some(&function))?;
        self.serve(name, &function);
        functions.insert(name.clone(), function);
        Ok(())
    }

    /// Changes a function, all of it or nothing. Blocks.
    pub(super) fn change<T>(
        &self,
        name: &FunctionName,
        change: impl FnOnce(&mut MadeFunction) -> Result<T, InvokeError>,
    ) -> Result<T, InvokeError> {
        self.refuse_of_template(name)?;
        let mut functions = self.functions.lock();
        let Some(present) = functions.get_mut(name) else {
            return Err(error_body::function_not_found(&self.arn(name)));
        };
        let mut changed = present.clone();
        let answer = change(&mut changed)?;
        self.keep(name, Some(&changed))?;
        self.serve(name, &changed);
        *present = changed;
        Ok(answer)
    }

    /// Deletes a function with all its versions. Blocks.
    pub(super) fn delete(&self, name: &FunctionName) -> Result<(), InvokeError> {
        self.refuse_of_template(name)?;
        let mut functions = self.functions.lock();
        if !functions.contains_key(name) {
            return Err(error_body::function_not_found(&self.arn(name)));
        }
        self.keep(name, None)?;
        functions.remove(name);
        self.runner.remove_made(name);
        Ok(())
    }

    fn of_template(&self, name: &FunctionName) -> Option<Arc<Function>> {
        self.runner.function_of_template(name)
    }

    fn refuse_of_template(&self, name: &FunctionName) -> Result<(), InvokeError> {
        match self.of_template(name) {
            Some(function) => Err(error_body::invalid_parameter(format!(
                "{name} is the function {} of the template: change the template, and it is served",
                function.logical_id
            ))),
            None => Ok(()),
        }
    }

    fn keep(
        &self,
        name: &FunctionName,
        function: Option<&MadeFunction>,
    ) -> Result<(), InvokeError> {
        let document = function
            .map(serde_json::to_string)
            .transpose()
            .map_err(|error| error_body::service(error.to_string()))?;
        let kept = self.store.keep_function(name.as_str(), document);
        kept.map_err(|error| error_body::service(error.to_string()))
    }

    fn serve(&self, name: &FunctionName, function: &MadeFunction) {
        let runnable = |revision| function.runnable(name, self, revision);
        let Some(latest) = runnable(&function.latest) else {
            return;
        };
        let versions = function.versions.iter().filter_map(runnable).collect();
        let statements = function.policy.iter().cloned();
        let policy = FunctionPolicy {
            statements: statements.map(PolicyStatement::from).collect(),
        };
        self.runner.serve_made(latest, versions, &policy);
    }

    /// Packages that no function has any more; what cannot be removed now is removed later.
    fn remove_unused_packages(&self) {
        let functions = self.functions.lock();
        let revisions = functions
            .values()
            .flat_map(|function| function.versions.iter().chain([&function.latest]));
        let used: BTreeSet<PathBuf> = revisions
            .filter_map(|revision| match &revision.code {
                Code::Package { file, .. } => Some(self.packages().join(file)),
                Code::Local { .. } | Code::OfTemplate { .. } => None,
            })
            .collect();
        self.runner.shared().code.retain_packages(&used);
    }
}

fn taken(name: &FunctionName) -> InvokeError {
    error_body::conflict(format!("Function already exist: {name}"))
}

/// The function that a name or ARN and a qualifier mean.
pub(super) fn named(
    function: &str,
    qualifier: Option<&str>,
) -> Result<(FunctionName, Option<String>), InvokeError> {
    let reference = FunctionReference::parse(function)
        .map_err(|error| error_body::validation(error.to_string()))?;
    let qualifier = match (reference.qualifier, qualifier) {
        (Some(one), Some(other)) if one != other => {
            return Err(error_body::invalid_parameter(
                "The derived qualifier from the function name does not match the specified \
                 qualifier.",
            ));
        }
        (one, other) => one.or(other.map(str::to_owned)),
    };
    Ok((reference.name, qualifier))
}

/// The function that an operation on a whole function means: its versions and aliases are none of
/// those, and other policies are about them.
pub(super) fn unqualified(function: &str) -> Result<FunctionName, InvokeError> {
    match named(function, None)? {
        (name, None) => Ok(name),
        (name, Some(qualifier)) => Err(error_body::invalid_parameter(format!(
            "{qualifier} is a version or an alias, and this operation is about whole functions: \
             name the function {name} alone"
        ))),
    }
}
