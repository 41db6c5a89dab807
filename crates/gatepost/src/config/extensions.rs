//! `[extensions]`: what AWS does not have, for all stages and for single ones
//! (`[extensions.stages."ChatApi/prod"]`), which may have limits of their own too.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    ApiId,
    api::Api,
    extensions::Extensions,
    limits::Limits,
    stage_settings::{SettingsByStage, StageSettings},
};

use super::{error::ConfigError, layers::Source, limits::stage_limits, reader::Reader};

/// How stages are served.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StagesConfig {
    /// `[limits]` and `[extensions]`: every stage that has no section.
    pub others: StageSettings,
    /// `[extensions.stages."API/STAGE"]`.
    pub own: Vec<StageSection>,
}

/// A section for one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageSection {
    /// The API's name, id or logical id, a slash, and the stage's name.
    pub name: String,
    /// What it comes to, together with what holds for all stages.
    pub settings: StageSettings,
    place: Source,
}

/// The sections for stages, with what they inherit.
pub(super) fn stages(reader: &mut Reader, limits: &Limits) -> StagesConfig {
    let sections = reader.subsections("extensions.stages");
    let others = StageSettings {
        limits: limits.clone(),
        extensions: extensions(reader, "extensions", &Extensions::default()),
    };
    let own = sections.into_iter().map(|(name, section)| StageSection {
        name,
        place: reader.place_of_section(&section),
        settings: StageSettings {
            limits: stage_limits(reader, &section, &others.limits),
            extensions: extensions(reader, &section, &others.extensions),
        },
    });
    StagesConfig {
        own: own.collect(),
        others,
    }
}

fn extensions(reader: &mut Reader, section: &str, inherited: &Extensions) -> Extensions {
    let key = |name: &str| format!("{section}.{name}");
    Extensions {
        permessage_deflate: reader.flag(&key("permessage_deflate"), inherited.permessage_deflate),
    }
}

impl StagesConfig {
    /// The settings of each stage of `apis`; `logical_ids` are the names that a template gives
    /// them.
    ///
    /// # Errors
    /// A section that names no stage, or a stage that another section names.
    pub fn resolve(
        &self,
        apis: &[Api],
        logical_ids: &BTreeMap<ApiId, String>,
    ) -> Result<SettingsByStage, Vec<ConfigError>> {
        let mut resolved = SettingsByStage {
            others: Arc::new(self.others.clone()),
            own: BTreeMap::new(),
        };
        let mut errors = Vec::new();
        for section in &self.own {
            let mut is_known = false;
            for api in apis {
                let names = names(api, logical_ids);
                for stage in &api.stages {
                    let is_meant =
                        |name: &&str| format!("{name}/{}", stage.stage_name) == section.name;
                    if !names.iter().any(|name| is_meant(name)) {
                        continue;
                    }
                    is_known = true;
                    let key = (api.api_id.clone(), stage.stage_name.clone());
                    let settings = Arc::new(section.settings.clone());
                    if resolved.own.insert(key, settings).is_some() {
                        errors.push(ConfigError::TwoSections {
                            place: section.place.clone(),
                            stage: section.name.clone(),
                        });
                    }
                }
            }
            if !is_known {
                errors.push(ConfigError::UnknownStage {
                    place: section.place.clone(),
                    stage: section.name.clone(),
                    suggestion: suggestion(&section.name, apis, logical_ids),
                });
            }
        }
        if errors.is_empty() {
            Ok(resolved)
        } else {
            Err(errors)
        }
    }
}

/// By what a section may name an API.
fn names<'a>(api: &'a Api, logical_ids: &'a BTreeMap<ApiId, String>) -> Vec<&'a str> {
    let logical_id = logical_ids.get(&api.api_id).map(String::as_str);
    let mut names: Vec<&str> = logical_id.into_iter().collect();
    names.extend([api.name.as_str(), api.api_id.as_str()]);
    names
}

/// The stage whose name is nearest.
fn suggestion(name: &str, apis: &[Api], logical_ids: &BTreeMap<ApiId, String>) -> Option<String> {
    let known = apis.iter().flat_map(|api| {
        let names = names(api, logical_ids);
        names.into_iter().flat_map(|name| {
            let stages = api.stages.iter();
            stages.map(move |stage| format!("{name}/{}", stage.stage_name))
        })
    });
    known.min_by_key(|known| strsim::damerau_levenshtein(known, name))
}
