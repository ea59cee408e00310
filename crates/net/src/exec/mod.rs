//! Execution: cuts a batch into chunks, runs them on all cores, merges in order.
//!
//! Operators are serial and no result depends on its neighbours in the batch, so chunk size and thread count never
//! change a bit of a forward pass or a per-sample gradient. A summed gradient adds fixed groups of images in a
//! fixed order, which only the batch size determines.

mod backward;
mod blocks;
pub(crate) mod chain;
pub(crate) mod denormals;
mod forward;
mod gradients;
mod images;
mod plan;
mod prepared;
mod rest;
mod rooms;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

pub use backward::Sink;
pub use gradients::{Gradient, PerSample};
pub use plan::Plan;
pub(crate) use plan::constant_outputs;
pub use rest::Rest;

use crate::error::NetError;
use crate::graph::{Dim, Graph, Parameters, ValueId};
use crate::kernels::{Precision, Side};
use crate::op::Scratch;
use crate::scratch::{How, Pool};
use crate::tensor::{Element, Tensor, Value};
use forward::{Shared, Tape, TapeOptions};
use images::{concatenate, images, shapes, slice};
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

/// Elements of values that are worth a thread.
const WORTH: usize = 1 << 14;

impl<T: Element> Runtime<T> {
    /// A runtime for a graph.
    pub fn new(graph: Arc<Graph>) -> Self {
        let mut constants = vec![None; graph.value_count()];
        for (value, constant) in &graph.constants {
            constants[value.0] = Some(constant.cast());
        }
        Self {
            graph,
            constants,
            plans: Mutex::default(),
            prepared: Mutex::default(),
            scratch: Mutex::default(),
            pool: Arc::default(),
        }
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
            Ok(concatenate(parts, &self.pool))
        })
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
