//! Distances between rows, summed in `f64` in a fixed order, so that they have the same bits on every machine
//! and `d(a, b) == d(b, a)`; identical rows are at distance exactly 0.

/// Independent partial sums; fixed, because the order of a sum decides its last bits.
const LANES: usize = 16;

/// Squared Euclidean distance of two rows of the same length.
#[inline(always)]
fn squared_euclidean(a: &[f32], b: &[f32]) -> f64 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut partial = [0.0f64; LANES];
    for (ca, cb) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            let difference = f64::from(ca[lane]) - f64::from(cb[lane]);
            partial[lane] += difference * difference;
        }
    }
    let mut sum: f64 = partial.iter().sum();
    for (va, vb) in a_rest.iter().zip(b_rest) {
        let difference = f64::from(*va) - f64::from(*vb);
        sum += difference * difference;
    }
    sum
}

/// Squared Euclidean distances of `query` to every row of `rows` (row-major, as long as `query` each),
/// written to `out`, one per row. Vectorised for the CPU found at run time; without fused operations, so the
/// bits agree.
pub(crate) fn squared_distances(query: &[f32], rows: &[f32], out: &mut [f64]) {
    if query.is_empty() {
        out.fill(0.0);
        return;
    }
    pulp::Arch::new().dispatch(|| {
        for (row, slot) in rows.chunks_exact(query.len()).zip(out.iter_mut()) {
            *slot = squared_euclidean(query, row);
        }
    });
}
