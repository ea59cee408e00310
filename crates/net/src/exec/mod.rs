//! Execution: cuts a batch into chunks, runs them on all cores, merges in order.
//!
//! Operators are serial and no result depends on its neighbours in the batch, so chunk size and thread count never
//! change a bit of a forward pass or a per-sample gradient. A summed gradient adds fixed groups of images in a
//! fixed order, which only the batch size determines.

mod backward;
pub(crate) mod chain;
pub(crate) mod denormals;
mod forward;
mod images;
mod plan;
mod prepared;
mod rest;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

pub use backward::Sink;
pub use plan::Plan;
pub(crate) use plan::constant_outputs;
pub use rest::Rest;

use crate::error::NetError;
use crate::graph::{Dim, Graph, Parameters, ValueId};
use crate::kernels::{Precision, Side};
use crate::loss::Loss;
use crate::op::Scratch;
use crate::scratch::{How, Pool};
use crate::tensor::{Element, Tensor, Value};
use backward::{Accumulators, Outlet, Reverse, Wants, evaluate, wanted};
use forward::{Shared, Tape, TapeOptions, leading_to};
use images::{concatenate, concatenate_options, images, shapes, slice};
use prepared::{PreparedWeights, Purpose};

/// How a run is cut up and where its random numbers come from.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Images that one thread takes at a time: more cost memory, fewer cost speed.
    pub chunk: usize,
    /// Seed of random operators (dropout in training mode).
    pub seed: u64,
    /// How exactly convolutions are computed.
    pub precision: Precision,
}

impl Settings {
    /// A step of a training that draws its random numbers from this seed.
    pub fn training(seed: u64) -> Self {
        Self { seed, precision: Precision::Split, ..Self::default() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { chunk: 16, seed: 0, precision: Precision::Single }
    }
}

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

/// Runs a graph on the CPU. Cheap to share between threads; keeps plans and buffers for reuse.
#[derive(Debug)]
pub struct Runtime<T> {
    graph: Arc<Graph>,
    constants: Vec<Option<Value<T>>>,
    plans: Mutex<BTreeMap<Vec<Vec<usize>>, Arc<Plan<T>>>>,
    prepared: Mutex<Arc<PreparedWeights<T>>>,
    scratch: Mutex<Vec<Scratch<T>>>,
    pool: Arc<Pool<T>>,
}

/// Images whose gradients one thread adds up before the partial sums are merged, where an image is small beside the parameters: so many pay
/// for transformed filters in small planes as well. Half as many, where there would be one sum only.
const SEVERAL: usize = 8;
/// At most this many partial sums: each costs a copy of the parameters.
const MAX_LANES: usize = 4;
/// Elements of values that are worth a thread.
const WORTH: usize = 1 << 14;

impl<T: Element> Runtime<T> {
    /// A runtime for a graph.
    pub fn new(graph: Arc<Graph>) -> Self {
        let mut constants = vec![None; graph.value_count()];
        for (value, constant) in &graph.constants {
            constants[value.0] = Some(constant.cast());
        }
        let (plans, prepared) = Default::default();
        Self { graph, constants, plans, prepared, scratch: Mutex::default(), pool: Arc::default() }
    }

    /// The graph.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The outputs for a batch: each input has the images along its first axis, and so has each output.
    ///
    /// # Errors
    /// Inputs that do not fit the model; an operator that objects, with the node's name.
    pub fn forward(
        &self,
        parameters: &Parameters<T>,
        inputs: &[Tensor<T>],
        settings: Settings,
    ) -> Result<Vec<Tensor<T>>, NetError> {
        self.observe(parameters, inputs, self.graph.outputs(), settings)
    }

    /// The values `watch` for a batch, such as activations inside the network.
    ///
    /// # Errors
    /// As [`Self::forward`]; also where a value does not depend on the inputs.
    pub fn observe(
        &self,
        parameters: &Parameters<T>,
        inputs: &[Tensor<T>],
        watch: &[ValueId],
        settings: Settings,
    ) -> Result<Vec<Tensor<T>>, NetError> {
        in_pool(|| {
            let chunks = self.chunks(inputs, |images, values| evenly(images, values, settings.chunk))?;
            let plans = self.plans(inputs, &chunks)?;
            let how = How { precision: settings.precision, team: team(&chunks), ..How::default() };
            let kinds = self.kinds(&plans, parameters, (how, &[Side::Output]))?;
            let parts = chunks.par_iter().map(|chunk| {
                let kind = Kind::of(&kinds, chunk)?;
                self.on_chunk(inputs, (chunk, how), |part, scratch| {
                    let options = TapeOptions {
                        keep: false,
                        only: None,
                        watch,
                        seed: settings.seed,
                        first_image: chunk.start,
                    };
                    let mut tape = Tape::run(&self.graph, kind.plan, &kind.shared, part, scratch, options)?;
                    let taken = watch.iter().map(|&v| self.take(&mut tape, &kind.shared, v)).collect();
                    tape.recycle(scratch);
                    taken
                })
            });
            let parts: Vec<Vec<Tensor<T>>> = parts.collect::<Result<_, _>>()?;
            self.give_back(kinds);
            Ok(concatenate(parts))
        })
    }

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

