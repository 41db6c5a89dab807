//! Whether functions may call `@connections`, as far as the template says what their roles allow.

use std::collections::BTreeSet;

use gatepost_wire::iam_policy::arn_like;

use super::{
    app::{Api, App, Function, as_written},
    finding::Findings,
    slug::Slug,
    trace::{EffectKind, Trigger},
};
use crate::template::{
    document::{Node, Position, Value},
    inspect::Resource,
};

const ACTION: &str = "execute-api:manageconnections";

/// AWS's managed policies that allow all of `@connections`.
const ALLOWING: [&str; 3] = [
    "AdministratorAccess",
    "AmazonAPIGatewayInvokeFullAccess",
    "PowerUserAccess",
];

/// A statement that names `execute-api:ManageConnections`.
struct Statement<'a> {
    is_deny: bool,
    /// What it is for, and where that stands; none when it cannot be told.
    resources: Option<Vec<(&'a str, Position)>>,
}

/// What a function's role allows.
#[derive(Default)]
struct Grants<'a> {
    statements: Vec<Statement<'a>>,
    /// It may allow more than can be seen.
    is_open: bool,
}

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    for (number, function) in app.functions.iter().enumerate() {
        let methods = methods(function);
        if methods.is_empty() {
            continue;
        }
        let apis = apis_of(app, number, function);
        let Some(api) = apis.first().filter(|_| apis.len() == 1) else {
            continue;
        };
        let grants = grants(app, function.resource);
        if !grants.is_open {
            judge(app, api, function, &methods, &grants, findings);
        }
        reach(app, function, findings);
    }
}

/// The methods of `@connections` that a function calls.
fn methods(function: &Function<'_>) -> BTreeSet<&'static str> {
    let traces = function.traces_of(|_| true);
    traces
        .flat_map(|trace| {
            trace.of(|kind| match kind {
                EffectKind::Post { .. } => Some("POST"),
                EffectKind::Get { .. } => Some("GET"),
                EffectKind::Delete { .. } => Some("DELETE"),
                _ => None,
            })
        })
        .map(|(_, method)| method)
        .collect()
}

/// The APIs whose connections a function may mean: those that invoke it, else all.
pub(super) fn apis_of<'a, 'i>(
    app: &'a App<'i>,
    number: usize,
    function: &Function<'_>,
) -> Vec<&'a Api<'i>> {
    let is_other = function
        .traces
        .iter()
        .all(|(trigger, _)| *trigger == Trigger::Other);
    let apis = app.apis.iter();
    apis.filter(|api| {
        is_other
            || api
                .routes
                .iter()
                .any(|route| route.function == Some(number))
    })
    .collect()
}

fn judge(
    app: &App<'_>,
    api: &Api<'_>,
    function: &Function<'_>,
    methods: &BTreeSet<&'static str>,
    grants: &Grants<'_>,
    findings: &Findings,
) {
    let logical_id = &function.resource.logical_id;
    let calls: Vec<&str> = methods.iter().copied().collect();
    if !grants.statements.iter().any(|statement| !statement.is_deny) {
        let message = format!(
            "{logical_id} calls @connections ({}), and its role does not allow \
             execute-api:ManageConnections",
            calls.join(", ")
        );
        let mend = "allow execute-api:ManageConnections on \
                    arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*";
        let at = function.resource.position;
        findings.template(Slug::ManageConnectionsMissing, at, message, mend);
        return;
    }
    let stages: Vec<&str> = api
        .stages
        .iter()
        .filter_map(|stage| stage.text("StageName"))
        .collect();
    if stages.is_empty() {
        return;
    }
    let other_apis: Vec<&str> = app
        .of_type("AWS::ApiGatewayV2::Api")
        .map(|other| other.id.as_str())
        .filter(|id| *id != api.resource.id)
        .collect();
    let matches = |statement: &Statement<'_>, method: &str| match &statement.resources {
        None => !statement.is_deny,
        Some(resources) => resources.iter().any(|(pattern, _)| {
            let resource = |stage: &str| {
                format!(
                    "{}/{stage}/{method}/@connections/{{connectionId}}",
                    api.resource.id
                )
            };
            let pattern = resource_of(pattern, &api.resource.id, &other_apis);
            stages
                .iter()
                .any(|stage| arn_like(&pattern, &resource(stage)))
        }),
    };
    let allowed = |method: &str| {
        let mut statements = grants.statements.iter();
        let is_denied = statements
            .clone()
            .any(|statement| statement.is_deny && matches(statement, method));
        !is_denied && statements.any(|statement| !statement.is_deny && matches(statement, method))
    };
    let refused: Vec<&str> = methods
        .iter()
        .copied()
        .filter(|method| !allowed(method))
        .collect();
    if refused.is_empty() {
        return;
    }
    let mut resources = grants
        .statements
        .iter()
        .filter(|statement| !statement.is_deny);
    let resource = resources.find_map(|statement| statement.resources.as_ref()?.first());
    let Some((pattern, at)) = resource else {
        return;
    };
    let tail = as_written(pattern, api.resource);
    if refused.len() < methods.len() {
        let message = format!(
            "{logical_id} calls {}, and may not: {tail}",
            refused.join(", ")
        );
        let mend = "end the resource with /{stage}/*, or name each method with /@connections/*";
        findings.template(Slug::ManageConnectionsMethod, *at, message, mend);
        return;
    }
    let message = format!("{tail} does not match what {logical_id} calls");
    let mend = if pattern.ends_with("@connections") {
        "end the resource with /@connections/*"
    } else {
        "end the resource with /*, or with /{stage}/POST/@connections/*"
    };
    findings.template(Slug::ManageConnectionsResource, *at, message, mend);
}

