//! The statistics of a period.

use gatepost_gateway::observe::metrics::{Aggregate, number};

use super::error::MonitoringError;

/// What is asked of the samples of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// `p99`, `p99.9`.
    Percentile(f64),
}

impl Statistic {
    /// By its name.
    pub fn parse(name: &str) -> Result<Self, MonitoringError> {
        let percent = || -> Option<f64> {
            let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(percent)
        };
        Ok(match name {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => Self::Percentile(percent().ok_or_else(|| {
                let text = format!(
                    "The value {name} for parameter Stat is not supported: SampleCount, Average, \
                     Sum, Minimum, Maximum and percentiles as p99 are."
                );
                MonitoringError::InvalidValue(text)
            })?),
        })
    }

    /// Its value; there is at least one sample.
    pub fn of(self, aggregate: &Aggregate) -> f64 {
        match self {
            Self::SampleCount => number(aggregate.samples),
            Self::Average => number(aggregate.sum) / number(aggregate.samples),
            Self::Sum => number(aggregate.sum),
            Self::Minimum => number(aggregate.min),
            Self::Maximum => number(aggregate.max),
            Self::Percentile(percent) => aggregate.percentile(percent),
        }
    }
}
