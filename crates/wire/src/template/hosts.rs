//! The variables of AWS's: `$context`, `$input`, `$stageVariables`, `$util`.

mod context;
mod input;
mod util;
