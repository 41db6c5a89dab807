//! `PutRetentionPolicy` and `DeleteRetentionPolicy`. What is older goes within a minute.

use gatepost_gateway::store::LogChange;
use serde::Deserialize;
use serde_json::Value;

use super::{Logs, error::LogsError, parameters};

/// `retentionInDays`.
const DAYS: [&str; 22] = [
    "1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731",
    "1096", "1827", "2192", "2557", "2922", "3288", "3653",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_group_name: Option<String>,
    retention_in_days: Option<i64>,
}

impl Logs {
    pub(super) fn put_retention_policy(&self, input: &Input) -> Result<Value, LogsError> {
        let name = parameters::log_group_name(input.log_group_name.as_deref())?;
        let days = input
            .retention_in_days
            .ok_or_else(|| parameters::missing("retentionInDays"))?;
        parameters::one_of(&days.to_string(), "retentionInDays", &DAYS)?;
        self.change(name, LogChange::SetRetention(u32::try_from(days).ok()))
    }

    pub(super) fn delete_retention_policy(&self, input: &Input) -> Result<Value, LogsError> {
        let name = parameters::log_group_name(input.log_group_name.as_deref())?;
        self.change(name, LogChange::SetRetention(None))
    }
}
