//! What the AWS services' operations are and take: methods, paths, statuses and requests.
//!
//! `apigatewayv2`, `apigateway` and `lambda` are generated from the service models that `botocore`
//! carries, by `crates/server/shapes/generate`, which lists what is taken of them; a test holds them
//! to the models. Here is what they stand on: an [`Operation`](apigatewayv2::Operation) is found by
//! method and path, its [`Input`] read into a typed request, and all that is wrong with it said at
//! once, in AWS's words ([`ShapeError`]).

pub mod apigateway;
pub mod apigatewayv2;
mod blob;
mod error;
pub mod lambda;
mod macros;
mod operation;
mod read;
#[cfg(test)]
mod tests;
mod timestamp;

pub use blob::Blob;
pub use error::ShapeError;
pub use operation::{Input, Matched, OperationShape};
pub use read::{Absent, Constraint, FromInput, FromJson, Location, Member, Reader};
pub use timestamp::Timestamp;
