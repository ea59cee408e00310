//! What an attack can reach: every vector of unknowns stands for a change that respects all bounds.

use super::Attack;
use crate::acquisition::Acquisition;
use crate::error::Result;
use crate::source::Batch;

/// The bound on the largest change is one on this norm of it, which is never smaller and has a gradient; of a changed image of 128 x 128 pixels at most 1.16 times as large.
const NORM: f64 = 64.0;
/// Bounds are respected with so much to spare that rounding to single precision does not break them.
const SPARE: f64 = 1e-5;

/// A change within the bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Change {
    /// Of the input.
    pub(super) input: Vec<f32>,
    /// Of the measurement, where that is attacked.
    pub(super) measurement: Vec<f32>,
}

/// From unknowns to changes, and from gradients by changes to gradients by unknowns.
pub(super) struct Reach<'a> {
    acquisition: &'a dyn Acquisition,
    unknowns: usize,
    /// Bound on the measurement, where that is attacked.
    measurement: Option<f64>,
    image: Option<f64>,
}

impl<'a> Reach<'a> {
    /// What an attack on this item reaches; `None` where a bound leaves nothing to change.
    pub(super) fn new(
        acquisition: &'a dyn Acquisition,
        item: &Batch,
        attack: Attack,
    ) -> Result<Option<Self>> {
        let spared = |bound: f64| bound * (1.0 - SPARE);
        let image = attack.bound_image.map(spared);
        let (unknowns, measurement) = match attack.bound_measurement {
            None => (item.input.len(), None),
            Some(share) => {
                let measured = acquisition.measure(item.target.data())?;
                let largest = measured.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
                (measured.len(), Some(spared(share * f64::from(largest))))
            }
        };
        let nothing = [image, measurement].into_iter().flatten().any(|bound| bound <= 0.0);
        Ok((!nothing).then_some(Self { acquisition, unknowns, measurement, image }))
    }

    /// Number of unknowns.
    pub(super) fn unknowns(&self) -> usize {
        self.unknowns
    }

    /// The change that these unknowns stand for.
    pub(super) fn change(&self, unknowns: &[f64]) -> Result<Change> {
        let Some(bound) = self.measurement else {
            let input = unknowns.iter().map(|&z| bent(z, self.image) as f32).collect();
            return Ok(Change { input, measurement: Vec::new() });
        };
        let measurement: Vec<f32> = unknowns.iter().map(|&z| bent(z, Some(bound)) as f32).collect();
        let input = self.acquisition.reconstruct(&measurement)?;
        let share = self.share(norm(&input)) as f32;
        let scaled = |values: Vec<f32>| values.into_iter().map(|v| share * v).collect();
        Ok(Change { input: scaled(input), measurement: scaled(measurement) })
    }

    /// The gradient by the unknowns, from that by the change of the input.
    pub(super) fn pull_back(&self, unknowns: &[f64], gradient: &[f32]) -> Result<Vec<f64>> {
        let Some(bound) = self.measurement else {
            let slopes = unknowns.iter().map(|&z| slope(z, self.image));
            return Ok(slopes.zip(gradient).map(|(slope, &g)| slope * f64::from(g)).collect());
        };
        let measurement: Vec<f32> = unknowns.iter().map(|&z| bent(z, Some(bound)) as f32).collect();
        let pulled = self.acquisition.pull_back(&self.unscaled(&measurement, gradient)?)?;
        let slopes = unknowns.iter().map(|&z| slope(z, Some(bound)));
        Ok(slopes.zip(pulled).map(|(slope, g)| slope * f64::from(g)).collect())
    }

    /// The gradient by the input before it was scaled to its bound: `c g`, and where the bound is active what the share `c` loses, `- c (g . x) d|x| / |x|`.
    fn unscaled(&self, measurement: &[f32], gradient: &[f32]) -> Result<Vec<f32>> {
        let raw = self.acquisition.reconstruct(measurement)?;
        let size = norm(&raw);
        let share = self.share(size);
        let along: f64 = raw.iter().zip(gradient).map(|(&x, &g)| f64::from(x) * f64::from(g)).sum();
        let lost = if share < 1.0 { share * along / size } else { 0.0 };
        let direction = |x: f32| f64::from(x).signum() * (f64::from(x.abs()) / size).powf(NORM - 1.0);
        let pulled = |(&x, &g): (&f32, &f32)| {
            let loss = if lost == 0.0 { 0.0 } else { lost * direction(x) };
            (share * f64::from(g) - loss) as f32
        };
        Ok(raw.iter().zip(gradient).map(pulled).collect())
    }

