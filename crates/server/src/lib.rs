//! Listeners and HTTP: the data plane, `@connections`, the control plane, Lambda and templates.

pub mod control_plane;
pub mod lambda;
pub mod sts;
pub mod template;
pub mod tls;
