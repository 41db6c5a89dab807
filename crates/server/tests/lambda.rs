//! Functions that really run: Python, Node.js and executables, as processes of this machine.

// Clippy knows only functions with `#[test]` as tests.
#![allow(clippy::unwrap_used)]

#[path = "lambda/asynchronous.rs"]
mod asynchronous;
#[path = "lambda/environment.rs"]
mod environment;
#[path = "lambda/errors.rs"]
mod errors;
#[path = "lambda/guard.rs"]
mod guard;
#[path = "lambda/handlers.rs"]
mod handlers;
#[path = "lambda/invoke_api.rs"]
mod invoke_api;
#[path = "lambda/processes.rs"]
mod processes;
#[path = "lambda/support.rs"]
mod support;
