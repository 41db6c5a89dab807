//! `AWS::Serverless::WebSocketApi`: an API with a route, an integration and a permission for each
//! of its `Routes`, an authorizer, and one stage that deploys itself.

use super::{Expansion, passed_through, reference, renamed, substituted};
use crate::template::{
    document::{Entry, Node, Position, Value},
    properties::Properties,
    sections::Resource,
};

const API: [&str; 5] = [
    "ApiKeySelectionExpression",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "IpAddressType",
];
const STAGE: [&str; 4] = [
    "AccessLogSettings",
    "DefaultRouteSettings",
    "RouteSettings",
    "StageVariables",
];
const OTHERS: [&str; 7] = [
    "Auth",
    "Domain",
    "FailOnWarnings",
    "Name",
    "PropagateTags",
    "StageName",
    "Tags",
];
const ROUTE: [&str; 6] = [
    "ApiKeyRequired",
    "ModelSelectionExpression",
    "OperationName",
    "RequestModels",
    "RequestParameters",
    "RouteResponseSelectionExpression",
];

/// A Lambda function's invocation URI.
const INVOCATION_URI: &str = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/\
                              2015-03-31/functions/${FunctionArn}/invocations";

/// `Auth`: how the `$connect` route is protected.
struct Auth {
    position: Position,
    kind: Node,
    /// Whether there is an authorizer.
    is_custom: bool,
}

pub(super) fn expand(resource: &Resource, expansion: &mut Expansion<'_>) {
    let (raw, at, api) = (
        &resource.properties,
        resource.position,
        &resource.logical_id,
    );
    let optional = [API.as_slice(), &STAGE, &OTHERS].concat();
    let required = ["RouteSelectionExpression", "Routes"];
    let diagnostics = expansion.diagnostics;
    let type_name = &resource.type_name;
    let Some(properties) = Properties::new(type_name, raw, at, &required, &optional, diagnostics)
    else {
        return;
    };
    let mut plain = passed_through(raw, &API);
    plain.extend(renamed(
        raw,
        "RouteSelectionExpression",
        "RouteSelectionExpression",
    ));
    let name = raw.get("Name").cloned();
    plain.push(Entry::new(
        "Name",
        name.unwrap_or_else(|| Node::string(api, at)),
    ));
    plain.push(Entry::new("ProtocolType", Node::string("WEBSOCKET", at)));
    plain.push(Entry::new("Tags", tags(raw.get("Tags"), at)));
    expansion.make(resource, api, "AWS::ApiGatewayV2::Api", at, plain);

    let routes = properties
        .node("Routes")
        .map(|routes| expansion.with_parameters(routes));
    let routes = routes.as_ref().map(Node::entries).unwrap_or_default();
    if routes.is_empty() {
        let message = "WebSocket API must have at least one route.";
        properties.error("Routes", message, "add $connect, $disconnect or $default");
    }
    let auth = auth(&properties, resource, routes, expansion);
    for entry in routes {
        route(resource, entry, auth.as_ref(), expansion);
    }
    stage(resource, &properties, expansion);
    domain(resource, &properties, expansion);
}

fn tags(own: Option<&Node>, at: Position) -> Node {
    let created_by = Entry::new("websocketapi:createdBy", Node::string("SAM", at));
    let own = own.map(Node::entries).unwrap_or_default();
    let entries = own.iter().cloned().chain([created_by]).collect();
    Node::new(Value::Map(entries), at)
}

/// Checks `Auth`, and makes the authorizer that it asks for.
fn auth(
    properties: &Properties<'_>,
    resource: &Resource,
    routes: &[Entry],
    expansion: &mut Expansion<'_>,
) -> Option<Auth> {
    let node = expansion.with_parameters(properties.node("Auth")?);
    let at = node.position;
    let optional = [
        "AuthArn",
        "AuthType",
        "IdentitySource",
        "InvokeRole",
        "Name",
    ];
    let diagnostics = expansion.diagnostics;
    let config = Properties::new("Auth", &node, at, &[], &optional, diagnostics)?;
    if !routes.iter().any(|route| route.key == "$connect") {
        let message = "Authorization is only available if there is a $connect route.";
        diagnostics.error(at, message, "add one");
    }
    let Some(auth_type) = config.node("AuthType") else {
        let message = "AuthType must be specified for additional auth configurations.";
        diagnostics.error(at, message, "add `AuthType: CUSTOM`");
        return None;
    };
    let kind = config.string("AuthType")?;
    if !["AWS_IAM", "CUSTOM", "NONE"].contains(&kind.as_str()) {
        let message = format!("AuthType '{kind}' is not one of AWS_IAM, CUSTOM or NONE.");
        config.error("AuthType", message, "");
        return None;
    }
    let is_custom = kind == "CUSTOM";
    if !is_custom && node.entries().len() > 1 {
        let message = format!("No additional configurations supported for AuthType {kind}.");
        config.error("AuthType", message, "remove them");
    }
    if is_custom {
        let Some(function) = config.node("AuthArn") else {
            let message = "AuthArn must be specified if AuthType is CUSTOM.";
            config.error("AuthType", message, "add `AuthArn: !GetAtt Function.Arn`");
            return None;
        };
        authorizer(resource, &node, function, expansion);
    }
    Some(Auth {
        position: at,
        kind: auth_type.clone(),
        is_custom,
    })
}

