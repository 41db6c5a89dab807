//! `CreateIntegration`, `UpdateIntegration`, `DeleteIntegration`.

use std::{collections::BTreeMap, time::Duration};

use gatepost_gateway::new_id::resource_id;
use gatepost_model::{
    IntegrationId,
    api::ApiDefinition,
    integration::{
        ConnectionType, ContentHandlingStrategy, Integration, IntegrationType, PassthroughBehavior,
    },
    limits::INTEGRATION_TIMEOUT_MILLIS,
};
use serde_json::Value;

use super::{
    changes::Answer,
    integration,
    patch::{merge, replace, set},
    rescue::ControlPlaneError,
};
use crate::{
    admission::integration as admission,
    shapes::apigatewayv2::{
        self as shape, CreateIntegrationRequest, DeleteIntegrationRequest, UpdateIntegrationRequest,
    },
};

impl From<CreateIntegrationRequest> for UpdateIntegrationRequest {
    fn from(request: CreateIntegrationRequest) -> Self {
        Self {
            api_id: request.api_id,
            connection_id: request.connection_id,
            connection_type: request.connection_type,
            content_handling_strategy: request.content_handling_strategy,
            credentials_arn: request.credentials_arn,
            description: request.description,
            integration_id: String::new(),
            integration_method: request.integration_method,
            integration_subtype: request.integration_subtype,
            integration_type: Some(request.integration_type),
            integration_uri: request.integration_uri,
            passthrough_behavior: request.passthrough_behavior,
            payload_format_version: request.payload_format_version,
            request_parameters: request.request_parameters,
            request_templates: request.request_templates,
            response_parameters: request.response_parameters,
            template_selection_expression: request.template_selection_expression,
            timeout_in_millis: request.timeout_in_millis,
            tls_config: request.tls_config,
        }
    }
}

fn integration_type(given: shape::IntegrationType) -> IntegrationType {
    match given {
        shape::IntegrationType::Aws => IntegrationType::Aws,
        shape::IntegrationType::Http => IntegrationType::Http,
        shape::IntegrationType::Mock => IntegrationType::Mock,
        shape::IntegrationType::HttpProxy => IntegrationType::HttpProxy,
        shape::IntegrationType::AwsProxy => IntegrationType::AwsProxy,
    }
}

fn passthrough_behavior(given: shape::PassthroughBehavior) -> PassthroughBehavior {
    match given {
        shape::PassthroughBehavior::WhenNoMatch => PassthroughBehavior::WhenNoMatch,
        shape::PassthroughBehavior::Never => PassthroughBehavior::Never,
        shape::PassthroughBehavior::WhenNoTemplates => PassthroughBehavior::WhenNoTemplates,
    }
}

/// `contentHandlingStrategy` of an integration or an integration response.
pub(super) fn content_handling_strategy(
    given: shape::ContentHandlingStrategy,
) -> ContentHandlingStrategy {
    match given {
        shape::ContentHandlingStrategy::ConvertToBinary => ContentHandlingStrategy::ConvertToBinary,
        shape::ContentHandlingStrategy::ConvertToText => ContentHandlingStrategy::ConvertToText,
    }
}

/// That none of the templates is too long. One that breaks the grammar is taken, as on AWS, and fails
/// each request that selects it.
pub(super) fn templates(templates: &BTreeMap<String, String>) -> Result<(), ControlPlaneError> {
    for (key, text) in templates {
        // What is wrong with the grammar is told in the execution log of the request.
        let _parsed = admission::template(key, text)?;
    }
    Ok(())
}

fn position(definition: &ApiDefinition, integration_id: &str) -> Result<usize, ControlPlaneError> {
    let mut integrations = definition.integrations.iter();
    integrations
        .position(|known| integration::id(known) == integration_id)
        .ok_or_else(|| integration::not_found(integration_id))
}

/// The integration, to change it.
pub(super) fn find<'a>(
    definition: &'a mut ApiDefinition,
    integration_id: &str,
) -> Result<&'a mut Integration, ControlPlaneError> {
    let at = position(definition, integration_id)?;
    Ok(&mut definition.integrations[at])
}

pub(super) fn create(definition: &mut ApiDefinition, request: CreateIntegrationRequest) -> Answer {
    let mut created = Integration {
        integration_id: resource_id::<7>().into(),
        integration_type: integration_type(request.integration_type),
        integration_uri: None,
        integration_method: None,
        connection_type: ConnectionType::Internet,
        credentials_arn: None,
        request_parameters: BTreeMap::new(),
        request_templates: BTreeMap::new(),
        template_selection_expression: None,
        passthrough_behavior: PassthroughBehavior::default(),
        content_handling_strategy: None,
        timeout: Duration::from_millis(*INTEGRATION_TIMEOUT_MILLIS.end()),
        server_name_to_verify: None,
        description: None,
        integration_responses: Vec::new(),
    };
    apply(&mut created, request.into())?;
    let body = integration::body(&created);
    definition.integrations.push(created);
    Ok(body)
}

