//! Lambda on this machine: functions as local processes that speak the Runtime API, and the Invoke
//! API in front of them.
//!
//! An invocation walks `runner` (which function) → `pool` (which process) → `process` (hand-over)
//! → `runtime_api` (the function takes the event and answers) and back through one `oneshot`. A
//! process that is warm costs no task and no timer per invocation.

mod async_queue;
mod callers;
mod code;
mod config;
mod credentials;
mod environment;
mod error_body;
pub mod guard;
mod hint;
mod invocation;
pub mod invoke_api;
mod log_stream;
mod made;
mod memory;
mod operations;
pub mod packages;
mod pool;
mod process;
mod runner;
mod runtime_api;
mod runtime_lookup;
mod supervise;

pub use config::{CaBundle, Caller, RunnerConfig};
pub use made::{MadeFunctions, MadeFunctionsError};
pub use runner::{FunctionPolicies, LocalRunner};
