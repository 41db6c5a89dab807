//! `DescribeLogGroups`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use gatepost_gateway::store::LogGroup;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, error::LogsError, parameters};

const MAX_GROUPS: u16 = 50;
const CLASSES: [&str; 4] = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    account_identifiers: Option<Vec<String>>,
    limit: Option<i64>,
    next_token: Option<String>,
}

impl Input {
    fn includes(&self, logs: &Logs, group: &LogGroup) -> bool {
        let name = group.name.as_str();
        let matches = |wanted: &Option<String>, test: fn(&str, &str) -> bool| {
            wanted.as_deref().is_none_or(|wanted| test(name, wanted))
        };
        matches(&self.log_group_name_prefix, |name, prefix| {
            name.starts_with(prefix)
        }) && matches(&self.log_group_name_pattern, |name, part| {
            name.contains(part)
        }) && self
            .log_group_class
            .as_deref()
            .is_none_or(|class| class == group.class)
            && self
                .account_identifiers
                .as_ref()
                .is_none_or(|accounts| accounts.contains(&logs.account_id))
            && self.log_group_identifiers.as_ref().is_none_or(|wanted| {
                wanted
                    .iter()
                    .any(|wanted| logs.group_of_identifier(wanted) == Some(name))
            })
    }
}

impl Logs {
    pub(super) fn describe_log_groups(&self, input: &Input) -> Result<Value, LogsError> {
        if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
            return Err(LogsError::InvalidParameter(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        if let Some(class) = &input.log_group_class {
            parameters::one_of(class, "logGroupClass", &CLASSES)?;
        }
        let limit = parameters::limit(input.limit, MAX_GROUPS)?;
        let after = input.next_token.as_deref().map(last_name).transpose()?;
        let groups = self.store.log_groups()?;
        let mut rest = groups
            .into_iter()
            .filter(|group| after.as_ref().is_none_or(|after| group.name > *after))
            .filter(|group| input.includes(self, group));
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let last = page.last().filter(|_| rest.next().is_some());
        let described = |group: &LogGroup| {
            let arn = self.group_arn(&group.name);
            let mut described = json!({
                "logGroupName": group.name,
                "creationTime": group.created_at_ms,
                "arn": format!("{arn}:*"),
                "logGroupArn": arn,
                "metricFilterCount": 0,
                "logGroupClass": group.class,
            });
            // A search by pattern gives no more.
            if input.log_group_name_pattern.is_none() {
                // To count would be to read every line.
                described["storedBytes"] = json!(0);
                described["deletionProtectionEnabled"] = json!(group.deletion_protection);
                if let Some(days) = group.retention_days {
                    described["retentionInDays"] = json!(days);
                }
                if let Some(key) = &group.kms_key_id {
                    described["kmsKeyId"] = json!(key);
                }
            }
            described
        };
        let mut answer = json!({ "logGroups": page.iter().map(described).collect::<Vec<_>>() });
        if let Some(group) = last {
            answer["nextToken"] = json!(BASE64_URL_SAFE_NO_PAD.encode(&group.name));
        }
        Ok(answer)
    }
}

/// The last name of the page before.
fn last_name(token: &str) -> Result<String, LogsError> {
    let name = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    name.and_then(|name| String::from_utf8(name).ok())
        .ok_or(LogsError::InvalidToken)
}
