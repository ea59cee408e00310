//! What an attack can reach: every vector of unknowns stands for a change that respects all bounds.

use super::Attack;
use crate::acquisition::Acquisition;
use crate::error::Result;
use crate::source::Batch;

/// The bound on the largest change is one on this norm of it, which is never smaller and has a gradient; of a changed image of 128 x 128 pixels at most 1.16 times as large.
const LARGEST: f64 = 64.0;
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
    /// Bound on each element of the input.
    image: Option<f64>,
    /// Bound on the norms of the input's change that are scaled down to it.
    norms: Vec<Norm>,
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
        let rms = attack.bound_rms.map(spared);
        let nothing = [image, rms, measurement].into_iter().flatten().any(|bound| bound <= 0.0);
        let pixels = item.input.len() as f64;
        // Elements of the input are bent one by one where they are the unknowns.
        let largest = image.filter(|_| measurement.is_some()).map(|bound| Norm { power: LARGEST, bound });
        let square = rms.map(|bound| Norm { power: 2.0, bound: bound * pixels.sqrt() });
        let norms = [largest, square].into_iter().flatten().collect();
        Ok((!nothing).then_some(Self { acquisition, unknowns, measurement, image, norms }))
    }

    /// Number of unknowns.
    pub(super) fn unknowns(&self) -> usize {
        self.unknowns
    }

    /// What these unknowns stand for.
    pub(super) fn at<'u>(&self, unknowns: &'u [f64]) -> Result<Reached<'_, 'u>> {
        let within = |bound| unknowns.iter().map(|&z| bent(z, bound) as f32).collect::<Vec<f32>>();
        let (measurement, input) = match self.measurement {
            None => (Vec::new(), within(self.image)),
            bound => {
                let measurement = within(bound);
                let input = self.acquisition.reconstruct(&measurement)?;
                (measurement, input)
            }
        };
        let sizes = self.norms.iter().map(|norm| (norm, norm.of(&input)));
        let above = sizes.filter(|(norm, size)| *size > norm.bound);
        let active = above.max_by(|(a, x), (b, y)| (x / a.bound).total_cmp(&(y / b.bound)));
        Ok(Reached { reach: self, unknowns, measurement, input, active })
    }
}

/// A change before it is scaled down.
pub(super) struct Reached<'a, 'u> {
    reach: &'a Reach<'a>,
    unknowns: &'u [f64],
    measurement: Vec<f32>,
    input: Vec<f32>,
    /// The norm that is furthest above its bound, with its size.
    active: Option<(&'a Norm, f64)>,
}

impl Reached<'_, '_> {
    /// The change within the bounds.
    pub(super) fn change(&self) -> Change {
        let share = self.active.map_or(1.0, |(norm, size)| norm.bound / size) as f32;
        let scaled = |values: &[f32]| values.iter().map(|v| share * v).collect();
        Change { input: scaled(&self.input), measurement: scaled(&self.measurement) }
    }

    /// The gradient by the unknowns, from that by the change of the input.
    pub(super) fn pull_back(&self, gradient: &[f32]) -> Result<Vec<f64>> {
        let by_raw = match self.active {
            None => gradient.to_vec(),
            Some((norm, size)) => norm.pull_back(size, &self.input, gradient),
        };
        let (by_bent, bound) = match self.reach.measurement {
            None => (by_raw, self.reach.image),
            bound => (self.reach.acquisition.pull_back(&by_raw)?, bound),
        };
        let slopes = self.unknowns.iter().map(|&z| slope(z, bound));
        Ok(slopes.zip(by_bent).map(|(slope, g)| slope * f64::from(g)).collect())
    }
}

/// A bound on a norm of the change of the input.
#[derive(Clone, Copy, Debug)]
struct Norm {
    power: f64,
    bound: f64,
}

impl Norm {
    /// The norm: at least the largest magnitude.
    fn of(&self, values: &[f32]) -> f64 {
        let largest = values.iter().fold(0.0f64, |largest, &v| largest.max(f64::from(v.abs())));
        if largest == 0.0 {
            return 0.0;
        }
        let sum: f64 = values.iter().map(|&v| (f64::from(v.abs()) / largest).powf(self.power)).sum();
        largest * sum.powf(1.0 / self.power)
    }

