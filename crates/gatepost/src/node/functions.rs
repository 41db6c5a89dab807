//! Who runs a node's functions, and where they find it.

use std::{collections::BTreeMap, sync::Arc};

use aws_credential_types::Credentials;
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
use crate::config::FunctionsConfig;

/// What invokes functions: the local runner, unless endpoints are configured.
pub fn invoker(
    config: &FunctionsConfig,
    local: &Arc<LocalRunner>,
    outward: &Outward,
    region: &str,
) -> Arc<dyn InvokeFunction> {
    let client = |base: &str| {
        let credentials = outward.services.credentials.clone();
        // Emulators take any.
        let credentials = credentials
            .unwrap_or_else(|| Credentials::new("gatepost", "gatepost", None, None, "dummy"));
        InvokeEndpoint::new(outward.http.clone(), base, region, credentials)
    };
    let others: Arc<dyn InvokeFunction> = match &config.endpoint {
        None => Arc::clone(local) as _,
        Some(base) => Arc::new(client(base)),
    };
    if config.endpoints.is_empty() {
        return others;
    }
    let endpoints = config.endpoints.iter();
    let endpoints = endpoints.map(|(name, base)| (name.as_str().into(), client(base)));
    Arc::new(FunctionEndpoints {
        endpoints: endpoints.collect(),
        others,
    })
}

/// Functions that Gatepost would look for at itself would be looked for without end.
pub fn refuse_own_endpoint(config: &FunctionsConfig, authority: &str) -> Result<(), StartError> {
    let is_own = |base: &&String| {
        let rest = base.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next() == Some(authority)
    };
    match config
        .endpoints
        .values()
        .chain(&config.endpoint)
        .find(is_own)
    {
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
