//! The vectors of an element type in each instruction set, chosen when the program runs.

use crate::tensor::Element;
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

/// Vectors of `T` in one instruction set.
pub(super) trait Vectors<T>: Copy + Send + Sync {
    /// A vector register.
    type V: Copy;
    /// Elements of a register.
    const LANES: usize;
    /// Number of registers.
    const REGISTERS: usize;
    /// A vector of equal elements.
    fn splat(self, value: T) -> Self::V;
    /// `a * b + c`, rounded once: the same bits in every instruction set.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// From as many groups of four elements as a register has lanes to the vectors of their first, second, third and
    /// fourth elements. Each instruction set has its own order of the groups in a vector, see [`group_order`].
    fn ungroup(self, groups: [Self::V; 4]) -> [Self::V; 4];
    /// The inverse of [`Self::ungroup`].
    fn group(self, vectors: [Self::V; 4]) -> [Self::V; 4];
    /// Runs `f` compiled for this instruction set.
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output;

    /// Reads a vector.
    ///
    /// # Safety
    /// `from` must be valid for reads of [`Self::LANES`] elements.
    #[inline(always)]
    unsafe fn load(self, from: *const T) -> Self::V {
        // SAFETY: as the caller promises; `V` is `LANES` elements of `T` without padding.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    /// Writes a vector.
    ///
    /// # Safety
    /// `to` must be valid for writes of [`Self::LANES`] elements.
    #[inline(always)]
    unsafe fn store(self, to: *mut T, value: Self::V) {
        // SAFETY: as the caller promises; `V` is `LANES` elements of `T` without padding.
        unsafe { to.cast::<Self::V>().write_unaligned(value) }
    }

    /// The first vector of a slice, which must have as many elements.
    #[inline(always)]
    fn read(self, from: &[T]) -> Self::V {
        assert!(from.len() >= Self::LANES);
        // SAFETY: the slice is long enough.
        unsafe { self.load(from.as_ptr()) }
    }

    /// Writes the first vector of a slice, which must have as many elements.
    #[inline(always)]
    fn write(self, to: &mut [T], value: Self::V) {
        assert!(to.len() >= Self::LANES);
        // SAFETY: the slice is long enough.
        unsafe { self.store(to.as_mut_ptr(), value) }
    }
}

/// Lanes of the widest registers.
const MOST_LANES: usize = 16;

/// The place among the groups of [`Vectors::ungroup`] that goes to each lane; overwrites `room`, four vectors.
pub(super) fn group_order<T: Element, S: Vectors<T>>(simd: S, room: &mut [T]) -> [usize; MOST_LANES] {
    room.chunks_exact_mut(4).enumerate().for_each(|(i, group)| group.fill(T::of(i as f64)));
    let vectors = std::array::from_fn(|i| simd.read(&room[i * S::LANES..]));
    simd.write(room, simd.ungroup(vectors)[0]);
    let mut order = [0; MOST_LANES];
    let places = room[..S::LANES].iter().map(|place| place.to_usize().unwrap_or(0));
    order.iter_mut().zip(places).for_each(|(lane, place)| *lane = place);
    room.fill(T::zero());
    order
}

/// Vectors of `f32`.
#[derive(Clone, Copy)]
pub(super) struct Single<S>(S);

impl<S: Simd> Vectors<f32> for Single<S> {
    type V = S::f32s;
    const LANES: usize = S::F32_LANES;
    const REGISTERS: usize = S::REGISTER_COUNT;
    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        self.0.splat_f32s(value)
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        self.0.mul_add_f32s(a, b, c)
    }
    #[inline(always)]
    fn ungroup(self, groups: [Self::V; 4]) -> [Self::V; 4] {
        self.0.deinterleave_shfl_f32s(groups)
    }
    #[inline(always)]
    fn group(self, vectors: [Self::V; 4]) -> [Self::V; 4] {
        self.0.interleave_shfl_f32s(vectors)
    }
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.0.vectorize(f)
    }
}

/// Vectors of `f64`.
#[derive(Clone, Copy)]
pub(super) struct Double<S>(S);

impl<S: Simd> Vectors<f64> for Double<S> {
    type V = S::f64s;
    const LANES: usize = S::F64_LANES;
    const REGISTERS: usize = S::REGISTER_COUNT;
    #[inline(always)]
    fn splat(self, value: f64) -> Self::V {
        self.0.splat_f64s(value)
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        self.0.mul_add_f64s(a, b, c)
    }
    #[inline(always)]
    fn ungroup(self, groups: [Self::V; 4]) -> [Self::V; 4] {
        self.0.deinterleave_shfl_f64s(groups)
    }
    #[inline(always)]
    fn group(self, vectors: [Self::V; 4]) -> [Self::V; 4] {
        self.0.interleave_shfl_f64s(vectors)
    }
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.0.vectorize(f)
    }
}

/// Work that is compiled once for each instruction set.
pub(super) trait Work<T> {
    /// Does it with vectors of one instruction set.
    fn run<S: Vectors<T>>(self, simd: S);
}

struct InSingle<W>(W);
impl<W: Work<f32>> WithSimd for InSingle<W> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run(Single(simd));
    }
}

struct InDouble<W>(W);
impl<W: Work<f64>> WithSimd for InDouble<W> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run(Double(simd));
    }
}

/// Does the work with the widest vectors of this machine.
pub(super) fn single<W: Work<f32>>(work: W) {
    Arch::new().dispatch(InSingle(work));
}

/// Does the work with the widest vectors of this machine.
pub(super) fn double<W: Work<f64>>(work: W) {
    Arch::new().dispatch(InDouble(work));
}

/// Runs loops compiled for the widest vectors of this machine. Their results are the same: nothing is added in another order, and no rounding is left out.
/// A closure that the compiler does not inline is compiled without them: long ones need `#[inline(always)]`.
#[inline(always)]
pub(crate) fn widest<R>(loops: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(loops)
}

/// Does the work without vectors, which no result may show.
#[cfg(test)]
pub(super) fn scalar<W: Work<f32>>(work: W) {
    work.run(Single(pulp::Scalar::new()));
}