    /// [`Self::gradient`] with respect to some parameters, in the order of [`Graph::parameters`]; that of the others is zero. The way back ends
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
            let small_planes = chunks.first().is_some_and(|chunk| chunk.len() >= SEVERAL);
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
            Ok(Gradient { losses, parameters, inputs: concatenate_options(input_parts) })
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

    /// Calls `work` with the inputs of one chunk.
    fn on_chunk<R>(
        &self,
        inputs: &[Tensor<T>],
        (chunk, how): (&Range<usize>, How),
        work: impl FnOnce(Vec<Tensor<T>>, &mut Scratch<T>) -> Result<R, NetError>,
    ) -> Result<R, NetError> {
        self.with_scratch(how, |scratch| {
            let parts: Vec<Tensor<T>> = inputs.iter().map(|t| slice(t, chunk, scratch)).collect();
            work(parts, scratch)
        })
    }

    /// Calls `work` with memory for kernels that work like this.
    fn with_scratch<R>(&self, how: How, work: impl FnOnce(&mut Scratch<T>) -> R) -> R {
        let _guard = denormals::flush();
        let mut scratch = lock(&self.scratch).pop().unwrap_or_else(|| Scratch::of(Arc::clone(&self.pool)));
        scratch.how = how;
        let result = work(&mut scratch);
        lock(&self.scratch).push(scratch);
        result
    }

    /// The plans of some chunks: all have as many images as the first, but perhaps the last.
    fn plans(
        &self,
        inputs: &[Tensor<T>],
        chunks: &[Range<usize>],
    ) -> Result<Vec<(usize, Arc<Plan<T>>)>, NetError> {
        let mut sizes: Vec<usize> = chunks.first().into_iter().chain(chunks.last()).map(Range::len).collect();
        sizes.dedup();
        sizes.into_iter().map(|n| Ok((n, self.plan_for(shapes(inputs, n))?))).collect()
    }

