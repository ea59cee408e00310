//! The two gradient readings of a batch: summed over the images, and of every image by itself.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::error::NetError;
use crate::graph::{Parameters, ValueId};
use crate::kernels::Side;
use crate::loss::Loss;
use crate::scratch::How;
use crate::tensor::{Element, Tensor, Value};

use super::backward::{Accumulators, Outlet, Reverse, Sink, Wants, evaluate, wanted};
use super::forward::{Tape, TapeOptions, leading_to};
use super::images::{concatenate_options, images};
use super::{Kind, Runtime, Settings, in_pool, team};

/// The sum of the gradients of all images.
#[derive(Clone, Debug)]
pub struct Gradient<T> {
    /// Loss of each image.
    pub losses: Vec<T>,
    /// Gradient of each parameter.
    pub parameters: Parameters<T>,
    /// Gradient of each graph input, in its shape, where it was asked for and the loss depends on it.
    pub inputs: Vec<Option<Tensor<T>>>,
}

/// Losses and sinks of a per-sample reading, a sink for each chunk in the order of the images.
#[derive(Clone, Debug)]
pub struct PerSample<T, S> {
    /// Loss of each image.
    pub losses: Vec<T>,
    /// What the sinks made of the gradients.
    pub sinks: Vec<S>,
}

/// Images whose gradients one thread adds up before the partial sums are merged, where an image is small beside the parameters. Half as many,
/// where there would be one sum only; so many pay for transformed filters in small planes as well.
const SEVERAL: usize = 8;
/// At most this many partial sums: each costs a copy of the parameters.
const MAX_LANES: usize = 4;

impl<T: Element> Runtime<T> {
    /// The gradient of the loss (the sum of `terms`), summed over the images, with respect to all parameters and, if
    /// asked, the inputs.
    ///
    /// # Errors
    /// As [`Self::forward`]; an operator without a gradient, with the node's name.
    pub fn gradient(
        &self,
        parameters: &Parameters<T>,
        inputs: &[Tensor<T>],
        terms: &[&dyn Loss<T>],
        with_inputs: bool,
        settings: Settings,
    ) -> Result<Gradient<T>, NetError> {
        self.gradients(parameters, inputs, terms, Wants { inputs: with_inputs, parameters: None }, settings)
    }

    /// [`Self::gradient`] with respect to some parameters, in the order of [`Graph::parameters`](crate::Graph::parameters); that of the others is zero. The way back ends
    /// at the first layer that has any of them.
    ///
    /// # Errors
    /// As [`Self::gradient`].
    pub fn gradient_of(
        &self,
        trained: &[bool],
        parameters: &Parameters<T>,
        inputs: &[Tensor<T>],
        terms: &[&dyn Loss<T>],
        settings: Settings,
    ) -> Result<Gradient<T>, NetError> {
        self.gradients(
            parameters,
            inputs,
            terms,
            Wants { inputs: false, parameters: Some(trained) },
            settings,
        )
    }