    /// By how much a change of the input of this norm is scaled down.
    fn share(&self, norm: f64) -> f64 {
        self.image.map_or(1.0, |bound| if norm > bound { bound / norm } else { 1.0 })
    }
}

/// An unknown, bent so that it stays within a bound.
fn bent(unknown: f64, bound: Option<f64>) -> f64 {
    bound.map_or(unknown, |bound| bound * (unknown / bound).tanh())
}

/// The derivative of [`bent`].
fn slope(unknown: f64, bound: Option<f64>) -> f64 {
    bound.map_or(1.0, |bound| 1.0 - (unknown / bound).tanh().powi(2))
}

/// A norm that is at least the largest magnitude.
fn norm(values: &[f32]) -> f64 {
    let largest = values.iter().fold(0.0f64, |largest, &v| largest.max(f64::from(v.abs())));
    if largest == 0.0 {
        return 0.0;
    }
    let sum: f64 = values.iter().map(|&v| (f64::from(v.abs()) / largest).powf(NORM)).sum();
    largest * sum.powf(1.0 / NORM)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use modelmend_net::Tensor;
    use modelmend_physics::Filter;

    use super::*;
    use crate::tomography::{LimitedAngle, Scanner};

    const SIZE: usize = 12;

    fn scanner() -> Scanner {
        Scanner::new(LimitedAngle { angles: 15, missing: 30.0, filter: Filter::Ramp }, SIZE).unwrap()
    }

    fn wave(count: usize, speed: f64) -> Vec<f64> {
        (0..count).map(|i| (speed * i as f64).sin()).collect()
    }

    fn attack(bound_image: Option<f64>, bound_measurement: Option<f64>) -> Attack {
        Attack { bound_image, bound_measurement, steps: 1 }
    }

    #[test]
    fn gradients_by_the_unknowns_are_those_of_differences() {
        let scanner = scanner();
        let flat = Tensor::new([1, 1, SIZE, SIZE], vec![0.5; SIZE * SIZE]).unwrap();
        let item = Batch { input: flat.clone(), target: flat };
        let weights: Vec<f32> = wave(SIZE * SIZE, 0.7).into_iter().map(|v| v as f32).collect();
        let cases = [(None, None), (Some(0.4), None), (None, Some(0.1)), (Some(0.05), Some(0.1))];
        for (image, measurement) in cases {
            let reach = Reach::new(&scanner, &item, attack(image, measurement)).unwrap().unwrap();
            let at: Vec<f64> = wave(reach.unknowns(), 0.37).iter().map(|v| 0.3 * v).collect();
            let towards = wave(reach.unknowns(), 0.53);
            let weighed = |step: f64| -> f64 {
                let moved: Vec<f64> = at.iter().zip(&towards).map(|(z, d)| z + step * d).collect();
                let change = reach.change(&moved).unwrap().input;
                change.iter().zip(&weights).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum()
            };
            let slope: f64 =
                reach.pull_back(&at, &weights).unwrap().iter().zip(&towards).map(|(g, d)| g * d).sum();
            let measured = (weighed(1e-3) - weighed(-1e-3)) / 2e-3;
            let off = (slope - measured).abs() / slope.abs().max(1e-3);
            assert!(off < 5e-3, "{image:?} {measurement:?}: {slope} {measured}");
        }
    }

    #[test]
    fn every_change_is_within_the_bounds() {
        let scanner = scanner();
        let flat = Tensor::new([1, 1, SIZE, SIZE], vec![0.5; SIZE * SIZE]).unwrap();
        let largest = scanner.measure(flat.data()).unwrap().into_iter().fold(0.0, f32::max);
        let item = Batch { input: flat.clone(), target: flat };
        let reach = Reach::new(&scanner, &item, attack(Some(0.05), Some(0.1))).unwrap().unwrap();
        let unknowns: Vec<f64> = wave(reach.unknowns(), 1.3).iter().map(|v| 40.0 * v).collect();
        let change = reach.change(&unknowns).unwrap();
        let most = |values: &[f32]| values.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        assert!(most(&change.input) <= 0.05 && most(&change.input) > 0.04);
        assert!(most(&change.measurement) <= 0.1 * largest && most(&change.measurement) > 0.0);
        let again = scanner.reconstruct(&change.measurement).unwrap();
        assert!(again.iter().zip(&change.input).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(Reach::new(&scanner, &item, attack(Some(0.0), None)).unwrap().is_none());
    }
}
