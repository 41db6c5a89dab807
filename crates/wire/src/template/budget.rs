//! What one rendering may use.

use super::problem::Problem;

/// How many steps: an expression, a node, or some bytes that are read or copied.
const MAX_STEPS: usize = 2_000_000;
/// How many bytes all texts, lists and maps that are made may have together, also those that are
/// of no use any more.
const MAX_MEMORY: usize = 64 * 1024 * 1024;
/// How many bytes are copied or searched in a step.
const BYTES_A_STEP: usize = 64;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget {
    steps: usize,
    memory: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            steps: MAX_STEPS,
            memory: MAX_MEMORY,
        }
    }

    pub(super) fn steps_left(&self) -> usize {
        self.steps
    }

    /// Pays for steps.
    pub(super) fn steps(&mut self, count: usize) -> Result<(), Problem> {
        self.steps = self.steps.checked_sub(count).ok_or(Problem::TooManySteps)?;
        Ok(())
    }

    /// Pays for bytes that are read or copied.
    pub(super) fn bytes(&mut self, count: usize) -> Result<(), Problem> {
        self.steps(1 + count / BYTES_A_STEP)
    }

    /// Pays for bytes that are kept.
    pub(super) fn memory(&mut self, bytes: usize) -> Result<(), Problem> {
        self.memory = self
            .memory
            .checked_sub(bytes)
            .ok_or(Problem::TooMuchMemory)?;
        self.bytes(bytes)
    }
}
