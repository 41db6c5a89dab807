//! The points of a metric: its samples by period, from the start that was asked for.

use std::collections::BTreeMap;

use gatepost_gateway::{
    gateway::Gateway,
    observe::metrics::{Aggregate, Delta, Metric, number},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    NAMESPACE,
    dimensions::{Dimension, Whose},
    error::MonitoringError,
};

/// Seconds since the epoch: a number in JSON, ISO 8601 in the query protocol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timestamp(pub f64);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let seconds = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => OffsetDateTime::parse(text, &Rfc3339)
                .ok()
                .map(OffsetDateTime::unix_timestamp)
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(number),
            _ => None,
        };
        let seconds = seconds.ok_or_else(|| D::Error::custom(format!("{value} is no time")))?;
        Ok(Self(seconds))
    }
}

/// A whole number: one in JSON, a text in the query protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(pub i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| D::Error::custom(format!("{value} is no number")))?;
        Ok(Self(number))
    }
}

/// The time that is asked about: from its start to before its end, in periods.
#[derive(Debug, Clone, Copy)]
pub(super) struct Periods {
    start_minute: u64,
    end_minute: u64,
    /// Minutes.
    period: u64,
}

impl Periods {
    /// The start is rounded down to its minute, from which the periods count. Shorter periods than a
    /// minute have the points of minutes.
    pub fn new(start: Timestamp, end: Timestamp, period: Whole) -> Result<Self, MonitoringError> {
        let seconds = period.0;
        if seconds < 1 || (seconds % 60 != 0 && ![1, 5, 10, 20, 30].contains(&seconds)) {
            return Err(MonitoringError::InvalidValue(
                "The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.".into(),
            ));
        }
        if start.0 >= end.0 {
            return Err(MonitoringError::InvalidCombination(
                "The parameter StartTime must be less than the parameter EndTime.".into(),
            ));
        }
        Ok(Self {
            start_minute: minute((start.0 / 60.0).floor()),
            end_minute: minute((end.0 / 60.0).ceil()),
            period: seconds.cast_unsigned().div_ceil(60),
        })
    }

    /// How many points there may be.
    pub fn len(&self) -> u64 {
        (self.end_minute - self.start_minute).div_ceil(self.period)
    }

    /// When the period of a minute began, seconds since the epoch.
    fn began(&self, minute: u64) -> u64 {
        let nth = (minute - self.start_minute) / self.period;
        (self.start_minute + nth * self.period) * 60
    }
}

/// A minute counted from the epoch; times before it, and beyond all numbers, are the nearest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates"
)]
fn minute(minute: f64) -> u64 {
    minute.clamp(0.0, 1e12) as u64
}

/// A metric that is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AskedMetric {
    pub namespace: String,
    pub metric_name: String,
    #[serde(default)]
    pub dimensions: Vec<Dimension>,
}

/// The points of a metric, by the beginning of their periods; none of one that is not there, or not
/// in this unit.
pub(super) fn points(
    gateway: &Gateway,
    asked: &AskedMetric,
    unit: Option<&str>,
    periods: Periods,
) -> Result<BTreeMap<u64, Aggregate>, MonitoringError> {
    let mut points = BTreeMap::new();
    let mut all = Metric::ALL.into_iter();
    let metric = all.find(|metric| metric.name() == asked.metric_name);
    let metric = metric.filter(|metric| unit.is_none_or(|unit| unit == metric.unit()));
    let (Some(metric), Some(whose)) = (metric, Whose::of(&asked.dimensions)) else {
        return Ok(points);
    };
    if asked.namespace != NAMESPACE {
        return Ok(points);
    }
    let minutes = periods.start_minute..periods.end_minute;
    let add = |minute, delta: &Delta| {
        let point: &mut Aggregate = points.entry(periods.began(minute)).or_default();
        point.add(metric, delta);
    };
    let store = gateway.store();
    store.each_metric(whose.samples_of(metric), minutes, add)?;
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_count_from_the_minute_of_the_start() {
        let periods =
            |start, end, period| Periods::new(Timestamp(start), Timestamp(end), Whole(period));
        let five = periods(125.0, 720.0, 300).unwrap();
        assert_eq!((five.start_minute, five.end_minute, five.len()), (2, 12, 2));
        assert_eq!(
            (five.began(2), five.began(6), five.began(7)),
            (120, 120, 420)
        );
        assert_eq!(periods(0.0, 60.0, 1).unwrap().len(), 1);
        assert!(periods(60.0, 60.0, 60).is_err());
        assert!(periods(0.0, 60.0, 61).is_err());
    }
}
