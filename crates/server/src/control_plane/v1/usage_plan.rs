//! `GetUsagePlans`, `GetUsagePlan`.

use gatepost_model::{
    throttle::ThrottleSettings,
    usage_plan::{ApiStage, QuotaSettings, UsagePlan, UsagePlans},
};
use serde_json::{Map, Value, json};

use crate::control_plane::{
    json::{present, unless_empty},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(
    plans: &'a UsagePlans,
    plan_id: &str,
) -> Result<&'a UsagePlan, ControlPlaneError> {
    let mut plans = plans.usage_plans.iter();
    plans
        .find(|plan| id(plan) == plan_id)
        .ok_or(ControlPlaneError::NotFoundUsagePlan)
}

pub(super) fn id(plan: &UsagePlan) -> &str {
    plan.usage_plan_id.as_str()
}

pub(super) fn body(plan: &UsagePlan) -> Value {
    present(json!({
        "apiStages": plan.api_stages.iter().map(api_stage_body).collect::<Vec<_>>(),
        "description": plan.description,
        "id": id(plan),
        "name": plan.name,
        "quota": plan.quota.map(quota_body),
        "tags": unless_empty(&plan.tags),
        "throttle": plan.throttle.map(throttle_body),
    }))
}

fn api_stage_body(stage: &ApiStage) -> Value {
    let throttle: Map<String, Value> = stage
        .throttle
        .iter()
        .map(|(route_key, settings)| (route_key.clone(), throttle_body(*settings)))
        .collect();
    present(json!({
        "apiId": stage.api_id.as_str(),
        "stage": stage.stage.as_str(),
        "throttle": (!throttle.is_empty()).then_some(throttle),
    }))
}

fn quota_body(quota: QuotaSettings) -> Value {
    json!({
        "limit": quota.limit,
        "offset": quota.offset,
        "period": quota.period.as_str(),
    })
}

pub(super) fn throttle_body(settings: ThrottleSettings) -> Value {
    present(json!({
        "burstLimit": settings.burst_limit,
        "rateLimit": settings.rate_limit,
    }))
}
