//! Where tests kill the process while it makes a change, so that each step of it is shown to leave
//! the state as it was before or as it is after. Release builds have none of it.

/// A step of a change of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillPoint {
    /// The transaction has begun.
    Begun,
    /// A definition is written.
    DefinitionWritten,
    /// A deployment is written.
    DeploymentWritten,
    /// A deployment is removed.
    DeploymentRemoved,
    /// A stage is written.
    StageWritten,
    /// A stage is removed.
    StageRemoved,
    /// The API itself is written.
    ApiWritten,
    /// The API itself is removed.
    ApiRemoved,
    /// What nothing names any more is removed.
    Swept,
    /// Everything is written.
    BeforeCommit,
    /// The change is on the disk.
    AfterCommit,
    /// It is known to be there, but not served.
    BeforeServed,
    /// It is served, but whoever asked does not know.
    AfterServed,
}

impl KillPoint {
    /// All, in their order.
    pub const ALL: [Self; 13] = [
        Self::Begun,
        Self::DefinitionWritten,
        Self::DeploymentWritten,
        Self::DeploymentRemoved,
        Self::StageWritten,
        Self::StageRemoved,
        Self::ApiWritten,
        Self::ApiRemoved,
        Self::Swept,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeServed,
        Self::AfterServed,
    ];

    /// Ends the process when `GATEPOST_KILL_AT` says so: `{point}:{n}`, the point's name and the how
    /// manieth time it is passed.
    #[cfg(debug_assertions)]
    pub(crate) fn pass(self) {
        use std::sync::atomic::{AtomicUsize, Ordering};

        static PASSED: AtomicUsize = AtomicUsize::new(0);
        let Ok(asked) = std::env::var("GATEPOST_KILL_AT") else {
            return;
        };
        let Some((point, number)) = asked.split_once(':') else {
            return;
        };
        if point == format!("{self:?}")
            && number.parse() == Ok(PASSED.fetch_add(1, Ordering::Relaxed) + 1)
        {
            std::process::abort();
        }
    }

    /// Nothing.
    #[cfg(not(debug_assertions))]
    pub(crate) fn pass(self) {}
}
