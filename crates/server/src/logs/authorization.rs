//! What an operation needs to be allowed: CloudWatch Logs' actions and ARNs.

use serde_json::Value;

use super::Operation;
use crate::auth::VerifiedRequest;

/// The action and the resource of a request:
/// `logs:GetLogEvents` on `arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}`.
/// A body that is none names no group; the operation refuses it.
pub(super) fn of(operation: Operation, request: &VerifiedRequest<'_>) -> (String, String) {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let text = |member: &str| body[member].as_str().unwrap_or_default();
    let (region, account) = (request.region(), request.account_id());
    let prefix = format!("arn:aws:logs:{region}:{account}:log-group:");
    let identifier = text("logGroupIdentifier");
    let identifier = match text("resourceArn") {
        "" => identifier,
        arn => arn,
    };
    let group = match text("logGroupName") {
        "" => identifier.strip_prefix(&prefix).unwrap_or(identifier),
        name => name,
    };
    let group = group.strip_suffix(":*").unwrap_or(group);
    let stream = text("logStreamName");
    (
        format!("logs:{}", operation.name()),
        format!("{prefix}{group}:log-stream:{stream}"),
    )
}
