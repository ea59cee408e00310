//! Enclosure without tolerance: bounds computed in single precision with outward rounding hold what the operator gives in
//! double precision, wherever in the boxes.

use std::cell::Cell;

use modelmend_net::interval::{IntervalOptions, Rounding, enclose};
use modelmend_net::loss::Loss;
use modelmend_net::ops::{Interval, TABLE};
use modelmend_net::{Parameters, Precision, Runtime, Settings, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::cases::{Case, for_every_case};
use super::interval::{Box2, READINGS, data_boxes, deltas, draw, ends};

const IMAGES: usize = 3;

/// Double precision has errors of its own: `log softmax` of a logit that is far ahead comes out as 0 and not as `-e^-50`. A
/// unit of single precision is a hundred million times as much.
const OWN: f64 = 4.0 * f64::EPSILON;

/// What the model of rounding answers for.
const DIRECT: Settings = Settings { chunk: 16, seed: 0, precision: Precision::Direct };

/// A box whose ends are numbers of single precision.
fn narrow((lo, hi): Box2) -> Box2 {
    let single = |t: Tensor<f64>| t.map(|&v| f64::from(v as f32));
    (single(lo), single(hi))
}

/// What is put into a box and what bounds come out.
struct Setting {
    /// Whether data and weights are boxes.
    boxed: (bool, bool),
    data: Vec<Box2>,
    weights: Vec<Box2>,
    /// Lower and upper bound of each output in turn.
    bounds: Vec<Tensor<f32>>,
}

impl Setting {
    fn new(case: &Case, boxed: (bool, bool), rounding: Rounding) -> Result<Option<Self>, String> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let deltas = if boxed.1 { deltas(case, &mut rng) } else { Default::default() };
        let options = IntervalOptions { boxed_inputs: boxed.0, deltas, rounding };
        let model = match enclose(&case.model, &options) {
            Ok(model) => model,
            Err(e) if e.to_string().contains("with a box for") => return Ok(None),
            Err(e) => return Err(e.to_string()),
        };
        let data: Vec<Box2> = match boxed.0 {
            true => data_boxes(case, IMAGES, &mut rng),
            false => case.inputs::<f64>(IMAGES).into_iter().map(|t| (t.clone(), t)).collect(),
        };
        let data: Vec<Box2> = data.into_iter().map(narrow).collect();
        let given = if boxed.0 { ends(&data) } else { data.iter().map(|(lo, _)| lo.clone()).collect() };
        let given: Vec<Tensor<f32>> = given.iter().map(|t| t.map(|&v| v as f32)).collect();
        let bounds = Runtime::new(model.graph().clone())
            .forward(model.parameters(), &given, DIRECT)
            .map_err(|e| e.to_string())?;
        Ok(Some(Self { boxed, data, weights: weights(case, &options), bounds }))
    }

    /// How often an output of the case at these points lies outside the bounds, and the first place.
    fn outside(&self, outputs: &[Tensor<f64>]) -> (usize, Option<String>) {
        let (mut count, mut first) = (0, None);
        for (i, y) in outputs.iter().enumerate() {
            let (lo, hi) = (&self.bounds[2 * i], &self.bounds[2 * i + 1]);
            for (at, ((&lo, &y), &hi)) in lo.data().iter().zip(y.data()).zip(hi.data()).enumerate() {
                let own = OWN * (1.0 + y.abs());
                if !(f64::from(lo) - own <= y && y <= f64::from(hi) + own) {
                    count += 1;
                    first.get_or_insert_with(|| {
                        format!("output {i}, element {at}: {y:e} outside [{lo:e}, {hi:e}]")
                    });
                }
            }
        }
        (count, first)
    }
}

