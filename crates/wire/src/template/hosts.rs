//! The variables of AWS's: `$context`, `$input`, `$stageVariables`, `$util`.

pub(super) mod context;
mod input;
mod util;
