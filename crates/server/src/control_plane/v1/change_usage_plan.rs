//! `CreateUsagePlan`, `UpdateUsagePlan`, `DeleteUsagePlan`, `CreateUsagePlanKey`,
//! `DeleteUsagePlanKey`.

use std::collections::BTreeMap;

use gatepost_gateway::{control::Change, gateway::Gateway, new_id::resource_id};
use gatepost_model::{
    ApiKeyId,
    throttle::ThrottleSettings,
    usage_plan::{ApiStage, QuotaPeriod, QuotaSettings, UsagePlan},
};
use serde_json::Value;

use super::{api_key, patch::Patch, usage_plan};
use crate::{
    control_plane::{
        changes::{make, of_template},
        quota,
        rescue::{ControlPlaneError, bad_request},
    },
    shapes::apigateway::{
        self as shapes, CreateUsagePlanKeyRequest, CreateUsagePlanRequest,
        DeleteUsagePlanKeyRequest, DeleteUsagePlanRequest, Op, QuotaPeriodType,
        UpdateUsagePlanRequest,
    },
};

const PATHS: &[&str] = &[
    "/apiStages",
    "/apiStages/{apiId}:{stage}/throttle",
    "/apiStages/{apiId}:{stage}/throttle/{routeKey}/burstLimit",
    "/apiStages/{apiId}:{stage}/throttle/{routeKey}/rateLimit",
    "/description",
    "/name",
    "/quota",
    "/quota/limit",
    "/quota/offset",
    "/quota/period",
    "/throttle",
    "/throttle/burstLimit",
    "/throttle/rateLimit",
];

pub(super) fn create(
    gateway: &Gateway,
    request: CreateUsagePlanRequest,
) -> Result<Value, ControlPlaneError> {
    let mut api_stages: Vec<ApiStage> = Vec::new();
    for stage in request.api_stages.unwrap_or_default() {
        let (Some(api_id), Some(name)) = (stage.api_id, stage.stage) else {
            return Err(bad_request(
                "Invalid API stage: apiId and stage are required",
            ));
        };
        let mut stage_of_plan = api_stage(gateway, &api_id, &name)?;
        for (route_key, settings) in stage.throttle.unwrap_or_default() {
            stage_of_plan
                .throttle
                .insert(route_key, throttle(&settings)?);
        }
        add_stage(&mut api_stages, stage_of_plan)?;
    }
    let plan = UsagePlan {
        usage_plan_id: resource_id::<6>().into(),
        name: request.name,
        description: request.description,
        api_stages,
        throttle: request.throttle.as_ref().map(throttle).transpose()?,
        quota: request.quota.as_ref().map(quota).transpose()?,
        tags: quota::tags(request.tags)?,
        api_key_ids: Vec::new(),
    };
    let id = plan.usage_plan_id.clone();
    make(
        gateway,
        |change| {
            change.made.plans.usage_plans.push(plan);
            Ok(())
        },
        |served, ()| usage_plan::find(served.plans(), id.as_str()).map(usage_plan::body),
    )
}

/// A stage that is there.
fn api_stage(gateway: &Gateway, api_id: &str, name: &str) -> Result<ApiStage, ControlPlaneError> {
    let table = gateway.apis();
    let api = table.apis.get(api_id);
    let is_there = api.is_some_and(|api| {
        let mut stages = api.api.stages.iter();
        stages.any(|stage| stage.stage_name.as_str() == name)
    });
    if !is_there {
        return Err(ControlPlaneError::NotFoundApiStage(format!(
            "{api_id}:{name}"
        )));
    }
    Ok(ApiStage {
        api_id: api_id.into(),
        stage: name.into(),
        throttle: BTreeMap::new(),
    })
}