pub(super) fn update(definition: &mut ApiDefinition, request: UpdateIntegrationRequest) -> Answer {
    let at = position(definition, &request.integration_id)?;
    let mut updated = definition.integrations[at].clone();
    apply(&mut updated, request)?;
    let body = integration::body(&updated);
    definition.integrations[at] = updated;
    Ok(body)
}

/// Changes an integration as is asked, and admits it.
fn apply(
    integration: &mut Integration,
    request: UpdateIntegrationRequest,
) -> Result<(), ControlPlaneError> {
    if request
        .integration_subtype
        .is_some_and(|subtype| !subtype.is_empty())
    {
        return Err(admission::for_http_apis_only("IntegrationSubtype").into());
    }
    if request
        .response_parameters
        .is_some_and(|parameters| !parameters.is_empty())
    {
        return Err(admission::for_http_apis_only("ResponseParameters").into());
    }
    let kind = request.integration_type.map(integration_type);
    replace(&mut integration.integration_type, kind);
    set(&mut integration.integration_uri, request.integration_uri);
    set(
        &mut integration.integration_method,
        request.integration_method,
    );
    connect(integration, request.connection_type, request.connection_id)?;
    set(&mut integration.credentials_arn, request.credentials_arn);
    let parameters = request.request_parameters.unwrap_or_default();
    merge(&mut integration.request_parameters, parameters);
    replace(
        &mut integration.request_templates,
        request.request_templates,
    );
    set(
        &mut integration.template_selection_expression,
        request.template_selection_expression,
    );
    let behavior = request.passthrough_behavior.map(passthrough_behavior);
    replace(&mut integration.passthrough_behavior, behavior);
    if let Some(strategy) = request.content_handling_strategy {
        integration.content_handling_strategy = Some(content_handling_strategy(strategy));
    }
    if let Some(millis) = request.timeout_in_millis {
        // Of the shape's least, so it is never negative.
        let millis = u64::try_from(millis).unwrap_or_default();
        admission::timeout_in_millis(millis)?;
        integration.timeout = Duration::from_millis(millis);
    }
    if let Some(tls_config) = request.tls_config {
        integration.server_name_to_verify = tls_config.server_name_to_verify;
    }
    set(&mut integration.description, request.description);
    admit(integration)
}

/// `connectionType` with `connectionId`; one that is left out stays.
fn connect(
    integration: &mut Integration,
    given: Option<shape::ConnectionType>,
    given_id: Option<String>,
) -> Result<(), ControlPlaneError> {
    let (mut is_vpc_link, mut id) = match &integration.connection_type {
        ConnectionType::Internet => (false, None),
        ConnectionType::VpcLink(id) => (true, Some(id.clone())),
    };
    let given = given.map(|given| given == shape::ConnectionType::VpcLink);
    replace(&mut is_vpc_link, given);
    set(&mut id, given_id);
    integration.connection_type = match id {
        Some(id) if is_vpc_link => ConnectionType::VpcLink(id),
        None if is_vpc_link => return Err(admission::connection_id_is_missing().into()),
        _ => ConnectionType::Internet,
    };
    Ok(())
}

fn admit(integration: &mut Integration) -> Result<(), ControlPlaneError> {
    let kind = integration.integration_type;
    admission::integration_uri(kind, integration.integration_uri.as_deref())?;
    match &integration.integration_method {
        Some(method) => admission::method(kind, method)?,
        None if kind == IntegrationType::Mock => {}
        None => integration.integration_method = Some("POST".to_owned()),
    }
    if let ConnectionType::VpcLink(_) = integration.connection_type {
        admission::may_use_vpc_link(kind)?;
    }
    if let Some(arn) = &integration.credentials_arn {
        admission::credentials_arn(arn)?;
    }
    for (target, source) in &integration.request_parameters {
        admission::request_parameter(target, source).map_err(|(_, refused)| refused)?;
    }
    if let Some(expression) = &integration.template_selection_expression {
        admission::template_selection_expression(expression)?;
    }
    if let Some(name) = &integration.server_name_to_verify {
        admission::server_name_to_verify(name)?;
    }
    templates(&integration.request_templates)
}

pub(super) fn delete(
    definition: &mut ApiDefinition,
    DeleteIntegrationRequest { integration_id, .. }: DeleteIntegrationRequest,
) -> Answer {
    let at = position(definition, &integration_id)?;
    let id: &IntegrationId = &definition.integrations[at].integration_id;
    let routes = definition.routes.iter();
    let routes = routes.filter(|route| route.target.as_ref() == Some(id));
    let ids: Vec<&str> = routes.map(|route| route.route_id.as_str()).collect();
    if !ids.is_empty() {
        return Err(ControlPlaneError::Conflict(format!(
            "Cannot delete Integration because it is referenced by the following Routes with Ids: [{}]",
            ids.join(", ")
        )));
    }
    definition.integrations.remove(at);
    Ok(Value::Null)
}
