//! `AWS::Lambda::Permission`: what lets API Gateway invoke a function.

use gatepost_model::{
    FunctionName,
    arn::{FunctionReference, lambda_function_of_uri},
    function_policy::PolicyStatement,
};
use gatepost_wire::function_policy::lets_api_gateway;

use super::{ApiDraft, Declared, Reading};
use crate::{lambda::FunctionPolicies, template::document::Position};

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

/// `AWS::Lambda::Permission`: the function, and what its policy says.
pub(super) fn read(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
) -> Option<(FunctionName, PolicyStatement)> {
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
    let function = match FunctionReference::parse(&function) {
        Ok(function) => function,
        Err(error) => {
            properties.error("FunctionName", error.to_string(), "use !Ref Function");
            return None;
        }
    };
    let statement = PolicyStatement {
        statement_id: declared.resource.logical_id.clone(),
        qualifier: function.qualifier,
        action: properties.string("Action")?,
        principal: properties.string("Principal")?,
        source_arn: properties.string("SourceArn"),
        source_account: properties.string("SourceAccount"),
        event_source_token: properties.string("EventSourceToken"),
        principal_org_id: properties.string("PrincipalOrgID"),
        function_url_auth_type: properties.one_of("FunctionUrlAuthType", &["AWS_IAM", "NONE"]),
        invoked_via_function_url: properties.boolean("InvokedViaFunctionUrl"),
    };
    Some((function.name, statement))
}

/// Warns of functions that API Gateway may not invoke: their calls fail.
pub(super) fn warn_of_missing(api: &ApiDraft, reading: &Reading<'_>, policies: &FunctionPolicies) {
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
        let account = reading.account_id();
        let policy = policies.get(&function.name);
        let is_allowed = |source: &String| {
            policy.is_some_and(|policy| {
                lets_api_gateway(policy, function.qualifier.as_deref(), source, account)
            })
        };
        if !sources.iter().all(is_allowed) {
            let name = &function.name;
            reading.diagnostics().warn(
                *position,
                format!(
                    "nothing lets API Gateway invoke {name} for {what}: AWS answers `Internal \
                     server error`"
                ),
                "add an AWS::Lambda::Permission with `Principal: apigateway.amazonaws.com`; \
                 [functions] require_permissions decides whether Gatepost asks for one too",
            );
        }
    }
}
