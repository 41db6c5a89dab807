//! How many deployments an API may have, and how large they may be together.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
};

use gatepost_model::{
    api::{Api, ApiDefinition},
    deployment::Deployment,
    limits::AUTOMATIC_DEPLOYMENTS,
};

use super::ApiChangeError;

/// Lets the oldest of the automatic deployments go that no stage serves: those beyond the latest ones,
/// and where a new deployment leaves no room for them, more.
///
/// # Errors
/// [`ApiChangeError::DeploymentsTooLarge`] when a new deployment would make them larger than `most`
/// bytes, or larger than they were `before`, all the same.
pub(super) fn make_room(api: &mut Api, before: &Api, most: usize) -> Result<(), ApiChangeError> {
    while spare(api).count() > AUTOMATIC_DEPLOYMENTS {
        remove_oldest_spare(api);
    }
    let is_new = |deployment: &Deployment| {
        let mut known = before.deployments.iter();
        known.all(|known| known.deployment_id != deployment.deployment_id)
    };
    if !api.deployments.iter().any(is_new) {
        return Ok(());
    }
    let mut sizes = Sizes::default();
    // Of a time when more was allowed.
    let most = most.max(sizes.of(before));
    while sizes.of(api) > most {
        if !remove_oldest_spare(api) {
            return Err(ApiChangeError::DeploymentsTooLarge);
        }
    }
    Ok(())
}

/// The automatic deployments that no stage serves, by index, the oldest first.
fn spare(api: &Api) -> impl Iterator<Item = usize> {
    let is_served = |deployment: &Deployment| {
        let mut stages = api.stages.iter();
        stages.any(|stage| stage.deployment_id.as_ref() == Some(&deployment.deployment_id))
    };
    let deployments = api.deployments.iter().enumerate();
    let spare = deployments.filter(move |(_, it)| it.auto_deployed && !is_served(it));
    spare.map(|(index, _)| index)
}

fn remove_oldest_spare(api: &mut Api) -> bool {
    let oldest = spare(api).next();
    oldest.map(|index| api.deployments.remove(index)).is_some()
}

/// The sizes of definitions, each found once; by where they are, which they are while they are asked
/// for.
#[derive(Default)]
struct Sizes(BTreeMap<*const ApiDefinition, usize>);

impl Sizes {
    /// The size of what the deployments of an API freeze.
    fn of(&mut self, api: &Api) -> usize {
        let frozen = api
            .deployments
            .iter()
            .map(|deployment| &deployment.definition);
        let frozen: BTreeMap<_, _> = frozen.map(|it| (Arc::as_ptr(it), it)).collect();
        let sizes = frozen.into_iter().map(|(place, definition)| {
            *self
                .0
                .entry(place)
                .or_insert_with(|| json_bytes(definition))
        });
        sizes.sum()
    }
}

/// The size of a definition as JSON, bytes.
pub fn json_bytes(definition: &ApiDefinition) -> usize {
    let mut size = Size(0);
    // Neither the definition nor what counts its bytes can fail.
    let _counted = serde_json::to_writer(&mut size, definition);
    size.0
}

/// Counts what is written.
struct Size(usize);

impl Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
