//! A function's resource policy: who else may invoke it.

use crate::ApiId;

/// A function's resource policy. On AWS each version and alias has one of its own; here the
/// statements say whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunctionPolicy {
    /// In the order in which they were added.
    pub statements: Vec<PolicyStatement>,
}

impl FunctionPolicy {
    /// The statements of the unqualified function, or of a version or alias.
    pub fn of<'a>(
        &'a self,
        qualifier: Option<&'a str>,
    ) -> impl Iterator<Item = &'a PolicyStatement> {
        let statements = self.statements.iter();
        statements.filter(move |statement| statement.qualifier.as_deref() == qualifier)
    }
}

/// What `AddPermission` and `AWS::Lambda::Permission` add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStatement {
    /// `StatementId`.
    pub statement_id: String,
    /// The version or alias that it is about.
    pub qualifier: Option<String>,
    /// `Action`, e.g. `lambda:InvokeFunction`.
    pub action: String,
    /// `Principal`: a service, an account, an ARN or `*`.
    pub principal: String,
    /// `SourceArn`, in which `*` stands for any text.
    pub source_arn: Option<String>,
    /// `SourceAccount`.
    pub source_account: Option<String>,
    /// `EventSourceToken`, which only Alexa sends.
    pub event_source_token: Option<String>,
    /// `PrincipalOrgID`.
    pub principal_org_id: Option<String>,
    /// `FunctionUrlAuthType`, which only calls of a function URL have.
    pub function_url_auth_type: Option<String>,
    /// `InvokedViaFunctionUrl`, which only calls of a function URL have.
    pub invoked_via_function_url: Option<bool>,
}

/// What of API Gateway invokes a function with API Gateway's own right, not that of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSource {
    /// The API.
    pub api_id: ApiId,
    /// `{stage}/{routeKey}`, or `authorizers/{authorizerId}`.
    pub resource: String,
}

impl ApiSource {
    /// As the `SourceArn` of permissions names it.
    pub fn arn(&self, region: &str, account_id: &str) -> String {
        let Self { api_id, resource } = self;
        format!("arn:aws:execute-api:{region}:{account_id}:{api_id}/{resource}")
    }
}
