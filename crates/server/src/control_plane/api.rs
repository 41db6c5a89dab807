//! `GetApis`, `GetApi`.

use std::sync::Arc;

use gatepost_model::{ApiId, api::Api};
use serde_json::{Value, json};

use super::{
    json::{present, timestamp, unless_empty},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(apis: &'a [Arc<Api>], api_id: &str) -> Result<&'a Api, ControlPlaneError> {
    apis.iter()
        .find(|api| id(api) == api_id)
        .map(AsRef::as_ref)
        .ok_or_else(|| ControlPlaneError::NotFound {
            resource: "API",
            id: api_id.to_owned(),
        })
}

pub(super) fn id(api: &Arc<Api>) -> &str {
    api.api_id.as_str()
}

pub(super) fn body(api: &Api, endpoint: &dyn Fn(&ApiId) -> String) -> Value {
    let definition = &api.definition;
    present(json!({
        "apiEndpoint": endpoint(&api.api_id),
        "apiId": api.api_id.as_str(),
        "apiKeySelectionExpression": definition.api_key_selection_expression,
        "createdDate": timestamp(api.created_at_ms),
        "description": api.description,
        "disableExecuteApiEndpoint": definition.disable_execute_api_endpoint,
        // Left out unless it was given.
        "disableSchemaValidation": definition.disable_schema_validation.then_some(true),
        "ipAddressType": api.ip_address_type.as_str(),
        "name": api.name,
        "protocolType": "WEBSOCKET",
        "routeSelectionExpression": definition.route_selection_expression,
        "tags": unless_empty(&api.tags),
        "version": api.version,
    }))
}
