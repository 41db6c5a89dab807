//! The commands, a file each.

pub mod backup;
pub mod check;
pub mod config;
pub mod connect;
pub mod connections;
pub mod demo;
pub mod dev;
pub mod logs;
mod output;
pub mod serve;
pub mod why;
