//! `GetMetricData`: a statistic of each of many metrics, page by page.

use gatepost_gateway::gateway::Gateway;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    error::MonitoringError,
    points::{AskedMetric, Periods, Timestamp, Whole, points},
    statistic::Statistic,
    up_to_now,
};

/// Queries of one call.
const MAX_QUERIES: usize = 500;
/// Points of one answer, at most and by default.
const MAX_POINTS: usize = 100_800;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    metric_data_queries: Vec<Query>,
    start_time: Timestamp,
    end_time: Timestamp,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<Whole>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    expression: Option<String>,
    label: Option<String>,
    /// A text in the query protocol.
    return_data: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: AskedMetric,
    period: Whole,
    stat: String,
    unit: Option<String>,
}

pub(super) fn get_metric_data(gateway: &Gateway, input: &Input) -> Result<Value, MonitoringError> {
    let invalid = |text: String| Err(MonitoringError::InvalidValue(text));
    let queries = &input.metric_data_queries;
    if queries.is_empty() || queries.len() > MAX_QUERIES {
        return invalid(format!(
            "The parameter MetricDataQueries must have 1 to {MAX_QUERIES} members."
        ));
    }
    let mut skipped: usize = match &input.next_token {
        None => 0,
        Some(token) => match token.parse() {
            Ok(skipped) => skipped,
            Err(_) => return invalid("The parameter NextToken is invalid.".into()),
        },
    };
    let most = input.max_datapoints.map_or(Ok(MAX_POINTS), |most| {
        let asked = usize::try_from(most.0).ok();
        let asked = asked.filter(|most| (1..=MAX_POINTS).contains(most));
        asked.ok_or_else(|| {
            let text = format!("The parameter MaxDatapoints must be 1 to {MAX_POINTS}.");
            MonitoringError::InvalidValue(text)
        })
    })?;
    let newest_first = match input.scan_by.as_deref() {
        None | Some("TimestampDescending") => true,
        Some("TimestampAscending") => false,
        Some(other) => return invalid(format!("{other} is no ScanBy.")),
    };
    up_to_now(gateway);
    let began_at = skipped;
    let (mut left, mut is_whole) = (most, true);
    let mut results = Vec::new();
    for query in queries {
        if query.expression.is_some() {
            return Err(MonitoringError::Expression(query.id.clone()));
        }
        let asked = query.metric_stat.as_ref();
        let asked = asked.ok_or(MonitoringError::Missing(
            "MetricDataQueries.member.MetricStat",
        ))?;
        let statistic = Statistic::parse(&asked.stat)?;
        let periods = Periods::new(input.start_time, input.end_time, asked.period)?;
        if is_false(query.return_data.as_ref()) {
            continue;
        }
        let found = points(gateway, &asked.metric, asked.unit.as_deref(), periods)?;
        let mut found: Vec<(u64, f64)> = found
            .iter()
            .map(|(at, point)| (*at, statistic.of(point)))
            .collect();
        if newest_first {
            found.reverse();
        }
        let hidden = skipped.min(found.len());
        skipped -= hidden;
        let shown = &found[hidden..];
        let shown = &shown[..shown.len().min(left)];
        left -= shown.len();
        let is_complete = hidden + shown.len() == found.len();
        is_whole &= is_complete;
        results.push(json!({
            "Id": query.id,
            "Label": query.label.as_deref().unwrap_or(&asked.metric.metric_name),
            "Timestamps": shown.iter().map(|(at, _)| at).collect::<Vec<_>>(),
            "Values": shown.iter().map(|(_, value)| value).collect::<Vec<_>>(),
            "StatusCode": if is_complete { "Complete" } else { "PartialData" },
        }));
    }
    let mut answer = json!({ "MetricDataResults": results, "Messages": [] });
    if !is_whole {
        answer["NextToken"] = (began_at + most).to_string().into();
    }
    Ok(answer)
}

fn is_false(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == json!(false) || *value == json!("false"))
}
