//! API keys and usage plans as they are served (data-plane spec 9.4). A key is found by the digest
//! of its value, so that a lookup tells nothing of it. Each key of a plan has a token bucket and a
//! meter of its own, which outlive a deployment.

pub mod meter;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use gatepost_model::{
    ApiId, ApiKeyId, StageName, UsagePlanId,
    calendar::Day,
    secret::Secret,
    throttle::{ThrottleSettings, TokenBucket},
    usage_plan::{ApiKey, ApiStage, QuotaSettings, UsagePlan, UsagePlans, generated_value},
};
use sha2::{Digest, Sha256};

use crate::{
    clock,
    store::{Lifecycle, Store},
};
use meter::{Extension, Meter, Usage};

/// Days of usage that are kept and may be asked for with `GetUsage`: AWS's 90, and this one.
pub const USAGE_DAYS: u32 = 91;

/// The keys and plans that are served now.
#[derive(Debug, Default)]
pub struct ServedPlans {
    plans: UsagePlans,
    by_value: HashMap<[u8; 32], Arc<ServedKey>>,
    by_id: HashMap<ApiKeyId, Arc<ServedKey>>,
}

/// A key with the plans that it belongs to.
#[derive(Debug)]
pub struct ServedKey {
    /// `id`.
    pub api_key_id: ApiKeyId,
    /// `value`.
    pub value: Secret,
    /// `enabled`.
    pub enabled: bool,
    memberships: Vec<Membership>,
}

/// A key in a plan.
#[derive(Debug)]
pub struct Membership {
    /// The plan.
    pub usage_plan_id: UsagePlanId,
    /// The plan's `throttle`.
    pub throttle: Option<Arc<TokenBucket>>,
    /// The plan's `quota`.
    pub quota: Option<QuotaSettings>,
    /// What was used of it, or would be.
    pub meter: Arc<Meter>,
    stages: Vec<MemberStage>,
}

/// A stage that a key in a plan may use.
#[derive(Debug)]
struct MemberStage {
    api_id: ApiId,
    stage: StageName,
    /// By route key, in place of the plan's `throttle`.
    routes: BTreeMap<String, Arc<TokenBucket>>,
}

impl ServedPlans {
    /// Serves `plans` in place of `before`. Keys without a value get one.
    pub(crate) fn new(mut plans: UsagePlans, before: &Self, store: &Store) -> Self {
        for key in &mut plans.api_keys {
            key.value
                .get_or_insert_with(|| generated_value(store.api_key_secret(), &key.api_key_id));
        }
        let mut served = Self {
            plans,
            ..Self::default()
        };
        for key in &served.plans.api_keys {
            let Some(value) = &key.value else {
                continue;
            };
            let served_key = Arc::new(ServedKey {
                api_key_id: key.api_key_id.clone(),
                value: value.clone(),
                enabled: key.enabled,
                memberships: memberships(key, &served.plans.usage_plans, before, store),
            });
            served
                .by_value
                .insert(digest(value.reveal()), Arc::clone(&served_key));
            served.by_id.insert(key.api_key_id.clone(), served_key);
        }
        served
    }

    /// The keys and plans themselves; every key has its value.
    pub fn plans(&self) -> &UsagePlans {
        &self.plans
    }

    /// The key that a client presents.
    pub fn key_of_value(&self, value: &str) -> Option<&Arc<ServedKey>> {
        self.by_value.get(&digest(value))
    }

    /// The key with this id.
    pub fn key_of_id(&self, id: &str) -> Option<&Arc<ServedKey>> {
        self.by_id.get(id)
    }

    /// What a key used of a plan's quota.
    pub fn usage(&self, plan: &UsagePlanId, key: &ApiKeyId) -> Usage {
        let membership = self.by_id.get(key).and_then(|key| key.membership(plan));
        membership.map_or_else(Usage::default, |membership| membership.meter.usage())
    }

