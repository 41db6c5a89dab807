//! `StopQuery`.

use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::logs::{Logs, error::LogsError, parameters};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::logs) struct Input {
    query_id: Option<String>,
}

impl Logs {
    pub(in crate::logs) fn stop_query(&self, input: &Input) -> Result<Value, LogsError> {
        let id = parameters::required(input.query_id.as_deref(), "queryId")?;
        let query = self.queries.find(id)?;
        if query.status().is_ended() {
            return Err(LogsError::NotRunning);
        }
        query.is_cancelled.store(true, Ordering::Relaxed);
        Ok(json!({ "success": true }))
    }
}
