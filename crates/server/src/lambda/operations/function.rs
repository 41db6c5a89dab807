//! Functions: `CreateFunction`, `GetFunction`, `ListFunctions`, `UpdateFunctionCode`, …

use std::{collections::BTreeMap, fmt::Display, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use gatepost_model::{
    FunctionName,
    function::{LATEST, RESERVED_VARIABLES, Runtime},
    invocation::InvokeError,
};
use serde_json::{Map, Value, json};

use super::{Answer, check_revision, configuration, document, page::page, version};
use crate::{
    lambda::{
        code::CodeError,
        error_body,
        made::{Code, MadeFunction, MadeFunctions, Revision, named, unqualified},
        runner::LocalRunner,
    },
    shapes::{
        Blob,
        lambda::{
            CreateFunctionRequest, DeleteFunctionRequest, GetFunctionConfigurationRequest,
            GetFunctionRequest, ListFunctionsRequest, UpdateFunctionCodeRequest,
            UpdateFunctionConfigurationRequest,
        },
    },
};

/// The `S3Bucket` that stands for this machine: `S3Key` is then a path.
const LOCAL: &str = "local";

pub(super) fn create(functions: &MadeFunctions, request: CreateFunctionRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    let refused: [(&str, bool); 10] = [
        (
            "PackageType Image",
            request.image_config.is_some() || request.code.image_uri.is_some(),
        ),
        ("Layers", is_given(request.layers.as_deref())),
        (
            "FileSystemConfigs",
            is_given(request.file_system_configs.as_deref()),
        ),
        (
            "CodeSigningConfigArn",
            request.code_signing_config_arn.is_some(),
        ),
        ("TenancyConfig", request.tenancy_config.is_some()),
        (
            "CapacityProviderConfig",
            request.capacity_provider_config.is_some(),
        ),
        ("DurableConfig", request.durable_config.is_some()),
        ("AcceleratorConfig", request.accelerator_config.is_some()),
        ("PublishTo", request.publish_to.is_some()),
        ("RuntimeConfig", request.runtime_config.is_some()),
    ];
    refuse(&refused)?;
    let (Some(runtime), Some(handler)) = (request.runtime, request.handler) else {
        return Err(error_body::invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment \
             packages.",
        ));
    };
    check_runtime(&runtime)?;
    functions.refuse_taken(&name)?;
    let source = Source {
        zip: request.code.zip_file,
        bucket: request.code.s3_bucket,
        key: request.code.s3_key,
        is_kept: true,
    };
    let mut latest = Revision {
        version: LATEST.to_owned(),
        runtime,
        role: request.role,
        handler,
        description: request.description.unwrap_or_default(),
        timeout: seconds(request.timeout.unwrap_or(3))?,
        memory_size: request.memory_size.unwrap_or(128).unsigned_abs(),
        environment: variables(request.environment.and_then(|e| e.variables))?,
        shown: shown(&[
            ("VpcConfig", document(&request.vpc_config)?),
            ("DeadLetterConfig", document(&request.dead_letter_config)?),
            ("KMSKeyArn", document(&request.kms_key_arn)?),
            ("TracingConfig", document(&request.tracing_config)?),
            ("Architectures", document(&request.architectures)?),
            ("EphemeralStorage", document(&request.ephemeral_storage)?),
            ("LoggingConfig", document(&request.logging_config)?),
            ("SnapStart", document(&request.snap_start)?),
        ]),
        code: source.read(functions)?,
        last_modified: String::new(),
        revision_id: String::new(),
    };
    latest.touch();
    let mut function = MadeFunction {
        latest,
        versions: Vec::new(),
        last_version: 0,
        aliases: BTreeMap::new(),
        policy: Vec::new(),
        policy_revisions: BTreeMap::new(),
        reserved_concurrency: None,
        event_invoke_configs: BTreeMap::new(),
        tags: request.tags.unwrap_or_default(),
    };
    let revision = if request.publish == Some(true) {
        function.publish(None)
    } else {
        function.latest.clone()
    };
    functions.create(&name, function)?;
    Ok(configuration::latest(functions, &name, &revision))
}