fn weights(case: &Case, options: &IntervalOptions) -> Vec<Box2> {
    let weights = case.model.graph().parameters().iter().zip(case.model.parameters().iter());
    weights
        .map(|(p, centre)| {
            let end = |sign: f64, delta: Option<&Tensor<f32>>| {
                let mut end = centre.map(|&w| f64::from(w));
                if let Some(delta) = delta {
                    end.data_mut().iter_mut().zip(delta.data()).for_each(|(w, &d)| *w += sign * f64::from(d));
                }
                end
            };
            let delta = options.deltas.get(&p.name);
            (end(-1.0, delta.map(|d| &d.0)), end(1.0, delta.map(|d| &d.1)))
        })
        .collect()
}

/// One element of one output, up or down.
struct Element {
    output: usize,
    element: usize,
    sign: f64,
}

impl Loss<f64> for Element {
    fn output(&self) -> usize {
        self.output
    }

    fn evaluate(&self, _: usize, output: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let at = self.element % output.len();
        gradient[at] = self.sign;
        self.sign * output[at]
    }
}

/// Moves a point to the corner that the gradient points to.
fn corner(point: &mut Tensor<f64>, (lo, hi): &Box2, gradient: &Tensor<f64>) {
    let ends = lo.data().iter().zip(hi.data()).zip(gradient.data());
    for (p, ((&lo, &hi), &g)) in point.data_mut().iter_mut().zip(ends) {
        if g != 0.0 {
            *p = if g > 0.0 { hi } else { lo };
        }
    }
}

/// Values outside the bounds, over random points, corners, and for each element of the output corners that two steps along
/// the sign of its gradient reach.
fn search(case: &Case, setting: &Setting) -> Result<(usize, Option<String>), String> {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let runtime = case.runtime::<f64>();
    let (mut count, mut first) = (0, None);
    let mut look = |inputs: &[Tensor<f64>], parameters: &Parameters<f64>| -> Result<(), String> {
        let outputs = runtime.forward(parameters, inputs, Settings::default()).map_err(|e| e.to_string())?;
        let (some, place) = setting.outside(&outputs);
        count += some;
        first = first.take().or(place);
        Ok(())
    };
    let point = |at_corner: bool, rng: &mut ChaCha8Rng| {
        let inputs: Vec<Tensor<f64>> = setting.data.iter().map(|b| draw(b, at_corner, rng)).collect();
        let weights = setting.weights.iter().map(|b| draw(b, at_corner, rng)).collect();
        (inputs, Parameters::new(weights))
    };
    for round in 0..60 {
        let (inputs, parameters) = point(round % 2 == 0, &mut rng);
        look(&inputs, &parameters)?;
    }
    if !case.entry.gradient || !case.has_data() || !case.plan(2).separable() {
        return Ok((count, first));
    }
    for projection in case.projections() {
        let output = Loss::<f64>::output(&projection);
        let row = setting.bounds[2 * output].row_len();
        for element in (0..row).step_by(row.div_ceil(24)) {
            for sign in [1.0, -1.0] {
                let (mut inputs, mut parameters) = point(false, &mut rng);
                for _ in 0..2 {
                    let term = Element { output, element, sign };
                    let gradient = runtime
                        .gradient(&parameters, &inputs, &[&term], true, Settings::default())
                        .map_err(|e| e.to_string())?;
                    for (i, own) in gradient.inputs.iter().enumerate() {
                        let Some(own) = own else { continue };
                        corner(&mut inputs[i], &setting.data[i], own);
                    }
                    let own = gradient.parameters.iter();
                    for ((p, b), own) in parameters.iter_mut().zip(&setting.weights).zip(own) {
                        corner(p, b, own);
                    }
                    look(&inputs, &parameters)?;
                }
            }
        }
    }
    Ok((count, first))
}

