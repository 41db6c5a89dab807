//! `GetUsage`: for each key of a plan with a quota, what was used and what remained, day by day.
//! `UpdateUsage`: a key may make more requests, or fewer, until the period of the quota ends.

use gatepost_gateway::{
    clock::now_ms,
    gateway::Gateway,
    usage_plans::{ServedPlans, USAGE_DAYS},
};
use gatepost_model::{
    ApiKeyId,
    calendar::Day,
    usage_plan::{QuotaSettings, UsagePlan},
};
use serde_json::{Map, Value, json};

use super::{api_key, page::Page, patch::Patch, usage_plan};
use crate::{
    control_plane::{
        json::present,
        rescue::{ControlPlaneError, bad_request},
        uri,
    },
    shapes::apigateway::{Op, UpdateUsageRequest},
};

const PATHS: &[&str] = &["/remaining"];

/// The days from `startDate` to `endDate`, at most as many as are kept.
pub(super) struct Days {
    start: Day,
    end: Day,
}

impl Days {
    pub(super) fn parse(query: &str) -> Result<Self, ControlPlaneError> {
        let day = |name| {
            let text = uri::parameter(query, name)?.unwrap_or_default();
            text.parse()
                .map_err(|_| ControlPlaneError::InvalidDate(text.into_owned()))
        };
        let days = Self {
            start: day("startDate")?,
            end: day("endDate")?,
        };
        let is_kept = days.end.back(USAGE_DAYS - 1) <= days.start;
        if days.start <= days.end && is_kept {
            Ok(days)
        } else {
            Err(ControlPlaneError::InvalidDates)
        }
    }

    fn iter(&self) -> impl Iterator<Item = Day> {
        (self.start.0..=self.end.0).map(Day)
    }
}

/// The usage of the `keys` on a page. A plan without a quota counts nothing, and shows nothing.
pub(super) fn body<'a>(
    plan: &UsagePlan,
    keys: impl Iterator<Item = &'a ApiKeyId>,
    days: &Days,
    page: &Page,
    served: &ServedPlans,
) -> Value {
    let (keys, position) = page.take(keys, |id: &ApiKeyId| id.as_str());
    let values: Map<String, Value> = plan
        .quota
        .into_iter()
        .flat_map(|quota| keys.iter().map(move |key| (quota, *key)))
        .map(|(quota, key)| (key.to_string(), of_key(plan, key, quota, days, served)))
        .collect();
    present(json!({
        "endDate": days.end.to_string(),
        "position": position,
        "startDate": days.start.to_string(),
        "usagePlanId": plan.usage_plan_id.as_str(),
        "values": values,
    }))
}

fn of_key(
    plan: &UsagePlan,
    key: &ApiKeyId,
    quota: QuotaSettings,
    days: &Days,
    served: &ServedPlans,
) -> Value {
    let usage = served.usage(&plan.usage_plan_id, key);
    days.iter()
        .map(|day| {
            let used = usage.by_day.get(&day).copied().unwrap_or_default();
            json!([used, usage.remaining(quota, day)])
        })
        .collect()
}

pub(super) fn update(
    gateway: &Gateway,
    request: UpdateUsageRequest,
) -> Result<Value, ControlPlaneError> {
    let mut remaining = None;
    for patch in &Patch::all(request.patch_operations)? {
        remaining = match (patch.parts().0, &*patch.parts().1) {
            (Op::Replace, ["remaining"]) => Some(patch.parse()?),
            _ => return Err(patch.refuse(PATHS)),
        };
    }
    let today = Day::of_epoch_ms(now_ms());
    let plans = gateway.usage_plans();
    let plan = usage_plan::find(plans.plans(), &request.usageplan_id)?;
    let key = &api_key::find(plans.plans(), &request.key_id)?.api_key_id;
    if !plan.api_key_ids.contains(key) {
        return Err(api_key::not_found());
    }
    if let Some(remaining) = remaining
        && !gateway.extend_quota(&plan.usage_plan_id, key, remaining, today)?
    {
        return Err(bad_request(format!(
            "Usage Plan {} has no quota",
            plan.usage_plan_id
        )));
    }
    let days = Days {
        start: today,
        end: today,
    };
    let keys = std::iter::once(key);
    Ok(body(plan, keys, &days, &Page::parse("")?, &plans))
}
