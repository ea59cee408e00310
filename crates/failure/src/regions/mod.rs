//! Regions of what a reconstruction network puts out: the cases of such a network, of which those with the largest error
//! are its failures.

mod loss;
mod place;

use std::collections::BTreeMap;

use modelmend_net::loss::Loss;
use modelmend_net::{Model, NetError, Parameters, Runtime, Settings, Tensor};

use crate::error::{FailureError, Result};
use crate::judge::{Judge, chunk};
use loss::{OfRegions, Part};
pub use place::Region;
use place::{Planes, cut};

/// Most items that one thread takes at a time.
const CHUNK: usize = 16;
/// Chunks that are held at a time.
const BATCH: usize = 16;

/// An input of a reconstruction network and what should come out.
#[derive(Clone, Debug)]
pub struct Item {
    /// (1, C, H, W), or (1, C, L) for a signal.
    pub input: Tensor<f32>,
    /// The truth: like the input, but for the number of channels.
    pub target: Tensor<f32>,
}

/// A reconstruction network and the regions of the items that it is judged by. A case is a region; the network always
/// runs on the whole item. The loss of a case is the mean squared error inside the region, over all channels; it is right
/// where the root of that is at most a threshold.
#[derive(Debug)]
pub struct Regions {
    model: Model,
    runtime: Runtime<f32>,
    items: Vec<Item>,
    regions: Vec<Region>,
    threshold: f64,
}

/// The error that the share `share`, in 0 ..= 1, of the errors exceeds; fewer do where several are equal. 0 for no errors.
pub fn threshold(errors: &[f64], share: f64) -> f64 {
    let mut sorted = errors.to_vec();
    sorted.sort_by(f64::total_cmp);
    let above = (share * errors.len() as f64).round() as usize;
    let at_most = errors.len().saturating_sub(above).max(1);
    sorted.get(at_most - 1).copied().unwrap_or(0.0)
}

impl Regions {
    /// Cuts every item into regions of about `edge` by `edge` pixels (signals: `edge` samples) of the same size but for one
    /// pixel. Without a [threshold](Self::with_threshold) the network is right everywhere.
    ///
    /// # Errors
    /// No items, items without pixels, a model with other than one input, or with a first output of another shape than the
    /// targets.
    pub fn new(model: Model, items: Vec<Item>, edge: usize) -> Result<Self> {
        if model.graph().inputs().len() != 1 || items.is_empty() {
            return Err(FailureError::invalid(
                "regions need a network with one input, and at least one item",
            ));
        }
        let runtime = Runtime::new(model.graph().clone());
        let mut regions = Vec::new();
        for (item, pair) in items.iter().enumerate() {
            regions.extend(cut(item, Planes::of(pair.target.shape())?, edge));
        }
        let all = Self { model, runtime, items, regions, threshold: f64::INFINITY };
        all.probe()?;
        Ok(all)
    }

    /// Runs one item of each shape.
    fn probe(&self) -> Result<()> {
        let mut seen: Vec<&[usize]> = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            if !seen.contains(&item.input.shape()) {
                self.outputs(self.parameters(), &[number])?;
                seen.push(item.input.shape());
            }
        }
        Ok(())
    }

    /// The same regions, right where the error is at most `threshold`.
    #[must_use]
    pub fn with_threshold(self, threshold: f64) -> Self {
        Self { threshold, ..self }
    }

    /// Largest error of a region that is right.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Where each case lies.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The items that the regions were cut from.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The first output for items of one shape, an item after another.
    ///
    /// # Errors
    /// Execution errors, an output of another shape than the targets.
    pub fn outputs(&self, parameters: &Parameters<f32>, items: &[usize]) -> Result<Tensor<f32>> {
        let input = stacked(items.iter().map(|&item| &self.items[item].input));
        let settings = Settings { chunk: chunk(input.row_len(), CHUNK), ..Settings::default() };
        let outputs = self.runtime.forward(parameters, &[input], settings)?;
        let output = outputs.into_iter().next().ok_or_else(|| NetError::input("the model has no output"))?;
        let wanted = items.first().map(|&item| self.items[item].target.shape()).unwrap_or_default();
        if output.shape().get(1..) != wanted.get(1..) {
            return Err(FailureError::invalid(format!(
                "the network puts out the shape {:?} where the target has {wanted:?}",
                output.shape()
            )));
        }
        Ok(output)
    }

    /// The root mean squared error of the network with these weights in each of the regions chosen, in order. Every item
    /// runs once.
    ///
    /// # Errors
    /// Execution errors.
    pub fn errors(&self, parameters: &Parameters<f32>, cases: &[usize]) -> Result<Vec<f64>> {
        let mut of_item = BTreeMap::<usize, Vec<usize>>::new();
        for (position, &case) in cases.iter().enumerate() {
            of_item.entry(self.regions[case].item).or_default().push(position);
        }
        let items: Vec<usize> = of_item.keys().copied().collect();
        let shape = |item: usize| self.items[item].input.shape();
        let mut errors = vec![0.0; cases.len()];
        for alike in items.chunk_by(|&a, &b| shape(a) == shape(b)) {
            let most = BATCH * alike.first().map_or(1, |&item| chunk(self.items[item].input.len(), CHUNK));
            for batch in alike.chunks(most) {
                let outputs = self.outputs(parameters, batch)?;
                for (output, item) in outputs.data().chunks_exact(outputs.row_len().max(1)).zip(batch) {
                    for &position in &of_item[item] {
                        errors[position] = self.part(cases[position]).squared_error(output).sqrt();
                    }
                }
            }
        }
        Ok(errors)
    }

    /// What the loss of a case looks at.
    fn part(&self, case: usize) -> Part<'_> {
        let region = self.regions[case];
        Part { target: self.items[region.item].target.data(), spans: region.spans() }
    }
}

/// Tensors (1, ...) of one shape as (N, ...).
fn stacked<'a>(tensors: impl Iterator<Item = &'a Tensor<f32>> + Clone) -> Tensor<f32> {
    let rest = tensors.clone().next().and_then(|first| first.shape().get(1..)).unwrap_or_default();
    let shape = [&[tensors.clone().count()], rest].concat();
    Tensor::new(shape, tensors.flat_map(Tensor::data).copied().collect()).unwrap_or_default()
}

impl Judge for Regions {
    fn model(&self) -> &Model {
        &self.model
    }

    fn runtime(&self) -> &Runtime<f32> {
        &self.runtime
    }

    fn count(&self) -> usize {
        self.regions.len()
    }

    /// The whole item of each region.
    fn input(&self, cases: &[usize]) -> Result<Tensor<f32>> {
        Ok(stacked(cases.iter().map(|&case| &self.items[self.regions[case].item].input)))
    }

    fn alike(&self, first: usize, second: usize) -> bool {
        let shape = |case: usize| self.items[self.regions[case].item].input.shape();
        shape(first) == shape(second)
    }

    /// Regions of one item.
    fn together(&self, first: usize, second: usize) -> bool {
        self.regions[first].item == self.regions[second].item
    }

    /// The mean squared error inside the region; it says nothing about what lies outside.
    fn loss_of(&self, cases: &[usize], weight: f64) -> Box<dyn Loss<f32> + '_> {
        Box::new(OfRegions { parts: cases.iter().map(|&case| self.part(case)).collect(), weight })
    }

    fn correct(&self, parameters: &Parameters<f32>, cases: &[usize]) -> Result<Vec<bool>> {
        Ok(self.errors(parameters, cases)?.into_iter().map(|error| error <= self.threshold).collect())
    }
}
