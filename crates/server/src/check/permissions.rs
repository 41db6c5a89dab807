//! Who may invoke functions, and what API Gateway may call with which role.

use gatepost_model::arn::{FunctionReference, lambda_function_of_uri};
use gatepost_wire::iam_policy::arn_like;

use super::{
    app::{Api, App},
    finding::Findings,
    slug::Slug,
};
use crate::template::inspect::Resource;

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    let permissions: Vec<&Resource> = app.of_type("AWS::Lambda::Permission").collect();
    for api in &app.apis {
        for route in &api.routes {
            let Some(integration) = route.integration else {
                continue;
            };
            let kind = integration.text("IntegrationType");
            let uri = integration.text("IntegrationUri").unwrap_or_default();
            let has_role = integration.node(&["CredentialsArn"]).is_some();
            if matches!(kind, Some("AWS_PROXY" | "AWS")) && !has_role {
                let sources = sources_of_route(app, api, route.key);
                let what = format!("the route {}", route.key);
                invoke(
                    app,
                    &permissions,
                    route.resource,
                    uri,
                    &what,
                    &sources,
                    findings,
                );
            }
            let is_service = kind == Some("AWS") && !uri.contains(":lambda:");
            if is_service && !has_role && uri.starts_with("arn:") {
                let message = format!("{} calls a service without a role", integration.logical_id);
                let mend = "add a CredentialsArn whose role API Gateway may assume";
                let at = integration.position;
                findings.template(Slug::CredentialsMissing, at, message, mend);
            }
        }
        for authorizer in &api.authorizers {
            if authorizer.node(&["AuthorizerCredentialsArn"]).is_some() {
                continue;
            }
            let uri = authorizer.text("AuthorizerUri").unwrap_or_default();
            let source = format!("{}/authorizers/{}", base(app, api), authorizer.id);
            let what = format!("the authorizer {}", authorizer.logical_id);
            invoke(
                app,
                &permissions,
                authorizer,
                uri,
                &what,
                &[source],
                findings,
            );
        }
    }
}

fn base(app: &App<'_>, api: &Api<'_>) -> String {
    let (region, account) = (&app.inspection.region, &app.inspection.account_id);
    format!("execute-api:{region}:{account}:{}", api.resource.id)
}

fn sources_of_route(app: &App<'_>, api: &Api<'_>, key: &str) -> Vec<String> {
    let base = base(app, api);
    let stages = api
        .stages
        .iter()
        .filter_map(|stage| stage.text("StageName"));
    stages
        .map(|stage| format!("{base}/{stage}/{key}"))
        .collect()
}

/// Tells when nothing lets API Gateway invoke a function of the template from these sources.
fn invoke(
    app: &App<'_>,
    permissions: &[&Resource],
    caller: &Resource,
    uri: &str,
    what: &str,
    sources: &[String],
    findings: &Findings,
) {
    let reference = lambda_function_of_uri(uri).filter(|function| !function.contains("${"));
    let Some(Ok(reference)) = reference.map(FunctionReference::parse) else {
        return;
    };
    let Some(function) = app.function_named(uri) else {
        return;
    };
    let function = &app.functions[function].resource.logical_id;
    let of_function: Vec<&&Resource> = permissions
        .iter()
        .filter(|permission| is_of(permission, &reference))
        .collect();
    if of_function.is_empty() {
        let message = format!("nothing lets API Gateway invoke {function} for {what}");
        let mend = "add an AWS::Lambda::Permission with `Principal: apigateway.amazonaws.com`";
        let at = caller.position;
        findings.template(Slug::InvokePermissionMissing, at, message, mend);
        return;
    }
    let lets = |source: &String| {
        of_function.iter().any(|permission| {
            match permission.node(&["SourceArn"]) {
                None => true,
                // Not known here.
                Some(node) => node.as_text().is_none_or(|pattern| covers(pattern, source)),
            }
        })
    };
    if let Some(source) = sources.iter().find(|source| !lets(source)) {
        let permission = of_function[0];
        let pattern = permission.text("SourceArn").unwrap_or_default();
        let message = format!(
            "the permission of {function} is for {}, which is not {what}",
            pattern.rsplit(':').next().unwrap_or(pattern)
        );
        let wanted = source.rsplit(':').next().unwrap_or(source);
        let mend = format!("let its SourceArn match {wanted}");
        let at = permission.place(&["SourceArn"]);
        findings.template(Slug::InvokePermissionSource, at, message, mend);
    }
}

/// Whether a permission is for API Gateway to invoke the function.
fn is_of(permission: &Resource, function: &FunctionReference) -> bool {
    let name = permission.text("FunctionName").unwrap_or_default();
    let is_of_function = FunctionReference::parse(name).is_ok_and(|reference| {
        reference.name == function.name && reference.qualifier == function.qualifier
    });
    let principal = permission.text("Principal").unwrap_or_default();
    let action = permission.text("Action").unwrap_or_default();
    is_of_function
        && (principal == "*" || principal.starts_with("apigateway."))
        && arn_like(action, "lambda:InvokeFunction")
}

/// Whether the pattern of a SourceArn takes the source, whatever partition it names.
fn covers(pattern: &str, source: &str) -> bool {
    let pattern = pattern.strip_prefix("arn:").unwrap_or(pattern);
    let pattern = pattern.split_once(':').map_or(pattern, |(_, rest)| rest);
    arn_like(pattern, source)
}
