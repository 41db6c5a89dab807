//! The VPC links that calls made. Where one leads is compiled into the stages that call through it, so
//! that they are compiled again when it leads elsewhere.

use std::collections::BTreeSet;

use gatepost_model::{api::Api, integration::ConnectionType, stage::Stage, vpc_link::VpcLink};

use super::Sources;
use crate::{
    deploy::{compile_stage, fill_slot},
    deployed::WithStageVariables,
    gateway::Gateway,
    observe::Event,
};

impl Gateway {
    /// Has the links of `sources` in place of those `before`.
    pub(super) fn serve_vpc_links(&self, before: &[VpcLink], sources: &Sources) {
        let links = self.vpc_links();
        let made = &sources.made.vpc_links;
        let led: Vec<_> = before
            .iter()
            .map(|link| (link.vpc_link_id.as_str(), links.get(&link.vpc_link_id)))
            .collect();
        links.replace_made(made);
        // A new one has an id that nothing names yet.
        let moved = led.into_iter().filter(|(id, led)| links.get(id) != *led);
        let moved: BTreeSet<&str> = moved.map(|(id, _)| id).collect();
        if !moved.is_empty() {
            self.compile_again(&moved, sources);
        }
        for new in made.iter().filter(|made| !before.contains(made)) {
            if let Err(unknown) = links.address(new) {
                self.observer().emit(Event::Warning(unknown.to_string()));
            }
        }
    }

    /// Lets the stages that call through one of these links call where it leads now.
    fn compile_again(&self, moved: &BTreeSet<&str>, sources: &Sources) {
        let table = self.apis();
        let (config, settings) = (&self.config, &sources.settings);
        for api in table.apis.values().map(|deployed| &*deployed.api) {
            let stages = api.stages.iter();
            let served = stages.filter(|stage| table.serves(&api.api_id, &stage.stage_name));
            for stage in served.filter(|stage| calls_through(moved, api, stage)) {
                match compile_stage(api, stage, &table, config, settings) {
                    None => {}
                    Some(Ok(deployed)) => {
                        fill_slot(api, deployed, &table, settings);
                    }
                    // Where a link that a call made leads is no reason not to serve, and nothing else
                    // is compiled otherwise than before.
                    Some(Err(errors)) => {
                        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
                        self.observer().emit(Event::Warning(format!(
                            "the stage {} of the API {} ({}) calls where its VPC link led before: {}",
                            stage.stage_name,
                            api.name,
                            api.api_id,
                            errors.join("; ")
                        )));
                    }
                }
            }
        }
    }
}

/// Whether an integration of what a stage serves names one of these links.
fn calls_through(links: &BTreeSet<&str>, api: &Api, stage: &Stage) -> bool {
    let served = api.deployed_to(stage);
    let mut integrations = served.iter().flat_map(|served| &served.integrations);
    integrations.any(|integration| match &integration.connection_type {
        ConnectionType::Internet => false,
        ConnectionType::VpcLink(written) => {
            let id = WithStageVariables(written.clone()).resolve(&stage.stage_variables);
            links.contains(id.as_str())
        }
    })
}