    fn gradients(
        &self,
        parameters: &Parameters<T>,
        inputs: &[Tensor<T>],
        terms: &[&dyn Loss<T>],
        wants: Wants<'_>,
        settings: Settings,
    ) -> Result<Gradient<T>, NetError> {
        in_pool(|| {
            let images = images(inputs);
            let chunks = self.chunks(inputs, |images, values| {
                images.div_ceil(lanes(images, values > parameters.scalars()))
            })?;
            let small_planes = chunks.first().is_some_and(|chunk| chunk.len() >= SEVERAL / 2);
            let how = How { precision: settings.precision, team: team(&chunks), small_planes };
            let plans = self.plans(inputs, &chunks)?;
            // A few chunks make these forms in their caches faster than they would read them from memory.
            let kinds = self.kinds(&plans, parameters, (how, &[]))?;
            let parts: Vec<_> = chunks
                .par_iter()
                .map(|chunk| {
                    let mut accumulators = Accumulators::new(self.graph.value_count(), false);
                    let (losses, inputs) = self.reverse(
                        Kind::of(&kinds, chunk)?,
                        inputs,
                        chunk,
                        terms,
                        (wants, settings.seed, how),
                        &mut accumulators,
                        None,
                    )?;
                    Ok((losses, inputs, accumulators))
                })
                .collect::<Result<Vec<_>, NetError>>()?;
            let mut losses = Vec::with_capacity(images);
            let mut input_parts = Vec::with_capacity(parts.len());
            let mut sums: Vec<Accumulators<T>> =
                kinds.iter().map(|_| Accumulators::new(self.graph.value_count(), false)).collect();
            for (chunk, (part_losses, part_inputs, part)) in chunks.iter().zip(parts) {
                losses.extend(part_losses);
                input_parts.push(part_inputs);
                if let Some(sum) = kinds.iter().position(|kind| kind.images == chunk.len()) {
                    sums[sum].merge(part, &self.pool);
                }
            }
            let mut total = Accumulators::new(self.graph.value_count(), false);
            for (kind, mut sum) in kinds.iter().zip(sums) {
                // What is computed from parameters alone is the same for all chunks of a kind: the way back from it is taken once.
                let wants = wanted(&self.graph, kind.plan, wants);
                let how = How { team: rayon::current_num_threads(), ..how };
                self.with_scratch(how, |scratch| {
                    self.backward(kind, &wants, settings.seed).finish(&mut sum, 1, scratch)
                })?;
                total.merge(sum, &self.pool);
            }
            self.give_back(kinds);
            let parts = self.graph.parameters().iter().map(|p| {
                let nothing = || self.with_scratch(how, |scratch| scratch.zeros(p.shape.iter().product()));
                let data = total.rows[p.value.0].take().unwrap_or_else(nothing);
                Tensor::new(p.shape.clone(), data).unwrap_or_default()
            });
            let parameters = Parameters::new(parts.collect());
            Ok(Gradient { losses, parameters, inputs: concatenate_options(input_parts, &self.pool) })
        })
    }

    /// Takes the memory of a gradient back, so that training does not ask for new memory in every step.
    pub fn recycle(&self, gradient: Gradient<T>) {
        let tensors = gradient.parameters.into_tensors();
        tensors.chain(gradient.inputs.into_iter().flatten()).for_each(|t| self.pool.give(t.into_data()));
    }

    /// The gradient of every image's own loss (the sum of `terms`), parameter by parameter into a sink for each chunk.
    ///
    /// Memory: activations of a chunk, and chunk x the elements of one parameter per thread; never
    /// images x all parameters.
    ///
    /// # Errors
    /// As [`Self::gradient`]; a graph that mixes the images of a batch.
    pub fn per_sample<S: Sink<T>>(
        &self,
        parameters: &Parameters<T>,
        inputs: &[Tensor<T>],
        terms: &[&dyn Loss<T>],
        settings: Settings,
        make: impl Fn(Range<usize>) -> S + Sync,
    ) -> Result<PerSample<T, S>, NetError> {
        // A sink may add up what it gets of a chunk: threads must not say what a chunk is.
        let chunks = self.chunks(inputs, |_, _| settings.chunk)?;
        let how = How { precision: settings.precision, team: team(&chunks), ..How::default() };
        let plans = self.plans(inputs, &chunks)?;
        let kinds = self.kinds(&plans, parameters, (how, &[Side::Output, Side::Input]))?;
        let index: BTreeMap<ValueId, usize> =
            self.graph.parameters().iter().enumerate().map(|(i, p)| (p.value, i)).collect();
        let parts: Vec<(Vec<T>, S)> = chunks
            .par_iter()
            .map(|chunk| {
                let mut accumulators = Accumulators::new(self.graph.value_count(), true);
                let mut sink = make(chunk.clone());
                let images_at_once = sink.images_at_once();
                let mut hand = |value: ValueId, images: Range<usize>, rows: &[T]| {
                    if let Some(&parameter) = index.get(&value) {
                        sink.parameter(parameter, chunk.start + images.start..chunk.start + images.end, rows);
                    }
                };
                let outlet = &mut Outlet { images_at_once, hand: &mut hand, parameters: &index };
                let (losses, _) = self.reverse(
                    Kind::of(&kinds, chunk)?,
                    inputs,
                    chunk,
                    terms,
                    (Wants { inputs: false, parameters: None }, settings.seed, how),
                    &mut accumulators,
                    Some(outlet),
                )?;
                for (&value, &parameter) in &index {
                    if let Some(rows) = accumulators.rows[value.0].take() {
                        sink.parameter(parameter, chunk.clone(), &rows);
                    }
                }
                Ok((losses, sink))
            })
            .collect::<Result<_, NetError>>()?;
        self.give_back(kinds);
        let (losses, sinks): (Vec<Vec<T>>, Vec<S>) = parts.into_iter().unzip();
        Ok(PerSample { losses: losses.concat(), sinks })
    }

