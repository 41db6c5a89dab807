//! The commands, a file each.

pub mod check;
pub mod connect;
pub mod demo;
pub mod dev;
pub mod logs;
pub mod why;