fn authorizer(resource: &Resource, auth: &Node, function: &Node, expansion: &mut Expansion<'_>) {
    let (api, at) = (&resource.logical_id, auth.position);
    let id = format!("{api}ConnectAuthorizer");
    let name = auth.get("Name").cloned();
    let mut properties = vec![
        Entry::new("ApiId", reference(api, at)),
        Entry::new("AuthorizerType", Node::string("REQUEST", at)),
        Entry::new(
            "AuthorizerUri",
            substituted(INVOCATION_URI, "FunctionArn", function.clone()),
        ),
        Entry::new("Name", name.unwrap_or_else(|| Node::string(&id, at))),
    ];
    properties.extend(passed_through(auth, &["IdentitySource"]));
    properties.extend(renamed(auth, "InvokeRole", "AuthorizerCredentialsArn"));
    expansion.make(
        resource,
        &id,
        "AWS::ApiGatewayV2::Authorizer",
        at,
        properties,
    );
    if auth.get("InvokeRole").is_none() {
        let id = format!("{api}AuthorizerPermission");
        permission(resource, &id, function, "authorizers/*", expansion);
    }
}

/// The route with its integration and permission.
fn route(resource: &Resource, entry: &Entry, auth: Option<&Auth>, expansion: &mut Expansion<'_>) {
    let (api, key, at) = (&resource.logical_id, entry.key.as_str(), entry.position);
    let optional = [ROUTE.as_slice(), &["IntegrationTimeout"]].concat();
    let owner = format!("the route {key}");
    let diagnostics = expansion.diagnostics;
    if entry.value.get("FunctionArn").is_none() {
        let mend = "add `FunctionArn: !GetAtt Function.Arn`";
        diagnostics.error(at, "Route must have associated function.", mend);
        return;
    }
    let required = ["FunctionArn"];
    let properties = Properties::new(&owner, &entry.value, at, &required, &optional, diagnostics);
    let Some(function) = properties.and_then(|properties| properties.node("FunctionArn")) else {
        return;
    };
    let Some(noun) = noun(key) else {
        let message = format!("Route key '{key}' must be alphanumeric.");
        let mend = "Only $connect, $disconnect, and $default special routes are supported.";
        diagnostics.error(at, message, mend);
        return;
    };
    let integration = format!("{api}{noun}Integration");
    let target = vec![
        Node::string("integrations", at),
        reference(&integration, at),
    ];
    let target = vec![Node::string("/", at), Node::new(Value::List(target), at)];
    let target = Node::map([("Fn::Join", Node::new(Value::List(target), at))], at);
    let mut route = passed_through(&entry.value, &ROUTE);
    route.push(Entry::new("ApiId", reference(api, at)));
    route.push(Entry::new("RouteKey", Node::string(key, at)));
    route.push(Entry::new("Target", target));
    if let (Some(auth), "$connect") = (auth, key) {
        route.push(Entry::new("AuthorizationType", auth.kind.clone()));
        if auth.is_custom {
            let authorizer = reference(&format!("{api}ConnectAuthorizer"), auth.position);
            route.push(Entry::new("AuthorizerId", authorizer));
        }
    }
    let id = format!("{api}{noun}Route");
    expansion.make(resource, &id, "AWS::ApiGatewayV2::Route", at, route);

    let uri = substituted(INVOCATION_URI, "FunctionArn", function.clone());
    let mut properties = vec![
        Entry::new("ApiId", reference(api, at)),
        Entry::new("IntegrationType", Node::string("AWS_PROXY", at)),
        Entry::new("IntegrationUri", uri),
    ];
    properties.extend(renamed(
        &entry.value,
        "IntegrationTimeout",
        "TimeoutInMillis",
    ));
    let type_name = "AWS::ApiGatewayV2::Integration";
    expansion.make(resource, &integration, type_name, at, properties);
    permission(
        resource,
        &format!("{api}{noun}Permission"),
        function,
        &format!("*/{key}"),
        expansion,
    );
}

