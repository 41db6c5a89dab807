//! Listeners and HTTP: the data plane, `@connections`, the control plane, Lambda and templates.

pub mod admin;
mod admission;
pub mod auth;
pub mod aws_apis;
mod body;
pub mod check;
pub mod connections_api;
pub mod control_plane;
pub mod data_plane;
pub mod endpoint;
pub mod error_pages;
pub mod lambda;
pub mod listener;
pub mod logs;
mod monitoring;
mod prometheus;
mod respond;
pub mod server;
pub mod shapes;
pub mod sts;
pub mod target;
pub mod template;
pub mod tls;
pub mod trusted_proxies;