pub(super) fn get(functions: &MadeFunctions, request: &GetFunctionRequest) -> Answer {
    let (name, qualifier) = named(&request.function_name, request.qualifier.as_deref())?;
    let function = functions.get(&name)?;
    let revision = revision(functions, &name, &function, qualifier.as_deref())?;
    let location = match &revision.code {
        Code::Package { file, .. } => Some(functions.packages().join(file)),
        Code::Local { path } => Some(path.clone()),
        Code::OfTemplate { path } => path.clone(),
    };
    let mut answer = json!({
        "Configuration":
            configuration::configuration(functions, &name, revision, qualifier.as_deref()),
        "Code": {"RepositoryType": "local"},
        "Tags": function.tags,
    });
    if let Some(path) = location {
        answer["Code"]["Location"] = json!(format!("file://{}", path.display()));
    }
    if let Some(reserved) = function.reserved_concurrency {
        answer["Concurrency"] = json!({"ReservedConcurrentExecutions": reserved});
    }
    Ok(answer)
}

pub(super) fn get_configuration(
    functions: &MadeFunctions,
    request: &GetFunctionConfigurationRequest,
) -> Answer {
    let (name, qualifier) = named(&request.function_name, request.qualifier.as_deref())?;
    let function = functions.get(&name)?;
    let qualifier = qualifier.as_deref();
    let revision = revision(functions, &name, &function, qualifier)?;
    Ok(configuration::configuration(
        functions, &name, revision, qualifier,
    ))
}

pub(super) fn list(functions: &MadeFunctions, request: &ListFunctionsRequest) -> Answer {
    let with_versions = request.function_version.is_some();
    let all = functions.all().into_iter().flat_map(|(name, function)| {
        let versions = function.versions.into_iter().filter(|_| with_versions);
        let revisions = std::iter::once(function.latest).chain(versions);
        let revisions: Vec<_> = revisions.map(|revision| (name.clone(), revision)).collect();
        revisions
    });
    let key = |(name, revision): &(FunctionName, Revision)| {
        // No name has this, so that `chat` with all its versions comes before `chat-two`.
        format!("{name}\0{}", version::order(revision))
    };
    let (page, next) = page(all, key, request.marker.as_deref(), request.max_items)?;
    let shown: Vec<Value> = page
        .iter()
        .map(|(name, revision)| {
            let qualifier = with_versions.then_some(revision.version.as_str());
            configuration::configuration(functions, name, revision, qualifier)
        })
        .collect();
    Ok(json!({"Functions": shown, "NextMarker": next}))
}

pub(super) fn update_code(functions: &MadeFunctions, request: UpdateFunctionCodeRequest) -> Answer {
    let name = unqualified(&request.function_name)?;
    refuse(&[
        ("ImageUri", request.image_uri.is_some()),
        ("PublishTo", request.publish_to.is_some()),
    ])?;
    let source = Source {
        zip: request.zip_file,
        bucket: request.s3_bucket,
        key: request.s3_key,
        is_kept: request.dry_run != Some(true),
    };
    // Before the package is written: it may be for nothing.
    let present = functions.get(&name)?;
    let architectures = document(&request.architectures)?;
    let code = source.read(functions)?;
    let update = |function: &mut MadeFunction| {
        let latest = &mut function.latest;
        check_revision(
            request.revision_id.as_deref(),
            &latest.revision_id,
            "GetFunction",
        )?;
        latest.code = code;
        latest
            .shown
            .extend(shown(&[("Architectures", architectures)]));
        latest.touch();
        let published = request.publish == Some(true);
        Ok(if published {
            function.publish(None)
        } else {
            function.latest.clone()
        })
    };
    let revision = if request.dry_run == Some(true) {
        update(&mut present.clone())?
    } else {
        functions.change(&name, update)?
    };
    Ok(configuration::latest(functions, &name, &revision))
}

