//! Gaussian projection against `reference/projection`.

mod common;

use common::{assert_close, reference};
use modelmend_learn::projection::{GaussianProjection, jl_min_dim};
use ndarray::{Array2, ArrayView2};

fn normals(seed: u64, rows: usize, dim: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows * dim];
    GaussianProjection::new(seed, dim).fill(0, &mut out);
    out
}

#[test]
fn any_range_of_rows_is_the_same_matrix() {
    for dim in [1, 7, 100, 128] {
        let projection = GaussianProjection::new(5, dim);
        let whole = normals(5, 3000, dim);
        for (first, rows) in [(0, 1), (1, 1), (1, 2000), (255, 3), (256, 512), (999, 1), (2990, 10)] {
            let mut part = vec![0.0; rows * dim];
            projection.fill(first, &mut part);
            assert_eq!(part, whole[first * dim..(first + rows) * dim], "dim {dim}, rows {first} + {rows}");
        }
    }
}

#[test]
fn seeds_and_streams_are_different_matrices() {
    let base = GaussianProjection::new(5, 64);
    let draw = |p: GaussianProjection| {
        let mut out = vec![0.0; 6400];
        p.fill(0, &mut out);
        out
    };
    let correlation =
        |a: Vec<f32>, b: Vec<f32>| -> f32 { a.iter().zip(&b).map(|(x, y)| x * y).sum::<f32>() / 100.0 };
    assert_close("same", correlation(draw(base), draw(base)).into(), 1.0, 0.06);
    assert_close("stream", correlation(draw(base), draw(base.with_stream(1))).into(), 0.0, 0.06);
    assert_close("seed", correlation(draw(base), draw(GaussianProjection::new(6, 64))).into(), 0.0, 0.06);
}

/// Moments, tails, and the Kolmogorov-Smirnov distance of four million entries to the normal distribution.
#[test]
fn entries_are_normal() {
    let mut z: Vec<f64> = normals(11, 40_000, 100).into_iter().map(|v| f64::from(v) * 10.0).collect();
    let n = z.len() as f64;
    let moment = |power: i32| z.iter().map(|v| v.powi(power)).sum::<f64>() / n;
    for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        assert_close("moment", moment(power), expected, 4.0 * f64::sqrt(variance / n));
    }
    let neighbours: f64 = z.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n;
    assert_close("lag 1", neighbours, 0.0, 4.0 / n.sqrt());
    let half: f64 =
        z.chunks_exact(64).flat_map(|c| (0..32).map(|i| c[i] * c[i + 32])).sum::<f64>() / (n / 2.0);
    assert_close("cosine and sine", half, 0.0, 4.0 / (n / 2.0).sqrt());
    z.sort_by(f64::total_cmp);
    let cdf = |v: f64| 0.5 * statrs::function::erf::erfc(-v / std::f64::consts::SQRT_2);
    let distance =
        z.iter().enumerate().map(|(i, &v)| (cdf(v) - (i as f64 + 0.5) / n).abs()).fold(0.0, f64::max);
    assert!(distance < 1.63 / n.sqrt(), "Kolmogorov-Smirnov distance {distance} (1 % level)");
    assert!(z[0] > -6.7 && z[0] < -4.6 && z[z.len() - 1] < 6.7 && z[z.len() - 1] > 4.6);
}

/// Squared-distance ratios of all pairs, over 40 draws.
#[test]
fn distances_are_preserved_as_often_as_theory_says() {
    let Some(r) = reference("projection/jl.npz") else { return };
    let x = r.points("X");
    for k in [32, 128] {
        let mut means = Vec::new();
        let mut ratios = Vec::new();
        for seed in 0..40 {
            let y = GaussianProjection::new(seed, k).drawn(x.ncols()).apply(x.view());
            let before = ratios.len();
            for i in 0..x.nrows() {
                for j in 0..i {
                    ratios.push(squared(y.view(), i, j) / squared(x.view(), i, j));
                }
            }
            means.push(mean(&ratios[before..]));
        }
        let error = std(&means) / f64::sqrt(means.len() as f64);
        assert_close("mean ratio", mean(&means), 1.0, 4.0 * error);
        let expected = f64::sqrt(2.0 / k as f64);
        assert_close("pooled std", std(&ratios), expected, 0.15 * expected);
        let far = ratios.iter().filter(|r| (r.sqrt() - 1.0).abs() > 0.1).count() as f64 / ratios.len() as f64;
        assert_close("share beyond 10 %", far, r.number(&format!("theory_k{k}_share_gt_0.1")), 0.04);
    }
}

fn squared(x: ArrayView2<'_, f32>, i: usize, j: usize) -> f64 {
    x.row(i).iter().zip(x.row(j)).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn std(values: &[f64]) -> f64 {
    let m = mean(values);
    (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Short rows are multiplied by the matrix that `fill` writes, across its internal blocks.
#[test]
fn projection_is_the_product_with_fill() {
    let (rows, dim) = (1300, 9);
    let x = Array2::from_shape_fn((5, rows), |(i, j)| ((i * 31 + j * 7) % 23) as f32 - 11.0);
    let matrix = Array2::from_shape_vec((rows, dim), normals(3, rows, dim)).unwrap().mapv(f64::from);
    let expected = x.mapv(f64::from).dot(&matrix);
    let found = GaussianProjection::new(3, dim).drawn(rows).apply(x.view());
    for (found, expected) in found.iter().zip(&expected) {
        assert_close("projection", f64::from(*found), *expected, 1e-5 * expected.abs().max(1.0));
    }
}

#[test]
fn least_dimension_matches_scikit_learn() {
    let Some(r) = reference("projection/jl.npz") else { return };
    for row in r.matrix("jl_min_dim").rows() {
        assert_eq!(jl_min_dim(row[0] as usize, row[1]), Some(row[2] as usize));
    }
    assert_eq!(jl_min_dim(100, 1.0), None);
}

/// Mean and variance of squared norms over many draws, for rows that are sketched: spread out, one element that outweighs the rest, and two
/// that are placed by one word.
#[test]
fn sketched_norms_vary_as_those_of_a_gaussian_matrix() {
    let (elements, dim, draws) = (10_007, 32, 300);
    let spread = |i: usize| (i * 7919 % 1009) as f32 / 504.0 - 0.2;
    let alone = |i: usize| if i == 10_006 { 3e3 } else { spread(i) };
    let pair = |i: usize| if i / 2 == 48 { 1.0 } else { 0.0 };
    let rows: [&dyn Fn(usize) -> f32; 3] = [&spread, &alone, &pair];
    let x = Array2::from_shape_fn((3, elements), |(row, i)| rows[row](i));
    let mut ratios = vec![Vec::new(); 3];
    for seed in 0..draws {
        let drawn = GaussianProjection::new(seed, dim).drawn(elements);
        assert_eq!(drawn.rows(), 4096);
        for ((y, x), ratios) in drawn.apply(x.view()).rows().into_iter().zip(x.rows()).zip(&mut ratios) {
            let norm = |v: ndarray::ArrayView1<'_, f32>| v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
            ratios.push(norm(y) / norm(x));
        }
    }
    for ratios in ratios {
        let expected = f64::sqrt(2.0 / dim as f64);
        assert_close("mean", mean(&ratios), 1.0, 4.0 * expected / f64::sqrt(draws as f64));
        assert_close("standard deviation", std(&ratios), expected, 0.2 * expected);
    }
}
