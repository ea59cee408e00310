//! Count sketch: long rows to fewer numbers, each a sum of some elements with random signs.
//!
//! Every element goes to one of m numbers with a random sign (Charikar, Chen and Farach-Colton 2002). Of a sketch s of x,
//! E |s|^2 = |x|^2 and Var |s|^2 <= 2/m |x|^4: all that both need is that signs are independent and that two elements meet with
//! probability at most 1/m. So elements may be drawn sixteen at a time: a group goes to sixteen numbers in a row from a random first one,
//! around the end. Two elements of a group never meet, two of different groups do with probability 1/m.

use pulp::{Arch, NullaryFnOnce};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Elements that one word places: whatever the vectors of a machine, so that results have the same bits on all.
pub(super) const GROUP: usize = 16;
/// Most numbers of a sketch: the upper half of a word says where a group begins.
pub(super) const MOST: usize = 1 << 16;

/// Where the groups of a row go, and with which signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CountSketch {
    /// A word for each group: its first number above, a sign for each element below.
    words: Vec<u32>,
    /// Numbers of a sketch, a power of two.
    len: usize,
}

impl CountSketch {
    /// Draws the sketch of rows of `elements` to `len` numbers, a power of two up to [`MOST`].
    pub(super) fn draw((seed, stream): (u64, u64), elements: usize, len: usize) -> Self {
        debug_assert!(len.is_power_of_two() && (GROUP..=MOST).contains(&len));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self { words: (0..elements.div_ceil(GROUP)).map(|_| rng.next_u32()).collect(), len }
    }

    /// Numbers of a sketch.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Writes the sketch of a row to `out`, which has [`Self::len`] numbers; `room` is overwritten.
    pub(super) fn apply(&self, row: &[f32], room: &mut Vec<f32>, out: &mut [f32]) {
        room.clear();
        room.resize(self.len + GROUP, 0.0);
        Arch::new().dispatch(Add { words: &self.words, mask: self.len - 1, row, sums: room });
        let (sums, beyond) = room.split_at_mut(self.len);
        sums.iter_mut().zip(beyond).for_each(|(sum, beyond)| *sum += *beyond);
        out.copy_from_slice(sums);
    }
}

/// Adds the groups of a row to their numbers, which go on for a group beyond the end.
struct Add<'a> {
    words: &'a [u32],
    mask: usize,
    row: &'a [f32],
    sums: &'a mut [f32],
}

impl NullaryFnOnce for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { words, mask, row, sums } = self;
        let (groups, rest) = row.as_chunks::<GROUP>();
        for (group, &word) in groups.iter().zip(words) {
            add(group, word, mask, sums);
        }
        if let (false, Some(&word)) = (rest.is_empty(), words.get(groups.len())) {
            let mut last = [0.0; GROUP];
            last[..rest.len()].copy_from_slice(rest);
            add(&last, word, mask, sums);
        }
    }
}

#[inline(always)]
fn add(group: &[f32; GROUP], word: u32, mask: usize, sums: &mut [f32]) {
    let first = (word >> 16) as usize & mask;
    let Some(sums) = sums[first..].first_chunk_mut::<GROUP>() else { return };
    for i in 0..GROUP {
        let sign = (word << (31 - i)) & (1 << 31);
        sums[i] += f32::from_bits(group[i].to_bits() ^ sign);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(sketch: &CountSketch, row: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; sketch.len()];
        sketch.apply(row, &mut Vec::new(), &mut out);
        out
    }

    /// Around the end as well, and in the last group, which is not full.
    #[test]
    fn every_element_goes_to_one_number_with_either_sign() {
        let (elements, drawn) = (1003, CountSketch::draw((3, 1), 1003, 64));
        let mut signs = [0; 2];
        for at in 0..elements {
            let mut row = vec![0.0; elements];
            row[at] = 2.5;
            let found: Vec<f32> = sketch(&drawn, &row).into_iter().filter(|v| *v != 0.0).collect();
            assert!(found == [2.5] || found == [-2.5], "element {at}: {found:?}");
            signs[usize::from(found == [2.5])] += 1;
        }
        assert!(signs.iter().all(|&count| count > elements / 3), "{signs:?}");
    }

    /// The variance of squared norms of rows whose elements are all alike, where signs that depend on each other add up.
    #[test]
    fn signs_are_independent() {
        let (row, len, draws) = (vec![1.0; 1000], 64, 2000);
        let norm = |seed| {
            let drawn = CountSketch::draw((seed, 0), row.len(), len);
            sketch(&drawn, &row).iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / row.len() as f64
        };
        let norms: Vec<f64> = (0..draws).map(norm).collect();
        let mean = norms.iter().sum::<f64>() / draws as f64;
        let variance = norms.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / draws as f64;
        let theory = 2.0 / len as f64;
        assert!((mean - 1.0).abs() < 4.0 * (theory / draws as f64).sqrt(), "{mean}");
        assert!((0.8 * theory..1.2 * theory).contains(&variance), "{variance}, {theory} expected");
    }

    #[test]
    fn vectors_do_not_change_a_bit() {
        let row: Vec<f32> = (0..5000).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 3.0).collect();
        let drawn = CountSketch::draw((5, 0), row.len(), 256);
        let mut sums = vec![0.0; 256 + GROUP];
        Add { words: &drawn.words, mask: 255, row: &row, sums: &mut sums }.call();
        let plain: Vec<f32> =
            (0..256).map(|i| sums[i] + if i < GROUP { sums[256 + i] } else { 0.0 }).collect();
        assert_eq!(sketch(&drawn, &row), plain);
    }
}
