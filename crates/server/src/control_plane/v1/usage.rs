//! `GetUsage`: for each key of a plan with a quota, what was used and what remained, day by day.

use gatepost_gateway::usage_plans::{ServedPlans, USAGE_DAYS, meter::used_in_period};
use gatepost_model::{
    ApiKeyId,
    calendar::Day,
    usage_plan::{QuotaSettings, UsagePlan},
};
use serde_json::{Map, Value, json};

use super::page::Page;
use crate::control_plane::{json::present, rescue::ControlPlaneError, uri};

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
    let by_day = served.usage(&plan.usage_plan_id, key);
    days.iter()
        .map(|day| {
            let used = by_day.get(&day).copied().unwrap_or_default();
            let remaining = quota
                .limit
                .saturating_sub(used_in_period(&by_day, quota, day));
            json!([used, remaining])
        })
        .collect()
}
