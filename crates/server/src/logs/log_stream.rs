//! `CreateLogStream` and `DeleteLogStream`.

use gatepost_gateway::store::LogChange;
use serde::Deserialize;
use serde_json::Value;

use super::{Logs, error::LogsError, parameters};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
}

impl Logs {
    pub(super) fn create_log_stream(&self, input: &Input) -> Result<Value, LogsError> {
        self.change_stream(input, LogChange::CreateStream)
    }

    pub(super) fn delete_log_stream(&self, input: &Input) -> Result<Value, LogsError> {
        self.change_stream(input, LogChange::DeleteStream)
    }

    fn change_stream(
        &self,
        input: &Input,
        change: fn(String) -> LogChange,
    ) -> Result<Value, LogsError> {
        let name = parameters::log_group_name(input.log_group_name.as_deref())?;
        let stream = parameters::log_stream_name(input.log_stream_name.as_deref())?;
        self.change(name, change(stream.to_owned()))
    }
}
