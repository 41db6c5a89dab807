//! What start-up says of integrations with AWS's services: which calls leave this machine.

use std::collections::BTreeSet;

use gatepost_gateway::{
    deployed::WithStageVariables,
    integration::{
        aws_service::{AwsServices, ServiceEndpoint},
        credentials::{CredentialsError, Source},
    },
};
use gatepost_model::{
    api::Api,
    arn::{ServiceUri, lambda_function_of_uri},
    integration::IntegrationType,
};

/// A warning for each service that is called at AWS itself.
pub fn real_calls(apis: &[Api], services: &AwsServices) -> BTreeSet<String> {
    let called = apis.iter().flat_map(called).filter_map(|uri| {
        let endpoint = services.endpoints.endpoint_of(&uri);
        endpoint
            .is_real_aws
            .then(|| warning(&uri, &endpoint, services))
    });
    called.collect()
}

fn warning(uri: &ServiceUri, endpoint: &ServiceEndpoint, services: &AwsServices) -> String {
    let ServiceUri {
        service, region, ..
    } = uri;
    let url = &endpoint.url;
    let what = match services.credentials.source() {
        Source::Nowhere(CredentialsError::Nowhere) => format!(
            "integrations would call the real AWS ({service} in {region}) and fail: there are no \
             credentials"
        ),
        Source::Nowhere(error) => format!(
            "integrations would call the real AWS ({service} in {region}) and fail: {error}"
        ),
        source => {
            format!("integrations call the real AWS: {service} in {region}, at {url}, as {source}")
        }
    };
    let variable = &endpoint.variable;
    format!("{what}. To call something local, set {variable}, e.g. to http://localhost:5000")
}

/// The services that the deployed stages of an API call.
fn called(api: &Api) -> Vec<ServiceUri> {
    let mut called = Vec::new();
    for stage in &api.stages {
        let Some(definition) = api.deployed_to(stage) else {
            continue;
        };
        for integration in &definition.integrations {
            let uri = integration.integration_uri.as_deref().unwrap_or_default();
            let uri = WithStageVariables(uri.to_owned()).resolve(&stage.stage_variables);
            if integration.integration_type == IntegrationType::Aws
                && lambda_function_of_uri(&uri).is_none()
            {
                called.extend(ServiceUri::parse(&uri));
            }
        }
    }
    called
}
