//! `AWS` with a service: any of AWS's, called in its own protocol and signed (data-plane spec 5.4).

mod endpoints;
mod query_protocol;
mod services;

use bytes::Bytes;
use gatepost_model::{
    arn::{InvalidServiceUri, ServiceTarget, ServiceUri},
    fault::{Fault, FaultKind},
    request_context::RequestContext,
};
use gatepost_wire::query_response::json_of_query_response;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response,
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName},
};

pub use self::endpoints::{InvalidEndpoint, ServiceEndpoint, ServiceEndpoints, is_of_aws};
use self::query_protocol::Given;
use self::services::{Protocol, service_named};
use super::{
    IntegrationAnswer,
    credentials::CredentialsProvider,
    http::add_own_headers,
    http_client::HttpClient,
    parameters::{Parameters, insert},
    sign::{Scope, sign},
};
use crate::deployed::{InvalidUrl, UrlTemplate};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Where AWS's services are, and who signs calls to them.
#[derive(Debug, Clone, Default)]
pub struct AwsServices {
    /// The endpoints.
    pub endpoints: ServiceEndpoints,
    /// Who signs.
    pub credentials: CredentialsProvider,
}

/// An action or path of a service, as an integration calls it.
#[derive(Debug)]
pub struct AwsService {
    url: UrlTemplate,
    method: Method,
    host: Option<String>,
    is_real_aws: bool,
    region: String,
    signing_name: String,
    protocol: Protocol,
    /// The action, unless a path says what to do.
    action: Option<String>,
}

/// A URI that no service can be called by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidService {
    /// It is none.
    #[error(transparent)]
    Uri(#[from] InvalidServiceUri),
    /// Its path is none.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The service has paths only.
    #[error(
        "{service} has no actions: name a path, arn:aws:apigateway:{{region}}:{service}:path/…"
    )]
    NoActions {
        /// The service.
        service: String,
    },
}

impl AwsService {
    /// What the URI of an integration names, stage variables filled in.
    ///
    /// # Errors
    /// [`InvalidService`].
    pub fn new(uri: &str, method: Method, services: &AwsServices) -> Result<Self, InvalidService> {
        let uri = ServiceUri::parse(uri)?;
        let service = service_named(uri.subdomain.as_deref(), &uri.service);
        let endpoint = services.endpoints.endpoint_of(&uri);
        let base = endpoint.url;
        let (url, action) = match &uri.target {
            ServiceTarget::Path(path) => (format!("{base}{path}"), None),
            ServiceTarget::Action { .. } if service.protocol == Protocol::Rest => {
                let service = uri.service;
                return Err(InvalidService::NoActions { service });
            }
            ServiceTarget::Action { name, parameters } if parameters.is_empty() => {
                (format!("{base}/"), Some(name.clone()))
            }
            ServiceTarget::Action { name, parameters } => {
                (format!("{base}/?{parameters}"), Some(name.clone()))
            }
        };
        Ok(Self {
            url: UrlTemplate::parse(&url)?,
            method,
            host: endpoint.host,
            is_real_aws: endpoint.is_real_aws,
            signing_name: service.signing_name(&uri.service).to_owned(),
            protocol: service.protocol,
            region: uri.region,
            action,
        })
    }

    /// Its signing name, with the action if there is one: `dynamodb PutItem`.
    pub fn name(&self) -> String {
        match &self.action {
            Some(action) => format!("{} {action}", self.signing_name),
            None => self.signing_name.clone(),
        }
    }
}

/// A call of a service.
#[derive(Debug)]
pub struct ServiceCall {
    request: Request<Full<Bytes>>,
    body: Bytes,
    region: String,
    signing_name: String,
    is_real_aws: bool,
}

