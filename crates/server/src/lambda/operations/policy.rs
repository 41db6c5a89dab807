//! Resource policies: `AddPermission`, `RemovePermission`, `GetPolicy`.

use gatepost_gateway::new_id;
use gatepost_model::{FunctionName, function::LATEST};
use serde_json::{Map, Value, json};

use super::{Answer, check_revision, function::revision};
use crate::{
    lambda::{
        error_body,
        made::{MadeFunctions, Statement, named},
    },
    shapes::lambda::{AddPermissionRequest, GetPolicyRequest, RemovePermissionRequest},
};

pub(super) fn add_permission(functions: &MadeFunctions, request: AddPermissionRequest) -> Answer {
    let (name, qualifier) = named(&request.function_name, request.qualifier.as_deref())?;
    if qualifier.as_deref() == Some(LATEST) {
        return Err(error_body::invalid_parameter(
            "We currently do not support adding policies for $LATEST.",
        ));
    }
    let statement = Statement {
        statement_id: request.statement_id,
        qualifier: qualifier.clone(),
        action: request.action,
        principal: request.principal,
        source_arn: request.source_arn,
        source_account: request.source_account,
        event_source_token: request.event_source_token,
        principal_org_id: request.principal_org_id,
        function_url_auth_type: request
            .function_url_auth_type
            .map(|kind| kind.as_str().to_owned()),
        invoked_via_function_url: request.invoked_via_function_url,
    };
    let shown = shown(functions, &name, &statement).to_string();
    functions.change(&name, |function| {
        revision(functions, &name, function, qualifier.as_deref())?;
        let key = qualifier.clone().unwrap_or_default();
        let present = function.policy_revisions.get(&key);
        let present = present.map_or("", String::as_str);
        check_revision(request.revision_id.as_deref(), present, "GetPolicy")?;
        let id = &statement.statement_id;
        let mut policy = function.policy.iter();
        if policy.any(|other| other.qualifier == qualifier && other.statement_id == *id) {
            return Err(error_body::conflict(format!(
                "The statement id ({id}) provided already exists. Please provide a new statement \
                 id, or remove the existing statement."
            )));
        }
        function.policy.push(statement);
        function.policy_revisions.insert(key, new_id::uuid());
        Ok(())
    })?;
    Ok(json!({"Statement": shown}))
}

pub(super) fn remove_permission(
    functions: &MadeFunctions,
    request: &RemovePermissionRequest,
) -> Answer {
    let (name, qualifier) = named(&request.function_name, request.qualifier.as_deref())?;
    functions.change(&name, |function| {
        revision(functions, &name, function, qualifier.as_deref())?;
        let id = &request.statement_id;
        let is_meant =
            |other: &Statement| other.qualifier == qualifier && other.statement_id == *id;
        let mut policy = function.policy.iter();
        let Some(place) = policy.position(is_meant) else {
            return Err(error_body::not_found(format!(
                "Statement {id} is not found in resource policy."
            )));
        };
        let key = qualifier.clone().unwrap_or_default();
        let present = function.policy_revisions.get(&key);
        let present = present.map_or("", String::as_str);
        check_revision(request.revision_id.as_deref(), present, "GetPolicy")?;
        function.policy.remove(place);
        function.policy_revisions.insert(key, new_id::uuid());
        Ok(())
    })?;
    Ok(Value::Null)
}

pub(super) fn get(functions: &MadeFunctions, request: &GetPolicyRequest) -> Answer {
    let (name, qualifier) = named(&request.function_name, request.qualifier.as_deref())?;
    let function = functions.get(&name)?;
    revision(functions, &name, &function, qualifier.as_deref())?;
    let statements = function.policy.iter();
    let statements = statements.filter(|statement| statement.qualifier == qualifier);
    let statements: Vec<Value> = statements
        .map(|statement| shown(functions, &name, statement))
        .collect();
    if statements.is_empty() {
        return Err(error_body::not_found(
            "The resource you requested does not exist.",
        ));
    }
    let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements});
    let revision = function
        .policy_revisions
        .get(&qualifier.unwrap_or_default());
    Ok(json!({"Policy": policy.to_string(), "RevisionId": revision}))
}

/// A statement as a policy has it.
fn shown(functions: &MadeFunctions, name: &FunctionName, statement: &Statement) -> Value {
    let arn = functions.arn(name);
    let principal = statement.principal.as_str();
    let is_account = principal.len() == 12 && principal.bytes().all(|c| c.is_ascii_digit());
    let mut conditions = Map::new();
    let mut condition = |operator: &str, key: &str, value: &Option<String>| {
        if let Some(value) = value {
            let entry = conditions.entry(operator).or_insert_with(|| json!({}));
            entry[key] = json!(value);
        }
    };
    condition("ArnLike", "AWS:SourceArn", &statement.source_arn);
    condition(
        "StringEquals",
        "AWS:SourceAccount",
        &statement.source_account,
    );
    condition(
        "StringEquals",
        "aws:PrincipalOrgID",
        &statement.principal_org_id,
    );
    condition(
        "StringEquals",
        "lambda:EventSourceToken",
        &statement.event_source_token,
    );
    condition(
        "StringEquals",
        "lambda:FunctionUrlAuthType",
        &statement.function_url_auth_type,
    );
    let invoked_via_url = statement.invoked_via_function_url;
    condition(
        "Bool",
        "lambda:InvokedViaFunctionUrl",
        &invoked_via_url.map(|via_url| via_url.to_string()),
    );
    let mut shown = json!({
        "Sid": statement.statement_id,
        "Effect": "Allow",
        "Principal": match principal {
            "*" => json!("*"),
            _ if is_account => json!({"AWS": format!("arn:aws:iam::{principal}:root")}),
            _ if principal.starts_with("arn:") => json!({"AWS": principal}),
            _ => json!({"Service": principal}),
        },
        "Action": statement.action,
        "Resource": match &statement.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        },
    });
    if !conditions.is_empty() {
        shown["Condition"] = conditions.into();
    }
    shown
}
