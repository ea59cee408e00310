//! Times of the heavy routines: `cargo bench -p modelmend-learn`.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use modelmend_learn::kmeans::{KmeansParams, kmeans};
use modelmend_learn::neighbors::nearest_neighbors;
use modelmend_learn::projection::{GaussianProjection, Projection};
use modelmend_learn::silhouette::{Distance, silhouette};
use modelmend_learn::umap::{UmapParams, umap};
use ndarray::Array2;

fn main() {
    divan::main();
}

/// Eight Gaussian clusters.
fn blobs(rows: usize, columns: usize) -> Array2<f32> {
    let mut noise = vec![0.0; rows * columns];
    GaussianProjection::new(1, columns).fill(0, &mut noise);
    let noise = Array2::from_shape_vec((rows, columns), noise).unwrap_or_default();
    Array2::from_shape_fn((rows, columns), |(i, j)| noise[(i, j)] + if j % 8 == i % 8 { 0.2 } else { 0.0 })
}

#[divan::bench(sample_count = 20)]
fn projection_fill(bencher: Bencher<'_, '_>) {
    let mut out = vec![0.0; 10_000 * 100];
    bencher.counter(ItemsCount::new(out.len())).bench_local(|| {
        GaussianProjection::new(1, 100).fill(12_345, black_box(&mut out));
    });
}

#[divan::bench(sample_count = 20)]
fn projection_reduce(bencher: Bencher<'_, '_>) {
    let row = vec![0.5; 590_000];
    let projection = Projection::new(GaussianProjection::new(1, 100), row.len());
    let mut reduced = vec![0.0; projection.width()];
    bencher.counter(ItemsCount::new(row.len())).bench_local(|| {
        projection.reduce(black_box(&row), black_box(&mut reduced));
    });
}

#[divan::bench(args = [600, 2400], sample_count = 5)]
fn knn_1000_features(bencher: Bencher<'_, '_>, rows: usize) {
    let x = blobs(rows, 1000);
    bencher.bench(|| nearest_neighbors(x.view(), 5));
}

#[divan::bench(args = [(600, 10), (600, 2), (2400, 10)], sample_count = 3)]
fn umap_1000_features(bencher: Bencher<'_, '_>, (rows, dims): (usize, usize)) {
    let x = blobs(rows, 1000);
    let params = UmapParams { n_neighbors: 5, min_dist: 0.0, dims, ..UmapParams::default() };
    bencher.bench(|| umap(x.view(), &params));
}

#[divan::bench(args = [600, 2400], sample_count = 5)]
fn kmeans_10_features(bencher: Bencher<'_, '_>, rows: usize) {
    let x = blobs(rows, 10);
    bencher.bench(|| kmeans(x.view(), &KmeansParams::new(8, 0)));
}

#[divan::bench(args = [600, 2400], sample_count = 5)]
fn silhouette_10_features(bencher: Bencher<'_, '_>, rows: usize) {
    let x = blobs(rows, 10);
    let labels: Vec<usize> = (0..rows).map(|i| i % 8).collect();
    bencher.bench(|| silhouette(x.view(), &labels, Distance::Euclidean, 0));
}