fn add_stage(stages: &mut Vec<ApiStage>, stage: ApiStage) -> Result<(), ControlPlaneError> {
    if place(stages, &stage).is_some() {
        let (api_id, name) = (&stage.api_id, &stage.stage);
        return Err(ControlPlaneError::Conflict(format!(
            "API Stage {api_id}:{name} is in the usage plan already"
        )));
    }
    stages.push(stage);
    Ok(())
}

fn position(stages: &[ApiStage], api_id: &str, name: &str) -> Option<usize> {
    stages
        .iter()
        .position(|stage| stage.api_id.as_str() == api_id && stage.stage.as_str() == name)
}

fn place(stages: &[ApiStage], stage: &ApiStage) -> Option<usize> {
    position(stages, stage.api_id.as_str(), stage.stage.as_str())
}

fn throttle(settings: &shapes::ThrottleSettings) -> Result<ThrottleSettings, ControlPlaneError> {
    if settings.rate_limit.is_some_and(|rate| rate < 0.0) {
        return Err(bad_request("Usage Plan rate limit must not be negative"));
    }
    let burst = settings.burst_limit.map(|burst| {
        u32::try_from(burst).map_err(|_| bad_request("Usage Plan burst limit must not be negative"))
    });
    Ok(ThrottleSettings {
        rate_limit: settings.rate_limit,
        burst_limit: burst.transpose()?,
    })
}

fn quota(settings: &shapes::QuotaSettings) -> Result<QuotaSettings, ControlPlaneError> {
    let number = |number: i32| {
        u32::try_from(number).map_err(|_| bad_request("Usage Plan quota must not be negative"))
    };
    let period = match settings.period {
        Some(QuotaPeriodType::Day) => QuotaPeriod::Day,
        Some(QuotaPeriodType::Week) => QuotaPeriod::Week,
        Some(QuotaPeriodType::Month) => QuotaPeriod::Month,
        None => return Err(bad_request("Usage Plan quota period is required")),
    };
    let limit = settings
        .limit
        .ok_or_else(|| bad_request("Usage Plan quota limit is required"))?;
    checked(QuotaSettings {
        limit: number(limit)?,
        offset: number(settings.offset.unwrap_or(0))?,
        period,
    })
}

fn checked(quota: QuotaSettings) -> Result<QuotaSettings, ControlPlaneError> {
    let (period, max) = (quota.period.as_str(), quota.period.max_offset());
    if quota.offset > max {
        return Err(bad_request(format!(
            "Usage Plan quota offset must be between 0 and {max} for the period {period}"
        )));
    }
    Ok(quota)
}

/// The plan, if calls made it.
pub(super) fn find<'a>(
    change: &'a mut Change<'_>,
    id: &str,
) -> Result<&'a mut UsagePlan, ControlPlaneError> {
    let mut declared = change.declared.plans.usage_plans.iter();
    if declared.any(|plan| plan.usage_plan_id.as_str() == id) {
        return Err(of_template("usage plan", id));
    }
    let mut plans = change.made.plans.usage_plans.iter_mut();
    plans
        .find(|plan| plan.usage_plan_id.as_str() == id)
        .ok_or(ControlPlaneError::NotFoundUsagePlan)
}

pub(super) fn update(
    gateway: &Gateway,
    request: UpdateUsagePlanRequest,
) -> Result<Value, ControlPlaneError> {
    let patches = Patch::all(request.patch_operations)?;
    let id = &request.usageplan_id;
    make(
        gateway,
        |change| {
            let all = all_plans(change);
            let plan = find(change, id)?;
            let before = plan.api_stages.clone();
            let mut changed_quota = PartOfQuota::of(plan.quota);
            for patch in &patches {
                apply(gateway, plan, &mut changed_quota, patch)?;
            }
            plan.quota = changed_quota.whole()?;
            let mut added = plan.api_stages.clone();
            added.retain(|stage| place(&before, stage).is_none());
            for key in &plan.api_key_ids {
                refuse_second_plan(plan, &added, key, &all)?;
            }
            Ok(())
        },
        |served, ()| usage_plan::find(served.plans(), id).map(usage_plan::body),
    )
}

