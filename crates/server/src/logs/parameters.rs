//! Checks of members that several operations have, with the texts of AWS's validation.

use std::ops::Range;

use gatepost_gateway::store::LogPosition;

use super::error::LogsError;

/// `limit`: 1 to `max`, which is the default too.
pub(super) fn limit(limit: Option<i64>, max: u16) -> Result<usize, LogsError> {
    let Some(limit) = limit else {
        return Ok(max.into());
    };
    let bound = if limit < 1 {
        "greater than or equal to 1".to_owned()
    } else {
        format!("less than or equal to {max}")
    };
    usize::try_from(limit)
        .ok()
        .filter(|limit| (1..=usize::from(max)).contains(limit))
        .ok_or(LogsError::Constraint {
            value: format!("'{limit}'"),
            member: "limit".into(),
            constraint: format!("Member must have value {bound}"),
        })
}

/// From `startTime` to before `endTime`.
pub(super) fn range(
    start_time: Option<i64>,
    end_time: Option<i64>,
) -> Result<Range<LogPosition>, LogsError> {
    for (member, time) in [("startTime", start_time), ("endTime", end_time)] {
        if let Some(time) = time.filter(|time| *time < 0) {
            return Err(LogsError::Constraint {
                value: format!("'{time}'"),
                member: member.into(),
                constraint: "Member must have value greater than or equal to 0".to_owned(),
            });
        }
    }
    Ok(LogPosition::at(start_time.unwrap_or(0))..LogPosition::at(end_time.unwrap_or(i64::MAX)))
}

/// A member that must be one of `values`.
pub(super) fn one_of(value: &str, member: &'static str, values: &[&str]) -> Result<(), LogsError> {
    if values.contains(&value) {
        return Ok(());
    }
    Err(LogsError::Constraint {
        value: format!("'{value}'"),
        member: member.into(),
        constraint: format!(
            "Member must satisfy enum value set: [{}]",
            values.join(", ")
        ),
    })
}

const MAX_NAME: usize = 512;

/// `logGroupName`.
pub(super) fn log_group_name(name: Option<&str>) -> Result<&str, LogsError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/#".contains(c);
    self::name(name, "logGroupName", is_allowed, r"[\.\-_/#A-Za-z0-9]+")
}

/// `logStreamName`.
pub(super) fn log_stream_name(name: Option<&str>) -> Result<&str, LogsError> {
    self::name(name, "logStreamName", |c| !":*".contains(c), "[^:*]*")
}

fn name<'n>(
    name: Option<&'n str>,
    member: &'static str,
    is_allowed: fn(char) -> bool,
    pattern: &str,
) -> Result<&'n str, LogsError> {
    let name = required(name, member)?;
    if name.is_empty() {
        return Err(length(name, member, true, MAX_NAME));
    }
    if name.chars().nth(MAX_NAME).is_some() {
        return Err(LogsError::InvalidParameter(
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        ));
    }
    if !name.chars().all(is_allowed) {
        return Err(LogsError::Constraint {
            value: format!("'{name}'"),
            member: member.into(),
            constraint: format!("Member must satisfy regular expression pattern: {pattern}"),
        });
    }
    Ok(name)
}

/// A member that must be there.
pub(super) fn required<T>(value: Option<T>, member: &'static str) -> Result<T, LogsError> {
    value.ok_or_else(|| missing(member))
}

/// That a member is not there.
pub(super) fn missing(member: &'static str) -> LogsError {
    LogsError::Constraint {
        value: "null".to_owned(),
        member: member.into(),
        constraint: "Member must not be null".to_owned(),
    }
}

/// That a member is shorter than 1, or longer than `max`.
pub(super) fn length(value: &str, member: &'static str, is_short: bool, max: usize) -> LogsError {
    let bound = if is_short {
        "greater than or equal to 1".to_owned()
    } else {
        format!("less than or equal to {max}")
    };
    LogsError::Constraint {
        value: format!("'{value}'"),
        member: member.into(),
        constraint: format!("Member must have length {bound}"),
    }
}
