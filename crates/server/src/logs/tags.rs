//! Tags of log groups: `TagResource`, `UntagResource` and `ListTagsForResource`, and the older
//! `TagLogGroup`, `UntagLogGroup` and `ListTagsLogGroup`.

use std::collections::BTreeMap;

use gatepost_gateway::store::LogChange;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, error::LogsError, parameters};

const MAX_TAGS: usize = 50;
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;

/// By its ARN, or, in the older operations, by its name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tagging {
    resource_arn: Option<String>,
    log_group_name: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Untagging {
    resource_arn: Option<String>,
    log_group_name: Option<String>,
    /// The keys.
    #[serde(alias = "tags")]
    tag_keys: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listing {
    resource_arn: Option<String>,
    log_group_name: Option<String>,
}

impl Logs {
    pub(super) fn tag(&self, input: Tagging) -> Result<Value, LogsError> {
        let name = self.tagged(
            input.resource_arn.as_deref(),
            input.log_group_name.as_deref(),
        )?;
        let tags = input.tags.ok_or_else(|| parameters::missing("tags"))?;
        check(&tags)?;
        self.change(name, LogChange::Tag(tags))
    }

    pub(super) fn untag(&self, input: Untagging, member: &'static str) -> Result<Value, LogsError> {
        let name = self.tagged(
            input.resource_arn.as_deref(),
            input.log_group_name.as_deref(),
        )?;
        let keys = input.tag_keys.ok_or_else(|| parameters::missing(member))?;
        self.change(name, LogChange::Untag(keys))
    }

    pub(super) fn list_tags(&self, input: &Listing) -> Result<Value, LogsError> {
        let name = self.tagged(
            input.resource_arn.as_deref(),
            input.log_group_name.as_deref(),
        )?;
        let tags = self.store.log_group_tags(name)?;
        Ok(json!({ "tags": tags.ok_or(LogsError::NoSuchGroup)? }))
    }

    fn tagged<'i>(
        &self,
        arn: Option<&'i str>,
        name: Option<&'i str>,
    ) -> Result<&'i str, LogsError> {
        match arn {
            None => parameters::log_group_name(name),
            Some(arn) if arn.starts_with("arn:") => {
                self.group_of_identifier(arn).ok_or(LogsError::NoSuchGroup)
            }
            Some(_) => Err(LogsError::InvalidParameter(
                "The specified ARN is not valid.",
            )),
        }
    }
}

/// What AWS demands of tags.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), LogsError> {
    if !(1..=MAX_TAGS).contains(&tags.len()) {
        return Err(parameters::length(
            &format!("{{{} tags}}", tags.len()),
            "tags",
            tags.is_empty(),
            MAX_TAGS,
        ));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > MAX_KEY {
            return Err(parameters::length(key, "tags", key.is_empty(), MAX_KEY));
        }
        if value.chars().count() > MAX_VALUE {
            return Err(parameters::length(value, "tags", false, MAX_VALUE));
        }
        if key.starts_with("aws:") {
            return Err(LogsError::InvalidParameter(
                "Tag keys that begin with aws: are reserved for AWS.",
            ));
        }
    }
    Ok(())
}
