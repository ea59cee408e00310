//! Enclosure: whatever lies in the boxes of data and weights, the outputs lie between the bounds.

use std::cell::RefCell;
use std::collections::BTreeMap;

use modelmend_net::interval::{IntervalOptions, enclose};
use modelmend_net::ops::{Interval, SampleInput};
use modelmend_net::{Model, Parameters, Runtime, Settings, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cases::{Case, for_every_case};

/// Lower and upper ends.
pub(crate) type Box2 = (Tensor<f64>, Tensor<f64>);

/// Boxes for every data input: random widths, one in five of them a point, inside the range of the example.
pub(crate) fn data_boxes(case: &Case, images: usize, rng: &mut ChaCha8Rng) -> Vec<Box2> {
    let ranges: Vec<(f64, f64)> = case
        .sample
        .data()
        .map(|input| match input {
            SampleInput::Data { low, high, .. } => (*low, *high),
            _ => (0.0, 1.0),
        })
        .collect();
    let mut boxes = Vec::new();
    for (i, centre) in case.inputs::<f64>(images).iter().enumerate() {
        let (low, high) = ranges.get(i).copied().unwrap_or((0.0, 1.0));
        let radius = centre.map(|_| {
            let point = rng.random::<f64>() < 0.2;
            if point { 0.0 } else { 0.3 * (high - low) * rng.random::<f64>() }
        });
        let end = |sign: f64| {
            let mut end = centre.clone();
            for (e, r) in end.data_mut().iter_mut().zip(radius.data()) {
                *e = (*e + sign * r).clamp(low, high);
            }
            end
        };
        boxes.push((end(-1.0), end(1.0)));
    }
    boxes
}

/// Distances below and above every weight.
pub(crate) fn deltas(case: &Case, rng: &mut ChaCha8Rng) -> BTreeMap<String, (Tensor<f32>, Tensor<f32>)> {
    let graph = case.model.graph();
    let mut delta = |shape: &[usize]| {
        Tensor::full(shape, 0f32)
            .map(|_| if rng.random::<f64>() < 0.2 { 0.0 } else { 0.5 * rng.random::<f32>() })
    };
    let pair = |p: &modelmend_net::graph::Parameter| {
        let below = delta(&p.shape);
        (p.name.clone(), (below, delta(&p.shape)))
    };
    graph.parameters().iter().map(pair).collect()
}

/// A point of a box: a corner, or anywhere, element by element.
pub(crate) fn draw((lo, hi): &Box2, corner: bool, rng: &mut ChaCha8Rng) -> Tensor<f64> {
    let mut point = lo.clone();
    for (p, &hi) in point.data_mut().iter_mut().zip(hi.data()) {
        let t: f64 = rng.random();
        let t = if corner { t.round() } else { t };
        *p = if t == 1.0 { hi } else { *p + t * (hi - *p) };
    }
    point
}

/// The outputs of a model in double precision.
pub(crate) fn run(model: &Model, inputs: &[Tensor<f64>]) -> Result<Vec<Tensor<f64>>, String> {
    Runtime::new(model.graph().clone())
        .forward(&model.parameters().cast(), inputs, Settings::default())
        .map_err(|e| e.to_string())
}

/// The ends of the boxes in the order in which the model of bounds takes them.
pub(crate) fn ends(boxes: &[Box2]) -> Vec<Tensor<f64>> {
    boxes.iter().flat_map(|(lo, hi)| [lo.clone(), hi.clone()]).collect()
}

/// What is a box: the data, the weights, or both.
pub(crate) const READINGS: [(bool, bool); 3] = [(true, false), (false, true), (true, true)];

#[test]
fn bounds_enclose_what_the_operator_can_reach() {
    // Operators that the table says have a reading, and how many examples it computed.
    let computed = RefCell::new(BTreeMap::<&str, usize>::new());
    for_every_case(|case| {
        if case.has_data() && case.entry.interval != Interval::None {
            computed.borrow_mut().entry(case.entry.name).or_default();
        }
        for (boxed_data, boxed_weights) in READINGS {
            let some =
                boxed_data && case.has_data() || boxed_weights && !case.model.graph().parameters().is_empty();
            if !some {
                continue;
            }
            let what = format!("boxed data {boxed_data}, boxed weights {boxed_weights}");
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let deltas = if boxed_weights { deltas(case, &mut rng) } else { BTreeMap::new() };
            let options = IntervalOptions { boxed_inputs: boxed_data, deltas, ..IntervalOptions::default() };
            let bounds = match enclose(&case.model, &options) {
                Ok(bounds) => bounds,
                Err(e) if e.to_string().contains(&format!("example of {}", case.entry.name)) => {
                    // Some inputs must be points (a divisor, weights); that is said, and not all examples have such.
                    if e.to_string().contains("with a box for") || case.entry.interval == Interval::None {
                        continue;
                    }
                    return Err(format!("{what}: {e}"));
                }
                Err(e) => return Err(format!("{what}: refused without the node's name: {e}")),
            };
            if case.entry.interval == Interval::None {
                return Err(format!("{what}: has no interval reading by the table, and is not refused"));
            }
            *computed.borrow_mut().entry(case.entry.name).or_default() += 1;
            enclosed(case, &bounds, &options, &mut rng).map_err(|e| format!("{what}: {e}"))?;
        }
        Ok(())
    });
    for (name, count) in computed.into_inner() {
        assert!(count > 0, "{name} has an interval reading by the table, and computed no example");
    }
}

fn enclosed(
    case: &Case,
    bounds: &Model,
    options: &IntervalOptions,
    rng: &mut ChaCha8Rng,
) -> Result<(), String> {
    const IMAGES: usize = 3;
    let data = match options.boxed_inputs {
        true => data_boxes(case, IMAGES, rng),
        false => case.inputs::<f64>(IMAGES).into_iter().map(|t| (t.clone(), t)).collect(),
    };
    let given =
        if options.boxed_inputs { ends(&data) } else { data.iter().map(|(lo, _)| lo.clone()).collect() };
    let bounds = run(bounds, &given)?;
    let weights = weight_boxes(case, options);
    let runtime = case.runtime::<f64>();
    for round in 0..200 {
        let inputs: Vec<Tensor<f64>> = data.iter().map(|b| draw(b, round % 2 == 0, rng)).collect();
        let parameters = Parameters::new(weights.iter().map(|b| draw(b, round % 3 != 0, rng)).collect());
        let outputs =
            runtime.forward(&parameters, &inputs, Settings::default()).map_err(|e| e.to_string())?;
        for (i, y) in outputs.iter().enumerate() {
            let (lo, hi) = (&bounds[2 * i], &bounds[2 * i + 1]);
            if lo.shape() != y.shape() || hi.shape() != y.shape() {
                return Err(format!("output {i}: bounds of shape {:?}, not {:?}", lo.shape(), y.shape()));
            }
            for (at, ((&lo, &y), &hi)) in lo.data().iter().zip(y.data()).zip(hi.data()).enumerate() {
                let slack = 1e-10 * (1.0 + y.abs());
                if !(lo - slack <= y && y <= hi + slack) {
                    return Err(format!("output {i}, element {at}: {y} outside [{lo}, {hi}]"));
                }
            }
        }
    }
    Ok(())
}

/// The ends of the weights, rounded as the rewrite rounds them.
fn weight_boxes(case: &Case, options: &IntervalOptions) -> Vec<Box2> {
    let weights = case.model.graph().parameters().iter().zip(case.model.parameters().iter());
    weights
        .map(|(p, tensor)| {
            let end = |sign: f32, delta: Option<&Tensor<f32>>| {
                let mut end = tensor.clone();
                let zeros = Tensor::full(tensor.shape(), 0f32);
                for (w, d) in end.data_mut().iter_mut().zip(delta.unwrap_or(&zeros).data()) {
                    *w += sign * d;
                }
                end.map(|&w| f64::from(w))
            };
            let delta = options.deltas.get(&p.name);
            (end(-1.0, delta.map(|d| &d.0)), end(1.0, delta.map(|d| &d.1)))
        })
        .collect()
}
