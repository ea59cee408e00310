//! How u and |error| lie to each other over the pixels of many images.

use std::collections::BTreeMap;

use super::image::Maps;

/// Steps of the axes of [`Density::cells`] from a power of two to the next.
const STEPS: u32 = 16;
/// Share of the pixels at each end of an axis that does not count for its length.
const TAIL: f64 = 0.005;
/// Steps of [`Density::levels`].
const FINE_STEPS: u32 = 32;
/// What is smaller is counted with this, zero included: 2^-24, where single precision ends for values around 1.
const SMALLEST: f32 = 1.0 / (1u32 << 24) as f32;
/// What is larger is counted with this.
const LARGEST: f32 = (1u32 << 16) as f32;

/// Counts of pixels by u and |error|, on axes with steps between powers of two. Counts of several images add up exactly,
/// in any order, since the steps do not depend on the values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Density {
    /// Pixels by step of u and step of |error|; [`Density::coarse`] has their values.
    pub cells: BTreeMap<(u16, u16), u64>,
    /// Pixels by fine step of u.
    pub levels: BTreeMap<u16, Level>,
}

/// The pixels of a rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// From and to which u, above 0.
    pub u: [f64; 2],
    /// From and to which |error|, above 0.
    pub error: [f64; 2],
    /// Their number.
    pub pixels: u64,
}

/// The pixels of about one u.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Level {
    /// Their number.
    pub pixels: u64,
    /// Sum of u.
    pub u: f64,
    /// Sum of |error|.
    pub error: f64,
}

impl Level {
    fn add(&mut self, other: Self) {
        self.pixels += other.pixels;
        self.u += other.u;
        self.error += other.error;
    }
}

/// Pixels of neighbouring u: a quantile of the pixels by u.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// Share of all pixels whose u is smaller, plus half of these: the middle of the quantile, in (0, 1).
    pub middle: f64,
    /// Mean u.
    pub u: f64,
    /// Mean |error|.
    pub error: f64,
}

impl Density {
    /// Counts the pixels of an image.
    pub fn of(maps: &Maps<'_>) -> Self {
        let lowest = step(0.0, FINE_STEPS);
        let mut levels = vec![Level::default(); usize::from(step(LARGEST, FINE_STEPS) - lowest) + 1];
        let mut pixels = Vec::with_capacity(maps.u().len());
        for (error, &u) in maps.errors().into_iter().zip(maps.u()) {
            pixels.push((step(u, STEPS), step(error as f32, STEPS)));
            if let Some(level) = levels.get_mut(usize::from(step(u, FINE_STEPS) - lowest)) {
                level.add(Level { pixels: 1, u: f64::from(u), error });
            }
        }
        pixels.sort_unstable();
        let cell = |same: &[(u16, u16)]| Some((*same.first()?, same.len() as u64));
        let levels = levels.into_iter().zip(lowest..).filter(|(level, _)| level.pixels > 0);
        Self {
            cells: pixels.chunk_by(|a, b| a == b).filter_map(cell).collect(),
            levels: levels.map(|(level, step)| (step, level)).collect(),
        }
    }

    /// Adds the counts of other images.
    pub fn merge(&mut self, other: &Self) {
        for (&cell, count) in &other.cells {
            *self.cells.entry(cell).or_default() += count;
        }
        for (&step, &level) in &other.levels {
            self.levels.entry(step).or_default().add(level);
        }
    }

    /// The counts on axes of at most about `most` steps each, thin tails aside: steps are joined in twos until they fit.
    pub fn coarse(&self, most: u16) -> Vec<Cell> {
        let of_u = shift(self.cells.iter().map(|(&(u, _), &pixels)| (u, pixels)), most);
        let of_error = shift(self.cells.iter().map(|(&(_, error), &pixels)| (error, pixels)), most);
        let mut joined: BTreeMap<(u16, u16), u64> = BTreeMap::new();
        for (&(u, error), pixels) in &self.cells {
            *joined.entry((u >> of_u, error >> of_error)).or_default() += pixels;
        }
        let cell = |((u, error), pixels)| Cell { u: edges(u, of_u), error: edges(error, of_error), pixels };
        joined.into_iter().map(cell).collect()
    }

    /// About `wanted` quantiles of the pixels by u, in rising order, each with at least the share 1 / `wanted` of the pixels but
    /// for the first. Pixels whose u differ by less than 1/32 stay together.
    pub fn quantiles(&self, wanted: u32) -> Vec<Quantile> {
        let total: u64 = self.levels.values().map(|level| level.pixels).sum();
        let (mut above, mut open) = (0u64, Level::default());
        let mut quantiles = Vec::new();
        let lowest = self.levels.keys().next();
        // From the top: what is left over are the pixels that matter least.
        for (step, &level) in self.levels.iter().rev() {
            open.add(level);
            if open.pixels.saturating_mul(u64::from(wanted.max(1))) < total && Some(step) != lowest {
                continue;
            }
            let pixels = open.pixels as f64;
            quantiles.push(Quantile {
                middle: 1.0 - (above as f64 + pixels / 2.0) / total as f64,
                u: open.u / pixels,
                error: open.error / pixels,
            });
            above += open.pixels;
            open = Level::default();
        }
        quantiles.reverse();
        quantiles
    }
}