pub(super) fn update_configuration(
    functions: &MadeFunctions,
    request: UpdateFunctionConfigurationRequest,
) -> Answer {
    let name = unqualified(&request.function_name)?;
    refuse(&[
        ("Layers", is_given(request.layers.as_deref())),
        (
            "FileSystemConfigs",
            is_given(request.file_system_configs.as_deref()),
        ),
        ("ImageConfig", request.image_config.is_some()),
        (
            "CapacityProviderConfig",
            request.capacity_provider_config.is_some(),
        ),
        ("DurableConfig", request.durable_config.is_some()),
        ("AcceleratorConfig", request.accelerator_config.is_some()),
        ("RuntimeConfig", request.runtime_config.is_some()),
    ])?;
    if let Some(runtime) = &request.runtime {
        check_runtime(runtime)?;
    }
    let timeout = request.timeout.map(seconds).transpose()?;
    let environment = request
        .environment
        .map(|e| variables(e.variables))
        .transpose()?;
    let more = shown(&[
        ("VpcConfig", document(&request.vpc_config)?),
        ("DeadLetterConfig", document(&request.dead_letter_config)?),
        ("KMSKeyArn", document(&request.kms_key_arn)?),
        ("TracingConfig", document(&request.tracing_config)?),
        ("EphemeralStorage", document(&request.ephemeral_storage)?),
        ("LoggingConfig", document(&request.logging_config)?),
        ("SnapStart", document(&request.snap_start)?),
    ]);
    let revision = functions.change(&name, |function| {
        let latest = &mut function.latest;
        check_revision(
            request.revision_id.as_deref(),
            &latest.revision_id,
            "GetFunction",
        )?;
        set(&mut latest.runtime, request.runtime);
        set(&mut latest.role, request.role);
        set(&mut latest.handler, request.handler);
        set(&mut latest.description, request.description);
        set(&mut latest.timeout, timeout);
        set(
            &mut latest.memory_size,
            request.memory_size.map(i32::unsigned_abs),
        );
        set(&mut latest.environment, environment);
        latest.shown.extend(more);
        latest.touch();
        Ok(latest.clone())
    })?;
    Ok(configuration::latest(functions, &name, &revision))
}

pub(super) fn delete(functions: &MadeFunctions, request: &DeleteFunctionRequest) -> Answer {
    let (name, qualifier) = named(&request.function_name, request.qualifier.as_deref())?;
    let Some(version) = qualifier else {
        functions.delete(&name)?;
        return Ok(json!({}));
    };
    if version == LATEST {
        return Err(error_body::invalid_parameter(
            "$LATEST version cannot be deleted without deleting the function.",
        ));
    }
    functions.change(&name, |function| {
        if function.aliases.contains_key(&version) {
            return Err(error_body::invalid_parameter(
                "Deletion of aliases is not currently supported.",
            ));
        }
        let aliases = function.aliases.iter();
        let aliases = aliases.filter(|(_, alias)| alias.version == version);
        let aliases: Vec<&str> = aliases.map(|(name, _)| name.as_str()).collect();
        if !aliases.is_empty() {
            return Err(error_body::conflict(format!(
                "Unable to delete version because the following aliases reference it: [{}]",
                aliases.join(", ")
            )));
        }
        // As on AWS, a version that is not there is deleted too.
        function
            .versions
            .retain(|revision| revision.version != version);
        let is_other = |qualifier: Option<&String>| qualifier != Some(&version);
        function
            .policy
            .retain(|statement| is_other(statement.qualifier.as_ref()));
        function.event_invoke_configs.remove(&version);
        Ok(())
    })?;
    Ok(json!({}))
}

/// The revision that a qualifier means.
pub(super) fn revision<'f>(
    functions: &MadeFunctions,
    name: &FunctionName,
    function: &'f MadeFunction,
    qualifier: Option<&str>,
) -> Result<&'f Revision, InvokeError> {
    function.revision(qualifier).ok_or_else(|| {
        let qualifier = qualifier.unwrap_or(LATEST);
        error_body::function_not_found(&format!("{}:{qualifier}", functions.arn(name)))
    })
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Members that are given, as they stand on the wire.
fn shown(members: &[(&str, Value)]) -> Map<String, Value> {
    let given = members.iter().filter(|(_, value)| !value.is_null());
    given
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// Refuses what would be left out silently.
fn refuse(members: &[(&str, bool)]) -> Result<(), InvokeError> {
    match members.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(error_body::invalid_parameter(format!(
            "{name}: functions that run here cannot have it"
        ))),
        None => Ok(()),
    }
}

