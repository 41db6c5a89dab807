//! Functions that run elsewhere, each at an Invoke endpoint of its own.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{FunctionName, arn::FunctionReference, invocation::InvokeRequest};

use super::{
    invoke_endpoint::InvokeEndpoint,
    invoke_function::{Invocation, InvokeFunction},
};

/// Invokes each function at its own endpoint, and those without one somewhere else.
pub struct FunctionEndpoints {
    /// The endpoints by function name.
    pub endpoints: BTreeMap<FunctionName, InvokeEndpoint>,
    /// Where all other functions are.
    pub others: Arc<dyn InvokeFunction>,
}

impl InvokeFunction for FunctionEndpoints {
    fn invoke(&self, request: InvokeRequest) -> Invocation<'_> {
        let name = FunctionReference::parse(&request.function).map(|reference| reference.name);
        match name.ok().and_then(|name| self.endpoints.get(&name)) {
            Some(endpoint) => endpoint.invoke(request),
            None => self.others.invoke(request),
        }
    }
}
