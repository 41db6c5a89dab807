//! `ListMetrics`: what there are samples of.

use std::collections::BTreeSet;

use gatepost_gateway::{clock::now_ms, gateway::Gateway, observe::metrics::Metric};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    NAMESPACE,
    dimensions::{of_series, shown},
    error::MonitoringError,
    up_to_now,
};

/// Metrics of one page.
const PAGE: usize = 500;
/// A metric is listed as long as its last samples are no older.
const LISTED_MINUTES: u64 = 14 * 24 * 60;
/// What `RecentlyActive` says of itself: three hours.
const RECENT_MINUTES: u64 = 3 * 60;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Filter>,
    next_token: Option<String>,
    recently_active: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: String,
    value: Option<String>,
}

impl Filter {
    fn passes(&self, set: &[(&'static str, String)]) -> bool {
        set.iter().any(|(name, value)| {
            *name == self.name && self.value.as_ref().is_none_or(|wanted| wanted == value)
        })
    }
}

pub(super) fn list_metrics(gateway: &Gateway, input: &Input) -> Result<Value, MonitoringError> {
    let invalid = |text: &str| MonitoringError::InvalidValue(text.to_owned());
    let kept = match input.recently_active.as_deref() {
        None => LISTED_MINUTES,
        Some("PT3H") => RECENT_MINUTES,
        Some(_) => return Err(invalid("The parameter RecentlyActive must be PT3H.")),
    };
    let skipped: usize = input.next_token.as_deref().map_or(Ok(0), |token| {
        let token = token.parse();
        token.map_err(|_| invalid("The parameter NextToken is invalid."))
    })?;
    let mut listed = BTreeSet::new();
    if input
        .namespace
        .as_deref()
        .is_none_or(|name| name == NAMESPACE)
    {
        up_to_now(gateway);
        let since = (now_ms() / 60_000).saturating_sub(kept);
        for (key, detailed, metrics) in gateway.store().counted_metrics(since)? {
            let names = metrics.into_iter().map(Metric::name);
            for name in
                names.filter(|name| input.metric_name.as_deref().is_none_or(|it| it == *name))
            {
                for set in of_series(&key, detailed) {
                    if input.dimensions.iter().all(|filter| filter.passes(&set)) {
                        listed.insert((name, set));
                    }
                }
            }
        }
    }
    let page: Vec<Value> = listed
        .iter()
        .skip(skipped)
        .take(PAGE)
        .map(|(name, set)| {
            json!({ "Namespace": NAMESPACE, "MetricName": name, "Dimensions": shown(set) })
        })
        .collect();
    let shown_so_far = skipped + page.len();
    let mut answer = json!({ "Metrics": page });
    if shown_so_far < listed.len() {
        answer["NextToken"] = shown_so_far.to_string().into();
    }
    Ok(answer)
}