fn check_runtime(runtime: &str) -> Result<(), InvokeError> {
    match Runtime::parse(runtime) {
        Some(_) => Ok(()),
        None => Err(error_body::invalid_parameter(format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum \
             value set: [python3.*, nodejs*.x, provided, provided.*]"
        ))),
    }
}

fn seconds(timeout: i32) -> Result<u32, InvokeError> {
    match u32::try_from(timeout) {
        Ok(seconds @ 1..=900) => Ok(seconds),
        _ => Err(error_body::validation(format!(
            "1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy \
             constraint: Member must have value less than or equal to 900"
        ))),
    }
}

/// Whether a list has something in it: an empty one asks for nothing.
fn is_given<T>(list: Option<&[T]>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

/// `Environment.Variables`, of which Lambda keeps some for itself.
fn variables(
    variables: Option<BTreeMap<String, String>>,
) -> Result<BTreeMap<String, String>, InvokeError> {
    let variables = variables.unwrap_or_default();
    let reserved: Vec<&str> = RESERVED_VARIABLES
        .into_iter()
        .filter(|name| variables.contains_key(*name))
        .collect();
    if !reserved.is_empty() {
        return Err(error_body::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment \
             variables you have provided contains reserved keys that are currently not supported \
             for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let bytes: usize = variables
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > 4096 {
        return Err(error_body::invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment \
             variables you have provided exceeded the 4KB limit.",
        ));
    }
    Ok(variables)
}

/// Where a request says that code is.
struct Source {
    zip: Option<Blob>,
    bucket: Option<String>,
    key: Option<String>,
    /// Whether a package stays, or is only looked at.
    is_kept: bool,
}

impl Source {
    fn read(self, functions: &MadeFunctions) -> Result<Code, InvokeError> {
        match (self.zip, self.bucket.as_deref(), self.key) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => Err(error_body::invalid_parameter(
                "Please do not provide other FunctionCode parameters when providing a ZipFile.",
            )),
            (Some(Blob(zip)), None, None) => {
                let runner = functions.runner();
                let package = if self.is_kept {
                    runner.keep_package(&zip)
                } else {
                    runner.check_package(&zip)
                };
                let (path, hash) = package.map_err(|error| unusable(&error, runner))?;
                let file = path.file_name().unwrap_or_default();
                Ok(Code::Package {
                    file: file.to_string_lossy().into_owned(),
                    sha256: BASE64_STANDARD.encode(hash),
                    size: zip.len() as u64,
                })
            }
            (None, Some(LOCAL), Some(path)) => {
                let path = PathBuf::from(path);
                if path.is_absolute() && path.exists() {
                    Ok(Code::Local { path })
                } else {
                    let path = path.display();
                    Err(error_body::invalid_parameter(format!(
                        "{path} is not there: the S3Key of the bucket {LOCAL} is an absolute path \
                         of this machine"
                    )))
                }
            }
            (None, Some(bucket), _) => Err(error_body::invalid_parameter(format!(
                "the bucket {bucket} is not read: send a ZipFile, or name a path of this machine \
                 with S3Bucket={LOCAL} and S3Key=PATH"
            ))),
            (None, None, _) => Err(error_body::invalid_parameter(
                "Please provide a source for function code.",
            )),
        }
    }
}

fn unusable(error: &CodeError, runner: &LocalRunner) -> InvokeError {
    let told = |text: &dyn Display| error_body::invalid_parameter(text.to_string());
    match error {
        CodeError::TooLarge { .. } => told(&"Unzipped size must be smaller than 262144000 bytes"),
        CodeError::Zip { .. } => told(
            &"Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        CodeError::Missing(_) | CodeError::InlineProvided | CodeError::Io { .. } => {
            // With paths of this machine, which are the operator's.
            runner.shared().warn(error.to_string());
            error_body::service("The code cannot be kept.")
        }
    }
}