    /// What chunks of each size share, computed once for all of them.
    fn kinds<'a>(
        &'a self,
        plans: &'a [(usize, Arc<Plan<T>>)],
        parameters: &'a Parameters<T>,
        (how, sides): (How, &'static [Side]),
    ) -> Result<Vec<Kind<'a, T>>, NetError> {
        let Some((images, plan)) = plans.first() else { return Ok(Vec::new()) };
        let how = How { team: rayon::current_num_threads(), ..how };
        let prepared = match sides {
            [] => Arc::default(),
            _ => {
                let purpose = Purpose { stamp: parameters.stamp(), how, sides, images: *images };
                self.prepared(plan, parameters, purpose)?
            }
        };
        let kind = |(images, plan): &'a (usize, Arc<Plan<T>>)| {
            self.with_scratch(how, |scratch| {
                let prepared = Arc::clone(&prepared);
                let shared =
                    Shared::new((&self.graph, plan), &self.constants, (parameters, prepared), scratch)?;
                Ok(Kind { images: *images, plan, shared })
            })
        };
        plans.iter().map(kind).collect()
    }

    /// Weights prepared for a purpose: those of the last run, if they serve it.
    fn prepared(
        &self,
        plan: &Plan<T>,
        parameters: &Parameters<T>,
        purpose: Purpose,
    ) -> Result<Arc<PreparedWeights<T>>, NetError> {
        let last = {
            let mut kept = lock(&self.prepared);
            if kept.serve(&purpose) {
                return Ok(Arc::clone(&kept));
            }
            std::mem::take(&mut *kept)
        };
        if let Some(last) = Arc::into_inner(last) {
            last.recycle(&self.pool);
        }
        let graph = (&*self.graph, plan);
        let made = self.with_scratch(purpose.how, |scratch| {
            PreparedWeights::new(graph, &self.constants, parameters, purpose, scratch)
        })?;
        let made = Arc::new(made);
        *lock(&self.prepared) = Arc::clone(&made);
        Ok(made)
    }

    /// Takes the memory of shared values back.
    fn give_back(&self, kinds: Vec<Kind<'_, T>>) {
        kinds.into_iter().for_each(|kind| kind.shared.recycle(&self.pool));
    }

    fn plan_for(&self, shapes: Vec<Vec<usize>>) -> Result<Arc<Plan<T>>, NetError> {
        if let Some(plan) = lock(&self.plans).get(&shapes) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(Plan::new(&self.graph, &shapes)?);
        lock(&self.plans).insert(shapes, plan.clone());
        Ok(plan)
    }

    /// The value of a finished tape, or a copy of a shared one for every image.
    fn take(
        &self,
        tape: &mut Tape<T>,
        shared: &Shared<'_, T>,
        value: ValueId,
    ) -> Result<Tensor<T>, NetError> {
        let taken = tape.values[value.0].take().or_else(|| shared.get(value).cloned());
        match taken {
            Some(Value::Float(t)) => Ok(t),
            Some(Value::Int(t)) => Ok(t.map(|&v| T::of(v as f64))),
            Some(Value::Bool(t)) => Ok(t.map(|&v| if v { T::one() } else { T::zero() })),
            None => Err(NetError::input(format!("value `{}` is not computed", self.graph.name(value)))),
        }
    }

    /// Checks the inputs against the declared ones and cuts the batch: `size` says how many images to take at a time, from their number and
    /// the elements of the values of one.
    fn chunks(
        &self,
        inputs: &[Tensor<T>],
        size: impl FnOnce(usize, usize) -> usize,
    ) -> Result<Vec<Range<usize>>, NetError> {
        self.check(inputs)?;
        let images = images(inputs);
        let fixed = self.graph.inputs().iter().find_map(|i| i.fixed_batch());
        let size = match fixed {
            Some(batch) if batch == 0 || !images.is_multiple_of(batch) => {
                return Err(NetError::input(format!(
                    "the model takes exactly {batch} images at a time, {images} given"
                )));
            }
            Some(batch) => batch,
            None if images == 1 || !self.separable(inputs)? => images,
            None => size(images, self.plan_for(shapes(inputs, 1))?.values).max(1),
        };
        Ok((0..images).step_by(size).map(|start| start..(start + size).min(images)).collect())
    }

    /// Whether the batch may be cut. One size alone can look so by chance: a reshape to `1 x -1` keeps the first axis
    /// of one image.
    fn separable(&self, inputs: &[Tensor<T>]) -> Result<bool, NetError> {
        let cut = |n: usize| self.plan_for(shapes(inputs, n)).map(|plan| plan.separable);
        Ok(cut(1)? && cut(2)?)
    }

    fn check(&self, inputs: &[Tensor<T>]) -> Result<(), NetError> {
        let declared = self.graph.inputs();
        if declared.is_empty() {
            return Err(NetError::input("the model takes no inputs: there is nothing to run it on"));
        }
        if inputs.len() != declared.len() {
            return Err(NetError::input(format!(
                "{} inputs given, the model takes {}",
                inputs.len(),
                declared.len()
            )));
        }
        for (tensor, input) in inputs.iter().zip(declared) {
            let fits = |(d, n): (&Dim, &usize)| matches!(d, Dim::Free(_)) || *d == Dim::Fixed(*n);
            let rank = tensor.shape().len() == input.dims.len();
            if !rank || !input.dims.iter().zip(tensor.shape()).skip(1).all(fits) {
                let list = |dims: Vec<String>| dims.join("x");
                return Err(NetError::input(format!(
                    "input `{}`: expected {} per image, got {}",
                    input.name,
                    list(input.dims.iter().skip(1).map(ToString::to_string).collect()),
                    list(tensor.shape().iter().skip(1).map(ToString::to_string).collect()),
                )));
            }
            if tensor.rows() != images(inputs) {
                return Err(NetError::input(format!(
                    "input `{}` has {} images, another has {}",
                    input.name,
                    tensor.rows(),
                    images(inputs)
                )));
            }
            if tensor.is_empty() {
                return Err(NetError::input(format!("input `{}`: no samples", input.name)));
            }
        }
        Ok(())
    }
}

/// Does work on a thread of the pool: loops in it then start without waking another thread first.
fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// Images of a chunk, so that all threads have as many to do; `most` at a time.
fn evenly(images: usize, values: usize, most: usize) -> usize {
    let threads = rayon::current_num_threads();
    let chunks = images.div_ceil(most.max(1)).next_multiple_of(threads);
    images.div_ceil(chunks).max(WORTH / values.max(1)).min(most)
}

/// Partial sums of a gradient of so many images; `large` where the values of an image outnumber the parameters.
fn lanes(images: usize, large: bool) -> usize {
    let (several, two) = if large { (1, 1) } else { (SEVERAL, SEVERAL / 2) };
    (images / several).max((images / two).min(2)).clamp(1, MAX_LANES)
}

/// Threads that can work together on one chunk.
fn team(chunks: &[Range<usize>]) -> usize {
    (rayon::current_num_threads() / chunks.len().max(1)).max(1)
}

fn lock<V>(mutex: &Mutex<V>) -> std::sync::MutexGuard<'_, V> {
    // Buffers and plans stay valid whatever a panicking thread did.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What chunks of the same size share.
struct Kind<'a, T> {
    images: usize,
    plan: &'a Plan<T>,
    shared: Shared<'a, T>,
}

impl<'a, T> Kind<'a, T> {
    fn of<'k>(kinds: &'k [Self], chunk: &Range<usize>) -> Result<&'k Self, NetError> {
        let kind = kinds.iter().find(|kind| kind.images == chunk.len());
        kind.ok_or_else(|| NetError::input("there are no images"))
    }
}
