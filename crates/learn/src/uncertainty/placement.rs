//! Where targets lie inside their intervals.

/// Bins of [`Placement::inside`].
pub const PLACEMENT_BINS: usize = 20;

/// Counts of pixels by (target - lo) / (hi - lo). An interval without width has no inside: its pixels lie below (at lo) or
/// above.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// Targets at or below lo.
    pub below: u64,
    /// Targets with lo < target <= hi, in equal bins (i/B, (i+1)/B].
    pub inside: [u64; PLACEMENT_BINS],
    /// Targets above hi.
    pub above: u64,
}

impl Placement {
    /// Counts the pixels of an image; slices of equal length (what is beyond the shortest does not count), lo <= hi.
    pub fn of(target: &[f32], lo: &[f32], hi: &[f32]) -> Self {
        let mut counts = Self::default();
        for (&y, (&lo, &hi)) in target.iter().zip(lo.iter().zip(hi)) {
            let bin = if y <= lo {
                &mut counts.below
            } else if y > hi {
                &mut counts.above
            } else {
                let place = (f64::from(y) - f64::from(lo)) / (f64::from(hi) - f64::from(lo));
                let bin = (place * PLACEMENT_BINS as f64).ceil() as usize;
                &mut counts.inside[bin.clamp(1, PLACEMENT_BINS) - 1]
            };
            *bin += 1;
        }
        counts
    }

    /// Pixels with lo < target <= hi.
    pub fn covered(&self) -> u64 {
        self.inside.iter().sum()
    }

    /// All pixels.
    pub fn total(&self) -> u64 {
        self.below + self.covered() + self.above
    }

    /// Share of the pixels with lo < target <= hi; `None` without pixels.
    pub fn coverage(&self) -> Option<f64> {
        (self.total() > 0).then(|| self.covered() as f64 / self.total() as f64)
    }

    /// Adds the counts of other images.
    pub fn merge(&mut self, other: &Self) {
        self.below += other.below;
        self.above += other.above;
        self.inside.iter_mut().zip(other.inside).for_each(|(to, count)| *to += count);
    }
}
