//! `AWS::Lambda::Permission`: what lets API Gateway invoke a function.

use gatepost_model::arn::{FunctionReference, lambda_function_of_uri};
use gatepost_wire::iam_policy::arn_like;

use super::{ApiDraft, Declared, Reading};
use crate::template::{Permission, document::Position};

/// A function that API Gateway calls with its own right, not that of a role.
pub(super) struct Call {
    /// Where the template asks for it.
    pub(super) position: Position,
    pub(super) uri: String,
    pub(super) caller: Caller,
}

/// What calls the function, as the source of a permission names it.
pub(super) enum Caller {
    Route(String),
    Authorizer(String),
}

/// `AWS::Lambda::Permission`.
pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<Permission> {
    let properties = declared.properties(
        &["Action", "FunctionName", "Principal"],
        &[
            "EventSourceToken",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
        reading,
    )?;
    let function = properties.string("FunctionName")?;
    if let Err(error) = FunctionReference::parse(&function) {
        properties.error("FunctionName", error.to_string(), "use !Ref Function");
    }
    Some(Permission {
        function,
        action: properties.string("Action")?,
        principal: properties.string("Principal")?,
        source_arn: properties.string("SourceArn"),
    })
}

/// Warns of functions that API Gateway on AWS may not invoke: their calls fail there, and only there.
pub(super) fn warn_of_missing(api: &ApiDraft, reading: &Reading<'_>, permissions: &[Permission]) {
    let base = reading.arn("execute-api", &api.api_id);
    for Call {
        position,
        uri,
        caller,
    } in &api.calls
    {
        let function = lambda_function_of_uri(uri).filter(|function| !function.contains("${"));
        let Some(Ok(function)) = function.map(FunctionReference::parse) else {
            continue;
        };
        if !reading.has_function(function.name.as_str()) {
            continue;
        }
        let (what, sources) = match caller {
            Caller::Route(key) => {
                let stages = api.stages.iter();
                let sources = stages.map(|stage| format!("{base}/{}/{key}", stage.stage_name));
                (format!("the route {key}"), sources.collect())
            }
            Caller::Authorizer(id) => {
                let source = format!("{base}/authorizers/{id}");
                ("the authorizer".to_owned(), vec![source])
            }
        };
        let is_allowed = |source: &String| {
            let mut permissions = permissions.iter();
            permissions.any(|permission| permission.lets_api_gateway(&function, source))
        };
        if !sources.iter().all(is_allowed) {
            let name = &function.name;
            reading.diagnostics().warn(
                *position,
                format!(
                    "nothing lets API Gateway invoke {name} for {what}: it works here, and fails \
                     on AWS"
                ),
                "add an AWS::Lambda::Permission with `Principal: apigateway.amazonaws.com`",
            );
        }
    }
}

impl Permission {
    fn lets_api_gateway(&self, function: &FunctionReference, source: &str) -> bool {
        let is_of_function = FunctionReference::parse(&self.function).is_ok_and(|reference| {
            reference.name == function.name && reference.qualifier == function.qualifier
        });
        let is_principal = self.principal == "*" || self.principal.starts_with("apigateway.");
        let pattern = self.source_arn.as_deref().unwrap_or("*");
        is_of_function
            && is_principal
            && arn_like(&self.action, "lambda:InvokeFunction")
            && arn_like(pattern, source)
    }
}