/// Applies `law` to every example with a reading, whatever is boxed.
fn for_every_setting(rounding: Rounding, law: impl Fn(&Case, &Setting) -> Result<(), String>) {
    for_every_case(|case| {
        if case.entry.interval == Interval::None {
            return Ok(());
        }
        for boxed in READINGS {
            let weights = boxed.1 && !case.model.graph().parameters().is_empty();
            if !(boxed.0 && case.has_data() || weights) {
                continue;
            }
            if let Some(setting) = Setting::new(case, boxed, rounding)? {
                let what = format!("boxed data {}, boxed weights {}", boxed.0, boxed.1);
                law(case, &setting).map_err(|e| format!("{what}: {e}"))?;
            }
        }
        Ok(())
    });
}

#[test]
fn bounds_with_outward_rounding_hold_every_value() {
    for_every_setting(Rounding::Outward, |case, setting| match search(case, setting)? {
        (_, Some(place)) => Err(place),
        _ => Ok(()),
    });
}

#[test]
fn bounds_with_outward_rounding_are_hardly_wider() {
    for_every_setting(Rounding::Outward, |case, outward| {
        let Some(nearest) = Setting::new(case, outward.boxed, Rounding::Nearest)? else {
            return Err("no reading without outward rounding".into());
        };
        for (a, b) in nearest.bounds.iter().zip(&outward.bounds) {
            let largest = a.data().iter().filter(|v| v.is_finite()).fold(1f32, |m, v| m.max(v.abs()));
            let differs = |(a, b): (&f32, &f32)| a.is_finite() && (a - b).abs() > 1e-3 * largest;
            if let Some(at) = a.data().iter().zip(b.data()).position(differs) {
                return Err(format!("element {at}: {} instead of {}", b.data()[at], a.data()[at]));
            }
        }
        Ok(())
    });
}

/// The search is able to find what it looks for: without outward rounding values lie outside.
#[test]
fn bounds_without_outward_rounding_do_not_hold_every_value() {
    let found = Cell::new(0);
    for_every_setting(Rounding::Nearest, |case, setting| {
        found.set(found.get() + usize::from(search(case, setting)?.0 > 0));
        Ok(())
    });
    assert!(found.get() > 20, "{} examples", found.get());
}

/// Beside values of another magnitude only sums of their own products keep what the model promises.
#[test]
fn bounds_of_small_values_beside_large_ones_hold_where_sums_are_direct() {
    let entry = TABLE.iter().find(|entry| entry.name == "Conv").expect("an operator of the table");
    let sample = (entry.samples)().into_iter().find(|s| s.name == "3x3 by minimal filtering");
    let sample = sample.expect("an example of it");
    let model = sample.model(entry.name, 1).expect("a model");
    let bias = |p: &Tensor<f32>| p.map(|&w| if p.shape().len() == 1 { 0.0 } else { w });
    let weights = Parameters::new(model.parameters().iter().map(bias).collect());
    let model = model.with_parameters(weights).expect("weights of the same shapes");
    let mut x = sample.batch::<f32>(1, 2).remove(0);
    let width = x.shape()[3];
    x.data_mut().iter_mut().enumerate().for_each(|(i, v)| *v *= if i % width < 3 { 1e6 } else { 1e-6 });
    let options =
        IntervalOptions { boxed_inputs: true, rounding: Rounding::Outward, ..IntervalOptions::default() };
    let bounds = enclose(&model, &options).expect("a reading");
    let exact = Runtime::<f64>::new(model.graph().clone())
        .forward(&model.parameters().cast(), &[x.map(|&v| f64::from(v))], Settings::default())
        .expect("outputs");
    let outside = |settings| {
        let ends = Runtime::<f32>::new(bounds.graph().clone())
            .forward(bounds.parameters(), &[x.clone(), x.clone()], settings)
            .expect("bounds");
        let pairs = ends[0].data().iter().zip(ends[1].data()).zip(exact[0].data());
        pairs.filter(|((lo, hi), y)| !(f64::from(**lo) <= **y && **y <= f64::from(**hi))).count()
    };
    assert_eq!(outside(DIRECT), 0);
    assert!(outside(Settings::default()) > 0, "minimal filtering would do as well");
}
