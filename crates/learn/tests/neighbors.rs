//! Neighbours of blocks of rows against a comparison of all distances.
#![allow(clippy::unwrap_used)]

use modelmend_learn::neighbors::{Neighbors, nearest_in, nearest_neighbors};
use ndarray::{Array2, ArrayView2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// All distances in double precision, ties by index.
fn compare_all(
    queries: ArrayView2<'_, f32>,
    reference: ArrayView2<'_, f32>,
    k: usize,
    same: bool,
) -> Vec<Vec<(usize, f32)>> {
    let one = |(i, query): (usize, ndarray::ArrayView1<'_, f32>)| {
        let squared = |j: usize| -> f64 {
            query.iter().zip(reference.row(j)).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
        };
        let all = (0..reference.nrows()).filter(|&j| !same || i != j);
        let mut order: Vec<(f64, usize)> = all.map(|j| (squared(j), j)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        order[..k].iter().map(|&(squared, j)| (j, squared.sqrt() as f32)).collect()
    };
    queries.rows().into_iter().enumerate().map(one).collect()
}

fn assert_same(what: &str, found: &Neighbors, expected: &[Vec<(usize, f32)>]) {
    assert_eq!(found.indices.nrows(), expected.len(), "{what}");
    for (i, expected) in expected.iter().enumerate() {
        let indices: Vec<usize> = expected.iter().map(|&(j, _)| j).collect();
        assert_eq!(found.indices.row(i).to_vec(), indices, "{what}: row {i}");
        for (found, (_, expected)) in found.distances.row(i).iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-6 * expected, "{what}: {found} against {expected}");
        }
    }
}

/// Whole numbers below `values`: with few of them most distances have equals, and all sums are exact.
fn whole(rows: usize, features: usize, values: u32) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(values));
    Array2::from_shape_simple_fn((rows, features), || rng.random_range(0..values) as f32)
}

/// Three blocks of rows; features of one pass and of three.
#[test]
fn neighbours_are_those_of_all_distances() {
    for (features, values, k) in [(5, 3, 4), (5, 1000, 1), (400, 2, 7), (400, 1000, 4), (2, 5, 60)] {
        let x = whole(450, features, values);
        let found = nearest_neighbors(x.view(), k).unwrap();
        let what = format!("{features} features of {values} values");
        assert_same(&what, &found, &compare_all(x.view(), x.view(), k, true));
    }
}

/// Neither the size of numbers, nor a distant origin, nor equal rows, nor the order in memory matters.
#[test]
fn neighbours_of_extreme_rows() {
    let x = whole(300, 30, 50);
    let turned = x.t().as_standard_layout().into_owned();
    let far = Array2::from_shape_fn(x.dim(), |(i, j)| if j < 3 { 3e7 } else { x[(i, j)] });
    // Where one row is large, bounds leave all others as candidates of each other.
    let mut outlier = x.clone();
    outlier.row_mut(7).fill(1e9);
    let cases = [
        ("large", x.mapv(|v| v * 1e36)),
        ("small", x.mapv(|v| v * 1e-40)),
        ("far", far),
        ("outlier", outlier),
        ("equal", Array2::ones(x.dim())),
    ];
    for (name, x) in &cases {
        let found = nearest_neighbors(x.view(), 6).unwrap();
        assert_same(name, &found, &compare_all(x.view(), x.view(), 6, true));
    }
    assert_eq!(nearest_neighbors(turned.t(), 6).unwrap(), nearest_neighbors(x.view(), 6).unwrap());
}

/// Few queries are compared with all rows, many in blocks.
#[test]
fn neighbours_in_other_rows() {
    let x = whole(500, 40, 4);
    for queries in [1, 32, 33, 250] {
        let (queries, reference) = (x.slice(s![..queries, ..]), x.slice(s![200.., ..]));
        let found = nearest_in(queries, reference, 5).unwrap();
        assert_same("queries", &found, &compare_all(queries, reference, 5, false));
    }
    assert_eq!(nearest_in(x.view(), x.view(), 0).unwrap().indices.dim(), (500, 0));
}
