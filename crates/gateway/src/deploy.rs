//! Puts APIs in their place: those of templates, whole or not at all, and those that calls made.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use gatepost_model::{
    ApiId, StageName, api::Api, connection::CloseCause, domain_name::DomainName, stage::Stage,
    stage_settings::SettingsByStage,
};

use crate::{
    control::Sources,
    deployed::{CompileError, DeployedStage, StageSlot},
    gateway::{ApiTable, DeployedApi, Gateway, GatewayConfig, Origin},
    lifecycle::cut,
    store::Lifecycle,
};

/// A stage that calls made and that cannot be served, though it once could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotServed {
    /// The API.
    pub api_id: ApiId,
    /// Its name.
    pub api_name: String,
    /// The stage.
    pub stage_name: StageName,
    /// Why not.
    pub errors: Vec<CompileError>,
}

impl NotServed {
    pub(crate) fn new(api: &Api, stage: &Stage, errors: Vec<CompileError>) -> Self {
        Self {
            api_id: api.api_id.clone(),
            api_name: api.name.clone(),
            stage_name: stage.stage_name.clone(),
            errors,
        }
    }
}

impl fmt::Display for NotServed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            api_id,
            api_name,
            stage_name,
            ..
        } = self;
        let errors: Vec<String> = self.errors.iter().map(ToString::to_string).collect();
        write!(
            f,
            "STAGE {stage_name} OF THE API {api_name} ({api_id}) IS NOT SERVED: {}",
            errors.join("; ")
        )
    }
}

/// A stage as it shall be served.
pub(crate) type CompiledStage = Result<Arc<DeployedStage>, Vec<CompileError>>;

/// Compiles what a stage serves, in place of what it serves in `table`; `None` when nothing is
/// deployed to it.
pub(crate) fn compile_stage(
    api: &Api,
    stage: &Stage,
    table: &ApiTable,
    config: &GatewayConfig,
    settings: &SettingsByStage,
) -> Option<CompiledStage> {
    let definition = api.deployed_to(stage)?;
    let before = table.stage(&api.api_id, &stage.stage_name);
    let before = before.and_then(|slot| slot.deployed.load_full());
    let limits = &settings.of(api, &stage.stage_name).limits;
    let before = before.as_deref();
    let deployed = DeployedStage::compile(api, stage, definition, before, config, limits);
    Some(deployed.map(Arc::new))
}

/// The slot of a stage of `api`, which serves `deployed` from now on.
pub(crate) fn fill_slot(
    api: &Api,
    deployed: Arc<DeployedStage>,
    table: &ApiTable,
    settings: &SettingsByStage,
) -> Arc<StageSlot> {
    let (api_id, name) = (&api.api_id, &deployed.stage_name);
    let settings = Arc::clone(settings.of(api, name));
    let slot = match table.stage(api_id, name) {
        Some(slot) => {
            slot.settings.store(settings);
            Arc::clone(slot)
        }
        None => Arc::new(StageSlot::new(api_id.clone(), name.clone(), settings)),
    };
    slot.deployed.store(Some(deployed));
    slot
}

impl Gateway {
    /// Whether these APIs of templates could be deployed.
    ///
    /// # Errors
    /// Everything that cannot be served, at once.
    pub fn check(&self, apis: &[Api], settings: &SettingsByStage) -> Result<(), Vec<CompileError>> {
        compile(apis, &self.apis(), &self.config, settings).map(drop)
    }

    /// Deploys these APIs of templates in place of the present ones, whole or not at all. Live
    /// connections stay and use the new deployment and the new `settings` from their next message
    /// on; those of deleted stages are closed. Whatever calls made is served beside them; what of
    /// that cannot be served comes back.
    ///
    /// # Errors
    /// Everything that cannot be served, at once; then nothing changes.
    pub fn deploy(
        &self,
        apis: Vec<Api>,
        domain_names: Vec<DomainName>,
        settings: &SettingsByStage,
    ) -> Result<Vec<NotServed>, Vec<CompileError>> {
        let mut sources = self.sources.lock();
        let before = self.apis();
        refuse_made(&apis, &sources)?;
        let compiled = compile(&apis, &before, &self.config, settings)?;
        sources.declared.domain_names = domain_names;
        sources.settings = settings.clone();
        let mut table = ApiTable {
            apis: BTreeMap::new(),
            domain_names: sources.domain_names(),
        };
        for (api, stages) in apis.into_iter().zip(compiled) {
            self.record_name(&api);
            let stages = stages.into_iter().map(|deployed| {
                let name = Box::from(deployed.stage_name.as_str());
                (name, fill_slot(&api, deployed, &before, settings))
            });
            let stages = stages.collect();
            let deployed = DeployedApi {
                stages,
                origin: Origin::Template,
                api: Arc::new(api),
            };
            table.apis.insert(deployed.api.api_id.clone(), deployed);
        }
        let not_served = self.serve_made(&sources, &before, &mut table);
        self.publish(&before, table);
        self.disconnects.deployed();
        Ok(not_served)
    }

