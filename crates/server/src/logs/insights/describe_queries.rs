//! `DescribeQueries`: the queries that run or ended lately, the newest first.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeptQuery, Status};
use crate::logs::{Logs, error::LogsError, parameters};

const MAX_RESULTS: u16 = 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::logs) struct Input {
    log_group_name: Option<String>,
    status: Option<String>,
    query_language: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Input {
    fn includes(&self, query: &KeptQuery) -> bool {
        let is_of_group = |group: &String| query.log_groups.contains(group);
        let has_status = |status: &String| query.status().name() == status;
        self.log_group_name.as_ref().is_none_or(is_of_group)
            && self.status.as_ref().is_none_or(has_status)
            && self
                .query_language
                .as_deref()
                .is_none_or(|language| language == "CWLI")
    }
}

impl Logs {
    pub(in crate::logs) fn describe_queries(&self, input: &Input) -> Result<Value, LogsError> {
        if let Some(status) = &input.status {
            parameters::one_of(status, "status", &Status::ALL)?;
        }
        let limit = parameters::limit(input.max_results, MAX_RESULTS)?;
        let after = input.next_token.as_deref().map(last_id).transpose()?;
        let kept = self.queries.kept.lock();
        let mut rest = kept.iter().rev();
        if let Some(after) = after {
            rest.find(|query| query.id == after)
                .ok_or(LogsError::InvalidToken)?;
        }
        let mut rest = rest.filter(|query| input.includes(query));
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let queries: Vec<Value> = page.iter().map(|query| described(query)).collect();
        let mut answer = json!({ "queries": queries });
        if let Some(last) = page.last().filter(|_| rest.next().is_some()) {
            answer["nextToken"] = json!(BASE64_URL_SAFE_NO_PAD.encode(&last.id));
        }
        Ok(answer)
    }
}

fn described(query: &KeptQuery) -> Value {
    let groups: Vec<String> = query
        .log_groups
        .iter()
        .map(|group| format!("{group:?}"))
        .collect();
    let (start, end) = query.times;
    let source = format!(
        "SOURCE {} START={start}000 END={end}999 | {}",
        groups.join(","),
        query.text
    );
    let mut described = json!({
        "queryLanguage": "CWLI",
        "queryId": query.id,
        "queryString": source,
        "status": query.status().name(),
        "createTime": query.created_ms,
    });
    if let [group] = query.log_groups.as_slice() {
        described["logGroupName"] = json!(group);
    }
    described
}

/// The last query of the page before.
fn last_id(token: &str) -> Result<String, LogsError> {
    let id = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    id.and_then(|id| String::from_utf8(id).ok())
        .ok_or(LogsError::InvalidToken)
}