    /// The gradient by values `x` of norm `size` from that by what they are scaled to, `c x`: `c g` less what the share `c` loses, `c (g . x) d|x| / |x|`.
    fn pull_back(&self, size: f64, values: &[f32], gradient: &[f32]) -> Vec<f32> {
        let share = self.bound / size;
        let along: f64 = values.iter().zip(gradient).map(|(&x, &g)| f64::from(x) * f64::from(g)).sum();
        let lost = share * along / size;
        let slope = |x: f32| f64::from(x).signum() * (f64::from(x.abs()) / size).powf(self.power - 1.0);
        let pulled = |(&x, &g): (&f32, &f32)| (share * f64::from(g) - lost * slope(x)) as f32;
        values.iter().zip(gradient).map(pulled).collect()
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

    fn attack(bound_image: Option<f64>, bound_rms: Option<f64>, bound_measurement: Option<f64>) -> Attack {
        Attack { bound_image, bound_rms, bound_measurement, steps: 1 }
    }

    #[test]
    fn gradients_by_the_unknowns_are_those_of_differences() {
        let scanner = scanner();
        let flat = Tensor::new([1, 1, SIZE, SIZE], vec![0.5; SIZE * SIZE]).unwrap();
        let item = Batch { input: flat.clone(), target: flat };
        let weights: Vec<f32> = wave(SIZE * SIZE, 0.7).into_iter().map(|v| v as f32).collect();
        let cases = [
            (None, None, None),
            (Some(0.4), None, None),
            (Some(0.4), Some(0.05), None),
            (None, None, Some(0.1)),
            (Some(0.05), None, Some(0.1)),
            (Some(0.5), Some(0.02), Some(0.1)),
        ];
        for (image, rms, measurement) in cases {
            let reach = Reach::new(&scanner, &item, attack(image, rms, measurement)).unwrap().unwrap();
            let at: Vec<f64> = wave(reach.unknowns(), 0.37).iter().map(|v| 0.3 * v).collect();
            let towards = wave(reach.unknowns(), 0.53);
            let weighed = |step: f64| -> f64 {
                let moved: Vec<f64> = at.iter().zip(&towards).map(|(z, d)| z + step * d).collect();
                let change = reach.at(&moved).unwrap().change().input;
                change.iter().zip(&weights).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum()
            };
            let slope: f64 = reach
                .at(&at)
                .unwrap()
                .pull_back(&weights)
                .unwrap()
                .iter()
                .zip(&towards)
                .map(|(g, d)| g * d)
                .sum();
            let measured = (weighed(1e-3) - weighed(-1e-3)) / 2e-3;
            let off = (slope - measured).abs() / slope.abs().max(1e-3);
            assert!(off < 5e-3, "{image:?} {rms:?} {measurement:?}: {slope} {measured}");
        }
    }

    #[test]
    fn every_change_is_within_the_bounds() {
        let scanner = scanner();
        let flat = Tensor::new([1, 1, SIZE, SIZE], vec![0.5; SIZE * SIZE]).unwrap();
        let largest = scanner.measure(flat.data()).unwrap().into_iter().fold(0.0, f32::max);
        let item = Batch { input: flat.clone(), target: flat };
        let reach = Reach::new(&scanner, &item, attack(Some(0.05), None, Some(0.1))).unwrap().unwrap();
        let unknowns: Vec<f64> = wave(reach.unknowns(), 1.3).iter().map(|v| 40.0 * v).collect();
        let change = reach.at(&unknowns).unwrap().change();
        let most = |values: &[f32]| values.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        assert!(most(&change.input) <= 0.05 && most(&change.input) > 0.04);
        assert!(most(&change.measurement) <= 0.1 * largest && most(&change.measurement) > 0.0);
        let again = scanner.reconstruct(&change.measurement).unwrap();
        assert!(again.iter().zip(&change.input).all(|(a, b)| (a - b).abs() < 1e-6));
        let root = |values: &[f32]| {
            (values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
        };
        for measurement in [None, Some(0.1)] {
            let reach = Reach::new(&scanner, &item, attack(None, Some(0.01), measurement)).unwrap().unwrap();
            let unknowns: Vec<f64> = wave(reach.unknowns(), 1.3).iter().map(|v| 40.0 * v).collect();
            let size = root(&reach.at(&unknowns).unwrap().change().input);
            assert!(size <= 0.01 && size > 0.0099, "{size}");
        }
        for nothing in [attack(Some(0.0), None, None), attack(None, Some(0.0), None)] {
            assert!(Reach::new(&scanner, &item, nothing).unwrap().is_none());
        }
    }
}
