//! Listeners and HTTP: the data plane, `@connections`, the control plane, Lambda and templates.

pub mod lambda;
pub mod template;
