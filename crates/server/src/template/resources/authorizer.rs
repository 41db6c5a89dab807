//! `AWS::ApiGatewayV2::Authorizer`, refused where API Gateway refuses (spec D.5).

use gatepost_model::{authorizer::Authorizer, route::RouteAuthorization, stage::Stage};

use super::{
    ApiDraft, Declared, Reading,
    integration::warn_of_unknown_function,
    permission::{Call, Caller},
};
use crate::{
    admission::{authorizer as admission, integration::function_uri},
    template::{document::Position, properties::Properties},
};

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    match authorizer(declared, reading, api) {
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
fn authorizer(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    api: &ApiDraft,
) -> Option<(Authorizer, Position)> {
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
    let kind = properties.string("AuthorizerType")?;
    properties.admitted("AuthorizerType", admission::authorizer_type(&kind));
    for name in [
        "AuthorizerPayloadFormatVersion",
        "AuthorizerResultTtlInSeconds",
        "EnableSimpleResponses",
        "JwtConfiguration",
    ] {
        if properties.node(name).is_some() {
            properties.refuse(name, &admission::not_for_web_socket_apis(name));
        }
    }
    let name = properties.string("Name")?;
    let others = &api.definition.authorizers;
    properties.admitted("Name", admission::unique_name(&name, others));
    let authorizer = Authorizer {
        authorizer_id: declared.id.as_str().into(),
        name,
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
        properties.refuse("AuthorizerUri", &admission::uri_is_missing());
        return None;
    }
    let uri = properties.string("AuthorizerUri")?;
    if let Some(Some(function)) = properties.admitted("AuthorizerUri", function_uri(&uri)) {
        warn_of_unknown_function(properties, "AuthorizerUri", &function, reading);
    }
    Some(uri)
}

/// Identity sources; an empty one is accepted on AWS and asks for nothing.
fn identity_source(properties: &Properties<'_>) -> Vec<String> {
    let sources = properties.strings("IdentitySource");
    let sources: Vec<String> = sources
        .into_iter()
        .filter(|source| !source.is_empty())
        .collect();
    for source in &sources {
        properties.admitted("IdentitySource", admission::identity_source(source));
    }
    sources
}

fn credentials(properties: &Properties<'_>) -> Option<String> {
    let name = "AuthorizerCredentialsArn";
    let arn = properties.string(name)?;
    properties.admitted(name, admission::credentials_arn(&arn));
    Some(arn)
}

fn validation_expression(properties: &Properties<'_>) -> Option<String> {
    let name = "IdentityValidationExpression";
    let expression = properties.string(name)?;
    properties.admitted(name, admission::validation_expression(&expression));
    Some(expression)
}
