//! The core of Gatepost: what happens to a connection, a message and a post. It knows no socket
//! address and no template; servers hand it verified requests.

pub mod admission;
pub mod applied_posts;
pub mod auth;
mod blocking;
pub mod clock;
pub mod connection;
pub mod control;
pub mod deploy;
pub mod deployed;
pub mod disconnects;
pub mod explanation;
pub mod gateway;
pub mod held_posts;
pub mod integration;
pub mod kill_point;
pub mod lifecycle;
pub mod live;
pub mod new_id;
pub mod observe;
pub mod pipeline;
pub mod registry;
pub mod simulation;
pub mod stale_callers;
pub mod store;
mod sweeper;
pub mod tombstones;
pub mod usage_plans;
