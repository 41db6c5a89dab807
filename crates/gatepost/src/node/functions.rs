//! Who runs a node's functions, and where they find it.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_gateway::integration::{
    function_endpoints::FunctionEndpoints, invoke_endpoint::InvokeEndpoint,
    invoke_function::InvokeFunction, outward::Outward,
};
use gatepost_model::{
    FunctionName,
    api::Api,
    arn::{FunctionReference, lambda_function_of_uri},
};
use gatepost_server::lambda::LocalRunner;

use super::{names::stage_path, start_error::StartError};
use crate::config::{FunctionEndpoint, FunctionsConfig};

/// Where the SDKs find Lambda, if it is elsewhere than at AWS.
const LAMBDA_VARIABLE: &str = "AWS_ENDPOINT_URL_LAMBDA";

/// What invokes functions: the local runner, unless endpoints are configured.
pub fn invoker(
    config: &FunctionsConfig,
    local: &Arc<LocalRunner>,
    outward: &Outward,
    region: &str,
) -> Arc<dyn InvokeFunction> {
    let client = |endpoint: &FunctionEndpoint| {
        let (http, services) = (outward.http.clone(), &outward.services);
        let credentials = services.credentials.clone();
        match endpoint {
            FunctionEndpoint::Url(base) => InvokeEndpoint::new(http, base, region, credentials),
            FunctionEndpoint::Aws => {
                let url = services.endpoints.configured(LAMBDA_VARIABLE);
                InvokeEndpoint::aws(http, url, region, credentials)
            }
        }
    };
    let others: Arc<dyn InvokeFunction> = match &config.endpoint {
        None => Arc::clone(local) as _,
        Some(endpoint) => Arc::new(client(endpoint)),
    };
    if config.endpoints.is_empty() {
        return others;
    }
    let endpoints = config.endpoints.iter();
    let endpoints = endpoints.map(|(name, endpoint)| (name.as_str().into(), client(endpoint)));
    Arc::new(FunctionEndpoints {
        endpoints: endpoints.collect(),
        others,
    })
}

/// Functions that Gatepost would look for at itself would be looked for without end.
pub fn refuse_own_endpoint(
    config: &FunctionsConfig,
    outward: &Outward,
    authority: &str,
) -> Result<(), StartError> {
    let is_own = |base: &&str| {
        let rest = base.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next() == Some(authority)
    };
    let endpoints = config.endpoints.values().chain(&config.endpoint);
    let mut urls = endpoints.filter_map(|endpoint| match endpoint {
        FunctionEndpoint::Url(url) => Some(url.as_str()),
        FunctionEndpoint::Aws => outward.services.endpoints.configured(LAMBDA_VARIABLE),
    });
    match urls.find(is_own) {
        Some(base) => Err(StartError::Usage(format!(
            "[functions]: the endpoint {base} is Gatepost itself: remove it, and functions run here"
        ))),
        None => Ok(()),
    }
}

/// The callback URL of each function: that of the stage whose routes call it; with one API only,
/// of its first stage for all others too.
pub fn management_endpoints(apis: &[Api], authority: &str) -> BTreeMap<FunctionName, String> {
    let mut endpoints = BTreeMap::new();
    for api in apis {
        let Some((stage, definition)) = api
            .stages
            .iter()
            .find_map(|stage| Some((stage, api.deployed_to(stage)?)))
        else {
            continue;
        };
        let path = stage_path(&api.api_id, stage.stage_name.as_str(), apis.len() > 1);
        for integration in &definition.integrations {
            let function = integration
                .integration_uri
                .as_deref()
                .and_then(lambda_function_of_uri)
                .and_then(|arn| FunctionReference::parse(arn).ok());
            if let Some(function) = function {
                endpoints
                    .entry(function.name)
                    .or_insert_with(|| format!("http://{authority}{path}"));
            }
        }
    }
    endpoints
}