    /// Lets a key make `remaining` requests until the present period of its plan's quota ends, once
    /// `keep` has it on the disk; `None` when there is no such quota.
    pub(crate) fn extend<E>(
        &self,
        plan: &UsagePlanId,
        key: &ApiKeyId,
        remaining: u32,
        today: Day,
        keep: impl FnOnce(Extension) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let membership = self.by_id.get(key)?.membership(plan)?;
        let extension = membership
            .meter
            .extension(membership.quota?, today, remaining);
        Some(keep(extension).map(|()| membership.meter.extend(extension)))
    }

    /// Hands what has been used since the last call to the store.
    pub(crate) fn record_usage(&self, store: &Store) {
        for key in self.by_id.values() {
            for membership in &key.memberships {
                for (day, used) in membership.meter.take_changed() {
                    store.record(Lifecycle::Usage {
                        usage_plan_id: membership.usage_plan_id.clone(),
                        api_key_id: key.api_key_id.clone(),
                        day,
                        used,
                    });
                }
            }
        }
    }
}

impl ServedKey {
    /// The plan through which the key may use a stage; AWS allows one for each.
    pub fn membership_for(&self, api_id: &ApiId, stage: &StageName) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|membership| membership.stage(api_id, stage).is_some())
    }

    fn membership(&self, plan: &UsagePlanId) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|membership| membership.usage_plan_id == *plan)
    }
}

impl Membership {
    /// The bucket that throttles the key on a route: that of the route, else that of the plan.
    pub fn throttle_on(
        &self,
        api_id: &ApiId,
        stage: &StageName,
        route_key: &str,
    ) -> Option<&TokenBucket> {
        let stage = self.stage(api_id, stage);
        let own = stage.and_then(|stage| stage.routes.get(route_key));
        own.or(self.throttle.as_ref()).map(AsRef::as_ref)
    }

    fn stage(&self, api_id: &ApiId, stage: &StageName) -> Option<&MemberStage> {
        self.stages
            .iter()
            .find(|member| member.api_id == *api_id && member.stage == *stage)
    }
}

fn memberships(
    key: &ApiKey,
    plans: &[UsagePlan],
    before: &ServedPlans,
    store: &Store,
) -> Vec<Membership> {
    let known = before.by_id.get(&key.api_key_id);
    plans
        .iter()
        .filter(|plan| plan.api_key_ids.contains(&key.api_key_id))
        .map(|plan| {
            let known = known.and_then(|known| known.membership(&plan.usage_plan_id));
            let meter = known.map_or_else(
                || {
                    Arc::new(Meter::new(
                        store.usage(&plan.usage_plan_id, &key.api_key_id),
                    ))
                },
                |known| Arc::clone(&known.meter),
            );
            Membership {
                usage_plan_id: plan.usage_plan_id.clone(),
                throttle: bucket(
                    plan.throttle.unwrap_or_default(),
                    known.and_then(|known| known.throttle.as_ref()),
                ),
                quota: plan.quota,
                meter,
                stages: plan
                    .api_stages
                    .iter()
                    .map(|stage| member_stage(stage, known))
                    .collect(),
            }
        })
        .collect()
}

fn member_stage(stage: &ApiStage, known: Option<&Membership>) -> MemberStage {
    let known = known.and_then(|known| known.stage(&stage.api_id, &stage.stage));
    let routes = stage.throttle.iter().filter_map(|(route_key, settings)| {
        let known = known.and_then(|known| known.routes.get(route_key));
        Some((route_key.clone(), bucket(*settings, known)?))
    });
    MemberStage {
        api_id: stage.api_id.clone(),
        stage: stage.stage.clone(),
        routes: routes.collect(),
    }
}

fn bucket(
    settings: ThrottleSettings,
    before: Option<&Arc<TokenBucket>>,
) -> Option<Arc<TokenBucket>> {
    let limit = settings.limit()?;
    Some(TokenBucket::successor(before, limit, clock::uptime()))
}

fn digest(value: &str) -> [u8; 32] {
    Sha256::digest(value).into()
}

#[cfg(test)]
mod tests;
