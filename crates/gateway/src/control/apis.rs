//! The APIs that calls made: one change after the other, compiled before it is kept, and kept before
//! it is served.

use std::sync::Arc;

use gatepost_model::{
    ApiId, StageName,
    api::Api,
    deployment::{AUTOMATIC_DESCRIPTION, Deployment},
    limits::{APIS, DEPLOYED_BYTES},
    stage::{Stage, deployed_message},
};

use super::{Sources, deployments};
use crate::{
    clock::now_ms,
    deploy::{NotServed, compile_stage, fill_slot},
    deployed::{CompileError, DeployedStage},
    gateway::{ApiTable, DeployedApi, Gateway, Origin},
    kill_point::KillPoint,
    new_id::{deployment_id, resource_id},
    observe::Event,
    store::ReadError,
};

/// Why an API is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ApiChangeError {
    /// Neither calls nor templates made it.
    #[error("there is no API {0}")]
    NotFound(ApiId),
    /// A template declares it.
    #[error("the API {0} is a template's")]
    OfTemplate(ApiId),
    /// Calls may make so many only.
    #[error("there are {APIS} APIs, which is as many as there may be")]
    TooMany,
    /// A stage could not be served as it would be then.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NotServable(Vec<CompileError>),
    /// Its deployments would be too large.
    #[error(
        "The deployments of the API would be larger than {DEPLOYED_BYTES} bytes together: delete some \
         that no stage serves"
    )]
    DeploymentsTooLarge,
    /// The store does not take it.
    #[error(transparent)]
    NotKept(#[from] ReadError),
}

/// An API as it shall be, with those of its stages that have changed.
struct Changed {
    api: Arc<Api>,
    compiled: Vec<Arc<DeployedStage>>,
    /// Stages that were not served, and cannot be now.
    not_served: Vec<NotServed>,
}

impl Gateway {
    /// Serves a new API from now on, under another id where its own is taken. Blocks.
    ///
    /// # Errors
    /// [`ApiChangeError`].
    pub fn create_api(&self, mut api: Api) -> Result<Arc<Api>, ApiChangeError> {
        let mut sources = self.sources.lock();
        if sources.made_apis.len() >= APIS {
            return Err(ApiChangeError::TooMany);
        }
        let table = self.apis();
        while table.apis.contains_key(&api.api_id) {
            api.api_id = ApiId::new(resource_id::<10>());
        }
        let changed = Changed {
            api: Arc::new(api),
            compiled: Vec::new(),
            not_served: Vec::new(),
        };
        self.put(&mut sources, None, changed)
    }

    /// Changes an API that calls made, and deploys it to its stages with `autoDeploy`. A change that
    /// fails, makes a stage unfit to be served, or cannot be kept, changes nothing. A stage that could
    /// not be served before is no reason to refuse: it is warned of. A change to what is there already
    /// tries such stages again. Gives the API as it is served. Blocks.
    ///
    /// # Errors
    /// Those of `change`, and [`ApiChangeError`].
    pub fn change_api<T, E: From<ApiChangeError>>(
        &self,
        api_id: &str,
        change: impl FnOnce(&mut Api) -> Result<T, E>,
    ) -> Result<(Arc<Api>, T), E> {
        let mut sources = self.sources.lock();
        let before = Arc::clone(self.made_api(&sources, api_id)?);
        let mut after = Api::clone(&before);
        let result = change(&mut after)?;
        if after.definition == before.definition {
            // What did not change is one with what is deployed of it.
            after.definition = Arc::clone(&before.definition);
        }
        let table = self.apis();
        if after == *before {
            self.try_again(&before, &sources, &table);
            return Ok((before, result));
        }
        let mut compiled = self.deploy_automatically(&mut after, &sources, &table);
        let mut not_served = Vec::new();
        for stage in &after.stages {
            // The configuration may say what holds for a stage by its API's name.
            let is_same = before.name == after.name
                && before.stages.iter().any(|known| known.serves_as(stage));
            if is_same || compiled.iter().any(|it| is_of(it, stage)) {
                continue;
            }
            match compile_stage(&after, stage, &table, &self.config, &sources.settings) {
                None => {}
                Some(Ok(deployed)) => compiled.push(deployed),
                Some(Err(errors)) if is_waiting(&before, &stage.stage_name, &table) => {
                    not_served.push(NotServed::new(&after, stage, errors));
                }
                Some(Err(errors)) => return Err(ApiChangeError::NotServable(errors).into()),
            }
        }
        deployments::make_room(&mut after, &before, DEPLOYED_BYTES)?;
        let changed = Changed {
            api: Arc::new(after),
            compiled,
            not_served,
        };
        let served = self.put(&mut sources, Some(&before), changed)?;
        Ok((served, result))
    }

