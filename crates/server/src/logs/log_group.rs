//! Log groups: `/aws/lambda/{function}` for every function of the app, and all that got an event,
//! also those of earlier functions and stages.

use super::{Logs, error::LogsError};

/// With what the groups of functions begin.
pub(super) const OF_FUNCTIONS: &str = "/aws/lambda/";

/// The name of a function's group.
pub(super) fn name(function: &str) -> String {
    format!("{OF_FUNCTIONS}{function}")
}

impl Logs {
    /// The ARN of a group, without `:*`.
    pub(super) fn group_arn(&self, name: &str) -> String {
        let Self {
            region, account_id, ..
        } = self;
        format!("arn:aws:logs:{region}:{account_id}:log-group:{name}")
    }

    /// The group that is named by `logGroupName` or `logGroupIdentifier`.
    pub(super) fn group_of(
        &self,
        name: Option<&str>,
        identifier: Option<&str>,
    ) -> Result<String, LogsError> {
        let name = match (name, identifier) {
            (Some(_), Some(_)) => return Err(LogsError::NameAndArn),
            (Some(name), None) => name,
            (None, Some(identifier)) => self
                .group_of_identifier(identifier)
                .ok_or(LogsError::NoSuchGroup)?,
            (None, None) => {
                return Err(LogsError::InvalidParameter(
                    "One of logGroupName and logGroupIdentifier must be given.",
                ));
            }
        };
        let of_function = name.strip_prefix(OF_FUNCTIONS);
        let is_there = of_function.is_some_and(|function| self.functions.contains(function));
        if is_there || self.store.has_log_group(name)? {
            Ok(name.to_owned())
        } else {
            Err(LogsError::NoSuchGroup)
        }
    }

    /// The group's name in a name or an ARN of this account and region.
    pub(super) fn group_of_identifier<'a>(&self, identifier: &'a str) -> Option<&'a str> {
        if !identifier.starts_with("arn:") {
            return Some(identifier);
        }
        let name = identifier.strip_prefix(&self.group_arn(""))?;
        Some(name.strip_suffix(":*").unwrap_or(name))
    }
}