/// The part of a policy's resource that can be judged here: that behind account and region, which
/// may be real ones. So may be the id of an API, unless it is that of another in the template.
fn resource_of(pattern: &str, api_id: &str, other_apis: &[&str]) -> String {
    if pattern == "*" {
        return pattern.to_owned();
    }
    let tail = match pattern.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        [_, _, "execute-api" | "*", _, _, tail] => (*tail).to_owned(),
        // `arn:aws:execute-api:*` and the like.
        _ if pattern.ends_with('*')
            && "arn:aws:execute-api:".starts_with(pattern.trim_end_matches('*')) =>
        {
            "*".to_owned()
        }
        [_, _, "execute-api", rest @ ..] if rest.last() == Some(&"*") => "*".to_owned(),
        _ => return String::new(),
    };
    let (id, rest) = tail.split_once('/').unwrap_or((&tail, ""));
    let is_real = id.len() == 10
        && id != api_id
        && !other_apis.contains(&id)
        && id.bytes().all(|c| c.is_ascii_alphanumeric());
    if is_real {
        format!("{api_id}/{rest}")
    } else {
        tail
    }
}

/// All that the function's role allows of `@connections`.
fn grants<'i>(app: &App<'i>, function: &'i Resource) -> Grants<'i> {
    let mut grants = Grants::default();
    let role = role_of(function);
    if let Some(serverless) = function.serverless.as_ref().filter(|_| role.is_none()) {
        let policies = serverless.get("Policies");
        for policy in policies.map(items).unwrap_or_default() {
            serverless_policy(app, policy, &mut grants);
        }
        let connects = app.of_type("AWS::Serverless::Connector").next().is_some();
        grants.is_open |= connects || serverless.get("Connectors").is_some();
        return grants;
    }
    let role = role.and_then(|arn| {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        app.of_type("AWS::IAM::Role").find(|role| role.id == name)
    });
    let Some(role) = role else {
        grants.is_open = true;
        return grants;
    };
    for policy in role.node(&["Policies"]).map(items).unwrap_or_default() {
        document(policy.get("PolicyDocument"), &mut grants);
    }
    for arn in role
        .node(&["ManagedPolicyArns"])
        .map(items)
        .unwrap_or_default()
    {
        managed_policy(app, arn, &mut grants);
    }
    for (type_name, property) in [
        ("AWS::IAM::Policy", "Roles"),
        ("AWS::IAM::ManagedPolicy", "Roles"),
        ("AWS::IAM::RolePolicy", "RoleName"),
    ] {
        for policy in app.of_type(type_name) {
            let roles = policy.node(&[property]).map(items).unwrap_or_default();
            if roles.iter().any(|name| name.as_text() == Some(&role.id)) {
                document(policy.node(&["PolicyDocument"]), &mut grants);
            }
        }
    }
    grants
}

