//! Per-sample gradients: they sum to the gradient of the batch, and each is the gradient of its image alone.

use std::collections::BTreeMap;
use std::ops::Range;

use modelmend_net::exec::Sink;
use modelmend_net::loss::Loss;
use modelmend_net::{Element, Settings, Tensor};

use super::cases::{Case, Projection, close, for_every_case, largest, terms};

/// Keeps the rows of a chunk; they may come in several pieces, in the order of the images.
pub(crate) struct Keep<T> {
    first: usize,
    rows: BTreeMap<usize, (usize, Vec<T>)>,
}

impl<T: Element> Sink<T> for Keep<T> {
    fn parameter(&mut self, parameter: usize, images: Range<usize>, rows: &[T]) {
        let (next, kept) = self.rows.entry(parameter).or_insert((self.first, Vec::new()));
        assert_eq!(*next, images.start, "parameter {parameter}: images out of order");
        *next = images.end;
        kept.extend_from_slice(rows);
    }

    /// A number that divides no chunk.
    fn images_at_once(&self) -> usize {
        3
    }
}

/// The gradients of every image, by parameter.
pub(crate) fn rows<T: Element>(
    case: &Case,
    inputs: &[Tensor<T>],
    projections: &[Projection],
    settings: Settings,
) -> Result<BTreeMap<usize, Vec<T>>, String> {
    let result = case
        .runtime()
        .per_sample(&case.parameters(), inputs, &terms(projections), settings, |images| Keep {
            first: images.start,
            rows: BTreeMap::new(),
        })
        .map_err(|e| e.to_string())?;
    let mut joined = BTreeMap::<usize, Vec<T>>::new();
    for sink in result.sinks {
        sink.rows.into_iter().for_each(|(p, (_, rows))| joined.entry(p).or_default().extend(rows));
    }
    Ok(joined)
}

#[test]
fn per_sample_gradients_sum_to_the_gradient_of_the_batch() {
    const IMAGES: usize = 19;
    for_every_case(|case| {
        let projections = case.projections();
        if !case.entry.gradient || projections.is_empty() {
            return Ok(());
        }
        let inputs = case.inputs::<f64>(IMAGES);
        let settings = Settings { chunk: 4, ..Settings::default() };
        let rows = rows(case, &inputs, &projections, settings);
        if !case.plan(IMAGES).separable() {
            return match rows {
                Err(e) if e.contains("mixes the images") => Ok(()),
                other => Err(format!("mixes the images, but: {other:?}")),
            };
        }
        let rows = rows?;
        let batch = case
            .runtime()
            .gradient(&case.parameters(), &inputs, &terms(&projections), false, settings)
            .map_err(|e| e.to_string())?;
        for (p, total) in batch.parameters.iter().enumerate() {
            let zeros = vec![0.0; total.len() * IMAGES];
            let rows = rows.get(&p).unwrap_or(&zeros);
            let mut sum = vec![0.0; total.len()];
            for row in rows.chunks_exact(total.len()) {
                sum.iter_mut().zip(row).for_each(|(s, g)| *s += g);
            }
            close(&format!("sum of weight {p}"), &sum, total.data(), 1e-10 * (1.0 + largest(rows)))?;
            if rows.len() != zeros.len() {
                return Err(format!("weight {p}: {} elements for {IMAGES} images", rows.len()));
            }
        }
        Ok(())
    });
}

/// The loss of one image of a larger batch, for a run with that image alone.
struct Only<'a> {
    projection: &'a Projection,
    image: usize,
}

impl Loss<f64> for Only<'_> {
    fn output(&self) -> usize {
        Loss::<f64>::output(self.projection)
    }

    fn evaluate(&self, _: usize, output: &[f64], gradient: &mut [f64]) -> f64 {
        self.projection.evaluate(self.image, output, gradient)
    }
}

#[test]
fn a_per_sample_gradient_is_that_of_its_image_alone() {
    const IMAGES: usize = 5;
    for_every_case(|case| {
        let projections = case.projections();
        if !case.entry.gradient
            || projections.is_empty()
            || !case.plan(IMAGES).separable()
            || case.is_random()
        {
            return Ok(());
        }
        let inputs = case.inputs::<f64>(IMAGES);
        let rows = rows(case, &inputs, &projections, Settings::default())?;
        for image in 0..IMAGES {
            let alone: Vec<Tensor<f64>> = inputs.iter().map(|t| image_of(t, image)).collect();
            let only: Vec<Only<'_>> =
                projections.iter().map(|projection| Only { projection, image }).collect();
            let terms: Vec<&dyn Loss<f64>> = only.iter().map(|o| o as &dyn Loss<f64>).collect();
            let single = case
                .runtime()
                .gradient(&case.parameters(), &alone, &terms, false, Settings::default())
                .map_err(|e| e.to_string())?;
            for (p, expected) in single.parameters.iter().enumerate() {
                let zeros = vec![0.0; expected.len()];
                let got = rows.get(&p).map_or(&zeros[..], |r| &r[image * expected.len()..][..expected.len()]);
                let tolerance = 1e-12 * (1.0 + largest(expected.data()));
                close(&format!("weight {p}, image {image}"), got, expected.data(), tolerance)?;
            }
        }
        Ok(())
    });
}

/// A batch of one image.
pub(crate) fn image_of<T: Element>(batch: &Tensor<T>, image: usize) -> Tensor<T> {
    let (row, mut shape) = (batch.row_len(), batch.shape().to_vec());
    shape[0] = 1;
    Tensor::new(shape, batch.data()[image * row..][..row].to_vec()).expect("one row")
}