/// A quota whose members are set one after the other.
#[derive(Default)]
struct PartOfQuota {
    limit: Option<u32>,
    offset: Option<u32>,
    period: Option<QuotaPeriod>,
}

impl PartOfQuota {
    fn of(quota: Option<QuotaSettings>) -> Self {
        quota.map_or_else(Self::default, |quota| Self {
            limit: Some(quota.limit),
            offset: Some(quota.offset),
            period: Some(quota.period),
        })
    }

    fn whole(self) -> Result<Option<QuotaSettings>, ControlPlaneError> {
        match (self.limit, self.period) {
            (None, None) => Ok(None),
            (Some(limit), Some(period)) => checked(QuotaSettings {
                limit,
                offset: self.offset.unwrap_or(0),
                period,
            })
            .map(Some),
            (None, Some(_)) => Err(bad_request("Usage Plan quota limit is required")),
            (Some(_), None) => Err(bad_request("Usage Plan quota period is required")),
        }
    }
}

fn apply(
    gateway: &Gateway,
    plan: &mut UsagePlan,
    quota: &mut PartOfQuota,
    patch: &Patch,
) -> Result<(), ControlPlaneError> {
    match (patch.parts().0, &*patch.parts().1) {
        (Op::Replace, ["name"]) => patch.text().clone_into(&mut plan.name),
        (Op::Replace, ["description"]) => plan.description = patch.optional(),
        (Op::Remove, ["throttle"]) => plan.throttle = None,
        (Op::Add | Op::Replace, ["throttle", member]) => {
            set_throttle(plan.throttle.get_or_insert_default(), member, patch)?;
        }
        (Op::Remove, ["quota"]) => *quota = PartOfQuota::default(),
        (Op::Add | Op::Replace, ["quota", "limit"]) => quota.limit = Some(patch.parse()?),
        (Op::Add | Op::Replace, ["quota", "offset"]) => quota.offset = Some(patch.parse()?),
        (Op::Add | Op::Replace, ["quota", "period"]) => {
            quota.period = Some(match patch.text() {
                "DAY" => QuotaPeriod::Day,
                "WEEK" => QuotaPeriod::Week,
                "MONTH" => QuotaPeriod::Month,
                _ => {
                    return Err(bad_request(
                        "Usage Plan quota period must be DAY, WEEK or MONTH",
                    ));
                }
            });
        }
        (Op::Add, ["apiStages"]) => {
            let (api_id, name) = stage_name(patch.text())?;
            add_stage(&mut plan.api_stages, api_stage(gateway, api_id, name)?)?;
        }
        (Op::Remove, ["apiStages"]) => {
            let at = stage_at(plan, patch.text())?;
            plan.api_stages.remove(at);
        }
        (Op::Remove, ["apiStages", stage, "throttle"]) => {
            let at = stage_at(plan, stage)?;
            plan.api_stages[at].throttle.clear();
        }
        (Op::Remove, ["apiStages", stage, "throttle", route_key]) => {
            let at = stage_at(plan, stage)?;
            plan.api_stages[at].throttle.remove(*route_key);
        }
        (Op::Add | Op::Replace, ["apiStages", stage, "throttle", route_key, member]) => {
            let at = stage_at(plan, stage)?;
            let of_route = plan.api_stages[at].throttle.entry((*route_key).to_owned());
            set_throttle(of_route.or_default(), member, patch)?;
        }
        _ => return Err(patch.refuse(PATHS)),
    }
    Ok(())
}

fn set_throttle(
    settings: &mut ThrottleSettings,
    member: &str,
    patch: &Patch,
) -> Result<(), ControlPlaneError> {
    match member {
        "burstLimit" => settings.burst_limit = Some(patch.parse()?),
        "rateLimit" => {
            let rate: f64 = patch.parse()?;
            if !rate.is_finite() || rate < 0.0 {
                return Err(bad_request("Usage Plan rate limit must not be negative"));
            }
            settings.rate_limit = Some(rate);
        }
        _ => return Err(patch.refuse(PATHS)),
    }
    Ok(())
}

