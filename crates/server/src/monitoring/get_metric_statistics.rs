//! `GetMetricStatistics`: the statistics of one metric.

use gatepost_gateway::{gateway::Gateway, observe::metrics::Metric};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    error::MonitoringError,
    points::{AskedMetric, Periods, Timestamp, Whole, points},
    statistic::Statistic,
    up_to_now,
};

/// Points of one answer.
const MAX_POINTS: u64 = 1440;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    metric: AskedMetric,
    start_time: Timestamp,
    end_time: Timestamp,
    period: Whole,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
    unit: Option<String>,
}

pub(super) fn get_metric_statistics(
    gateway: &Gateway,
    input: &Input,
) -> Result<Value, MonitoringError> {
    if input.statistics.is_empty() && input.extended_statistics.is_empty() {
        return Err(MonitoringError::Missing("Statistics"));
    }
    let named = |names: &[String]| -> Result<Vec<(String, Statistic)>, MonitoringError> {
        let parsed = names
            .iter()
            .map(|name| Ok((name.clone(), Statistic::parse(name)?)));
        parsed.collect()
    };
    let statistics = named(&input.statistics)?;
    let extended = named(&input.extended_statistics)?;
    let periods = Periods::new(input.start_time, input.end_time, input.period)?;
    if periods.len() > MAX_POINTS {
        return Err(MonitoringError::InvalidCombination(format!(
            "You have requested up to {} datapoints, which exceeds the limit of 1,440. You \
             may reduce the datapoints requested by increasing Period, or decreasing the time range.",
            periods.len()
        )));
    }
    up_to_now(gateway);
    let unit = Metric::ALL
        .into_iter()
        .find(|metric| metric.name() == input.metric.metric_name)
        .map_or("None", Metric::unit);
    let found = points(gateway, &input.metric, input.unit.as_deref(), periods)?;
    let values = |statistics: &[(String, Statistic)], point: &_| -> Map<String, Value> {
        let values = statistics.iter();
        let values = values.map(|(name, statistic)| (name.clone(), json!(statistic.of(point))));
        values.collect()
    };
    let points: Vec<Value> = found
        .iter()
        .map(|(at, point)| {
            let mut shown = json!({ "Timestamp": at, "Unit": unit });
            if let Some(members) = shown.as_object_mut() {
                members.extend(values(&statistics, point));
                if !extended.is_empty() {
                    let values = values(&extended, point);
                    members.insert("ExtendedStatistics".into(), values.into());
                }
            }
            shown
        })
        .collect();
    Ok(json!({ "Label": input.metric.metric_name, "Datapoints": points }))
}
