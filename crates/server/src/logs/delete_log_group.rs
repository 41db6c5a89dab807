//! `DeleteLogGroup`, and the protection from it. A group that Gatepost writes comes again with its next
//! line, as on AWS.

use gatepost_gateway::store::LogChange;
use serde::Deserialize;
use serde_json::Value;

use super::{Logs, error::LogsError, parameters};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_group_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Protection {
    log_group_identifier: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

impl Logs {
    pub(super) fn delete_log_group(&self, input: &Input) -> Result<Value, LogsError> {
        let name = parameters::log_group_name(input.log_group_name.as_deref())?;
        self.change(name, LogChange::DeleteGroup)
    }

    pub(super) fn put_log_group_deletion_protection(
        &self,
        input: &Protection,
    ) -> Result<Value, LogsError> {
        let identifier =
            parameters::required(input.log_group_identifier.as_deref(), "logGroupIdentifier")?;
        let is_protected = input
            .deletion_protection_enabled
            .ok_or_else(|| parameters::missing("deletionProtectionEnabled"))?;
        let name = self.group_of_identifier(identifier);
        let name = name.ok_or(LogsError::NoSuchGroup)?;
        self.change(name, LogChange::ProtectGroup(is_protected))
    }
}
