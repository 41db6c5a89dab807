//! `[extensions]`: what AWS does not have, for all stages and for single ones
//! (`[extensions.stages."ChatApi/prod"]`), which may have limits of their own too.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    ApiId, StageName,
    api::Api,
    extensions::{Extensions, may_go_on_the_101},
    limits::Limits,
    stage_settings::{SettingsByStage, StageSettings},
};

use super::{
    HOUR, MILLISECOND, MINUTE, SECOND, error::ConfigError, layers::Source, limits::stage_limits,
    reader::Reader,
};

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
    /// Whether calls make the stage, so that it need not be there yet.
    pub made_by_calls: bool,
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
        made_by_calls: reader.flag(&format!("{section}.made_by_calls"), false),
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
    let origins = inherited.allowed_origins.iter().map(ToString::to_string);
    Extensions {
        permessage_deflate: reader.flag(&key("permessage_deflate"), inherited.permessage_deflate),
        binary_frames: reader.flag(&key("binary_frames"), inherited.binary_frames),
        allowed_origins: reader.list(
            &key("allowed_origins"),
            &origins.collect::<Vec<_>>(),
            "origins such as [\"https://app.example.com\", \"https://*.example.com\"]",
            |text| text.parse().ok(),
        ),
        connect_response_headers: reader.list(
            &key("connect_response_headers"),
            &inherited.connect_response_headers,
            "header names such as [\"set-cookie\"]; those of the handshake itself cannot be set",
            header_name,
        ),
        server_pings: reader.duration_or_off(
            &key("server_pings"),
            inherited.server_pings,
            SECOND..=HOUR,
        ),
        hold_posts: reader.duration_or_off(
            &key("hold_posts"),
            inherited.hold_posts,
            100 * MILLISECOND..=10 * MINUTE,
        ),
    }
}

/// A header name that an integration may set on the `101`, in lower case.
fn header_name(text: &str) -> Option<String> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    let is_name = !text.is_empty() && text.bytes().all(is_token) && may_go_on_the_101(text);
    is_name.then(|| text.to_ascii_lowercase())
}

impl StagesConfig {
    /// The settings of each stage of `apis`; `logical_ids` are the names that a template gives
    /// them.
    ///
    /// # Errors
    /// A section that names no stage, unless calls make it, or a stage that another section names.
    pub fn resolve(
        &self,
        apis: &[Api],
        logical_ids: &BTreeMap<ApiId, String>,
    ) -> Result<SettingsByStage, Vec<ConfigError>> {
        let stages: Vec<NamedStage> = apis
            .iter()
            .flat_map(|api| NamedStage::of(api, logical_ids))
            .collect();
        let mut own = BTreeMap::new();
        let mut named = BTreeMap::new();
        let mut errors = Vec::new();
        for section in &self.own {
            if section.made_by_calls {
                named.insert(section.name.clone(), Arc::new(section.settings.clone()));
                continue;
            }
            let (place, stage) = (section.place.clone(), section.name.clone());
            let meant = stages.iter().filter(|known| known.names.contains(&stage));
            let meant: Vec<_> = meant.map(|known| known.key.clone()).collect();
            if meant.is_empty() {
                let suggestion = nearest(&stage, &stages);
                errors.push(ConfigError::UnknownStage {
                    place,
                    stage,
                    suggestion,
                });
            } else if meant.iter().any(|key| own.contains_key(key)) {
                errors.push(ConfigError::TwoSections { place, stage });
            } else {
                let settings = Arc::new(section.settings.clone());
                own.extend(meant.into_iter().map(|key| (key, Arc::clone(&settings))));
            }
        }
        let others = Arc::new(self.others.clone());
        if errors.is_empty() {
            Ok(SettingsByStage { others, own, named })
        } else {
            Err(errors)
        }
    }
}

/// A stage with all that a section may call it.
struct NamedStage {
    key: (ApiId, StageName),
    names: Vec<String>,
}

impl NamedStage {
    /// The stages of an API: its logical id, name or id, a slash, the stage's name.
    fn of<'a>(
        api: &'a Api,
        logical_ids: &'a BTreeMap<ApiId, String>,
    ) -> impl Iterator<Item = Self> + 'a {
        let logical_id = logical_ids.get(&api.api_id).map(String::as_str);
        let mut names: Vec<&str> = logical_id.into_iter().collect();
        names.extend([api.name.as_str(), api.api_id.as_str()]);
        api.stages.iter().map(move |stage| Self {
            key: (api.api_id.clone(), stage.stage_name.clone()),
            names: names
                .iter()
                .map(|name| format!("{name}/{}", stage.stage_name))
                .collect(),
        })
    }
}

/// The name of a stage that is most like `name`.
fn nearest(name: &str, stages: &[NamedStage]) -> Option<String> {
    let known = stages.iter().flat_map(|stage| &stage.names);
    known
        .min_by_key(|known| strsim::damerau_levenshtein(known, name))
        .cloned()
}
