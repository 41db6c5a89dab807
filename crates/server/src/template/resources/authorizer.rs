//! `AWS::ApiGatewayV2::Authorizer`, refused where API Gateway refuses (spec D.5).

use gatepost_model::{authorizer::Authorizer, route::RouteAuthorization, stage::Stage};

use super::{
    ApiDraft, Declared, Reading,
    integration::check_function,
    permission::{Call, Caller},
    route::is_below,
};
use crate::template::{document::Position, properties::Properties};

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    match authorizer(declared, reading) {
        Some((authorizer, position)) => {
            let id = authorizer.authorizer_id.clone();
            api.identity_source_positions.insert(id, position);
            if authorizer.credentials_arn.is_none() {
                api.calls.push(Call {
                    position: declared.resource.position,
                    uri: authorizer.authorizer_uri.clone(),
                    caller: Caller::Authorizer(authorizer.authorizer_id.to_string()),
                });
            }
            api.definition.authorizers.push(authorizer);
        }
        None => reading.mark_broken(declared),
    }
}

/// The authorizer, and where its identity sources stand.
fn authorizer(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<(Authorizer, Position)> {
    let properties = declared.properties(
        &["ApiId", "AuthorizerType", "Name"],
        &[
            "AuthorizerCredentialsArn",
            "AuthorizerPayloadFormatVersion",
            "AuthorizerResultTtlInSeconds",
            "AuthorizerUri",
            "EnableSimpleResponses",
            "IdentitySource",
            "IdentityValidationExpression",
            "JwtConfiguration",
        ],
        reading,
    )?;
    if properties.string("AuthorizerType")? != "REQUEST" {
        let message = "Invalid authorizer type. Only REQUEST authorizer type is supported on \
                       WEBSOCKET protocol Apis.";
        properties.error("AuthorizerType", message, "use `AuthorizerType: REQUEST`");
    }
    for name in [
        "AuthorizerPayloadFormatVersion",
        "AuthorizerResultTtlInSeconds",
        "EnableSimpleResponses",
        "JwtConfiguration",
    ] {
        if properties.node(name).is_some() {
            let message = format!("{name} cannot be set for WEBSOCKET protocol Apis.");
            properties.error(name, message, "remove it");
        }
    }
    let authorizer = Authorizer {
        authorizer_id: declared.id.as_str().into(),
        name: properties.string("Name")?,
        authorizer_uri: uri(&properties, reading)?,
        identity_source: identity_source(&properties),
        credentials_arn: credentials(&properties),
        identity_validation_expression: validation_expression(&properties),
    };
    Some((authorizer, properties.place("IdentitySource")))
}

/// Warns of identity sources without which every client is refused, for they are never there.
pub(super) fn warn_of_sources_that_never_resolve(api: &ApiDraft, reading: &Reading<'_>) {
    for route in &api.definition.routes {
        let RouteAuthorization::Custom(id) = &route.authorization else {
            continue;
        };
        let Some(authorizer) = api.definition.authorizer(id) else {
            continue;
        };
        let at = api.identity_source_positions.get(id);
        let at = at.copied().unwrap_or(api.position);
        for source in &authorizer.identity_source {
            for (message, mend) in never_resolves(source, &api.stages) {
                let message = format!(
                    "identity source {source}: {message}, so every client is refused with 401"
                );
                reading.diagnostics().warn(at, message, mend);
            }
        }
    }
}

/// What is wrong with a source, and the mend: of the context only three members are there before the
/// authorizer ran (data-plane spec 9.2), of the stage only the variables that it has.
fn never_resolves(source: &str, stages: &[Stage]) -> Vec<(String, &'static str)> {
    const THERE: [&str; 3] = ["connectionId", "connectedAt", "requestTimeEpoch"];
    if let Some(name) = source.strip_prefix("context.") {
        return if THERE.contains(&name) {
            Vec::new()
        } else {
            let message = "it is not there before the authorizer runs".to_owned();
            vec![(
                message,
                "use a header, a query parameter or a stage variable",
            )]
        };
    }
    let Some(name) = source.strip_prefix("stageVariables.") else {
        return Vec::new();
    };
    let is_unset = |stage: &&Stage| stage.stage_variables.get(name).is_none_or(String::is_empty);
    stages
        .iter()
        .filter(is_unset)
        .map(|stage| {
            let message = format!("stage {} does not set it", stage.stage_name);
            (message, "set it in StageVariables")
        })
        .collect()
}

fn uri(properties: &Properties<'_>, reading: &Reading<'_>) -> Option<String> {
    if properties.node("AuthorizerUri").is_none() {
        let message = "a REQUEST authorizer needs the property AuthorizerUri";
        properties.error("AuthorizerUri", message, "add it");
        return None;
    }
    let uri = properties.string("AuthorizerUri")?;
    check_function(properties, "AuthorizerUri", &uri, reading);
    Some(uri)
}

/// Identity sources; an empty one is accepted on AWS and asks for nothing.
fn identity_source(properties: &Properties<'_>) -> Vec<String> {
    const PREFIXES: [&str; 4] = [
        "route.request.querystring.",
        "route.request.header.",
        "stageVariables.",
        "context.",
    ];
    let sources = properties.strings("IdentitySource");
    let sources: Vec<String> = sources
        .into_iter()
        .filter(|source| !source.is_empty())
        .collect();
    for source in &sources {
        if !PREFIXES.iter().any(|prefix| is_below(source, prefix)) {
            let message = format!(
                "Invalid request identity source expression: {source}. The sources must be \
                 separated by comma, and each source must be either a request parameter, matching \
                 'route.request.querystring|header.[a-zA-Z0-9._-]+', or a stage variable, matching \
                 'stageVariables.[a-zA-Z0-9._-]+', or a context parameter, matching \
                 'context.[a-zA-Z0-9._-]+'"
            );
            properties.error("IdentitySource", message, "");
        }
    }
    sources
}

fn credentials(properties: &Properties<'_>) -> Option<String> {
    let arn = properties.string("AuthorizerCredentialsArn")?;
    if !(arn.starts_with("arn:") && arn.contains(":iam:")) {
        properties.error(
            "AuthorizerCredentialsArn",
            "Invalid role ARN",
            "use !GetAtt Role.Arn",
        );
    }
    Some(arn)
}

/// Stored, never applied (data-plane spec 9.2); still refused when it is none.
fn validation_expression(properties: &Properties<'_>) -> Option<String> {
    let expression = properties.string("IdentityValidationExpression")?;
    let name = "IdentityValidationExpression";
    if expression.is_empty() {
        properties.error(name, format!("{name} must not be empty."), "remove it");
    } else if regex::Regex::new(&expression).is_err() {
        let message = format!("Invalid validation expression: {expression}");
        properties.error(name, message, "correct it");
    }
    Some(expression)
}
