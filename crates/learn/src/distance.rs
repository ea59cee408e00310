//! Distances between rows, summed in `f64` in a fixed order, so that they have the same bits on every machine
//! and `d(a, b) == d(b, a)`; identical rows are at distance exactly 0.

use pulp::{Simd, WithSimd};

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
    pulp::Arch::new().dispatch(OneToMany { query, rows, out });
}

/// A struct, since a closure would not be compiled for the instruction set.
struct OneToMany<'a> {
    query: &'a [f32],
    rows: &'a [f32],
    out: &'a mut [f64],
}

impl WithSimd for OneToMany<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (row, slot) in self.rows.chunks_exact(self.query.len()).zip(self.out) {
            *slot = squared_euclidean(self.query, row);
        }
    }
}

/// Queries that are compared with a row at once.
pub(crate) const QUERIES: usize = 16;

/// The values of some queries beside each other, feature by feature; zeros behind the last query.
pub(crate) fn side_by_side<'a>(
    queries: impl Iterator<Item = &'a [f32]>,
    features: usize,
) -> Vec<[f64; QUERIES]> {
    let mut values = vec![[0.0; QUERIES]; features];
    for (place, query) in queries.take(QUERIES).enumerate() {
        values.iter_mut().zip(query).for_each(|(to, &from)| to[place] = f64::from(from));
    }
    values
}

/// Squared Euclidean distance of each query to a row: sums in the order of [`squared_euclidean`].
#[inline(always)]
pub(crate) fn squared_distances_to(queries: &[[f64; QUERIES]], row: &[f32]) -> [f64; QUERIES] {
    let mut sums = [0.0; QUERIES];
    let whole = row.len() - row.len() % LANES;
    if whole > 0 {
        for lane in 0..LANES {
            let mut partial = [0.0; QUERIES];
            for feature in (lane..whole).step_by(LANES) {
                add_squares(&queries[feature], row[feature], &mut partial);
            }
            for query in 0..QUERIES {
                sums[query] += partial[query];
            }
        }
    }
    for feature in whole..row.len() {
        add_squares(&queries[feature], row[feature], &mut sums);
    }
    sums
}

#[inline(always)]
fn add_squares(queries: &[f64; QUERIES], value: f32, sums: &mut [f64; QUERIES]) {
    for query in 0..QUERIES {
        let difference = queries[query] - f64::from(value);
        sums[query] += difference * difference;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_queries_give_the_bits_of_one() {
        for features in [0, 1, 10, 16, 37, 64] {
            let value = |i: usize| ((i * 7919 % 1013) as f32 / 17.0).sin() * 1e3;
            let rows: Vec<f32> = (0..5 * features).map(value).collect();
            let (row, queries) = rows.split_at(features);
            let each = (0..4).map(|query| &queries[query * features..][..features]);
            let found = squared_distances_to(&side_by_side(each.clone(), features), row);
            for (query, found) in each.zip(found) {
                let mut expected = [0.0];
                squared_distances(query, row, &mut expected);
                assert_eq!(found.to_bits(), expected[0].to_bits(), "{features} features");
            }
        }
    }
}
