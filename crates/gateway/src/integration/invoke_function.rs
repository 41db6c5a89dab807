//! The seam to Lambda: the local runner and any remote Invoke endpoint are behind it.

use std::{future::Future, pin::Pin};

use gatepost_model::invocation::{InvokeError, InvokeRequest, InvokeResponse};

/// The future of an invocation.
pub type Invocation<'a> =
    Pin<Box<dyn Future<Output = Result<InvokeResponse, InvokeError>> + Send + 'a>>;

/// Something that invokes Lambda functions as the Invoke API does.
pub trait InvokeFunction: Send + Sync {
    /// Invokes a function. Dropping the future does not stop a function that has begun.
    fn invoke(&self, request: InvokeRequest) -> Invocation<'_>;
}
