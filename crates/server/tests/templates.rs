//! Templates, loaded as `gatepost dev` loads them.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "templates/apps.rs"]
mod apps;
#[path = "templates/errors.rs"]
mod errors;
#[path = "templates/integrations.rs"]
mod integrations;
#[path = "templates/models.rs"]
mod models;
#[path = "templates/outward.rs"]
mod outward;
#[path = "templates/support.rs"]
mod support;
#[path = "templates/tools.rs"]
mod tools;
