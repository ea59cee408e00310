//! The readings of a convolution that have algorithms of their own.

use super::Start;
use super::conv::Geometry;
use crate::op::Scratch;
use crate::scratch::Aligned;

/// Called with every piece of a result as soon as it is complete and still in cache, with the place of its first element.
pub type Finish<'b, T> = &'b (dyn Fn(usize, &mut [T]) + Sync);

/// A reading of a convolution.
pub enum Reading<'a, 'b, T> {
    /// The output, or the gradient of the input.
    Forward(Forward<'a, 'b, T>),
    /// The gradient of the weights, summed over all images.
    Weights(Weights<'a, 'b, T>),
}

/// Which side of a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The output, from the input.
    Output,
    /// The gradient of the input, from that of the output.
    Input,
}

/// A convolution of all images, or the gradient of its input.
pub struct Forward<'a, 'b, T> {
    /// Shapes.
    pub geometry: &'a Geometry,
    /// What is computed.
    pub side: Side,
    /// What is read: the input, or the gradient of the output.
    pub from: &'a [T],
    /// `out_channels x in_channels x kernel`.
    pub taps: Taps<'a, T>,
    /// Added to each channel.
    pub bias: Option<&'a [T]>,
    /// What is overwritten.
    pub to: &'b mut [T],
    /// What is done with it.
    pub finish: Finish<'b, T>,
    /// Memory.
    pub scratch: &'b mut Scratch<T>,
}

/// The weights of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Taps<'a, T> {
    /// As the operator has them.
    pub weights: &'a [T],
    /// What [`prepare`](super::conv::prepare) made of these very weights for the same side and precision, perhaps for planes of another size.
    pub prepared: Option<&'a Prepared<T>>,
}

impl<'a, T> From<&'a [T]> for Taps<'a, T> {
    fn from(weights: &'a [T]) -> Self {
        Self { weights, prepared: None }
    }
}

/// Weights in the form that a kernel multiplies by: transformed filters.
#[derive(Debug)]
pub struct Prepared<T> {
    filters: Aligned<T>,
    /// Products of a tile.
    products: usize,
}

impl<T> Prepared<T> {
    pub(super) fn new(filters: Aligned<T>, products: usize) -> Self {
        Self { filters, products }
    }

    /// The filters, if they are for tiles of so many products: planes of another size may have others.
    pub(super) fn filters(&self, products: usize) -> Option<&[T]> {
        (self.products == products).then_some(&*self.filters)
    }

    /// Its memory, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<T> {
        self.filters.into_buffer()
    }
}

/// Weights that are to be [`Prepared`] for one side of a convolution.
pub struct Preparation<'a, 'b, T> {
    /// Shapes.
    pub geometry: &'a Geometry,
    /// What they will be used for.
    pub side: Side,
    /// `out_channels x in_channels x kernel`.
    pub weights: &'a [T],
    /// Images that one thread will take at a time.
    pub images: usize,
    /// Memory.
    pub scratch: &'b mut Scratch<T>,
}

/// The gradient of the weights, summed over all images.
#[derive(Debug)]
pub struct Weights<'a, 'b, T> {
    /// Shapes.
    pub geometry: &'a Geometry,
    /// Input.
    pub x: &'a [T],
    /// Gradient of the output.
    pub dy: &'a [T],
    /// `out_channels x in_channels x 3 x 3`.
    pub dw: &'b mut [T],
    /// Whether the gradient is added to `dw`.
    pub start: Start<'a, T>,
    /// Memory.
    pub scratch: &'b mut Scratch<T>,
}

/// How exactly products of single precision are computed where the machine has a [matrix unit](super::matrix_unit); other machines know only the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// In single precision, without the unit: for results that are looked at.
    #[default]
    Single,
    /// In single precision, every element one sum of products of its own: what the model of [`rounding`](crate::interval::rounding) answers
    /// for. Minimal filtering mixes the inputs of a tile, so that beside large values the error of a small result can exceed it.
    Direct,
    /// Of factors split into two numbers of 8 significant bits, with errors up to 5e-6 of the largest result: for fine-tuning.
    Split,
    /// Outputs as split; gradients of factors rounded to 8 significant bits, with errors up to 2.5e-3 of the largest gradient: for training from the start, whose
    /// batches differ by far more.
    Mixed,
}

impl Precision {
    /// Numbers of 8 significant bits that may stand for a factor, if any, of an output or of a gradient.
    pub(super) fn parts(self, gradient: bool) -> Option<usize> {
        match self {
            Self::Single | Self::Direct => None,
            Self::Mixed if gradient => Some(1),
            Self::Split | Self::Mixed => Some(2),
        }
    }
}

impl<T> Reading<'_, '_, T> {
    /// Numbers of 8 significant bits that may stand for a factor, if any.
    pub(super) fn parts(&self) -> Option<usize> {
        let (precision, gradient) = match self {
            Self::Forward(forward) => (forward.scratch.how.precision, forward.side == Side::Input),
            Self::Weights(weights) => (weights.scratch.how.precision, true),
        };
        precision.parts(gradient)
    }
}