impl ServiceCall {
    /// The call of `service` with these parameters and this body.
    ///
    /// # Errors
    /// `Internal server error` when a parameter of the path has no value, or when a call of the
    /// query protocol does not say clearly what is to be done.
    pub fn build(
        service: &AwsService,
        context: &RequestContext,
        parameters: &Parameters,
        body: Bytes,
    ) -> Result<Self, Fault> {
        let mut headers = HeaderMap::new();
        add_own_headers(&mut headers, context, None);
        insert(&mut headers, CONTENT_TYPE.as_str(), JSON, false);
        insert(&mut headers, ACCEPT.as_str(), JSON, false);
        if let Some(host) = &service.host {
            insert(&mut headers, HOST.as_str(), host, false);
        }
        let has_body = !matches!(service.method, Method::GET | Method::HEAD);
        let body = if has_body { body } else { Bytes::new() };
        let mut query = parameters.query.clone();
        match (service.protocol, &service.action) {
            (
                Protocol::Json {
                    content_type,
                    target,
                },
                Some(action),
            ) => {
                let target = format!("{target}.{action}");
                insert(&mut headers, TARGET.as_str(), &target, false);
                insert(&mut headers, CONTENT_TYPE.as_str(), content_type, false);
            }
            // With a target the query services that speak JSON too are called in JSON.
            (Protocol::Query { version }, action) if !parameters.headers.contains_key(TARGET) => {
                let given = Given {
                    uri: service.url.query().unwrap_or_default(),
                    mapped: &parameters.query,
                    body: &body,
                    is_form: parameters
                        .header(CONTENT_TYPE.as_str())
                        .is_some_and(is_form),
                };
                let missing = match action {
                    Some(action) => given.completed_for(action, version),
                    None => given.is_clear().map(|()| Vec::new()),
                };
                query.extend(
                    missing.map_err(|error| {
                        Fault::new(FaultKind::ApiConfiguration, error.to_string())
                    })?,
                );
            }
            _ => {}
        }
        parameters.override_headers(&mut headers);
        let uri = service
            .url
            .fill(|name| parameters.path(name), &query)
            .map_err(|error| Fault::new(FaultKind::ApiConfiguration, error.to_string()))?;
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = service.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(Self {
            request,
            body,
            region: service.region.clone(),
            signing_name: service.signing_name.clone(),
            is_real_aws: service.is_real_aws,
        })
    }

    /// What is sent, before it is signed, and its body.
    pub fn request(&self) -> (&Request<Full<Bytes>>, &Bytes) {
        (&self.request, &self.body)
    }

    pub(super) async fn send(
        mut self,
        client: &HttpClient,
        services: &AwsServices,
    ) -> Result<IntegrationAnswer, Fault> {
        let configuration = |detail: String| Fault::new(FaultKind::ApiConfiguration, detail);
        let credentials = services.credentials.credentials_for(self.is_real_aws).await;
        // Nothing was sent, and the next time there may be some.
        let credentials =
            credentials.map_err(|error| configuration(error.to_string()).never_sent())?;
        let scope = Scope {
            region: &self.region,
            service: &self.signing_name,
        };
        sign(&mut self.request, &self.body, &credentials, scope)
            .map_err(|error| configuration(error.to_string()))?;
        let wants_json = header(self.request.headers(), &ACCEPT).is_some_and(is_json);
        let answer = client.send(self.request).await?;
        Ok(read(answer, wants_json))
    }
}

/// The answer; XML that an endpoint other than AWS's sends although it was asked for JSON becomes
/// that.
fn read(answer: Response<Bytes>, wants_json: bool) -> IntegrationAnswer {
    let (mut parts, mut body) = answer.into_parts();
    let is_xml = header(&parts.headers, &CONTENT_TYPE).is_some_and(|kind| {
        ["text/xml", "application/xml"]
            .iter()
            .any(|xml| kind.starts_with(xml))
    });
    if is_xml
        && wants_json
        && let Some(json) = std::str::from_utf8(&body)
            .ok()
            .and_then(json_of_query_response)
    {
        body = json.to_string().into();
        insert(&mut parts.headers, CONTENT_TYPE.as_str(), JSON, false);
    }
    IntegrationAnswer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
        lambda: None,
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn is_json(media_types: &str) -> bool {
    media_types.starts_with(JSON)
}

fn is_form(media_type: &str) -> bool {
    let begin = media_type.as_bytes().get(..FORM.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(FORM.as_bytes()))
}
