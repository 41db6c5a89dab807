//! `AWS::ApiGatewayV2::Api`, and the API that its children are gathered in.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    AuthorizerId, DeploymentId, RouteId,
    api::{Api, ApiDefinition, ApiKeySource, DEFAULT_API_KEY_SELECTION_EXPRESSION, IpAddressType},
    deployment::Deployment,
    stage::Stage,
};

use super::{Declared, Reading, permission::Call};
use crate::template::{document::Position, properties::Properties};

/// An API while its routes, integrations and stages are being read.
pub(crate) struct ApiDraft {
    pub(super) api_id: String,
    pub(super) logical_id: String,
    pub(super) position: Position,
    name: String,
    description: Option<String>,
    version: Option<String>,
    ip_address_type: IpAddressType,
    tags: BTreeMap<String, String>,
    pub(super) definition: ApiDefinition,
    pub(super) deployments: Vec<DeploymentDraft>,
    pub(super) stages: Vec<Stage>,
    pub(super) calls: Vec<Call>,
    /// Where the schemas of the models stand.
    pub(super) schema_positions: Vec<Position>,
    /// Where the identity sources of its authorizers stand.
    pub(super) identity_source_positions: BTreeMap<AuthorizerId, Position>,
    /// Where its routes stand.
    pub(super) route_positions: BTreeMap<RouteId, Position>,
}

/// A deployment whose definition is frozen once all of the API is read.
pub(super) struct DeploymentDraft {
    pub(super) deployment_id: DeploymentId,
    pub(super) description: Option<String>,
    pub(super) auto_deployed: bool,
    /// The stage that it shall serve, if the deployment names it.
    pub(super) stage_name: Option<String>,
}

/// What a resource of the type turned out to be.
pub(super) enum ApiKind {
    WebSocket(Box<ApiDraft>),
    /// An HTTP API, which Gatepost does not serve.
    Http,
}

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<ApiKind> {
    let is_http = declared
        .properties
        .get("ProtocolType")
        .is_some_and(|node| node.as_text() == Some("HTTP"));
    if is_http {
        return Some(ApiKind::Http);
    }
    let properties = declared.properties(
        &[],
        &[
            "ApiKeySelectionExpression",
            "BasePath",
            "Body",
            "BodyS3Location",
            "CorsConfiguration",
            "CredentialsArn",
            "Description",
            "DisableExecuteApiEndpoint",
            "DisableSchemaValidation",
            "FailOnWarnings",
            "IpAddressType",
            "Name",
            "ProtocolType",
            "RouteKey",
            "RouteSelectionExpression",
            "Tags",
            "Target",
            "Version",
        ],
        reading,
    )?;
    for import in ["Body", "BodyS3Location"] {
        if properties.node(import).is_some() {
            let mend = "a WebSocket API has no import: write its routes as resources";
            properties.error(import, format!("{import} imports an HTTP API"), mend);
            return None;
        }
    }
    for name in [
        "BasePath",
        "CorsConfiguration",
        "CredentialsArn",
        "RouteKey",
        "Target",
    ] {
        if properties.node(name).is_some() {
            let message = format!("{name} is for HTTP APIs only");
            properties.error(name, message, "remove it, or set ProtocolType: HTTP");
        }
    }
    for name in ["Name", "ProtocolType", "RouteSelectionExpression"] {
        if properties.node(name).is_none() {
            let mend = match name {
                "RouteSelectionExpression" => "add it, e.g. $request.body.action",
                "ProtocolType" => "add `ProtocolType: WEBSOCKET`",
                _ => "add it",
            };
            let message = format!("a WebSocket API needs the property {name}");
            properties.error(name, message, mend);
        }
    }
    properties.one_of("ProtocolType", &["WEBSOCKET", "HTTP"])?;
    Some(ApiKind::WebSocket(Box::new(ApiDraft {
        api_id: declared.id.clone(),
        logical_id: declared.resource.logical_id.clone(),
        position: declared.resource.position,
        name: properties.string("Name")?,
        description: properties.string("Description"),
        version: properties.string("Version"),
        ip_address_type: match properties.one_of("IpAddressType", &["ipv4", "dualstack"]) {
            Some(kind) if kind == "dualstack" => IpAddressType::Dualstack,
            _ => IpAddressType::Ipv4,
        },
        tags: properties.string_map("Tags"),
        definition: definition(&properties)?,
        deployments: Vec::new(),
        stages: Vec::new(),
        calls: Vec::new(),
        schema_positions: Vec::new(),
        identity_source_positions: BTreeMap::new(),
        route_positions: BTreeMap::new(),
    })))
}

fn definition(properties: &Properties<'_>) -> Option<ApiDefinition> {
    Some(ApiDefinition {
        route_selection_expression: properties.string("RouteSelectionExpression")?,
        api_key_selection_expression: api_key_selection_expression(properties),
        disable_execute_api_endpoint: properties
            .boolean("DisableExecuteApiEndpoint")
            .unwrap_or(false),
        disable_schema_validation: properties
            .boolean("DisableSchemaValidation")
            .unwrap_or(false),
        routes: Vec::new(),
        integrations: Vec::new(),
        authorizers: Vec::new(),
        models: Vec::new(),
    })
}

fn api_key_selection_expression(properties: &Properties<'_>) -> String {
    let name = "ApiKeySelectionExpression";
    let expression = properties
        .string(name)
        .unwrap_or_else(|| DEFAULT_API_KEY_SELECTION_EXPRESSION.to_owned());
    if ApiKeySource::parse(&expression).is_none() {
        let message = format!("the API key selection expression `{expression}` is not one");
        let mend = "AWS has $request.header.x-api-key and $context.authorizer.usageIdentifierKey";
        properties.error(name, message, mend);
    }
    expression
}

impl ApiDraft {
    /// The finished API: every deployment is a snapshot of the whole definition, since a template
    /// declares one state.
    pub(super) fn finish(self, reading: &Reading<'_>) -> Api {
        if self.stages.is_empty() {
            reading.diagnostics().warn(
                self.position,
                format!("{} has no stage, so nothing serves it", self.logical_id),
                "add an AWS::ApiGatewayV2::Stage",
            );
        }
        let definition = Arc::new(self.definition);
        let deployments = self
            .deployments
            .into_iter()
            .map(|draft| Deployment {
                deployment_id: draft.deployment_id,
                description: draft.description,
                created_at_ms: reading.now_ms,
                auto_deployed: draft.auto_deployed,
                definition: Arc::clone(&definition),
            })
            .collect();
        Api {
            api_id: self.api_id.into(),
            name: self.name,
            description: self.description,
            version: self.version,
            ip_address_type: self.ip_address_type,
            tags: self.tags,
            created_at_ms: reading.now_ms,
            definition,
            deployments,
            stages: self.stages,
        }
    }
}
