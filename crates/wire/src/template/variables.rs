//! The variables that a template has without setting them.

use super::syntax::Slot;

pub(super) const CONTEXT: Slot = 0;
pub(super) const INPUT: Slot = 1;
pub(super) const STAGE_VARIABLES: Slot = 2;
pub(super) const UTIL: Slot = 3;
pub(super) const FOREACH: Slot = 4;
pub(super) const VELOCITY_COUNT: Slot = 5;
pub(super) const BODY_CONTENT: Slot = 6;

/// Their names with their slots, which every template has in this order.
pub(super) const SLOTS: [(&str, Slot); 7] = [
    ("context", CONTEXT),
    ("input", INPUT),
    ("stageVariables", STAGE_VARIABLES),
    ("util", UTIL),
    ("foreach", FOREACH),
    ("velocityCount", VELOCITY_COUNT),
    ("bodyContent", BODY_CONTENT),
];

/// Whether a variable is one of AWS's: what is unset in them prints as nothing, where Velocity
/// prints the reference (data-plane spec 5.7).
pub(super) fn is_of_aws(name: &str) -> bool {
    matches!(name, "context" | "input" | "stageVariables" | "util")
}
