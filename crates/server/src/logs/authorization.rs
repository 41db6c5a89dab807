//! What an operation needs to be allowed: CloudWatch Logs' actions and ARNs.

use serde_json::Value;

use super::Operation;
use crate::auth::VerifiedRequest;

/// The action and the resources of a request, one for each group that it names:
/// `logs:GetLogEvents` on `arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}`.
/// A body that is none names no group; the operation refuses it.
pub(super) fn of(operation: Operation, request: &VerifiedRequest<'_>) -> (String, Vec<String>) {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let (region, account) = (request.region(), request.account_id());
    let prefix = format!("arn:aws:logs:{region}:{account}:log-group:");
    let mut groups: Vec<&str> = ["logGroupName", "logGroupIdentifier", "resourceArn"]
        .into_iter()
        .filter_map(|member| body[member].as_str())
        .collect();
    // Elsewhere these only pick from what is listed.
    if operation == Operation::StartQuery {
        for member in ["logGroupNames", "logGroupIdentifiers"] {
            let named = body[member].as_array().into_iter().flatten();
            groups.extend(named.filter_map(Value::as_str));
        }
    }
    if groups.is_empty() {
        groups.push("");
    }
    let stream = body["logStreamName"].as_str().unwrap_or_default();
    let resource = |group: &str| {
        let group = group.strip_prefix(&prefix).unwrap_or(group);
        let group = group.strip_suffix(":*").unwrap_or(group);
        format!("{prefix}{group}:log-stream:{stream}")
    };
    let resources = groups.into_iter().map(resource).collect();
    (format!("logs:{}", operation.name()), resources)
}