/// `{apiId}:{stage}`.
fn stage_name(text: &str) -> Result<(&str, &str), ControlPlaneError> {
    text.split_once(':')
        .ok_or_else(|| bad_request(format!("Invalid API stage '{text}': must be apiId:stage")))
}

fn stage_at(plan: &UsagePlan, text: &str) -> Result<usize, ControlPlaneError> {
    let (api_id, name) = stage_name(text)?;
    position(&plan.api_stages, api_id, name)
        .ok_or_else(|| ControlPlaneError::NotFoundApiStage(text.to_owned()))
}

pub(super) fn delete(
    gateway: &Gateway,
    request: &DeleteUsagePlanRequest,
) -> Result<Value, ControlPlaneError> {
    make(
        gateway,
        |change| {
            let id = find(change, &request.usageplan_id)?.usage_plan_id.clone();
            let plans = &mut change.made.plans.usage_plans;
            plans.retain(|plan| plan.usage_plan_id != id);
            Ok(())
        },
        |_, ()| Ok(Value::Null),
    )
}

pub(super) fn add_key(
    gateway: &Gateway,
    request: &CreateUsagePlanKeyRequest,
) -> Result<Value, ControlPlaneError> {
    if request.key_type != "API_KEY" {
        return Err(bad_request("Invalid Key Type specified"));
    }
    let id = ApiKeyId::from(&*request.key_id);
    make(
        gateway,
        |change| {
            let made = &change.made.plans;
            if made
                .api_key(&request.key_id)
                .or(change.declared.plans.api_key(&request.key_id))
                .is_none()
            {
                return Err(api_key::not_found());
            }
            let all = all_plans(change);
            let plan = find(change, &request.usageplan_id)?;
            if plan.api_key_ids.contains(&id) {
                return Err(ControlPlaneError::Conflict(format!(
                    "API Key {id} is in the usage plan already"
                )));
            }
            refuse_second_plan(plan, &plan.api_stages, &id, &all)?;
            plan.api_key_ids.push(id);
            Ok(())
        },
        |served, ()| {
            api_key::find(served.plans(), &request.key_id).map(api_key::usage_plan_key_body)
        },
    )
}

/// Those of the template, too.
fn all_plans(change: &Change<'_>) -> Vec<UsagePlan> {
    let (made, declared) = (&change.made.plans, &change.declared.plans);
    [&*made.usage_plans, &declared.usage_plans].concat()
}

/// AWS allows one plan for a key and stage: refuses the plan these stages with this key.
fn refuse_second_plan(
    plan: &UsagePlan,
    stages: &[ApiStage],
    id: &ApiKeyId,
    all: &[UsagePlan],
) -> Result<(), ControlPlaneError> {
    let others = all
        .iter()
        .filter(|other| other.usage_plan_id != plan.usage_plan_id);
    for other in others.filter(|other| other.api_key_ids.contains(id)) {
        for stage in stages {
            if place(&other.api_stages, stage).is_some() {
                let (api_id, name) = (&stage.api_id, &stage.stage);
                return Err(ControlPlaneError::Conflict(format!(
                    "API Key {id} belongs to another usage plan of the stage {api_id}:{name}"
                )));
            }
        }
    }
    Ok(())
}

pub(super) fn remove_key(
    gateway: &Gateway,
    request: &DeleteUsagePlanKeyRequest,
) -> Result<Value, ControlPlaneError> {
    make(
        gateway,
        |change| {
            let keys = &mut find(change, &request.usageplan_id)?.api_key_ids;
            let at = keys.iter().position(|id| id.as_str() == request.key_id);
            keys.remove(at.ok_or_else(api_key::not_found)?);
            Ok(())
        },
        |_, ()| Ok(Value::Null),
    )
}
