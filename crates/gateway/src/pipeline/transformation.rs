//! What integration requests and responses share: parameters, the choice of a template, its
//! rendering, and the conversion of content (data-plane spec 4.5, 5.6, 5.7).

use std::cell::OnceCell;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use gatepost_model::fault::{Fault, FaultKind};
use gatepost_wire::{
    expression::{
        parameter_mapping::{MappingInput, MappingSource, ParameterMapping},
        selection::Variable,
        to_java_string,
    },
    lambda_event::{HandshakeRequest, connect_headers},
    template::{Params, TemplateInput},
};
use serde_json::Value;

use super::select_route::RoutedRequest;
use crate::{
    deployed::Templates,
    integration::{IntegrationAnswer, parameters::Parameters},
};

/// Base64 as `contentHandlingStrategy` reads and writes it: padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What mappings, templates and their selection expressions may ask.
pub(super) struct TransformationInput<'a> {
    request: &'a RoutedRequest,
    /// The handshake; of `$connect` only.
    handshake: Option<&'a HandshakeRequest>,
    /// What the backend answered; of an integration response only.
    answer: Option<&'a IntegrationAnswer>,
    /// The handshake's headers, made when first asked for.
    headers: OnceCell<Vec<(String, String)>>,
    /// The message as JSON, parsed when first asked for.
    json: OnceCell<Option<Value>>,
}

impl<'a> TransformationInput<'a> {
    /// Of an integration request.
    pub(super) fn of_request(
        request: &'a RoutedRequest,
        handshake: Option<&'a HandshakeRequest>,
    ) -> Self {
        Self {
            request,
            handshake,
            answer: None,
            headers: OnceCell::new(),
            json: OnceCell::new(),
        }
    }

    /// Of an integration response.
    pub(super) fn of_response(
        request: &'a RoutedRequest,
        handshake: Option<&'a HandshakeRequest>,
        answer: &'a IntegrationAnswer,
    ) -> Self {
        Self {
            answer: Some(answer),
            ..Self::of_request(request, handshake)
        }
    }

    /// The values of `requestParameters`.
    pub(super) fn parameters(&self, mappings: &[ParameterMapping]) -> Parameters {
        if mappings.is_empty() {
            return Parameters::default();
        }
        let asks_body =
            |mapping: &ParameterMapping| matches!(mapping.source, MappingSource::Body(_));
        let input = MappingInput {
            context: &self.request.context,
            body: mappings
                .iter()
                .any(asks_body)
                .then(|| self.json())
                .flatten(),
            headers: self.headers(),
            query: self.query(),
        };
        Parameters::resolve(mappings, &input)
    }

    /// What the template that the selection expression chooses makes of `body`; `None` when none
    /// is chosen.
    ///
    /// # Errors
    /// `Internal server error` when the template is broken or does not render.
    pub(super) fn transform(
        &self,
        templates: &Templates,
        body: &str,
    ) -> Result<Option<String>, Fault> {
        let key = templates
            .selection
            .as_ref()
            .map(|selection| selection.evaluate(&mut |variable| self.variable(variable)));
        let Some(selected) = templates.select(key.as_deref()) else {
            return Ok(None);
        };
        let params = Params {
            headers: self.headers(),
            query: self.query(),
        };
        let input = TemplateInput {
            params,
            status: self.answer.map(|answer| answer.status),
            ..TemplateInput::new(&self.request.context, body)
        };
        let rendered = match selected.template {
            Ok(template) => template.render(&input),
            Err(error) => Err(error.clone()),
        };
        rendered.map(Some).map_err(|error| {
            let what = if self.answer.is_some() {
                "response"
            } else {
                "request"
            };
            let detail = format!(
                "Execution failed due to configuration error: Unable to transform {what}: the \
                 template {}: {error}",
                selected.key
            );
            Fault::new(FaultKind::ApiConfiguration, detail)
        })
    }

    /// The headers of the handshake; none of messages.
    fn headers(&self) -> &[(String, String)] {
        self.handshake.map_or(&[], |handshake| {
            self.headers.get_or_init(|| connect_headers(handshake))
        })
    }

    /// The query of the handshake; none of messages.
    fn query(&self) -> &'a [(String, String)] {
        self.handshake.map_or(&[], |handshake| &handshake.query)
    }

    fn json(&self) -> Option<&Value> {
        let parse = || self.request.body.json();
        self.json.get_or_init(parse).as_ref()
    }

    fn variable(&self, variable: &Variable) -> Option<String> {
        let context = &self.request.context;
        match variable {
            Variable::RequestBody(path) => path.text(self.json()?),
            Variable::RequestHeader(name) => last(self.headers(), name),
            Variable::RequestQuerystring(name) => self
                .query()
                .iter()
                .rfind(|(known, _)| known == name)
                .map(|(_, value)| value.clone()),
            Variable::Context(name) => context.variable(name),
            Variable::StageVariable(name) => context.stage_variables.get(name).cloned(),
            Variable::IntegrationStatus => Some(self.answer?.status.to_string()),
            Variable::IntegrationHeader(name) => self.answer_headers(name)?.pop(),
            Variable::IntegrationMultiValueHeader(name) => self
                .answer_headers(name)
                .map(|values| to_java_string(&Value::from(values))),
            // AWS evaluates the body only to select the integration response.
            Variable::IntegrationBody(_) | Variable::RequestBasepath => None,
        }
    }

    /// The values of a header of the answer; `None` when it has none.
    fn answer_headers(&self, name: &str) -> Option<Vec<String>> {
        let values: Vec<String> = self
            .answer?
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        (!values.is_empty()).then_some(values)
    }
}

fn last(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs
        .iter()
        .rfind(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.clone())
}

/// `CONVERT_TO_BINARY`: base64 to the bytes that it stands for.
///
/// # Errors
/// `Internal server error` for what is no base64: `API_CONFIGURATION_ERROR` on AWS.
pub(super) fn to_binary(content: &[u8]) -> Result<Bytes, Fault> {
    BASE64
        .decode(content.trim_ascii())
        .map(Bytes::from)
        .map_err(|error| {
            let detail = format!("Unable to base64 decode the body: {error}");
            Fault::new(FaultKind::ApiConfiguration, detail)
        })
}

/// `CONVERT_TO_TEXT`: bytes as base64.
pub(super) fn to_text(content: &[u8]) -> Bytes {
    BASE64.encode(content).into()
}
