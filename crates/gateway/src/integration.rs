//! Integrations: calling the backend of a route.

pub mod invoke_function;
