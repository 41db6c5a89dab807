//! `MOCK`: the request template gives the status, the integration response of that status gives
//! the answer (data-plane spec 5.8, 5.9). Pure.

use std::sync::Arc;

use gatepost_model::{
    fault::{Fault, FaultKind},
    integration::PassthroughBehavior,
    request_context::RequestContext,
};
use gatepost_wire::{
    expression::selection::{SelectionExpression, Variable},
    template::{TemplateError, TemplateInput},
};
use serde_json::Value;

use super::IntegrationReply;
use crate::deployed::{Backend, DeployedIntegration, DeployedMock, ResponseKey};

/// A message to a `MOCK` integration.
#[derive(Debug)]
pub struct MockRequest {
    /// The integration.
    pub integration: Arc<DeployedIntegration>,
    /// The request.
    pub context: RequestContext,
    /// The message.
    pub body: String,
}

impl MockRequest {
    /// The mocked answer.
    ///
    /// # Errors
    /// A [`Fault`] when a template does not render, gives no status, or no response matches it.
    pub fn reply(&self) -> Result<IntegrationReply, Fault> {
        let Backend::Mock(mock) = &self.integration.backend else {
            return Err(configuration("the integration is no MOCK integration"));
        };
        let status = self.status(mock)?;
        let reply = IntegrationReply {
            status,
            has_status: true,
            ..IntegrationReply::default()
        };
        if mock.responses.is_empty() {
            // A one-way route needs none; `$connect` is refused by its caller's status check only
            // when the status is no success.
            return Ok(reply);
        }
        let text = status.to_string();
        let by_pattern = mock.responses.iter().find(
            |response| matches!(&response.key, ResponseKey::Pattern(key) if key.is_match(&text)),
        );
        let by_default = || {
            mock.responses
                .iter()
                .find(|response| matches!(response.key, ResponseKey::Default))
        };
        let Some(response) = by_pattern.or_else(by_default) else {
            return Err(configuration(format!(
                "no integration response matches the status {status}"
            )));
        };
        let templates = &response.response_templates;
        let key = templates
            .selection
            .as_ref()
            .map(|selection| self.select(selection, Some(status)));
        let body = match templates.select(key.as_deref()) {
            None => None,
            Some(template) => {
                let input = TemplateInput::new(&self.context, "");
                Some(
                    template
                        .render(&input)
                        .map_err(|error| template_fault(&error))?,
                )
            }
        };
        Ok(IntegrationReply { body, ..reply })
    }

    /// The status that the request template renders.
    fn status(&self, mock: &DeployedMock) -> Result<u16, Fault> {
        let templates = &mock.request_templates;
        let key = templates
            .selection
            .as_ref()
            .map(|selection| self.select(selection, None));
        let rendered = match templates.select(key.as_deref()) {
            Some(template) => {
                let input = TemplateInput::new(&self.context, &self.body);
                template
                    .render(&input)
                    .map_err(|error| template_fault(&error))?
            }
            None => self.passed_through(mock)?.to_owned(),
        };
        let status = serde_json::from_str::<Value>(&rendered)
            .ok()
            .and_then(|value| match value.get("statusCode")? {
                Value::Number(number) => u16::try_from(number.as_u64()?).ok(),
                Value::String(text) => text.parse().ok(),
                _ => None,
            });
        status
            .filter(|status| (100..600).contains(status))
            .ok_or_else(|| {
                configuration("the request template of the MOCK integration gives no statusCode")
            })
    }

    /// The message as it is, if `passthroughBehavior` lets it through without a template.
    fn passed_through(&self, mock: &DeployedMock) -> Result<&str, Fault> {
        let passes = match mock.passthrough_behavior {
            PassthroughBehavior::WhenNoMatch => true,
            PassthroughBehavior::WhenNoTemplates => mock.request_templates.by_key.is_empty(),
            PassthroughBehavior::Never => false,
        };
        let detail = "no request template matches and passthroughBehavior lets nothing through";
        passes
            .then_some(self.body.as_str())
            .ok_or_else(|| Fault::new(FaultKind::UnsupportedMediaType, detail))
    }

    fn select(&self, expression: &SelectionExpression, status: Option<u16>) -> String {
        let body: Option<Value> = serde_json::from_str(&self.body).ok();
        expression.evaluate(&mut |variable| match variable {
            Variable::RequestBody(path) => body.as_ref().and_then(|body| path.text(body)),
            Variable::Context(name) => self.context.variable(name),
            Variable::StageVariable(name) => self.context.stage_variables.get(name).cloned(),
            Variable::IntegrationStatus => status.map(|status| status.to_string()),
            _ => None,
        })
    }
}

fn configuration(detail: impl Into<String>) -> Fault {
    Fault::new(FaultKind::ApiConfiguration, detail)
}

fn template_fault(error: &TemplateError) -> Fault {
    configuration(format!("the template does not render: {error}"))
}
