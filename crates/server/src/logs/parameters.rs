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
            member: "limit",
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
                member,
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
        member,
        constraint: format!(
            "Member must satisfy enum value set: [{}]",
            values.join(", ")
        ),
    })
}
