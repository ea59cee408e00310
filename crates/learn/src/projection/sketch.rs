//! Count sketch by groups of coordinates, so that vectors of 16 numbers are read and added whole.

use pulp::{Simd, WithSimd};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Coordinates with a common position; the same for every instruction set, since it decides bits.
const GROUP: usize = 16;
/// Fewest positions: 16 KiB of slots stay in the first-level cache.
const FEWEST: usize = 4096;
/// Positions for each dimension behind the sketch: what it adds to the variance is a 32nd.
const FOR_EACH: usize = 32;

/// Positions of a sketch that leaves `dim` dimensions: a power of two, `None` where a code of 16 bits cannot name them.
pub(super) fn positions(dim: usize) -> Option<usize> {
    let positions = dim.checked_mul(FOR_EACH)?.checked_next_power_of_two()?.max(FEWEST);
    (positions <= 1 << 16).then_some(positions)
}

/// A random matrix S with one entry of 1 or -1 in each row (Charikar, Chen and Farach-Colton 2002). Rows come in groups of 16: a
/// group draws its position h, uniform among `m`, and a sign s for each row, and row l of it has its entry in column h + l of
/// m + 15.
///
/// Two rows i and j of one group never share a column. Two of different groups do with probability (m - |d|) / m^2 <= 1/m, where
/// d is the distance of their places in their groups. Signs are independent of each other and of the positions; so
/// |x S|^2 - |x|^2 = sum over i != j in one column of s_i s_j x_i x_j has mean 0, products of different pairs have mean 0 as well, and
/// Var |x S|^2 = 2 sum over i != j of x_i^2 x_j^2 P(i and j share a column) <= 2/m |x|^4,
/// as for a count sketch that draws a position for each row.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    /// For each group its position (the lower bits) and its signs (the upper 16).
    codes: Vec<u32>,
    /// A power of two.
    positions: usize,
}

impl Sketch {
    /// The sketch of `elements` coordinates from the stream (seed, number) of ChaCha8; `positions` as from [`positions`].
    pub(super) fn new((seed, stream): (u64, u64), positions: usize, elements: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let codes = (0..elements.div_ceil(GROUP)).map(|_| rng.next_u32()).collect();
        Self { codes, positions }
    }

    /// Length of a sketch.
    pub(super) fn slots(&self) -> usize {
        self.positions + GROUP - 1
    }

    /// Writes the sketch of `x`, one number for each slot. A slot adds its coordinates in their order, so that the bits are the same on
    /// every machine.
    pub(super) fn apply(&self, x: &[f32], slots: &mut [f32]) {
        slots.fill(0.0);
        let (whole, rest) = x.as_chunks::<GROUP>();
        let (codes, last) = self.codes.split_at(whole.len().min(self.codes.len()));
        let mut padded = [0.0; GROUP];
        padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        for (groups, codes) in [(whole, codes), (&[padded], last)] {
            pulp::Arch::new().dispatch(Scatter { groups, codes, positions: self.positions, slots });
        }
    }
}

/// A struct, since a closure would not be compiled for the instruction set.
struct Scatter<'a> {
    groups: &'a [[f32; GROUP]],
    codes: &'a [u32],
    positions: usize,
    slots: &'a mut [f32],
}

impl WithSimd for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (group, code) in self.groups.iter().zip(self.codes) {
            let position = *code as usize & (self.positions - 1);
            let Some(slots) = self.slots.get_mut(position..).and_then(|s| s.first_chunk_mut::<GROUP>())
            else {
                continue;
            };
            // All is read before anything is written, or the compiler would do it number by number.
            let mut sums = *slots;
            for l in 0..GROUP {
                let sign = (code << (GROUP - 1 - l)) & 0x8000_0000;
                sums[l] += f32::from_bits(group[l].to_bits() ^ sign);
            }
            *slots = sums;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One coordinate after the other, up to a group that is not full.
    #[test]
    fn vectors_give_the_bits_of_single_numbers() {
        for elements in [1, 15, 16, 10_000, 10_007] {
            let sketch = Sketch::new((5, 3), 4096, elements);
            let x: Vec<f32> = (0..elements).map(|i| ((i * 7919 % 1013) as f32 / 17.0).sin() * 1e3).collect();
            let mut expected = vec![0.0f32; sketch.slots()];
            for (i, value) in x.iter().enumerate() {
                let code = sketch.codes[i / GROUP];
                let sign = if code >> (16 + i % GROUP) & 1 == 1 { -1.0 } else { 1.0 };
                expected[(code & 4095) as usize + i % GROUP] += sign * value;
            }
            let mut found = vec![f32::NAN; sketch.slots()];
            sketch.apply(&x, &mut found);
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(&expected), "{elements} elements");
        }
    }

    #[test]
    fn positions_follow_the_dimensions_as_far_as_codes_reach() {
        let expected = [(1, 4096), (100, 4096), (128, 4096), (129, 8192), (2048, 65_536)];
        expected.iter().for_each(|&(dim, m)| assert_eq!(positions(dim), Some(m), "{dim} dimensions"));
        assert_eq!([2049, usize::MAX].map(positions), [None, None]);
    }
}
