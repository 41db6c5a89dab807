//! The dimensions of the metrics: the API, its stage, a route with detailed metrics.

use gatepost_gateway::{
    observe::metrics::{Metric, SeriesKey},
    store::MetricsOf,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// A name, and its value.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Dimension {
    pub name: String,
    pub value: String,
}

/// Whose samples are asked for. The dimensions are a set, and must be just those of a metric.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whose {
    api_id: String,
    stage: Option<String>,
    route: Option<String>,
}

impl Whose {
    /// What a set of dimensions names; `None` when no metric has such.
    pub fn of(dimensions: &[Dimension]) -> Option<Self> {
        let value = |name: &str| {
            let mut named = dimensions.iter().filter(|dimension| dimension.name == name);
            named.next().map(|dimension| dimension.value.clone())
        };
        let whose = Self {
            api_id: value("ApiId")?,
            stage: value("Stage"),
            route: value("Route"),
        };
        let known = 1 + usize::from(whose.stage.is_some()) + usize::from(whose.route.is_some());
        let is_a_set = whose.stage.is_some() || whose.route.is_none();
        (is_a_set && known == dimensions.len()).then_some(whose)
    }

    /// Whose samples of a metric these are.
    pub fn samples_of(&self, metric: Metric) -> MetricsOf<'_> {
        MetricsOf {
            api_id: &self.api_id,
            stage: self.stage.as_deref(),
            route: self.route.as_deref(),
            metric,
        }
    }
}

/// The sets of dimensions of a series, the widest first.
pub(super) fn of_series(key: &SeriesKey, detailed: bool) -> Vec<Vec<(&'static str, String)>> {
    let api = ("ApiId", key.api_id.to_string());
    let stage = ("Stage", key.stage.to_string());
    let mut sets = vec![vec![api.clone()], vec![api.clone(), stage.clone()]];
    if detailed && !key.route.is_empty() {
        sets.push(vec![api, stage, ("Route", key.route.to_string())]);
    }
    sets
}

/// A set as it is answered.
pub(super) fn shown(set: &[(&'static str, String)]) -> Value {
    set.iter()
        .map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_a_set_that_a_metric_has() {
        let of = |names: &[&str]| {
            let dimensions: Vec<Dimension> = names
                .iter()
                .map(|name| Dimension {
                    name: (*name).into(),
                    value: "x".into(),
                })
                .collect();
            Whose::of(&dimensions).is_some()
        };
        assert!(of(&["ApiId"]));
        assert!(of(&["Stage", "ApiId"]));
        assert!(of(&["Route", "Stage", "ApiId"]));
        for none in [
            &[][..],
            &["Stage"],
            &["ApiId", "Route"],
            &["ApiId", "ApiName"],
        ] {
            assert!(!of(none), "{none:?}");
        }
    }
}
