//! Bytes and text to domain and back. Pure functions: no I/O, no clock, no runtime.

pub mod access_log;
pub mod authorizer_response;
pub mod aws_logs;
pub mod error_frame;
pub mod execution_log;
pub mod expression;
pub mod function_policy;
pub mod iam_policy;
pub mod json_schema;
pub mod lambda_event;
pub mod lambda_response;
pub mod logs;
pub mod management_api;
pub mod payload;
pub mod query_response;
pub mod sigv4;
pub mod template;
pub mod websocket;
