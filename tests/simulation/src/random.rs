//! Chance from a seed.

use std::ops::RangeInclusive;

/// Numbers that a seed decides: `SplitMix64`.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of these.
    pub(crate) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (first, last) = range.into_inner();
        first + self.next() % (last - first + 1)
    }

    /// Whether something happens that does so often in a hundred times.
    pub(crate) fn percent(&mut self, often: u64) -> bool {
        self.within(1..=100) <= often
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        let last = u64::try_from(among.len()).ok()?.checked_sub(1)?;
        let nth = usize::try_from(self.within(0..=last)).ok()?;
        among.get(nth).copied()
    }
}
