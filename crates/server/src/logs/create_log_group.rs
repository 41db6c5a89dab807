//! `CreateLogGroup`.

use std::collections::BTreeMap;

use gatepost_gateway::store::{LogChange, NewLogGroup};
use serde::Deserialize;
use serde_json::Value;

use super::{Logs, error::LogsError, parameters, tags};

/// `logGroupClass`.
const CLASSES: [&str; 3] = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"];
/// With what no group of a customer begins.
const RESERVED: &str = "aws/";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_group_name: Option<String>,
    log_group_class: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default)]
    deletion_protection_enabled: bool,
    tags: Option<BTreeMap<String, String>>,
}

impl Logs {
    pub(super) fn create_log_group(&self, input: Input) -> Result<Value, LogsError> {
        let name = parameters::log_group_name(input.log_group_name.as_deref())?;
        if name.starts_with(RESERVED) {
            return Err(LogsError::InvalidParameter(
                "Log groups starting with AWS/ are reserved for AWS.",
            ));
        }
        if let Some(class) = &input.log_group_class {
            parameters::one_of(class, "logGroupClass", &CLASSES)?;
        }
        if let Some(tags) = &input.tags {
            tags::check(tags)?;
        }
        let group = NewLogGroup {
            class: input.log_group_class,
            kms_key_id: input.kms_key_id,
            deletion_protection: input.deletion_protection_enabled,
            tags: input.tags.unwrap_or_default(),
        };
        self.change(name, LogChange::CreateGroup(group))
    }
}
