//! `StartQuery`.

use std::sync::Arc;

use gatepost_gateway::{clock::now_ms, new_id};
use gatepost_wire::logs::insights::{self, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::run::Run;
use crate::logs::{Logs, error::LogsError, parameters};

const MAX_GROUPS: usize = 50;
const MAX_ROWS: u16 = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::logs) struct Input {
    query_language: Option<String>,
    log_group_name: Option<String>,
    log_group_names: Option<Vec<String>>,
    log_group_identifiers: Option<Vec<String>>,
    /// Seconds since the epoch, included.
    start_time: Option<i64>,
    /// Seconds since the epoch, included.
    end_time: Option<i64>,
    query_string: Option<String>,
    limit: Option<i64>,
}

impl Logs {
    pub(in crate::logs) fn start_query(&self, input: &Input) -> Result<Value, LogsError> {
        if let Some(language) = &input.query_language {
            parameters::one_of(language, "queryLanguage", &["CWLI", "SQL", "PPL"])?;
            if language != "CWLI" {
                return Err(LogsError::QueryLanguage(language.clone()));
            }
        }
        let text = parameters::required(input.query_string.as_deref(), "queryString")?;
        let max = insights::MAX_CHARACTERS;
        if text.chars().nth(max).is_some() {
            return Err(parameters::length(text, "queryString", false, max));
        }
        let rows = parameters::limit(input.limit, MAX_ROWS)?;
        let start = parameters::required(input.start_time, "startTime")?;
        let end = parameters::required(input.end_time, "endTime")?;
        // Checks that neither is negative.
        parameters::range(Some(start), Some(end))?;
        if start > end {
            return Err(LogsError::InvalidParameter(
                "The startTime of a query must not be after its endTime.",
            ));
        }
        let log_groups = self.groups_to_query(input)?;
        let query = Query::parse(text).map_err(|mistake| LogsError::MalformedQuery {
            text: as_of_aws(&mistake.message, "MalformedQueryException"),
            mistake,
        })?;
        let times = (start, end);
        let kept = self
            .queries
            .schedule(log_groups, text.to_owned(), times, now_ms())?;
        let query_id = kept.id.clone();
        let run = Run {
            store: Arc::clone(&self.store),
            queries: Arc::clone(&self.queries),
            account_id: self.account_id.clone(),
            kept,
            query,
            rows,
        };
        tokio::runtime::Handle::current().spawn_blocking(move || run.carry_on());
        Ok(json!({ "queryId": query_id }))
    }

    /// The names of the groups that are asked, all of which are there.
    fn groups_to_query(&self, input: &Input) -> Result<Vec<String>, LogsError> {
        let one = input.log_group_name.clone().map(|name| vec![name]);
        let given = [&one, &input.log_group_names, &input.log_group_identifiers];
        let mut given = given.into_iter().flatten();
        let (Some(groups), None) = (given.next(), given.next()) else {
            return Err(LogsError::InvalidParameter(
                "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be given.",
            ));
        };
        if !(1..=MAX_GROUPS).contains(&groups.len()) {
            let value = format!("[{}]", groups.join(", "));
            let is_short = groups.is_empty();
            return Err(parameters::length(
                &value,
                "logGroupNames",
                is_short,
                MAX_GROUPS,
            ));
        }
        let mut names: Vec<String> = Vec::with_capacity(groups.len());
        for group in groups {
            let name = self.group_of_identifier(group).unwrap_or(group);
            if self.store.log_group(name)?.is_none() {
                let account = &self.account_id;
                let text = format!("Log group '{name}' does not exist for account ID '{account}'");
                let text = as_of_aws(&text, "ResourceNotFoundException");
                return Err(LogsError::NoGroupToQuery(text));
            }
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

/// The text of an error as this operation gives it: with what another service of AWS said.
fn as_of_aws(text: &str, code: &str) -> String {
    let request_id = new_id::uuid();
    format!(
        "{text} (Service: AWSLogs; Status Code: 400; Error Code: {code}; \
         Request ID: {request_id}; Proxy: null)"
    )
}