fn role_of(function: &Resource) -> Option<&str> {
    match &function.serverless {
        Some(serverless) => {
            let role = serverless.get("Role")?;
            // A role that is not known allows nobody knows what.
            Some(role.as_text().unwrap_or_default())
        }
        None => Some(function.text("Role").unwrap_or_default()),
    }
}

fn items(node: &Node) -> &[Node] {
    node.as_list().unwrap_or(std::slice::from_ref(node))
}

/// An item of SAM's `Policies`: a statement, a managed policy, or one of SAM's own templates, none
/// of which is for `@connections`.
fn serverless_policy<'i>(app: &App<'i>, policy: &'i Node, grants: &mut Grants<'i>) {
    match &policy.value {
        Value::Map(_) if policy.get("Statement").is_some() => document(Some(policy), grants),
        Value::Map(_) => {}
        Value::String(_) => managed_policy(app, policy, grants),
        _ => grants.is_open = true,
    }
}

fn managed_policy<'i>(app: &App<'i>, policy: &'i Node, grants: &mut Grants<'i>) {
    let Some(arn) = policy.as_text() else {
        grants.is_open = true;
        return;
    };
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let own = app
        .of_type("AWS::IAM::ManagedPolicy")
        .find(|policy| policy.id == name);
    if let Some(own) = own {
        document(own.node(&["PolicyDocument"]), grants);
    } else if ALLOWING.contains(&name) || arn.starts_with("arn:") && !arn.contains(":iam::aws:") {
        grants.is_open = true;
    }
}

fn document<'i>(document: Option<&'i Node>, grants: &mut Grants<'i>) {
    let statements = document.and_then(|document| document.get("Statement"));
    for statement in statements.map(items).unwrap_or_default() {
        if statement.get("NotAction").is_some() || statement.value == Value::Unknown {
            grants.is_open = true;
            continue;
        }
        let actions = statement.get("Action").map(items).unwrap_or_default();
        let names_it = actions.iter().any(|action| {
            let action = action.as_text().unwrap_or("*").to_ascii_lowercase();
            arn_like(&action, ACTION)
        });
        if !names_it {
            continue;
        }
        let resources = statement.get("Resource").map(items);
        let is_conditional =
            statement.get("Condition").is_some() || statement.get("NotResource").is_some();
        let resources = resources.filter(|_| !is_conditional).and_then(|resources| {
            resources
                .iter()
                .map(|node| Some((node.as_text()?, node.position)))
                .collect()
        });
        grants.statements.push(Statement {
            is_deny: statement.get("Effect").and_then(Node::as_text) == Some("Deny"),
            resources,
        });
    }
}

/// A function in a VPC reaches `@connections` by a NAT gateway or an endpoint only.
fn reach(app: &App<'_>, function: &Function<'_>, findings: &Findings) {
    let subnets = function.resource.node(&["VpcConfig", "SubnetIds"]);
    let is_inside = subnets.is_some_and(|subnets| !items(subnets).is_empty());
    let leads_out = app.inspection.resources.iter().any(|resource| {
        let is_endpoint = resource.type_name == "AWS::EC2::VPCEndpoint"
            && resource
                .text("ServiceName")
                .is_none_or(|service| service.contains("execute-api"));
        is_endpoint
            || matches!(
                resource.type_name.as_str(),
                "AWS::EC2::NatGateway" | "AWS::EC2::EgressOnlyInternetGateway"
            )
    });
    if is_inside && !leads_out {
        let message = format!(
            "{} calls @connections from a VPC, from which the template shows no way out",
            function.resource.logical_id
        );
        let mend = "route its subnets to a NAT gateway, or leave the VPC";
        let at = function.resource.place(&["VpcConfig"]);
        findings.template(Slug::VpcWithoutRoute, at, message, mend);
    }
}
