//! `Interval::Exact` means the hull: every bound of the data's box is attained by some point in it.
//!
//! The point is searched for, element by element of the output: from the best of many corners and random points,
//! coordinates are moved one after the other to the best of their ends, zero and a grid between. What this search
//! reaches is a true value of the operator, so a bound can only pass if it is attained (up to the grid's distance).

use modelmend_net::interval::{IntervalOptions, enclose};
use modelmend_net::ops::Interval;
use modelmend_net::{Settings, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cases::{Case, for_every_case};
use super::interval::{Box2, data_boxes, ends, run};

/// Output elements that are searched in each example.
const TARGETS: usize = 8;
const STARTS: usize = 64;
const GRID: usize = 32;
const SWEEPS: usize = 3;

#[test]
fn exact_bounds_are_attained() {
    for_every_case(|case| {
        if case.entry.interval != Interval::Exact
            || !case.has_data()
            || ![1, 3].iter().all(|&n| case.plan(n).separable())
        {
            return Ok(());
        }
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let boxes = data_boxes(case, 1, &mut rng);
        let options = IntervalOptions { boxed_inputs: true, ..IntervalOptions::default() };
        let bounds = run(&enclose(&case.model, &options).map_err(|e| e.to_string())?, &ends(&boxes))?;
        for (output, ends) in bounds.chunks_exact(2).enumerate() {
            for _ in 0..TARGETS.min(ends[0].len()) {
                let element = rng.random_range(0..ends[0].len());
                let [lo, hi] = [&ends[0], &ends[1]].map(|end| end.data()[element]);
                for (sign, bound) in [(1.0, hi), (-1.0, lo)] {
                    let search = Search { case, boxes: &boxes, output, element, sign };
                    let reached = sign * search.run(&mut rng)?;
                    let slack = 2e-3 * (hi - lo) + 1e-9 * (1.0 + bound.abs());
                    if (reached - bound).abs() > slack {
                        return Err(format!(
                            "output {output}, element {element}: bound {bound} of [{lo}, {hi}], reached {reached}"
                        ));
                    }
                }
            }
        }
        Ok(())
    });
}

/// The search for the largest `sign * output`.
struct Search<'a> {
    case: &'a Case,
    boxes: &'a [Box2],
    output: usize,
    element: usize,
    sign: f64,
}

/// One image: the rows of all data inputs.
type Point = Vec<Vec<f64>>;

impl Search<'_> {
    fn run(&self, rng: &mut ChaCha8Rng) -> Result<f64, String> {
        let mut starts: Vec<Point> = vec![self.at(|_| 0.0), self.at(|_| 1.0), self.at(|_| 0.5)];
        for i in 0..STARTS {
            let corner = i % 2 == 0;
            starts.push(self.at(|_| {
                let t: f64 = rng.random();
                if corner { t.round() } else { t }
            }));
        }
        let values = self.values(&starts)?;
        let best = (0..starts.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
        let (mut point, mut value) = (starts.swap_remove(best), values[best]);
        for _ in 0..SWEEPS {
            let before = value;
            for input in 0..self.boxes.len() {
                for at in 0..self.boxes[input].0.len() {
                    let mut moves = self.moves(&point, input, at);
                    let values = self.values(&moves)?;
                    let best = (0..moves.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]));
                    if let Some(i) = best.filter(|&i| values[i] > value) {
                        (point, value) = (moves.swap_remove(i), values[i]);
                    }
                }
            }
            if value == before {
                break;
            }
        }
        Ok(value)
    }

    /// The point with one coordinate moved to its ends, to zero and to a grid between.
    fn moves(&self, point: &Point, input: usize, at: usize) -> Vec<Point> {
        let (lo, hi) = (self.boxes[input].0.data()[at], self.boxes[input].1.data()[at]);
        let mut places: Vec<f64> = (0..=GRID).map(|i| lo + (hi - lo) * i as f64 / GRID as f64).collect();
        places[GRID] = hi;
        if lo < 0.0 && hi > 0.0 {
            places.push(0.0);
        }
        let moved = |&place: &f64| {
            let mut point = point.clone();
            point[input][at] = place;
            point
        };
        places.iter().map(moved).collect()
    }

    fn at(&self, mut t: impl FnMut(usize) -> f64) -> Point {
        let row = |(lo, hi): &Box2| {
            let ends = lo.data().iter().zip(hi.data()).enumerate();
            ends.map(|(i, (lo, hi))| {
                let t = t(i);
                if t == 1.0 { *hi } else { lo + t * (hi - lo) }
            })
            .collect()
        };
        self.boxes.iter().map(row).collect()
    }

    /// `sign * output` at each of these points, as one batch.
    fn values(&self, points: &[Point]) -> Result<Vec<f64>, String> {
        let input = |i: usize| {
            let mut shape = self.boxes[i].0.shape().to_vec();
            shape[0] = points.len();
            Tensor::new(shape, points.iter().flat_map(|p| p[i].iter().copied()).collect()).expect("rows")
        };
        let inputs: Vec<Tensor<f64>> = (0..self.boxes.len()).map(input).collect();
        let settings = Settings { chunk: points.len(), ..Settings::default() };
        let y = self.case.forward(&inputs, settings)?.swap_remove(self.output);
        Ok(y.data().chunks_exact(y.row_len()).map(|row| self.sign * row[self.element]).collect())
    }
}
