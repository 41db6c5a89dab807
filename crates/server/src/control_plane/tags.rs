//! `GetTags`, by ARN: `arn:aws:apigateway:{region}::/apis/{apiId}`, `…/stages/{stageName}` and
//! `…::/domainnames/{domainName}`.

use std::sync::Arc;

use gatepost_model::{api::Api, domain_name::DomainName};
use serde_json::{Value, json};

use super::{api, domain_name, rescue::ControlPlaneError, stage};

pub(super) fn body(
    apis: &[Arc<Api>],
    domain_names: &[DomainName],
    arn: &str,
) -> Result<Value, ControlPlaneError> {
    let not_found = || ControlPlaneError::NotFoundTagged(arn.to_owned());
    let resource = match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "apigateway", _region, _account, resource] => *resource,
        _ => return Err(not_found()),
    };
    match resource.split('/').collect::<Vec<_>>().as_slice() {
        ["", "apis", api_id] => Ok(json!({ "tags": api::find(apis, api_id)?.tags })),
        ["", "apis", api_id, "stages", stage_name] => {
            Ok(json!({ "tags": stage::find(api::find(apis, api_id)?, stage_name)?.tags }))
        }
        ["", "domainnames", name] => {
            domain_name::find(domain_names, name).map(|_| json!({ "tags": {} }))
        }
        _ => Err(not_found()),
    }
}
