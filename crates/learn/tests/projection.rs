//! Random projection: its law, and distances against `reference/projection`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{assert_close, reference};
use modelmend_learn::projection::{GaussianProjection, Projection, jl_min_dim};
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
            let y = project(&Projection::new(GaussianProjection::new(seed, k), x.ncols()), x.view());
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

/// `x` projected, with sums in double precision.
fn project(projection: &Projection, x: ArrayView2<'_, f32>) -> Array2<f64> {
    let mut reduced = Array2::zeros((x.nrows(), projection.width()));
    for (mut to, row) in reduced.rows_mut().into_iter().zip(x.rows()) {
        projection.reduce(row.to_slice().unwrap(), to.as_slice_mut().unwrap());
    }
    let shape = (projection.width(), projection.dim());
    let matrix = Array2::from_shape_vec(shape, projection.rows(0..projection.width()).into_owned()).unwrap();
    reduced.mapv(f64::from).dot(&matrix.mapv(f64::from))
}

fn squared<T: Copy + Into<f64>>(x: ArrayView2<'_, T>, i: usize, j: usize) -> f64 {
    x.row(i).iter().zip(x.row(j)).map(|(&a, &b)| (a.into() - b.into()).powi(2)).sum()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn std(values: &[f64]) -> f64 {
    let m = mean(values);
    (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Rows that spread their weight in ways that a sketch could get wrong, each as long as a sketch needs.
const LONG: usize = 10_000;
const SHAPES: [(&str, fn(usize) -> f32); 4] = [
    ("spread out", |i| 1.0 + (i % 7) as f32),
    ("one huge number", |i| if i == 1234 { 1000.0 } else { 1.0 }),
    ("two numbers of one group", |i| if i == 3200 || i == 3207 { 1.0 } else { 0.0 }),
    ("the first of each group", |i| if i % 16 == 0 { 1.0 } else { 0.0 }),
];

fn shapes() -> Array2<f32> {
    Array2::from_shape_fn((SHAPES.len(), LONG), |(shape, i)| SHAPES[shape].1(i))
}

/// Squared norms of the rows against those of `x`.
fn ratios<T: Copy + Into<f64>>(projected: &Array2<T>, x: &Array2<f32>) -> Vec<f64> {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let pairs = projected.rows().into_iter().zip(x.rows());
    pairs
        .map(|(p, x)| norm(&mut p.iter().map(|&v| v.into())) / norm(&mut x.iter().map(|&v| v.into())))
        .collect()
}

/// Mean and variance over `seeds` draws, shape by shape.
fn moments(seeds: u64, draw: impl Fn(u64) -> Vec<f64>) -> Vec<(f64, f64)> {
    let draws: Vec<Vec<f64>> = (0..seeds).map(draw).collect();
    let of = |shape: usize| draws.iter().map(|draw| draw[shape]).collect::<Vec<_>>();
    (0..SHAPES.len()).map(of).map(|ratios| (mean(&ratios), std(&ratios).powi(2))).collect()
}

/// The sketch alone: right on average, with a variance of at most 2 / m, and of just that where weight is spread out.
#[test]
fn sketches_keep_norms() {
    let (seeds, x, most) = (4000, shapes(), 2.0 / 4096.0);
    let found = moments(seeds, |seed| {
        let projection = Projection::new(GaussianProjection::new(seed, 1), LONG);
        assert_eq!(projection.width(), 4096 + 15, "long rows are sketched");
        let mut reduced = Array2::<f32>::zeros((x.nrows(), projection.width()));
        for (mut to, row) in reduced.rows_mut().into_iter().zip(x.rows()) {
            projection.reduce(row.to_slice().unwrap(), to.as_slice_mut().unwrap());
        }
        ratios(&reduced, &x)
    });
    for ((name, _), (mean, variance)) in SHAPES.iter().zip(&found) {
        assert_close(name, *mean, 1.0, 4.0 * f64::sqrt(most / seeds as f64));
        assert!(*variance < 1.1 * most, "{name}: variance {variance}, at most {most}");
    }
    assert_close("spread out", found[0].1, most, 0.1 * most);
    assert_eq!(found[2], (1.0, 0.0), "numbers of one group never meet");
}

/// Sketch and matrix together: as a Gaussian matrix alone.
#[test]
fn projections_keep_norms_as_a_gaussian_matrix_does() {
    let (seeds, dim, x) = (800, 100, shapes());
    let found = moments(seeds, |seed| {
        ratios(&project(&Projection::new(GaussianProjection::new(seed, dim), LONG), x.view()), &x)
    });
    let variance = 2.0 / dim as f64;
    for ((name, _), found) in SHAPES.iter().zip(found) {
        assert_close(name, found.0, 1.0, 4.0 * f64::sqrt(variance / seeds as f64));
        assert_close(name, found.1, variance, 0.2 * variance);
    }
}

/// Short rows meet the Gaussian matrix as they are, whether it is held (9 columns) or drawn (1000).
#[test]
fn short_rows_are_multiplied_by_the_gaussian_matrix() {
    for (elements, dim) in [(1300, 9), (5000, 1000)] {
        let gaussian = GaussianProjection::new(3, dim);
        let projection = Projection::new(gaussian, elements);
        let mut whole = vec![0.0; elements * dim];
        gaussian.fill(0, &mut whole);
        assert_eq!(projection.rows(77..1100), &whole[77 * dim..1100 * dim]);
        let row: Vec<f32> = (0..elements).map(|i| i as f32).collect();
        let mut reduced = vec![f32::NAN; projection.width()];
        projection.reduce(&row, &mut reduced);
        assert_eq!(reduced, row);
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
