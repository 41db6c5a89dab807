//! `FunctionConfiguration`: a function as answers show it.

use gatepost_model::{FunctionName, function::LATEST};
use serde_json::{Value, json};

use crate::lambda::made::{Code, MadeFunctions, Revision};

/// A revision as it was asked for: with the qualifier in its ARN, if there was one.
pub(super) fn configuration(
    functions: &MadeFunctions,
    name: &FunctionName,
    revision: &Revision,
    qualifier: Option<&str>,
) -> Value {
    let arn = functions.arn(name);
    let arn = qualifier.map_or_else(|| arn.clone(), |qualifier| format!("{arn}:{qualifier}"));
    let mut shown = json!({
        "FunctionName": name.as_str(),
        "FunctionArn": arn,
        "Runtime": revision.runtime,
        "Role": revision.role,
        "Handler": revision.handler,
        "CodeSize": 0,
        "Description": revision.description,
        "Timeout": revision.timeout,
        "MemorySize": revision.memory_size,
        "LastModified": revision.last_modified,
        "CodeSha256": "",
        "Version": revision.version,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": revision.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}")},
    });
    if !revision.environment.is_empty() {
        shown["Environment"] = json!({"Variables": revision.environment});
    }
    for (member, value) in &revision.shown {
        match (member.as_str(), value) {
            // What these leave out has its default.
            ("LoggingConfig" | "SnapStart", Value::Object(given)) => {
                for (name, value) in given {
                    shown[member][name] = value.clone();
                }
            }
            _ => shown[member] = value.clone(),
        }
    }
    match &revision.code {
        Code::Package { sha256, size, .. } => {
            shown["CodeSha256"] = json!(sha256);
            shown["CodeSize"] = json!(size);
        }
        Code::Local { .. } => {}
        // What the template does not say is left out.
        Code::OfTemplate { .. } => {
            if let Value::Object(members) = &mut shown {
                for absent in [
                    "Role",
                    "CodeSize",
                    "LastModified",
                    "CodeSha256",
                    "RevisionId",
                ] {
                    members.remove(absent);
                }
            }
        }
    }
    shown
}

/// The configuration of `$LATEST`, which answers of changes show without a qualifier.
pub(super) fn latest(functions: &MadeFunctions, name: &FunctionName, revision: &Revision) -> Value {
    let qualifier = (revision.version != LATEST).then_some(revision.version.as_str());
    configuration(functions, name, revision, qualifier)
}
