//! Test items to look at: which, where in them, and what is kept of the maps there.

use anyhow::{Context as _, Result, ensure};
use modelmend_data::split::Part;
use modelmend_net::{Model, Runtime, Settings, Tensor};
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::step::StepName;
use modelmend_uncertainty::method::Maps;
use modelmend_uncertainty::source::{Batch, Source, planes};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::context::{Context, Title};

/// Most items that are shown.
const SHOWN: usize = 6;
/// So many of them are the worst; the others lie between these and the best.
const WORST: usize = 3;
/// Longest side of what is shown of a picture.
const EDGE: usize = 192;
/// Most samples of a signal.
const SAMPLES: usize = 512;

/// Which part of which item.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Number of the test item.
    pub(super) item: usize,
    /// Its place by the mean squared error of the network, the worst first.
    pub(super) rank: usize,
    /// Mean squared error of the network on the whole item.
    pub(super) mse: f64,
    /// Number of channels.
    pub(super) channels: usize,
    /// First row and column.
    pub(super) corner: [usize; 2],
    /// Rows and columns; a signal has one row.
    pub(super) extent: [usize; 2],
}

/// The items that are shown, with input, target and the network's own output, each (channels, rows, columns).
#[derive(Clone, Debug)]
pub(super) struct Examples {
    pub(super) places: Vec<Place>,
    pub(super) pixels: Vec<[Vec<f32>; 3]>,
    /// Hash of the result of the step.
    pub(super) hash: Hash,
}

/// Chooses items by the error of the network, and in each the surroundings of its largest error.
pub(super) fn choose(
    context: &Context<'_>,
    (source, data): (&dyn Source, Hash),
    base: &Model,
) -> Result<Examples> {
    let title = Title { name: StepName::Uncertainty, label: "examples", version: 1 };
    let inputs = [data, Hash::of(&base.to_bytes())];
    let step = context.step(title, SHOWN, &inputs, |_| {
        let runtime = Runtime::<f32>::new(base.graph().clone());
        let look = |item| {
            let (pair, output) = answer(&runtime, base, source, item)?;
            let place = place(item, &pair, &output);
            ensure!(place.mse.is_finite(), "the network's output for test item {} is not finite", item + 1);
            Ok(place)
        };
        let found: Result<Vec<Place>> = (0..source.count(Part::Test)).into_par_iter().map(look).collect();
        let places = spread(found?);
        let mut pixels = Vec::new();
        for place in &places {
            let (pair, output) = answer(&runtime, base, source, place.item)?;
            [&pair.input, &pair.target, &output].iter().for_each(|t| pixels.extend(cut(t, place)));
        }
        Ok(Artifact::new(places).with_f32("pixels", &pixels))
    })?;
    let places = step.artifact.value.clone();
    let pixels = parts(&places, &step.artifact.f32("pixels")?)?;
    Ok(Examples { places, pixels, hash: step.hash })
}

/// A test item and what the network makes of it.
pub(super) fn answer(
    runtime: &Runtime<f32>,
    base: &Model,
    source: &dyn Source,
    item: usize,
) -> Result<(Batch, Tensor<f32>)> {
    let pair = source.item(Part::Test, item)?;
    let outputs =
        runtime.forward(base.parameters(), std::slice::from_ref(&pair.input), Settings::default())?;
    Ok((pair, outputs.into_iter().next().context("the model has no output")?))
}

/// The window around the largest error of an item. Its rank is known later.
fn place(item: usize, pair: &Batch, output: &Tensor<f32>) -> Place {
    let [channels, rows, columns] = planes(pair.target.shape());
    let plane = (rows * columns).max(1);
    let errors = output.data().iter().zip(pair.target.data()).map(|(y, t)| f64::from(y - t).abs());
    let (mut squares, mut worst) = (0.0, (0, 0.0));
    for (at, error) in errors.enumerate() {
        squares += error * error;
        if error > worst.1 {
            worst = (at % plane, error);
        }
    }
    let middle = [worst.0 / columns.max(1), worst.0 % columns.max(1)];
    let mse = squares / pair.target.len().max(1) as f64;
    Place { mse, ..Place::around(item, [channels, rows, columns], middle) }
}

impl Place {
    /// The window around a row and column of an item with so many channels, rows and columns.
    pub(super) fn around(item: usize, [channels, rows, columns]: [usize; 3], middle: [usize; 2]) -> Self {
        let limit = if rows == 1 { [1, SAMPLES] } else { [EDGE; 2] };
        let extent = [rows.min(limit[0]), columns.min(limit[1])];
        let begin = |middle: usize, extent: usize, whole: usize| {
            middle.saturating_sub(extent / 2).min(whole - extent)
        };
        let corner = [begin(middle[0], extent[0], rows), begin(middle[1], extent[1], columns)];
        Self { item, rank: 0, mse: 0.0, channels, corner, extent }
    }
}

/// The worst items and some between them and the best, in this order.
fn spread(mut places: Vec<Place>) -> Vec<Place> {
    places.sort_by(|a, b| b.mse.total_cmp(&a.mse).then(a.item.cmp(&b.item)));
    places.iter_mut().enumerate().for_each(|(rank, place)| place.rank = rank);
    let count = places.len();
    if count > SHOWN {
        let (rest, more) = (count - WORST, SHOWN - WORST);
        let between = |i: usize| WORST + rest * (i + 1) / (more + 1);
        let wanted: Vec<usize> = (0..WORST).chain((0..more).map(between)).collect();
        places.retain(|place| wanted.contains(&place.rank));
    }
    places
}

