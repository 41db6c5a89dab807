//! An integration: the backend that a route calls, and how request and response are transformed.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{IntegrationId, IntegrationResponseId};

/// `Integration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// `integrationId`.
    pub integration_id: IntegrationId,
    /// `integrationType`.
    pub integration_type: IntegrationType,
    /// `integrationUri`, stage variables not yet resolved; `None` for `MOCK`.
    pub integration_uri: Option<String>,
    /// `integrationMethod`.
    pub integration_method: Option<String>,
    /// `connectionType` with its VPC link.
    pub connection_type: ConnectionType,
    /// `credentialsArn`.
    pub credentials_arn: Option<String>,
    /// `requestParameters`: target to source.
    pub request_parameters: BTreeMap<String, String>,
    /// `requestTemplates`: template key to template.
    pub request_templates: BTreeMap<String, String>,
    /// `templateSelectionExpression`.
    pub template_selection_expression: Option<String>,
    /// `passthroughBehavior`.
    pub passthrough_behavior: PassthroughBehavior,
    /// `contentHandlingStrategy`.
    pub content_handling_strategy: Option<ContentHandlingStrategy>,
    /// `timeoutInMillis`, 50 ms to 29 s.
    #[serde(rename = "timeoutInMillis", with = "millis")]
    pub timeout: Duration,
    /// `tlsConfig.serverNameToVerify`.
    pub server_name_to_verify: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// Its integration responses, in the order they were made.
    pub integration_responses: Vec<IntegrationResponse>,
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        // At most 29 seconds, so it never saturates.
        serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// `integrationType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IntegrationType {
    /// `AWS_PROXY`: a Lambda function gets the proxy event.
    AwsProxy,
    /// `AWS`: a Lambda function or an AWS service, through templates.
    Aws,
    /// `HTTP_PROXY`.
    HttpProxy,
    /// `HTTP`, through templates.
    Http,
    /// `MOCK`.
    Mock,
}

impl IntegrationType {
    /// The type as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwsProxy => "AWS_PROXY",
            Self::Aws => "AWS",
            Self::HttpProxy => "HTTP_PROXY",
            Self::Http => "HTTP",
            Self::Mock => "MOCK",
        }
    }

    /// Whether requests and answers are passed on without templates.
    pub fn is_proxy(self) -> bool {
        matches!(self, Self::AwsProxy | Self::HttpProxy)
    }

    /// Parses the wire form.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::AwsProxy,
            Self::Aws,
            Self::HttpProxy,
            Self::Http,
            Self::Mock,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// `connectionType`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionType {
    /// `INTERNET`.
    Internet,
    /// `VPC_LINK` with the link's id (or a stage variable that holds it).
    VpcLink(String),
}

/// `passthroughBehavior`: whether a message without a matching template is passed on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PassthroughBehavior {
    /// `WHEN_NO_MATCH`.
    #[default]
    WhenNoMatch,
    /// `WHEN_NO_TEMPLATES`.
    WhenNoTemplates,
    /// `NEVER`.
    Never,
}

/// `contentHandlingStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContentHandlingStrategy {
    /// `CONVERT_TO_BINARY`.
    ConvertToBinary,
    /// `CONVERT_TO_TEXT`.
    ConvertToText,
}

impl ContentHandlingStrategy {
    /// The strategy as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConvertToBinary => "CONVERT_TO_BINARY",
            Self::ConvertToText => "CONVERT_TO_TEXT",
        }
    }

    /// Parses the wire form.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::ConvertToBinary, Self::ConvertToText]
            .into_iter()
            .find(|strategy| strategy.as_str() == text)
    }
}

/// `IntegrationResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationResponse {
    /// `integrationResponseId`.
    pub integration_response_id: IntegrationResponseId,
    /// `integrationResponseKey`: `$default` or `/regex/`.
    pub integration_response_key: String,
    /// `responseTemplates`.
    pub response_templates: BTreeMap<String, String>,
    /// `responseParameters`.
    pub response_parameters: BTreeMap<String, String>,
    /// `templateSelectionExpression`.
    pub template_selection_expression: Option<String>,
    /// `contentHandlingStrategy`.
    pub content_handling_strategy: Option<ContentHandlingStrategy>,
}
