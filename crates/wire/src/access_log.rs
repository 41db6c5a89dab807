//! Access logs: a row for each request, in the user's format (control-and-observability spec B).
//! The format is compiled once, at deployment.

mod format;
mod quoting;
mod row;
#[cfg(test)]
mod tests;

pub use format::{AccessLogFormat, InvalidFormat};
pub use row::{AccessLogRow, AuthorizerOutcome, ConnectionsCall, Subject};

/// The log group that `destinationArn` names: `arn:aws:logs:{region}:{account}:log-group:{name}`,
/// perhaps with the `:*` that `Fn::GetAtt` gives.
///
/// # Errors
/// [`InvalidDestination`].
pub fn log_group_of_arn(arn: &str) -> Result<&str, InvalidDestination> {
    let mut parts = arn.splitn(7, ':');
    if parts.next() != Some("arn") {
        return Err(InvalidDestination::NoArn(arn.to_owned()));
    }
    let service = parts.nth(1);
    let kind = parts.nth(2);
    let name = parts
        .next()
        .map(|name| name.strip_suffix(":*").unwrap_or(name));
    match (service, kind, name) {
        (Some("logs"), Some("log-group"), Some(name)) if !name.is_empty() => Ok(name),
        _ => Err(InvalidDestination::NoLogGroup(arn.to_owned())),
    }
}

/// Why rows cannot go where `destinationArn` says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDestination {
    /// AWS refuses it.
    #[error("Invalid ARN specified in the request. ARNs must start with 'arn:': {0}")]
    NoArn(String),
    /// WebSocket APIs write into log groups only.
    #[error("{0} is no log group")]
    NoLogGroup(String),
}