    #[allow(clippy::type_complexity, reason = "losses and input gradients of a chunk")]
    #[allow(clippy::too_many_arguments, reason = "shared by the two gradient readings")]
    fn reverse(
        &self,
        kind: &Kind<'_, T>,
        inputs: &[Tensor<T>],
        chunk: &Range<usize>,
        terms: &[&dyn Loss<T>],
        (wants, seed, how): (Wants<'_>, u64, How),
        accumulators: &mut Accumulators<T>,
        outlet: Option<&mut Outlet<'_, T>>,
    ) -> Result<(Vec<T>, Vec<Option<Tensor<T>>>), NetError> {
        self.check_differentiable()?;
        let Kind { plan, shared, .. } = kind;
        self.on_chunk(inputs, (chunk, how), |part, scratch| {
            if accumulators.per_image && !plan.separable {
                return Err(NetError::input(
                    "this model mixes the images of a batch: per-sample gradients do not exist",
                ));
            }
            let read = terms.iter().map(|term| self.output_of(*term)).collect::<Result<Vec<_>, _>>()?;
            let only = leading_to(&self.graph, &read);
            let options =
                TapeOptions { keep: true, only: Some(&only), watch: &[], seed, first_image: chunk.start };
            let tape = Tape::run(&self.graph, plan, shared, part, scratch, options)?;
            let mut losses = vec![T::zero(); chunk.len()];
            let mut gradients = Vec::new();
            for (term, output) in terms.iter().zip(read) {
                let value = tape.values[output.0].as_ref().and_then(Value::as_float);
                let value = value.ok_or_else(|| {
                    let name = self.graph.name(output);
                    NetError::input(format!("the loss reads `{name}`, which is not computed from the inputs"))
                })?;
                let gradient = evaluate(*term, chunk.clone(), value, &mut losses, scratch);
                gradients.extend(gradient.map(|g| (output, g)));
            }
            let wants = wanted(&self.graph, plan, wants);
            let reverse = self.backward(kind, &wants, seed);
            let input_gradients =
                reverse.run(&tape, gradients, chunk.clone(), accumulators, scratch, outlet)?;
            if accumulators.per_image {
                reverse.finish(accumulators, chunk.len(), scratch)?;
            }
            tape.recycle(scratch);
            Ok((losses, input_gradients))
        })
    }

    fn output_of(&self, term: &dyn Loss<T>) -> Result<ValueId, NetError> {
        let outputs = self.graph.outputs();
        outputs.get(term.output()).copied().ok_or_else(|| {
            NetError::input(format!(
                "the loss reads output {}, the model has {}",
                term.output(),
                outputs.len()
            ))
        })
    }

    fn check_differentiable(&self) -> Result<(), NetError> {
        match self.graph.nodes().iter().find(|n| !n.entry.gradient) {
            Some(node) => Err(node.error(crate::error::OpError::unsupported("gradient reading"))),
            None => Ok(()),
        }
    }

    fn backward<'a>(&'a self, kind: &'a Kind<'_, T>, wants: &'a [bool], seed: u64) -> Reverse<'a, T> {
        Reverse { graph: &self.graph, plan: kind.plan, shared: &kind.shared, wants, seed }
    }
}

/// Partial sums of a gradient of so many images; `large` where the values of an image outnumber the parameters.
fn lanes(images: usize, large: bool) -> usize {
    let (several, two) = if large { (1, 1) } else { (SEVERAL, SEVERAL / 2) };
    (images / several).max((images / two).min(2)).clamp(1, MAX_LANES)
}
