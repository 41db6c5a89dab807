//! Integrations as they are served: the backend of each kind, and what the custom kinds make of
//! requests and answers.

use std::{sync::Arc, time::Duration};

use gatepost_model::{
    arn::lambda_function_of_uri,
    integration::{ContentHandlingStrategy, PassthroughBehavior},
};
use gatepost_wire::expression::parameter_mapping::ParameterMapping;
use hyper::Method;

use super::{IntegrationResponses, InvalidUrl, Templates, UrlTemplate};
use crate::{
    integration::{
        aws_service::{AwsService, InvalidService},
        bulkhead::Bulkhead,
        http_client::HttpClient,
        vpc_link::UnknownVpcLink,
    },
    observe::metrics::RouteSeries,
};

/// An integration as it is served.
#[derive(Debug)]
pub struct DeployedIntegration {
    /// `timeoutInMillis`, within what the stage allows.
    pub timeout: Duration,
    /// `requestParameters`.
    pub request_parameters: Vec<ParameterMapping>,
    /// `contentHandlingStrategy` of the request.
    pub content_handling: Option<ContentHandlingStrategy>,
    /// Holds back calls beyond what may be under way.
    pub bulkhead: Arc<Bulkhead>,
    /// What is counted of the requests of its route.
    pub series: Arc<RouteSeries>,
    /// What it calls.
    pub backend: Backend,
}

/// What an integration calls, a variant a kind (data-plane spec 5.1).
#[derive(Debug)]
pub enum Backend {
    /// `AWS_PROXY`: a Lambda function gets the proxy event.
    LambdaProxy(LambdaFunction),
    /// `AWS` with a Lambda function, which gets what the request template makes.
    Lambda {
        /// The function.
        function: LambdaFunction,
        /// Templates and responses.
        transformation: Transformation,
    },
    /// `AWS` with a service, which gets what the request template makes.
    Service {
        /// What of the service is called; stage variables may leave none, which fails each call.
        service: Result<AwsService, InvalidService>,
        /// Templates and responses.
        transformation: Transformation,
    },
    /// `HTTP_PROXY`: the message goes as it is, and so does the answer.
    HttpProxy(HttpEndpoint),
    /// `HTTP`, through templates.
    Http {
        /// The backend.
        endpoint: HttpEndpoint,
        /// Templates and responses.
        transformation: Transformation,
    },
    /// `MOCK`: the request template gives the status.
    Mock(Transformation),
}

impl Backend {
    /// Templates and responses; `None` of a proxy, which has none.
    pub fn transformation(&self) -> Option<&Transformation> {
        match self {
            Self::LambdaProxy(_) | Self::HttpProxy(_) => None,
            Self::Lambda { transformation, .. }
            | Self::Service { transformation, .. }
            | Self::Http { transformation, .. }
            | Self::Mock(transformation) => Some(transformation),
        }
    }
}

/// What the custom kinds make of requests and answers.
#[derive(Debug)]
pub struct Transformation {
    /// `requestTemplates` with their `templateSelectionExpression`.
    pub request_templates: Templates,
    /// `passthroughBehavior`.
    pub passthrough_behavior: PassthroughBehavior,
    /// The integration responses.
    pub responses: IntegrationResponses,
}

/// A Lambda function that an integration invokes.
#[derive(Debug)]
pub struct LambdaFunction {
    /// `integrationUri`, stage variables filled in.
    pub uri: String,
    /// Whether the role of `credentialsArn` invokes it; else its own policy must let API Gateway.
    pub by_role: bool,
}

impl LambdaFunction {
    /// The function's ARN or name; `None` when the stage variables make none of it.
    pub fn name(&self) -> Option<&str> {
        lambda_function_of_uri(&self.uri)
    }
}

/// An HTTP backend.
#[derive(Debug)]
pub struct HttpEndpoint {
    /// `integrationUri`, stage variables filled in; these may leave no URL, which fails each call.
    pub url: Result<UrlTemplate, InvalidUrl>,
    /// `integrationMethod`; `ANY` is what a WebSocket API's requests are: POST.
    pub method: Method,
    /// Who calls it: with the stage's client certificate, through the VPC link. Stage variables
    /// may leave none, which fails each call.
    pub client: Result<HttpClient, UnknownVpcLink>,
}
