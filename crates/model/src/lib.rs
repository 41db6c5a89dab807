//! The nouns of a WebSocket API: what an API, a stage, a route, an integration, a function and a
//! connection *are*. No I/O and no runtime: everything here is a value.
//!
//! Names are those of the API Gateway console and API reference.

pub mod api;
pub mod arn;
pub mod authorizer;
pub mod calendar;
pub mod client_certificate;
pub mod connection;
pub mod connection_id;
pub mod deployment;
pub mod domain_name;
pub mod extensions;
pub mod fault;
pub mod function;
pub mod function_policy;
mod ids;
pub mod integration;
pub mod invocation;
pub mod limits;
pub mod model;
pub mod network;
pub mod principal;
pub mod request_context;
pub mod route;
pub mod secret;
pub mod stage;
pub mod stage_settings;
pub mod throttle;
pub mod usage_plan;
pub mod vpc_link;

pub use ids::*;