    /// Adds what calls made. Stages that are served already go on as they are.
    fn serve_made(
        &self,
        sources: &Sources,
        before: &ApiTable,
        table: &mut ApiTable,
    ) -> Vec<NotServed> {
        let made: Vec<&Arc<Api>> = sources.made_apis.values().collect();
        let compiled = in_parallel(&made, |api| {
            let stages = api.stages.iter();
            let waiting = stages.filter(|stage| !before.serves(&api.api_id, &stage.stage_name));
            let compiled = waiting.filter_map(|stage| {
                let config = &self.config;
                let compiled = compile_stage(api, stage, before, config, &sources.settings)?;
                Some((stage, compiled))
            });
            compiled.collect::<Vec<_>>()
        });
        let mut not_served = Vec::new();
        for (api, compiled) in made.into_iter().zip(compiled) {
            let served = before.apis.get(&api.api_id);
            let mut stages: HashMap<_, _> =
                served.map(|api| api.stages.clone()).unwrap_or_default();
            if served.is_none() {
                self.record_name(api);
            }
            for (stage, compiled) in compiled {
                match compiled {
                    Ok(deployed) => {
                        let slot = fill_slot(api, deployed, before, &sources.settings);
                        stages.insert(Box::from(stage.stage_name.as_str()), slot);
                    }
                    Err(errors) => not_served.push(NotServed::new(api, stage, errors)),
                }
            }
            let deployed = DeployedApi {
                api: Arc::clone(api),
                origin: Origin::Calls,
                stages,
            };
            table.apis.insert(api.api_id.clone(), deployed);
        }
        not_served
    }

    /// Keeps the API's name, by which its connections are told of.
    pub(crate) fn record_name(&self, api: &Api) {
        self.store().record(Lifecycle::Deployed {
            api_id: api.api_id.clone(),
            name: cut(&api.name),
        });
    }

    /// Serves a table in place of the one before, and closes the connections of stages that it does
    /// not have.
    pub(crate) fn publish(&self, before: &ApiTable, table: ApiTable) {
        let deleted: Vec<_> = before
            .slots()
            .filter(|slot| table.stage(&slot.api_id, &slot.stage_name).is_none())
            .cloned()
            .collect();
        self.serve_apis(Arc::new(table));
        for slot in &deleted {
            // Before the connections are looked for: one that is established later sees it.
            slot.deployed.store(None);
        }
        if !deleted.is_empty() {
            self.close_all(&CloseCause::StageDeleted, |connection| {
                deleted
                    .iter()
                    .any(|slot| Arc::ptr_eq(&connection.stage, slot))
            });
        }
    }
}

/// The stages of each API.
fn compile(
    apis: &[Api],
    before: &ApiTable,
    config: &GatewayConfig,
    settings: &SettingsByStage,
) -> Result<Vec<Vec<Arc<DeployedStage>>>, Vec<CompileError>> {
    let mut errors = Vec::new();
    let mut compiled = Vec::new();
    for api in apis {
        let mut stages = Vec::new();
        for stage in &api.stages {
            match compile_stage(api, stage, before, config, settings) {
                None => {}
                Some(Ok(deployed)) => stages.push(deployed),
                Some(Err(found)) => errors.extend(found),
            }
        }
        compiled.push(stages);
    }
    if errors.is_empty() {
        Ok(compiled)
    } else {
        Err(errors)
    }
}

/// An id belongs to a template or to calls: those of templates follow from their names, those of
/// calls are random, so that both meet once in a universe.
fn refuse_made(apis: &[Api], sources: &Sources) -> Result<(), Vec<CompileError>> {
    let made = apis
        .iter()
        .filter(|api| sources.made_apis.contains_key(&api.api_id));
    let errors: Vec<_> = made
        .map(|api| {
            let place = format!("API {}", api.api_id);
            CompileError::new(place, "calls made an API of this id: delete that one")
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// What `work` makes of each item, on all processors: at start there may be hundreds of APIs.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads);
    if threads == 1 || items.len() < 2 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(work).collect::<Vec<_>>()))
            .collect();
        let shares = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        shares.flatten().collect()
    })
}
