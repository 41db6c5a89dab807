//! Identity sources and required request parameters.

use super::CompileError;
use crate::deployed::IdentitySource;

/// Each expression parsed; empty ones name nothing.
pub(super) fn identity_sources<'a>(
    expressions: impl Iterator<Item = &'a String>,
    place: &str,
) -> Result<Vec<IdentitySource>, CompileError> {
    expressions
        .filter(|expression| !expression.is_empty())
        .map(|expression| {
            let parts = [
                (
                    "route.request.header.",
                    IdentitySource::Header as fn(String) -> _,
                ),
                ("route.request.querystring.", IdentitySource::QueryString),
                ("stageVariables.", IdentitySource::StageVariable),
                ("context.", IdentitySource::Context),
            ];
            parts
                .iter()
                .find_map(|(prefix, source)| {
                    let name = expression
                        .strip_prefix(prefix)
                        .filter(|name| !name.is_empty())?;
                    Some(match source(name.to_owned()) {
                        IdentitySource::Header(name) => {
                            IdentitySource::Header(name.to_ascii_lowercase())
                        }
                        other => other,
                    })
                })
                .ok_or_else(|| {
                    let what = format!("`{expression}` names nothing of a handshake");
                    CompileError::new(place, what)
                })
        })
        .collect()
}
