//! How values are distributed: buckets that are exact below 32 and within 1/16 above.

use std::collections::BTreeMap;

/// Sub-buckets of each doubling.
const PRECISION: u64 = 16;
/// The greatest bucket; what is greater than a day in milliseconds is counted there.
pub const MAX_BUCKET: usize = 23 * 16 + 31;

/// The bucket of a value.
pub fn bucket_of(value: u64) -> usize {
    let shift = (64 - u64::from(value.leading_zeros())).saturating_sub(5);
    let bucket = shift * PRECISION + (value >> shift);
    usize::try_from(bucket).map_or(MAX_BUCKET, |bucket| bucket.min(MAX_BUCKET))
}

/// A count as statistics are: exact below 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts are smaller")]
pub fn number(count: u64) -> f64 {
    count as f64
}

/// The middle of a bucket.
fn middle_of(bucket: u16) -> f64 {
    let bucket = u64::from(bucket);
    let shift = (bucket / PRECISION).saturating_sub(1);
    let lowest = (bucket - shift * PRECISION) << shift;
    let width = (1_u64 << shift) - 1;
    number(lowest) + number(width) / 2.0
}

/// How many values were in each bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution(pub BTreeMap<u16, u64>);

impl Distribution {
    /// The value below which so many percent of the values are.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let samples: u64 = self.0.values().sum();
        let rank = (percent / 100.0 * number(samples)).ceil().max(1.0);
        let mut below = 0;
        for (bucket, count) in &self.0 {
            below += count;
            if number(below) >= rank {
                return Some(middle_of(*bucket));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_are_exact_and_others_within_a_sixteenth() {
        let bucket = |value| u16::try_from(bucket_of(value)).unwrap();
        for value in 0..32 {
            assert!((middle_of(bucket(value)) - number(value)).abs() < f64::EPSILON);
        }
        for value in [32, 33, 100, 999, 29_000, 1_000_000] {
            let off = (middle_of(bucket(value)) - number(value)).abs();
            assert!(off <= number(value) / 16.0, "{value}: {off}");
        }
        assert_eq!(bucket_of(u64::MAX), MAX_BUCKET);
    }

    #[test]
    fn percentiles_are_the_values_at_their_rank() {
        let values = Distribution((1..=10).map(|value| (value, 1)).collect());
        assert_eq!(values.percentile(50.0), Some(5.0));
        assert_eq!(values.percentile(90.0), Some(9.0));
        assert_eq!(values.percentile(100.0), Some(10.0));
        assert_eq!(Distribution::default().percentile(50.0), None);
    }
}
