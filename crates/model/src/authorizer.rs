//! A Lambda REQUEST authorizer, the only kind that WebSocket APIs have.

use serde::{Deserialize, Serialize};

use crate::AuthorizerId;

/// `Authorizer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorizer {
    /// `authorizerId`.
    pub authorizer_id: AuthorizerId,
    /// `name`.
    pub name: String,
    /// `authorizerUri`: the Lambda invocation URI, stage variables not yet resolved.
    pub authorizer_uri: String,
    /// `identitySource`: every one must be present and non-empty.
    pub identity_source: Vec<String>,
    /// `authorizerCredentialsArn`.
    pub credentials_arn: Option<String>,
    /// `identityValidationExpression`: stored, never applied (data-plane spec 9.2).
    pub identity_validation_expression: Option<String>,
}
