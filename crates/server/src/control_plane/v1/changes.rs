//! What changes API keys, usage plans and the account: read, made under one lock, kept, then served.

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{
    gateway::Gateway,
    store::ReadError,
    usage_plans::{Change, ServedPlans},
};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::{account, change_api_key, change_usage_plan, tags};
use crate::{
    control_plane::rescue::ControlPlaneError,
    shapes::{Input, OperationShape, apigateway::Operation},
};

/// A request to change something, apart from the connection that it came over.
#[derive(Debug)]
pub(in crate::control_plane) struct ChangeRequest {
    pub operation: Operation,
    pub path: Vec<(&'static str, String)>,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What a change gives: a body, or nothing.
type Answer = Result<Value, ControlPlaneError>;

impl From<ReadError> for ControlPlaneError {
    fn from(error: ReadError) -> Self {
        Self::NotKept(error.to_string())
    }
}

/// Whether an operation changes what is kept here.
pub(in crate::control_plane) fn is_change(method: &Method, operation: Operation) -> bool {
    let is_there = !matches!(
        operation,
        Operation::UpdateUsage
            | Operation::DeleteClientCertificate
            | Operation::GenerateClientCertificate
            | Operation::UpdateClientCertificate
    );
    method != Method::GET && is_there
}

impl ChangeRequest {
    /// Makes the change; blocks until it is kept and served.
    pub(in crate::control_plane) fn carry_out(
        &self,
        gateway: &Arc<Gateway>,
    ) -> Result<(StatusCode, Value), ControlPlaneError> {
        let status = StatusCode::from_u16(self.operation.status()).unwrap_or(StatusCode::OK);
        self.change(gateway).map(|body| (status, body))
    }

    fn change(&self, gateway: &Arc<Gateway>) -> Answer {
        let input = Input {
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        match self.operation {
            Operation::CreateApiKey => change_api_key::create(gateway, input.read()?),
            Operation::UpdateApiKey => change_api_key::update(gateway, input.read()?),
            Operation::DeleteApiKey => change_api_key::delete(gateway, &input.read()?),
            Operation::CreateUsagePlan => change_usage_plan::create(gateway, input.read()?),
            Operation::UpdateUsagePlan => change_usage_plan::update(gateway, input.read()?),
            Operation::DeleteUsagePlan => change_usage_plan::delete(gateway, &input.read()?),
            Operation::CreateUsagePlanKey => change_usage_plan::add_key(gateway, &input.read()?),
            Operation::DeleteUsagePlanKey => change_usage_plan::remove_key(gateway, &input.read()?),
            Operation::TagResource => tags::tag(gateway, input.read()?),
            Operation::UntagResource => tags::untag(gateway, &input.read()?),
            Operation::UpdateAccount => account::update(gateway, input.read()?),
            // `is_change` lets no other come here.
            _ => Err(ControlPlaneError::UnknownOperation),
        }
    }
}

/// Makes a change, then shows what it gave as it is served now.
pub(super) fn make<T>(
    gateway: &Gateway,
    change: impl FnOnce(&mut Change<'_>) -> Result<T, ControlPlaneError>,
    show: impl FnOnce(&ServedPlans, T) -> Answer,
) -> Answer {
    let result = gateway.change_usage_plans(change)?;
    show(&gateway.usage_plans(), result)
}

/// The error for what only the template changes.
pub(super) fn of_template(what: &str, id: &str) -> ControlPlaneError {
    ControlPlaneError::OfTemplate(format!(
        "the {what} {id} is the template's: change it there, and it is served at once"
    ))
}
