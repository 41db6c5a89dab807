//! `GetQueryResults`. A query that runs shows how far it is, and no rows.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::logs::{Logs, error::LogsError, parameters};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::logs) struct Input {
    query_id: Option<String>,
}

impl Logs {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts are fractions on AWS too"
    )]
    pub(in crate::logs) fn get_query_results(&self, input: &Input) -> Result<Value, LogsError> {
        let id = parameters::required(input.query_id.as_deref(), "queryId")?;
        let query = self.queries.find(id)?;
        let progress = query.progress.lock();
        let row = |row: &Vec<(String, String)>| {
            let fields = row
                .iter()
                .map(|(field, value)| json!({ "field": field, "value": value }));
            fields.collect::<Value>()
        };
        let statistics = progress.statistics;
        Ok(json!({
            "queryLanguage": "CWLI",
            "results": progress.rows.iter().map(row).collect::<Vec<_>>(),
            "statistics": {
                "recordsMatched": statistics.records_matched as f64,
                "recordsScanned": statistics.records_scanned as f64,
                "estimatedRecordsSkipped": 0.0,
                "bytesScanned": statistics.bytes_scanned as f64,
                "estimatedBytesSkipped": 0.0,
                "logGroupsScanned": query.log_groups.len() as f64,
            },
            "status": progress.status.name(),
        }))
    }
}
