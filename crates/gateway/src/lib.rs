//! The core of Gatepost: what happens to a connection, a message and a post. It knows no socket
//! address and no template; servers hand it verified requests.

pub mod integration;
pub mod observe;
