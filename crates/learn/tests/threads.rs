//! The same bits for any number of threads.
#![allow(clippy::unwrap_used)]

use modelmend_learn::kmeans::{KmeansParams, kmeans};
use modelmend_learn::neighbors::nearest_neighbors;
use modelmend_learn::projection::GaussianProjection;
use modelmend_learn::silhouette::{Distance, select_k, silhouette_estimate, silhouette_samples};
use modelmend_learn::stats::{BootstrapParams, Method, Units, bootstrap, sign_flip};
use modelmend_learn::umap::{UmapParams, umap};
use ndarray::Array2;

fn bits32(values: impl IntoIterator<Item = f32>) -> Vec<u64> {
    values.into_iter().map(|v| u64::from(v.to_bits())).collect()
}

fn bits64(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

fn everything(x: &Array2<f32>) -> Vec<(&'static str, Vec<u64>)> {
    let x = x.view();
    let params = UmapParams { n_neighbors: 5, min_dist: 0.0, dims: 10, seed: 7, ..UmapParams::default() };
    let embedding = umap(x, &params).unwrap();
    let near = nearest_neighbors(x, 8).unwrap();
    let clusters = kmeans(x, &KmeansParams::new(6, 7)).unwrap();
    let chosen = select_k(embedding.view(), 3..=6, &KmeansParams::new(0, 7)).unwrap();
    let values: Vec<f64> = x.column(0).iter().map(|&v| f64::from(v)).collect();
    let mean = |cases: &[usize]| Some(cases.iter().map(|&i| values[i]).sum::<f64>() / cases.len() as f64);
    let bca = BootstrapParams { resamples: 300, method: Method::Bca, ..BootstrapParams::default() };
    let interval = bootstrap(Units::Cases(values.len()), mean, &bca).unwrap().unwrap();
    vec![
        ("umap", bits32(embedding)),
        ("neighbours", near.indices.iter().map(|&i| i as u64).chain(bits32(near.distances)).collect()),
        ("k-means", bits64(clusters.centers.iter().copied().chain([clusters.inertia]))),
        ("silhouette", bits64(silhouette_samples(x, &clusters.labels, Distance::Cosine).unwrap())),
        ("estimate", {
            let found = silhouette_estimate(x, &clusters.labels, Distance::Euclidean, 100, 7).unwrap();
            bits64([found.mean, found.standard_error])
        }),
        ("k", bits64(chosen.curve.iter().map(|&(_, score)| score))),
        ("bootstrap", bits64([interval.low, interval.high])),
        ("sign flip", bits64([sign_flip(&values, 500, 7).unwrap()])),
    ]
}

#[test]
fn results_do_not_depend_on_threads() {
    let mut noise = vec![0.0; 300 * 40];
    GaussianProjection::new(1, 40).fill(0, &mut noise);
    let noise = Array2::from_shape_vec((300, 40), noise).unwrap();
    let x = Array2::from_shape_fn((300, 40), |(i, j)| noise[(i, j)] + if j == i % 6 { 1.0 } else { 0.0 });
    let run = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| everything(&x))
    };
    let one = run(1);
    for threads in [2, 4] {
        for (expected, found) in one.iter().zip(run(threads)) {
            assert_eq!(expected.1, found.1, "{} with {threads} threads", found.0);
        }
    }
}
