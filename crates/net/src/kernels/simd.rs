//! The vectors of an element type in each instruction set, chosen when the program runs.

#[cfg(target_arch = "x86_64")]
use std::any::TypeId;
#[cfg(target_arch = "x86_64")]
use std::mem::transmute_copy;

#[cfg(target_arch = "x86_64")]
use super::columns::{of_eight, of_sixteen, to_eight, to_sixteen};
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
    /// Vectors of the first, second, third and fourth of four neighbouring elements at [`Self::LANES`] places, `distance` apart, where the
    /// instruction set brings them into order without a way through memory.
    ///
    /// # Safety
    /// `from` must be valid for reads of four elements at each of the places.
    #[inline(always)]
    unsafe fn columns(self, _from: *const T, _distance: usize) -> Option<[Self::V; 4]> {
        None
    }
    /// The inverse of [`Self::columns`], and whether the instruction set has it.
    ///
    /// # Safety
    /// `to` must be valid for writes of four elements at each of the places.
    #[inline(always)]
    unsafe fn put_columns(self, _to: *mut T, _distance: usize, _vectors: [Self::V; 4]) -> bool {
        false
    }
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

/// Vectors of the first, second, ... of `W` neighbouring elements, at most four, at each of some places, `distance` apart: of all lanes or
/// of those that there are. Other lanes and other vectors are arbitrary. Works in `room`, four vectors, with the `order` of [`group_order`].
#[inline(always)]
pub(super) fn columns<T: Element, S: Vectors<T>, const W: usize>(
    simd: S,
    (from, distance, places): (&[T], usize, usize),
    (room, order): (&mut [T], &[usize]),
) -> [S::V; 4] {
    if places >= S::LANES && (S::LANES - 1) * distance + 4 <= from.len() {
        // SAFETY: the last place has four elements, as was just checked.
        if let Some(vectors) = unsafe { simd.columns(from.as_ptr(), distance) } {
            return vectors;
        }
    }
    for (place, &group) in (0..places).zip(order) {
        room[group * 4..][..W].copy_from_slice(&from[place * distance..][..W]);
    }
    simd.ungroup(read_some::<T, S, 4>(simd, room, S::LANES))
}

/// `W` vectors, at most four, `distance` apart; the others are arbitrary.
#[inline(always)]
pub(super) fn read_some<T, S: Vectors<T>, const W: usize>(simd: S, from: &[T], distance: usize) -> [S::V; 4] {
    let mut vectors = [simd.read(from); 4];
    for j in 1..W {
        vectors[j] = simd.read(&from[j * distance..]);
    }
    vectors
}

/// Asks for a line of memory, where the architecture can; nothing is read, and any address will do.
#[inline(always)]
pub(super) fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which every x86-64 has.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
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
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn columns(self, from: *const f32, distance: usize) -> Option<[Self::V; 4]> {
        // SAFETY: the caller promises the reads, and a value of such a type is only made where the machine has the instructions.
        unsafe {
            if TypeId::of::<S>() == TypeId::of::<pulp::x86::V4>() {
                return Some(transmute_copy(&of_sixteen(from, distance)));
            }
            if TypeId::of::<S>() == TypeId::of::<pulp::x86::V3>() {
                return Some(transmute_copy(&of_eight(from, distance)));
            }
        }
        None
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn put_columns(self, to: *mut f32, distance: usize, vectors: [Self::V; 4]) -> bool {
        // SAFETY: as above, for writes.
        unsafe {
            if TypeId::of::<S>() == TypeId::of::<pulp::x86::V4>() {
                to_sixteen(to, distance, transmute_copy(&vectors));
                return true;
            }
            if TypeId::of::<S>() == TypeId::of::<pulp::x86::V3>() {
                to_eight(to, distance, transmute_copy(&vectors));
                return true;
            }
        }
        false
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

/// Does the work with the vectors of AVX2 where this machine has them.
#[cfg(test)]
pub(super) fn avx2<W: Work<f32>>(work: W) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return work.run(Single(simd));
    }
    single(work);
}