fn permission(
    resource: &Resource,
    id: &str,
    function: &Node,
    path: &str,
    expansion: &mut Expansion<'_>,
) {
    let (api, at) = (&resource.logical_id, function.position);
    let source = format!(
        "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/{path}"
    );
    let properties = vec![
        Entry::new("Action", Node::string("lambda:InvokeFunction", at)),
        Entry::new("FunctionName", function.clone()),
        Entry::new("Principal", Node::string("apigateway.amazonaws.com", at)),
        Entry::new("SourceArn", substituted(&source, "Api", reference(api, at))),
    ];
    expansion.make(resource, id, "AWS::Lambda::Permission", at, properties);
}

/// A route key as part of a logical id: `sendMessage` is `Sendmessage`, `$connect` is `Connect`.
fn noun(route_key: &str) -> Option<String> {
    let word = match route_key {
        "$connect" | "$disconnect" | "$default" => &route_key[1..],
        _ => route_key,
    };
    let is_word = !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric());
    is_word.then(|| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    })
}

fn stage(resource: &Resource, properties: &Properties<'_>, expansion: &mut Expansion<'_>) {
    let (raw, at, api) = (
        &resource.properties,
        resource.position,
        &resource.logical_id,
    );
    let name = properties.node("StageName").cloned();
    let name = name.unwrap_or_else(|| Node::string("default", at));
    let id = match name.as_text() {
        Some("$default") => {
            let message = "Stages cannot be named $default for WebSocket APIs.";
            properties.error("StageName", message, "rename it");
            return;
        }
        Some("default") => format!("{api}DefaultStage"),
        Some(name) => format!("{api}{name}Stage"),
        None => format!("{api}Stage"),
    };
    let mut plain = passed_through(raw, &STAGE);
    plain.push(Entry::new("ApiId", reference(api, at)));
    plain.push(Entry::new("AutoDeploy", Node::new(Value::Bool(true), at)));
    plain.push(Entry::new("StageName", name));
    plain.push(Entry::new("Tags", tags(None, at)));
    expansion.make(resource, &id, "AWS::ApiGatewayV2::Stage", at, plain);
    expansion.referable.push((format!("{api}.Stage"), id));
}

fn domain(resource: &Resource, properties: &Properties<'_>, expansion: &mut Expansion<'_>) {
    let Some(node) = properties.node("Domain") else {
        return;
    };
    let node = expansion.with_parameters(node);
    let (api, at) = (&resource.logical_id, node.position);
    let optional = [
        "BasePath",
        "EndpointConfiguration",
        "MutualTlsAuthentication",
        "OwnershipVerificationCertificateArn",
        "Route53",
        "SecurityPolicy",
    ];
    let required = ["CertificateArn", "DomainName"];
    let diagnostics = expansion.diagnostics;
    let Some(domain) = Properties::new("Domain", &node, at, &required, &optional, diagnostics)
    else {
        return;
    };
    if domain.node("MutualTlsAuthentication").is_some() {
        let message = "Mutual TLS domain name association is not supported for Websocket APIs.";
        domain.error("MutualTlsAuthentication", message, "remove it");
    }
    let name = passed_through(&node, &["DomainName"]);
    let id = format!("{api}DomainName");
    expansion.make(resource, &id, "AWS::ApiGatewayV2::DomainName", at, name);
    expansion
        .referable
        .push((format!("{api}.DomainName"), id.clone()));
    let base_paths = domain.strings("BasePath");
    let base_paths = if base_paths.is_empty() {
        vec![String::new()]
    } else {
        base_paths
    };
    for base_path in base_paths {
        let key = base_path.trim_matches('/');
        let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        let mapping = vec![
            Entry::new("ApiId", reference(api, at)),
            Entry::new("ApiMappingKey", Node::string(key, at)),
            Entry::new("DomainName", reference(&id, at)),
            Entry::new("Stage", reference(&format!("{api}.Stage"), at)),
        ];
        let mapping_id = format!("{api}{letters}ApiMapping");
        expansion.make(
            resource,
            &mapping_id,
            "AWS::ApiGatewayV2::ApiMapping",
            at,
            mapping,
        );
    }
}