/// The values of a tensor (1, channels, ...) inside a window.
pub(super) fn cut(tensor: &Tensor<f32>, place: &Place) -> Vec<f32> {
    let [_, rows, columns] = planes(tensor.shape());
    let lines = |channel: usize| (0..place.extent[0]).map(move |row| channel * rows + place.corner[0] + row);
    let line = |line: usize| {
        let start = line * columns + place.corner[1];
        tensor.data().get(start..start + place.extent[1]).unwrap_or_default()
    };
    (0..place.channels).flat_map(lines).flat_map(line).copied().collect()
}

/// Arrays that stand one after another, `N` for each place.
pub(super) fn parts<const N: usize>(places: &[Place], values: &[f32]) -> Result<Vec<[Vec<f32>; N]>> {
    let mut rest = values;
    let mut next = |length: usize| -> Result<Vec<f32>> {
        let (part, after) = rest.split_at_checked(length).context("a stored example is cut short")?;
        rest = after;
        Ok(part.to_vec())
    };
    let of = |place: &Place| {
        let length = place.channels * place.extent[0] * place.extent[1];
        let mut arrays: [Vec<f32>; N] = std::array::from_fn(|_| Vec::new());
        for array in &mut arrays {
            *array = next(length)?;
        }
        Ok(arrays)
    };
    places.iter().map(of).collect()
}

/// What a method says about one example: u, output, and the ends of the intervals (zeros without).
pub(super) type Crop = [Vec<f32>; 4];

/// What is kept of the maps of an item: nothing where it is not shown.
pub(super) fn keep(places: &[Place], item: usize, maps: &Maps) -> Option<(usize, Crop)> {
    let at = places.iter().position(|place| place.item == item)?;
    let place = places.get(at)?;
    let ends = |pick: fn(&(Tensor<f32>, Tensor<f32>)) -> &Tensor<f32>| match &maps.bounds {
        Some(bounds) => cut(pick(bounds), place),
        None => vec![0.0; place.channels * place.extent[0] * place.extent[1]],
    };
    Some((at, [cut(&maps.u, place), cut(&maps.output, place), ends(|b| &b.0), ends(|b| &b.1)]))
}

/// Crops in the order of the examples, one array after another.
pub(super) fn joined(mut crops: Vec<(usize, Crop)>) -> Vec<f32> {
    crops.sort_by_key(|(at, _)| *at);
    crops.into_iter().flat_map(|(_, crop)| crop.concat()).collect()
}

/// The crops that [`joined`] put one after another.
pub(super) fn split(places: &[Place], values: &[f32]) -> Result<Vec<Crop>> {
    parts(places, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(mses: &[f64]) -> Vec<usize> {
        let place = |(item, &mse): (usize, &f64)| Place {
            item,
            rank: 0,
            mse,
            channels: 1,
            corner: [0, 0],
            extent: [1, 1],
        };
        spread(mses.iter().enumerate().map(place).collect()).iter().map(|place| place.item).collect()
    }

    #[test]
    fn the_worst_come_first_and_some_lie_between() {
        assert_eq!(ranked(&[0.1, 0.3, 0.3]), [1, 2, 0]);
        let many: Vec<f64> = (0..23).map(f64::from).collect();
        assert_eq!(ranked(&many), [22, 21, 20, 14, 9, 4]);
        assert!(ranked(&[]).is_empty());
    }

    #[test]
    fn a_window_lies_inside_and_holds_the_largest_error() {
        let (rows, columns) = (10, 400);
        let tensor = |values| Tensor::new([1, 2, rows, columns], values).unwrap();
        let target = tensor(vec![0.0; 2 * rows * columns]);
        let mut values = vec![0.0; 2 * rows * columns];
        let worst = rows * columns + 3 * columns + 390;
        values[worst] = -2.0;
        let output = tensor(values);
        let pair = Batch { input: target.clone(), target };
        let place = place(7, &pair, &output);
        assert_eq!((place.corner, place.extent), ([0, columns - EDGE], [rows, EDGE]));
        let window = cut(&output, &place);
        assert_eq!(window.len(), 2 * rows * EDGE);
        assert_eq!(window[(rows + 3) * EDGE + 390 - (columns - EDGE)], -2.0);
        assert!((place.mse - 4.0 / 8000.0).abs() < 1e-12);
    }

    #[test]
    fn crops_come_back_in_the_order_of_the_examples() {
        let maps = |value: f32| {
            let tensor = Tensor::new([1, 1, 4], vec![value; 4]).unwrap();
            Maps { output: tensor.clone(), u: tensor, bounds: None }
        };
        let place = |item| Place { item, rank: 0, mse: 0.0, channels: 1, corner: [0, 1], extent: [1, 2] };
        let places = [place(5), place(2)];
        let kept = [2, 3, 5].iter().filter_map(|&item| keep(&places, item, &maps(item as f32))).collect();
        let values = joined(kept);
        let back = split(&places, &values).unwrap();
        assert_eq!(back[0][0], [5.0, 5.0]);
        assert_eq!(back[1][1], [2.0, 2.0]);
        assert!(split(&places, &values[1..]).is_err());
    }
}
