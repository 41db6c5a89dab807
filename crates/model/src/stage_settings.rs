//! What each stage is served with beside its definition: the limits in force for it, and the
//! switches that AWS does not have.

use std::{collections::BTreeMap, sync::Arc};

use crate::{ApiId, StageName, extensions::Extensions, limits::Limits};

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
}

impl SettingsByStage {
    /// The settings of a stage.
    pub fn of(&self, api_id: &ApiId, stage_name: &StageName) -> &Arc<StageSettings> {
        let key = (api_id.clone(), stage_name.clone());
        self.own.get(&key).unwrap_or(&self.others)
    }
}
