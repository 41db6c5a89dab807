//! Who may invoke functions, and what API Gateway may call with which role.

use gatepost_model::arn::{FunctionReference, lambda_function_of_uri};
use gatepost_wire::iam_policy::arn_like;

use super::{
    app::{Api, App, Route, as_written},
    finding::Findings,
    slug::Slug,
};
use crate::template::inspect::Resource;

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    let permissions: Vec<&Resource> = app.of_type("AWS::Lambda::Permission").collect();
    for api in &app.apis {
        let invocations = Invocations {
            app,
            api,
            permissions: &permissions,
            findings,
        };
        for route in &api.routes {
            invocations.of_route(route);
        }
        for authorizer in &api.authorizers {
            invocations.of_authorizer(authorizer);
        }
    }
}

/// What an API invokes.
struct Invocations<'a> {
    app: &'a App<'a>,
    api: &'a Api<'a>,
    permissions: &'a [&'a Resource],
    findings: &'a Findings,
}

impl Invocations<'_> {
    fn of_route(&self, route: &Route<'_>) {
        let Some(integration) = route.integration else {
            return;
        };
        let kind = integration.text("IntegrationType");
        let uri = integration.text("IntegrationUri").unwrap_or_default();
        if !matches!(kind, Some("AWS_PROXY" | "AWS"))
            || integration.node(&["CredentialsArn"]).is_some()
        {
            return;
        }
        if uri.starts_with("arn:") && !uri.contains(":lambda:") {
            let message = format!("{} calls a service without a role", integration.logical_id);
            let mend = "add a CredentialsArn whose role API Gateway may assume";
            let at = integration.position;
            self.findings
                .template(Slug::CredentialsMissing, at, message, mend);
            return;
        }
        let base = self.base();
        let stages = self.api.stages.iter();
        let stages = stages.filter_map(|stage| stage.text("StageName"));
        let sources: Vec<String> = stages
            .map(|stage| format!("{base}/{stage}/{}", route.key))
            .collect();
        let what = format!("the route {}", route.key);
        self.invoked(route.resource, uri, &what, &sources);
    }

    fn of_authorizer(&self, authorizer: &Resource) {
        if authorizer.node(&["AuthorizerCredentialsArn"]).is_some() {
            return;
        }
        let uri = authorizer.text("AuthorizerUri").unwrap_or_default();
        let source = format!("{}/authorizers/{}", self.base(), authorizer.id);
        let what = format!("the authorizer {}", authorizer.logical_id);
        self.invoked(authorizer, uri, &what, &[source]);
    }

    fn base(&self) -> String {
        let inspection = self.app.inspection;
        let (region, account) = (&inspection.region, &inspection.account_id);
        format!("execute-api:{region}:{account}:{}", self.api.resource.id)
    }

    /// Tells when nothing lets API Gateway invoke a function of the template from these sources.
    fn invoked(&self, caller: &Resource, uri: &str, what: &str, sources: &[String]) {
        let reference = lambda_function_of_uri(uri).filter(|function| !function.contains("${"));
        let Some(Ok(reference)) = reference.map(FunctionReference::parse) else {
            return;
        };
        let Some(function) = self.app.function_named(uri) else {
            return;
        };
        let function = &self.app.functions[function].resource.logical_id;
        let permissions = self.permissions.iter();
        let own: Vec<&&Resource> = permissions
            .filter(|permission| is_of(permission, &reference))
            .collect();
        let Some(first) = own.first() else {
            let message = format!("nothing lets API Gateway invoke {function} for {what}");
            let mend = "add an AWS::Lambda::Permission with `Principal: apigateway.amazonaws.com`";
            let at = caller.position;
            self.findings
                .template(Slug::InvokePermissionMissing, at, message, mend);
            return;
        };
        let lets = |source: &&String| {
            own.iter()
                .any(|permission| match permission.node(&["SourceArn"]) {
                    None => true,
                    // One that is not known here may be any.
                    Some(node) => node.as_text().is_none_or(|pattern| covers(pattern, source)),
                })
        };
        if let Some(source) = sources.iter().find(|source| !lets(source)) {
            let pattern = first.text("SourceArn").unwrap_or_default();
            let message = format!(
                "the permission of {function} is for {}, which is not {what}",
                as_written(pattern, self.api.resource)
            );
            let wanted = as_written(source, self.api.resource);
            let mend = format!("let its SourceArn match {}", as_written(&wanted, caller));
            let at = first.place(&["SourceArn"]);
            self.findings
                .template(Slug::InvokePermissionSource, at, message, mend);
        }
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

/// Whether the pattern of a `SourceArn` takes the source, whatever partition it names.
fn covers(pattern: &str, source: &str) -> bool {
    let pattern = pattern.strip_prefix("arn:").unwrap_or(pattern);
    let pattern = pattern.split_once(':').map_or(pattern, |(_, rest)| rest);
    arn_like(pattern, source)
}