    /// Deletes an API that calls made, with its stages and their connections. Blocks.
    ///
    /// # Errors
    /// [`ApiChangeError`].
    pub fn delete_api(&self, api_id: &str) -> Result<(), ApiChangeError> {
        let mut sources = self.sources.lock();
        let before = Arc::clone(self.made_api(&sources, api_id)?);
        self.store().forget_api(&before)?;
        sources.made_apis.remove(api_id);
        let table_before = self.apis();
        let mut table = ApiTable::clone(&table_before);
        table.apis.remove(api_id);
        KillPoint::BeforeServed.pass();
        self.publish(&table_before, table);
        KillPoint::AfterServed.pass();
        Ok(())
    }

    fn made_api<'a>(
        &self,
        sources: &'a Sources,
        api_id: &str,
    ) -> Result<&'a Arc<Api>, ApiChangeError> {
        sources.made_apis.get(api_id).ok_or_else(|| {
            if self.apis().apis.contains_key(api_id) {
                ApiChangeError::OfTemplate(api_id.into())
            } else {
                ApiChangeError::NotFound(api_id.into())
            }
        })
    }

    /// Serves the stages of an API that could not be served until now, as far as they can be.
    fn try_again(&self, api: &Arc<Api>, sources: &Sources, table: &ApiTable) {
        let mut compiled = Vec::new();
        for stage in &api.stages {
            if table.serves(&api.api_id, &stage.stage_name) {
                continue;
            }
            match compile_stage(api, stage, table, &self.config, &sources.settings) {
                None => {}
                Some(Ok(deployed)) => compiled.push(deployed),
                Some(Err(errors)) => self.warn(&NotServed::new(api, stage, errors)),
            }
        }
        if !compiled.is_empty() {
            self.serve_made_api(api, compiled, sources);
        }
    }

    fn warn(&self, not_served: &NotServed) {
        self.observer().emit(Event::Warning(not_served.to_string()));
    }

    /// Makes a deployment for the stages with `autoDeploy` that serve something else than the API is
    /// now. A stage that could not serve it keeps its deployment, and says why.
    fn deploy_automatically(
        &self,
        api: &mut Api,
        sources: &Sources,
        table: &ApiTable,
    ) -> Vec<Arc<DeployedStage>> {
        let is_behind = |stage: &&Stage| {
            let deployed = api.deployed_to(stage);
            stage.auto_deploy && deployed.is_none_or(|deployed| *deployed != api.definition)
        };
        let behind: Vec<StageName> = api
            .stages
            .iter()
            .filter(is_behind)
            .map(|stage| stage.stage_name.clone())
            .collect();
        if behind.is_empty() {
            return Vec::new();
        }
        let now_ms = now_ms();
        let deployment_id = deployment_id(api);
        let kept = api.clone();
        api.deployments.push(Deployment {
            deployment_id: deployment_id.clone(),
            description: Some(AUTOMATIC_DESCRIPTION.to_owned()),
            created_at_ms: now_ms,
            auto_deployed: true,
            definition: Arc::clone(&api.definition),
        });
        let mut compiled = Vec::new();
        for index in 0..api.stages.len() {
            let stage = &api.stages[index];
            if !behind.contains(&stage.stage_name) {
                continue;
            }
            let moved = Stage {
                deployment_id: Some(deployment_id.clone()),
                last_deployment_status_message: Some(deployed_message(&deployment_id)),
                last_updated_at_ms: now_ms,
                ..stage.clone()
            };
            api.stages[index] = match self.try_stage(api, &moved, sources, table) {
                Ok(deployed) => {
                    compiled.push(deployed);
                    moved
                }
                Err(why) => Stage {
                    last_deployment_status_message: Some(format!(
                        "Deployment attempt failed: {why}"
                    )),
                    ..stage.clone()
                },
            };
        }
        if compiled.is_empty() {
            api.deployments = kept.deployments;
        }
        compiled
    }

    fn try_stage(
        &self,
        api: &Api,
        stage: &Stage,
        sources: &Sources,
        table: &ApiTable,
    ) -> Result<Arc<DeployedStage>, String> {
        const NO_ROUTES: &str = "Unable to deploy API because no routes exist in this API";
        if api.definition.routes.is_empty() {
            return Err(NO_ROUTES.to_owned());
        }
        match compile_stage(api, stage, table, &self.config, &sources.settings) {
            Some(Ok(deployed)) => Ok(deployed),
            Some(Err(errors)) => Err(ApiChangeError::NotServable(errors).to_string()),
            None => Err(NO_ROUTES.to_owned()),
        }
    }

    /// Keeps an API, then serves it.
    fn put(
        &self,
        sources: &mut Sources,
        before: Option<&Arc<Api>>,
        changed: Changed,
    ) -> Result<Arc<Api>, ApiChangeError> {
        let Changed {
            api,
            compiled,
            not_served,
        } = changed;
        self.store().keep_api(before.map(AsRef::as_ref), &api)?;
        sources
            .made_apis
            .insert(api.api_id.clone(), Arc::clone(&api));
        KillPoint::BeforeServed.pass();
        if before.is_none_or(|before| before.name != api.name) {
            self.record_name(&api);
        }
        self.serve_made_api(&api, compiled, sources);
        KillPoint::AfterServed.pass();
        for stage in &not_served {
            self.warn(stage);
        }
        Ok(api)
    }

    /// Serves an API with those of its stages that were compiled anew.
    fn serve_made_api(&self, api: &Arc<Api>, compiled: Vec<Arc<DeployedStage>>, sources: &Sources) {
        let table_before = self.apis();
        let mut table = ApiTable::clone(&table_before);
        let served = table_before.apis.get(&api.api_id);
        let mut stages = served.map(|api| api.stages.clone()).unwrap_or_default();
        stages.retain(|name, _| {
            let mut stages = api.stages.iter();
            stages.any(|stage| stage.stage_name.as_str() == &**name)
        });
        for deployed in compiled {
            let name = Box::from(deployed.stage_name.as_str());
            let slot = fill_slot(api, deployed, &table_before, &sources.settings);
            stages.insert(name, slot);
        }
        let deployed = DeployedApi {
            api: Arc::clone(api),
            origin: Origin::Calls,
            stages,
        };
        table.apis.insert(api.api_id.clone(), deployed);
        self.publish(&table_before, table);
    }
}

/// Whether a stage serves nothing although something is deployed to it: it could not be served when
/// Gatepost started.
fn is_waiting(api: &Api, stage_name: &StageName, table: &ApiTable) -> bool {
    let mut stages = api.stages.iter();
    let stage = stages.find(|stage| stage.stage_name == *stage_name);
    stage.is_some_and(|stage| api.deployed_to(stage).is_some())
        && !table.serves(&api.api_id, stage_name)
}

fn is_of(deployed: &DeployedStage, stage: &Stage) -> bool {
    deployed.stage_name == stage.stage_name
}
