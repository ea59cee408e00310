//! Numbers split into high and low parts, sixteen at a time.

use std::arch::x86_64::*;

use super::line::TILE;
use super::unit::DEPTH;

/// Elements of a vector.
pub(super) const LANES: usize = 16;

const _: () = assert!(DEPTH == 2 * LANES && TILE == LANES);

/// The first `count` lanes.
pub(super) fn lanes(count: usize) -> __mmask16 {
    if count >= LANES { !0 } else { (1 << count) - 1 }
}

/// High and low parts of two vectors, beside each other in words: the first in the lower halves.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
pub(super) fn split_pairs(first: __m512, second: __m512) -> [__m512i; 2] {
    let high = paired(first, second);
    let [one, two] = [_mm512_slli_epi32::<16>(high), _mm512_and_si512(high, _mm512_set1_epi32(!0xffff))];
    let rest = |x, high| _mm512_sub_ps(x, _mm512_castsi512_ps(high));
    [high, paired(rest(first, one), rest(second, two))]
}

/// The bits of the nearest numbers of 8 significant bits of two vectors, beside each other in words.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn paired(first: __m512, second: __m512) -> __m512i {
    let upper = _mm512_slli_epi32::<16>(_mm512_add_epi32(counting(), _mm512_set1_epi32(LANES as i32)));
    _mm512_permutexvar_epi16(_mm512_or_si512(counting(), upper), in_order(first, second))
}

/// 0, 1, 2 and so on.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn counting() -> __m512i {
    _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
}

/// The elements of a slice, at most a vector, followed by zeros.
#[target_feature(enable = "avx512f")]
pub(super) fn read(from: &[f32]) -> __m512 {
    // SAFETY: lanes behind the slice are not read.
    unsafe { _mm512_maskz_loadu_ps(lanes(from.len()), from.as_ptr()) }
}

/// Asks for the cache line of an element, which may lie behind the slice.
#[inline]
pub(super) fn prefetch(from: &[f32], place: usize) {
    // SAFETY: nothing is read, wherever it points.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().wrapping_add(place).cast()) }
}

/// Writes as many elements as the slice has, at most a vector.
#[target_feature(enable = "avx512f")]
pub(super) fn store(to: &mut [f32], values: __m512) {
    // SAFETY: lanes behind the slice are not written.
    unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), lanes(to.len()), values) }
}

/// Writes as many words as the slice has, at most a vector.
#[target_feature(enable = "avx512f")]
pub(super) fn write(to: &mut [u32], words: __m512i) {
    // SAFETY: lanes behind the slice are not written.
    unsafe { _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), lanes(to.len()), words) }
}

/// High and low parts of at most two vectors, one number after the other.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
pub(super) fn split_in_order(values: &[f32]) -> [__m512i; 2] {
    let (first, second) = values.split_at(values.len().min(LANES));
    let (first, second) = (read(first), read(second));
    let high = in_order(first, second);
    let number = |half| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)));
    let one = number(_mm512_castsi512_si256(high));
    let two = number(_mm512_extracti64x4_epi64::<1>(high));
    [high, in_order(_mm512_sub_ps(first, one), _mm512_sub_ps(second, two))]
}

/// The bits of the nearest numbers of 8 significant bits of two vectors, one after the other.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn in_order(first: __m512, second: __m512) -> __m512i {
    // SAFETY: both are 512 bits.
    unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(second, first)) }
}

/// Rows become columns.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn transpose(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    let mut m = rows;
    // Pairs of rows, then groups of four: each lane of 128 bits holds four elements of a column.
    for i in (0..LANES).step_by(2) {
        (m[i], m[i + 1]) =
            (_mm512_unpacklo_epi32(rows[i], rows[i + 1]), _mm512_unpackhi_epi32(rows[i], rows[i + 1]));
    }
    for i in (0..LANES).step_by(4) {
        let [a, b, c, d] = [m[i], m[i + 1], m[i + 2], m[i + 3]];
        m[i] = _mm512_unpacklo_epi64(a, c);
        m[i + 1] = _mm512_unpackhi_epi64(a, c);
        m[i + 2] = _mm512_unpacklo_epi64(b, d);
        m[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    // The lanes themselves.
    let mut columns = m;
    for i in 0..4 {
        let [a, b, c, d] = [m[i], m[i + 4], m[i + 8], m[i + 12]];
        let [ab, cd] = [_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d)];
        columns[i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        columns[i + 8] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        let [ab, cd] = [_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d)];
        columns[i + 4] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        columns[i + 12] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
    }
    columns
}

/// The words of a slice, at most a vector, followed by zeros.
#[target_feature(enable = "avx512f")]
pub(super) fn read_words(from: &[u32]) -> __m512i {
    // SAFETY: lanes behind the slice are not read.
    unsafe { _mm512_maskz_loadu_epi32(lanes(from.len()), from.as_ptr().cast()) }
}