/// The step of a value of at least 0. The leading bits of a number are its logarithm, piecewise linear and the same on every
/// machine.
fn step(value: f32, steps: u32) -> u16 {
    (value.clamp(SMALLEST, LARGEST).to_bits() >> (23 - steps.trailing_zeros())) as u16
}

/// How often steps have to be joined in twos so that the axis between its tails has at most `most` of them.
fn shift(steps: impl Iterator<Item = (u16, u64)>, most: u16) -> u32 {
    let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
    steps.for_each(|(step, pixels)| *counts.entry(step).or_default() += pixels);
    let tail = counts.values().sum::<u64>() as f64 * TAIL;
    let mut passed = 0.0;
    let first = counts.iter().find(|(_, pixels)| {
        passed += **pixels as f64;
        passed > tail
    });
    passed = 0.0;
    let last = counts.iter().rev().find(|(_, pixels)| {
        passed += **pixels as f64;
        passed > tail
    });
    let Some((first, last)) = first.zip(last).map(|(first, last)| (*first.0, *last.0)) else { return 0 };
    let fits = |shift: &u32| (last >> shift).saturating_sub(first >> shift) < most.max(1);
    (0..16).find(fits).unwrap_or(15)
}

/// Where a step that was joined `shift` times begins and ends.
fn edges(step: u16, shift: u32) -> [f64; 2] {
    [u32::from(step), u32::from(step) + 1].map(|step| {
        let bits = step.checked_shl(shift + 23 - STEPS.trailing_zeros()).unwrap_or(u32::MAX);
        f64::from(f32::from_bits(bits))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(output: &[f32], u: &[f32]) -> Density {
        Density::of(&Maps::new(output, &vec![0.0; u.len()], u).unwrap())
    }

    #[test]
    fn every_pixel_is_counted_between_its_edges() {
        let (errors, u) = ([0.3f32, 0.0, 5.0, 1e9, 0.5], [0.1f32, 0.2, 0.0, 3.0, 0.5]);
        let density = of(&errors, &u);
        for most in [u16::MAX, 60, 7] {
            let cells = density.coarse(most);
            assert_eq!(cells.iter().map(|cell| cell.pixels).sum::<u64>(), 5);
            for (error, u) in [(0.3, 0.1), (0.5, 0.5)] {
                let inside = |[lo, hi]: [f64; 2], value: f64| lo <= value && value < hi;
                assert!(
                    cells.iter().any(|cell| inside(cell.u, u) && inside(cell.error, error)),
                    "{error} {u}"
                );
            }
        }
        let fine = density.coarse(u16::MAX);
        assert!(fine.iter().all(|cell| cell.u[1] / cell.u[0] <= 1.0 + 1.0 / 16.0));
        assert!(fine.iter().any(|cell| cell.u[0] == f64::from(SMALLEST)), "nothing stands at the lowest end");
    }

    #[test]
    fn steps_are_joined_until_they_fit_whatever_a_few_pixels_do() {
        let mut u: Vec<f32> = (0..10_000).map(|i| 0.1 + i as f32 / 1000.0).collect();
        u[0] = 1e-6;
        let cells = of(&u, &u).coarse(20);
        let columns = |cells: &[Cell]| {
            let mut first: Vec<u64> = cells.iter().map(|cell| cell.u[0].to_bits()).collect();
            first.dedup();
            first.len()
        };
        assert!((10..=24).contains(&columns(&cells)), "{}", columns(&cells));
        assert!(Density::default().coarse(20).is_empty());
    }

    #[test]
    fn images_add_up_in_any_order() {
        let (a, b) = (of(&[0.1, 0.2], &[1.0, 2.0]), of(&[0.4], &[1.0]));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        assert_eq!(ab, ba);
        assert_eq!(ab.levels.values().map(|l| l.pixels).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn quantiles_rise_in_u_and_hold_all_pixels() {
        let u: Vec<f32> = (1..=1000).map(|i| i as f32 / 1000.0).collect();
        let errors: Vec<f32> = u.iter().map(|u| 2.0 * u).collect();
        let quantiles = of(&errors, &u).quantiles(10);
        assert!((8..=10).contains(&quantiles.len()), "{}", quantiles.len());
        assert!(quantiles.windows(2).all(|pair| pair[0].u < pair[1].u && pair[0].middle < pair[1].middle));
        assert!(quantiles.iter().all(|q| (q.error / q.u - 2.0).abs() < 1e-6 && q.middle < 1.0));
        // A u that says nothing has one quantile.
        let flat = of(&errors, &vec![0.0; 1000]).quantiles(10);
        assert_eq!(flat.len(), 1);
        assert!((flat[0].error - 1.001).abs() < 1e-4 && flat[0].middle == 0.5);
        assert!(Density::default().quantiles(10).is_empty());
    }
}
