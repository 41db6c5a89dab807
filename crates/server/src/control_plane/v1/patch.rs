//! The `patchOperations` of this version: `{"op": …, "path": "/name", "value": …}`.

use crate::{
    control_plane::rescue::ControlPlaneError,
    shapes::apigateway::{Op, PatchOperation},
};

/// One operation, its path split.
#[derive(Debug)]
pub(super) struct Patch {
    op: Op,
    path: String,
    steps: Vec<String>,
    value: Option<String>,
}

impl Patch {
    /// All of a request, in order.
    pub(super) fn all(
        operations: Option<Vec<PatchOperation>>,
    ) -> Result<Vec<Self>, ControlPlaneError> {
        operations
            .unwrap_or_default()
            .into_iter()
            .map(Self::new)
            .collect()
    }

    fn new(operation: PatchOperation) -> Result<Self, ControlPlaneError> {
        let missing = |what: &str| {
            ControlPlaneError::BadRequest(format!("Invalid patch operation: {what} is missing"))
        };
        let op = operation.op.ok_or_else(|| missing("op"))?;
        let path = operation.path.ok_or_else(|| missing("path"))?;
        // As in JSON Pointer (RFC 6901).
        let steps = path
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        Ok(Self {
            op,
            path,
            steps,
            value: operation.value,
        })
    }

    /// Operation and path, to be matched.
    pub(super) fn parts(&self) -> (Op, Vec<&str>) {
        (self.op, self.steps.iter().map(String::as_str).collect())
    }

    /// The value; absent is empty.
    pub(super) fn text(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    /// The value, where none and an empty one unset a member.
    pub(super) fn optional(&self) -> Option<String> {
        self.value.clone().filter(|value| !value.is_empty())
    }

    /// The value as a number or such.
    pub(super) fn parse<T: std::str::FromStr>(&self) -> Result<T, ControlPlaneError> {
        let invalid = || {
            let (path, value) = (&self.path, self.text());
            ControlPlaneError::BadRequest(format!(
                "Invalid value '{value}' for patch path '{path}'"
            ))
        };
        self.text().parse().map_err(|_| invalid())
    }

    /// No member is there to be changed so; `paths` are those that are.
    pub(super) fn refuse(&self, paths: &[&str]) -> ControlPlaneError {
        ControlPlaneError::BadRequest(format!(
            "Invalid patch path '{}' specified for op '{}'. Must be one of: [{}]",
            self.path,
            self.op.as_str(),
            paths.join(", ")
        ))
    }
}
