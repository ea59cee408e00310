//! Whether the longer side of an interval points to the target.

/// Ratios of half-widths at which direction accuracy is measured (Oala et al.).
pub const DIRECTION_RATIOS: [f64; 5] = [1.0, 1.25, 1.5, 1.75, 2.0];

/// Direction accuracy at one ratio of half-widths: does the target lie above the output where hi - output is the longer
/// half-width, and below where output - lo is?
///
/// A pixel takes part if one half-width is at least `ratio` times the other. Pixels whose half-widths are equal point
/// nowhere, and where the output equals the target there is nothing to point to: neither take part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Direction {
    /// The ratio, at least 1.
    pub ratio: f64,
    /// Share of the pixels that take part that are right; `None` if none does.
    pub accuracy: Option<f64>,
    /// Share of all pixels that take part.
    pub participating: f64,
}

impl Direction {
    /// Measures an image of at least one pixel; slices of equal length.
    pub(super) fn of(ratio: f64, output: &[f32], target: &[f32], lo: &[f32], hi: &[f32]) -> Self {
        let (mut right, mut participating) = (0u64, 0u64);
        let ends = lo.iter().zip(hi).map(|(&lo, &hi)| (f64::from(lo), f64::from(hi)));
        for ((&y, &truth), (lo, hi)) in output.iter().zip(target).zip(ends) {
            let (down, up) = (f64::from(y) - lo, hi - f64::from(y));
            let lopsided = up != down && (up >= ratio * down || down >= ratio * up);
            if lopsided && truth != y {
                participating += 1;
                right += u64::from((up > down) == (truth > y));
            }
        }
        Self {
            ratio,
            accuracy: (participating > 0).then(|| right as f64 / participating as f64),
            participating: participating as f64 / output.len() as f64,
        }
    }
}
