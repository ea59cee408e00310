//! Four neighbouring floats at each of some places, transposed in registers of x86-64.
//!
//! Straight lines: a closure that is not inlined would be compiled without the instructions.

use std::arch::x86_64::*;

/// Vectors of the first, second, third and fourth floats at sixteen places, `distance` apart.
///
/// # Safety
/// AVX-512F; `from` must be valid for reads of four floats at each place.
#[inline(always)]
pub(super) unsafe fn of_sixteen(from: *const f32, distance: usize) -> [__m512; 4] {
    // SAFETY: as the caller promises.
    unsafe {
        transposed_quarters([
            quarters(from, distance),
            quarters(from.add(distance), distance),
            quarters(from.add(2 * distance), distance),
            quarters(from.add(3 * distance), distance),
        ])
    }
}

/// The inverse of [`of_sixteen`]: writes four floats at each place.
///
/// # Safety
/// AVX-512F; `to` must be valid for writes of four floats at each place.
#[inline(always)]
pub(super) unsafe fn to_sixteen(to: *mut f32, distance: usize, vectors: [__m512; 4]) {
    // SAFETY: as the caller promises.
    unsafe {
        let [a, b, c, d] = transposed_quarters(vectors);
        put_quarters(to, distance, a);
        put_quarters(to.add(distance), distance, b);
        put_quarters(to.add(2 * distance), distance, c);
        put_quarters(to.add(3 * distance), distance, d);
    }
}

/// The floats at every fourth place: transposed within quarters, the places are in order.
///
/// # Safety
/// As [`of_sixteen`].
#[inline(always)]
unsafe fn quarters(from: *const f32, distance: usize) -> __m512 {
    // SAFETY: as the caller promises.
    unsafe {
        let vector = _mm512_castps128_ps512(_mm_loadu_ps(from));
        let vector = _mm512_insertf32x4::<1>(vector, _mm_loadu_ps(from.add(4 * distance)));
        let vector = _mm512_insertf32x4::<2>(vector, _mm_loadu_ps(from.add(8 * distance)));
        _mm512_insertf32x4::<3>(vector, _mm_loadu_ps(from.add(12 * distance)))
    }
}

/// Writes the floats at every fourth place.
///
/// # Safety
/// As [`to_sixteen`].
#[inline(always)]
unsafe fn put_quarters(to: *mut f32, distance: usize, vector: __m512) {
    // SAFETY: as the caller promises.
    unsafe {
        _mm_storeu_ps(to, _mm512_castps512_ps128(vector));
        _mm_storeu_ps(to.add(4 * distance), _mm512_extractf32x4_ps::<1>(vector));
        _mm_storeu_ps(to.add(8 * distance), _mm512_extractf32x4_ps::<2>(vector));
        _mm_storeu_ps(to.add(12 * distance), _mm512_extractf32x4_ps::<3>(vector));
    }
}

/// Transposes the matrix of four by four floats in each quarter.
///
/// # Safety
/// AVX-512F.
#[inline(always)]
unsafe fn transposed_quarters([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: as the caller promises.
    unsafe {
        let ab = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
        let cd = _mm512_castps_pd(_mm512_unpacklo_ps(c, d));
        let ab_high = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
        let cd_high = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
        [
            _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)),
            _mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high)),
        ]
    }
}

/// [`of_sixteen`] for eight places.
///
/// # Safety
/// AVX; `from` must be valid for reads of four floats at each place.
#[inline(always)]
pub(super) unsafe fn of_eight(from: *const f32, distance: usize) -> [__m256; 4] {
    // SAFETY: as the caller promises.
    unsafe {
        transposed_halves([
            halves(from, distance),
            halves(from.add(distance), distance),
            halves(from.add(2 * distance), distance),
            halves(from.add(3 * distance), distance),
        ])
    }
}

/// [`to_sixteen`] for eight places.
///
/// # Safety
/// AVX; `to` must be valid for writes of four floats at each place.
#[inline(always)]
pub(super) unsafe fn to_eight(to: *mut f32, distance: usize, vectors: [__m256; 4]) {
    // SAFETY: as the caller promises.
    unsafe {
        let [a, b, c, d] = transposed_halves(vectors);
        put_halves(to, distance, a);
        put_halves(to.add(distance), distance, b);
        put_halves(to.add(2 * distance), distance, c);
        put_halves(to.add(3 * distance), distance, d);
    }
}

/// The floats at a place and at the fourth one after it.
///
/// # Safety
/// As [`of_eight`].
#[inline(always)]
unsafe fn halves(from: *const f32, distance: usize) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let vector = _mm256_castps128_ps256(_mm_loadu_ps(from));
        _mm256_insertf128_ps::<1>(vector, _mm_loadu_ps(from.add(4 * distance)))
    }
}

/// Writes the floats at a place and at the fourth one after it.
///
/// # Safety
/// As [`to_eight`].
#[inline(always)]
unsafe fn put_halves(to: *mut f32, distance: usize, vector: __m256) {
    // SAFETY: as the caller promises.
    unsafe {
        _mm_storeu_ps(to, _mm256_castps256_ps128(vector));
        _mm_storeu_ps(to.add(4 * distance), _mm256_extractf128_ps::<1>(vector));
    }
}

/// Transposes the matrix of four by four floats in each half.
///
/// # Safety
/// AVX.
#[inline(always)]
unsafe fn transposed_halves([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
    // SAFETY: as the caller promises.
    unsafe {
        let ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
        let cd = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
        let ab_high = _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
        let cd_high = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
        [
            _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)),
            _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)),
            _mm256_castpd_ps(_mm256_unpacklo_pd(ab_high, cd_high)),
            _mm256_castpd_ps(_mm256_unpackhi_pd(ab_high, cd_high)),
        ]
    }
}
