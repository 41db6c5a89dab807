//! A Lambda function: its code, runtime and configuration.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::FunctionName;

/// The version that changes: what a function is now.
pub const LATEST: &str = "$LATEST";

/// Environment variables that Lambda keeps to itself.
pub const RESERVED_VARIABLES: [&str; 17] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_TASK_ROOT",
];

/// `FunctionConfiguration`, as far as running it here needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// `FunctionName`.
    pub name: FunctionName,
    /// `FunctionArn`, unqualified.
    pub arn: String,
    /// `Version`: `$LATEST`, or the number of the version that this is.
    pub version: String,
    /// The template's logical id, for messages.
    pub logical_id: String,
    /// `Runtime`.
    pub runtime: Runtime,
    /// `Handler`; for `provided` runtimes whatever `_HANDLER` shall be.
    pub handler: String,
    /// `Code`.
    pub code: FunctionCode,
    /// `Layers`, in order: folders or zips, laid under `/opt` on AWS.
    pub layers: Vec<PathBuf>,
    /// `Environment.Variables`.
    pub environment: BTreeMap<String, String>,
    /// `Timeout`, 1 to 900 seconds; 3 when unset.
    pub timeout: Duration,
    /// `MemorySize`, MB; 128 when unset.
    pub memory_mb: u32,
    /// `ReservedConcurrentExecutions`.
    pub reserved_concurrency: Option<u32>,
    /// How asynchronous invocations are retried, by the qualifier they were invoked with:
    /// `$LATEST`, an alias or a version.
    pub event_invoke_configs: BTreeMap<String, EventInvokeConfig>,
    /// Alias name to the version it points to (`$LATEST` or a number).
    pub aliases: BTreeMap<String, String>,
    /// Published versions.
    pub versions: Vec<String>,
    /// `Description`.
    pub description: Option<String>,
}

impl Function {
    /// How asynchronous invocations of a qualifier are retried; AWS's defaults unless configured.
    pub fn event_invoke_config(&self, qualifier: &str) -> EventInvokeConfig {
        let config = self.event_invoke_configs.get(qualifier);
        config.cloned().unwrap_or_default()
    }
}

/// `Runtime`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// `python3.N`, with its `3.N`.
    Python(String),
    /// `nodejsN.x`, with its major version.
    Node(u32),
    /// `provided`, `provided.al2`, `provided.al2023`, as written.
    Provided(String),
}

impl Runtime {
    /// Parses a runtime identifier; `None` for one that is not run here.
    pub fn parse(identifier: &str) -> Option<Self> {
        if let Some(version) = identifier.strip_prefix("python") {
            let minor = version.strip_prefix("3.")?;
            return minor
                .parse::<u32>()
                .ok()
                .map(|_| Self::Python(version.to_owned()));
        }
        if let Some(version) = identifier.strip_prefix("nodejs") {
            return version.strip_suffix(".x")?.parse().ok().map(Self::Node);
        }
        (identifier == "provided" || identifier.starts_with("provided."))
            .then(|| Self::Provided(identifier.to_owned()))
    }

    /// The identifier, e.g. `python3.13`.
    pub fn identifier(&self) -> String {
        match self {
            Self::Python(version) => format!("python{version}"),
            Self::Node(major) => format!("nodejs{major}.x"),
            Self::Provided(identifier) => identifier.clone(),
        }
    }
}

/// Where a function's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionCode {
    /// A folder, used in place, so that edits are seen.
    Directory(PathBuf),
    /// A zip archive, unpacked into the state folder.
    Zip(PathBuf),
    /// `ZipFile` / `InlineCode`: the text of `index.py` or `index.js`.
    Inline(String),
}

/// `EventInvokeConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInvokeConfig {
    /// `MaximumRetryAttempts`, 0 to 2.
    pub max_retry_attempts: u8,
    /// `MaximumEventAgeInSeconds`, 60 s to 6 h.
    pub max_event_age: Duration,
    /// `DestinationConfig.OnSuccess.Destination`: an ARN.
    pub on_success: Option<String>,
    /// `DestinationConfig.OnFailure.Destination`: an ARN.
    pub on_failure: Option<String>,
}

impl Default for EventInvokeConfig {
    fn default() -> Self {
        Self {
            max_retry_attempts: 2,
            max_event_age: Duration::from_secs(21_600),
            on_success: None,
            on_failure: None,
        }
    }
}
