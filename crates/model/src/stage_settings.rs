//! What each stage is served with beside its definition: the limits in force for it, and the
//! switches that AWS does not have.

use std::{collections::BTreeMap, sync::Arc};

use crate::{ApiId, StageName, api::Api, extensions::Extensions, limits::Limits};

/// How one stage is served. Held by the stage, not by its connections.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageSettings {
    /// The limits in force.
    pub limits: Limits,
    /// `[extensions]`.
    pub extensions: Extensions,
}

/// The settings of all stages: one for most, others for those that have their own.
#[derive(Debug, Clone, Default)]
pub struct SettingsByStage {
    /// Of every stage that has none of its own.
    pub others: Arc<StageSettings>,
    /// Of single stages.
    pub own: BTreeMap<(ApiId, StageName), Arc<StageSettings>>,
    /// Of single stages that may be made later: by the API's id or name, a slash, and the stage's
    /// name.
    pub named: BTreeMap<String, Arc<StageSettings>>,
}

impl SettingsByStage {
    /// The settings of a stage of `api`.
    pub fn of(&self, api: &Api, stage_name: &StageName) -> &Arc<StageSettings> {
        let key = (api.api_id.clone(), stage_name.clone());
        let named = |api: &str| self.named.get(&format!("{api}/{stage_name}"));
        self.own
            .get(&key)
            .or_else(|| named(api.api_id.as_str()))
            .or_else(|| named(&api.name))
            .unwrap_or(&self.others)
    }
}
