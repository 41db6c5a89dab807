//! How an integration reaches its backend: `ConnectionType`, `ConnectionId` and `TlsConfig`, and
//! whether what they name is configured (data-plane spec 5.1).

use gatepost_gateway::deployed::WithStageVariables;
use gatepost_model::integration::{ConnectionType, IntegrationType};

use super::{ApiDraft, Reading};
use crate::{
    admission::integration as admission,
    template::{diagnostic::DiagnosticKind, properties::Properties},
};

/// `ConnectionType` with its `ConnectionId`.
pub(super) fn connection_type(
    properties: &Properties<'_>,
    integration_type: IntegrationType,
    reading: &Reading<'_>,
) -> ConnectionType {
    let kind = properties.one_of("ConnectionType", &["INTERNET", "VPC_LINK"]);
    let id = properties.string("ConnectionId");
    if kind.as_deref() != Some("VPC_LINK") {
        if id.is_some() {
            let message = "ConnectionId changes nothing without `ConnectionType: VPC_LINK`";
            properties.warn("ConnectionId", message, "add that, or remove it");
        }
        return ConnectionType::Internet;
    }
    let admitted = admission::may_use_vpc_link(integration_type);
    properties.admitted("ConnectionType", admitted);
    let Some(id) = id else {
        if properties.node("ConnectionId").is_none() {
            properties.refuse("ConnectionType", &admission::connection_id_is_missing());
        }
        return ConnectionType::Internet;
    };
    let configured = &reading.evaluator.stack.configured.vpc_links;
    // A stage variable is checked in its stage.
    if !id.contains("${") && !configured.contains(&id) {
        let (message, mend) = leads_nowhere(&id, reading);
        let (kind, at) = (DiagnosticKind::NotHere, properties.place("ConnectionId"));
        properties.diagnostics.error_of(kind, at, message, mend);
    }
    ConnectionType::VpcLink(id)
}

/// What is said of a VPC link that is not configured.
fn leads_nowhere(id: &str, reading: &Reading<'_>) -> (String, String) {
    let types = ["AWS::ApiGatewayV2::VpcLink", "AWS::ApiGateway::VpcLink"];
    let name = reading.logical_id_of(&types, id).unwrap_or(id);
    let message = format!("the VPC link {name} leads nowhere here");
    let mend = format!(
        "write where in gatepost.toml, below [integrations.vpc_links]: {name} = \
         \"http://127.0.0.1:8080\""
    );
    (message, mend)
}

/// Warns of stages whose variable names a VPC link that is not configured: each call through it
/// fails.
pub(super) fn warn_of_unknown_vpc_links(api: &ApiDraft, reading: &Reading<'_>) {
    for stage in &api.stages {
        for integration in &api.definition.integrations {
            let ConnectionType::VpcLink(written) = &integration.connection_type else {
                continue;
            };
            let id = WithStageVariables(written.clone()).resolve(&stage.stage_variables);
            let configured = &reading.evaluator.stack.configured.vpc_links;
            if id == *written || configured.contains(&id) {
                continue;
            }
            let (message, mend) = if id.is_empty() {
                let message = format!("{written} is empty, and so every call through it fails");
                (message, "set the variable in StageVariables".to_owned())
            } else {
                leads_nowhere(&id, reading)
            };
            let message = format!("stage {}: {message}", stage.stage_name);
            reading.diagnostics().warn(api.position, message, mend);
        }
    }
}

/// `TlsConfig.ServerNameToVerify`.
pub(super) fn server_name_to_verify(properties: &Properties<'_>) -> Option<String> {
    let config = properties.object("TlsConfig", &[], &["ServerNameToVerify"])?;
    let name = config.string("ServerNameToVerify")?;
    let admitted = admission::server_name_to_verify(&name);
    config.admitted("ServerNameToVerify", admitted);
    let message = "AWS documents TlsConfig for HTTP APIs only";
    properties.warn("TlsConfig", message, "it works here; try it there");
    Some(name)
}

/// `ClientCertificateId` of a stage.
pub(super) fn client_certificate_id(
    properties: &Properties<'_>,
    reading: &Reading<'_>,
) -> Option<String> {
    let id = properties.string("ClientCertificateId")?;
    let configured = &reading.evaluator.stack.configured.client_certificates;
    if !configured.contains(&id) {
        let types = ["AWS::ApiGateway::ClientCertificate"];
        let name = reading.logical_id_of(&types, &id).unwrap_or(&id);
        let mend = format!(
            "name its files in gatepost.toml, below [integrations.client_certificates]: {name} = \
             {{ certificate = \"client.pem\", key = \"client-key.pem\" }}"
        );
        let message = format!("the client certificate {name} is not there");
        let (kind, at) = (
            DiagnosticKind::NotHere,
            properties.place("ClientCertificateId"),
        );
        properties.diagnostics.error_of(kind, at, message, mend);
    }
    Some(id)
}
