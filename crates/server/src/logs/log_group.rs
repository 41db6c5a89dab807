//! Log groups: `/aws/lambda/{function}` for every function of the app, those of access logs and of
//! templates, those that were made by hand, and all that got an event, also those of earlier
//! functions and stages.

use std::collections::BTreeMap;

use gatepost_gateway::store::{DeclaredRetention, LogChange, LogChangeError};

use super::{Logs, error::LogsError};
use crate::{server::Server, template};

/// With what the groups of functions begin.
pub(super) const OF_FUNCTIONS: &str = "/aws/lambda/";

/// Makes the groups that are there before their first event: those of the app's functions, those that
/// access logs go to, which AWS asks to be made before, and those of its template, with their
/// retention. Gives what could not be made. Blocks.
pub fn declare_groups(
    server: &Server,
    of_template: &[template::LogGroup],
) -> Vec<(String, LogChangeError)> {
    let functions = server.functions.functions();
    let of_functions = functions
        .iter()
        .map(|function| format!("{OF_FUNCTIONS}{}", function.name));
    let table = server.gateway.apis();
    let stages = table.apis.values().flat_map(|api| api.stages.values());
    let of_access_logs = stages.filter_map(|stage| {
        let deployed = stage.deployed.load();
        let access_log = deployed.as_ref()?.log_settings.access_log.as_ref()?;
        Some(access_log.log_group.as_ref().to_owned())
    });
    let mut groups: BTreeMap<String, Option<DeclaredRetention>> = of_functions
        .chain(of_access_logs)
        .map(|group| (group, None))
        .collect();
    groups.extend(of_template.iter().map(|group| {
        let retention = DeclaredRetention(group.retention_in_days);
        (group.name.clone(), Some(retention))
    }));
    let store = server.gateway.store();
    let declare = |(group, retention): (String, _)| {
        let declared = store.change_log_group(&group, LogChange::Declare(retention));
        Some((group, declared.err()?))
    };
    groups.into_iter().filter_map(declare).collect()
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
        if self.store.log_group(name)?.is_some() {
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
