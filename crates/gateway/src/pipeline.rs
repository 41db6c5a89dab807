//! The way of a request, in the order of AWS's documentation: `$connect`, a message, `$disconnect`.
//! The files beside this one are its stages.

pub mod authorize;
pub mod integration_request;
pub mod integration_response;
pub mod rescue;
pub mod route_reply;
pub mod select_route;
pub mod throttle;
mod usage_plan;
pub mod validate;

mod accepted;
mod connect_response;
mod on_connect;
mod on_disconnect;
mod on_message;
mod transformation;

pub use accepted::Accepted;
#[cfg(test)]
pub(crate) use accepted::IssuedId;
pub use connect_response::ConnectResponse;
pub use on_connect::{ConnectRequest, Refusal, on_connect};
pub(crate) use on_disconnect::{deliver_disconnect, on_disconnect};
pub(crate) use on_message::{Walked, on_message};
