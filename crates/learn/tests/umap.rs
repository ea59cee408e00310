//! UMAP, neighbours and PCA against `reference/cluster`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{assert_close, reference};
use modelmend_learn::kmeans::{KmeansParams, kmeans};
use modelmend_learn::neighbors::{Neighbors, nearest_in, nearest_neighbors};
use modelmend_learn::pca::pca;
use modelmend_learn::scores::{adjusted_rand_index, trustworthiness};
use modelmend_learn::silhouette::{Distance, silhouette};
use modelmend_learn::umap::{Init, UmapParams, find_ab, fuzzy_simplicial_set, smooth_knn_dist, umap};
use ndarray::{Array2, ArrayView2, array, s};

/// Leave-one-out accuracy of the majority of the 5 nearest neighbours, ties to the smallest label.
fn five_neighbour_accuracy(x: ArrayView2<'_, f32>, labels: &[usize]) -> f64 {
    let near = nearest_neighbors(x, 5).unwrap().indices;
    let classes = labels.iter().max().unwrap() + 1;
    let hits = near.rows().into_iter().zip(labels).filter(|(near, truth)| {
        let mut votes = vec![0; classes];
        near.iter().for_each(|&j| votes[labels[j]] += 1);
        let most = *votes.iter().max().unwrap();
        votes.iter().position(|&v| v == most) == Some(**truth)
    });
    hits.count() as f64 / labels.len() as f64
}

fn quality(x: ArrayView2<'_, f32>, y: &[usize], embedding: ArrayView2<'_, f32>) -> [f64; 5] {
    let clusters = kmeans(embedding, &KmeansParams { n_init: 10, ..KmeansParams::new(10, 0) }).unwrap();
    [
        trustworthiness(x, embedding, 5).unwrap(),
        trustworthiness(x, embedding, 15).unwrap(),
        five_neighbour_accuracy(embedding, y),
        adjusted_rand_index(y, &clusters.labels).unwrap(),
        silhouette(embedding, y, Distance::Euclidean, 0).unwrap(),
    ]
}

#[test]
#[allow(clippy::print_stderr)]
fn digits_are_embedded_as_well_as_by_umap_learn() {
    let Some(r) = reference("cluster/umap_digits.npz") else { return };
    let (x, y) = (r.points("X"), r.labels("y"));
    for dims in [2, 10] {
        let mut mean = [0.0; 5];
        let seeds = 3;
        for seed in 0..seeds {
            let embedding = umap(x.view(), &UmapParams { dims, seed, ..UmapParams::default() }).unwrap();
            let found = quality(x.view(), &y, embedding.view());
            eprintln!("digits {dims}-D seed {seed}: {found:.4?}");
            (0..5).for_each(|i| mean[i] += found[i] / seeds as f64);
        }
        let target = r.vector(&format!("umap{dims}d_mean"));
        let spread = r.vector(&format!("umap{dims}d_std"));
        for (i, name) in ["trust 5", "trust 15", "5-NN", "ARI", "silhouette"].iter().enumerate() {
            let least = target[i] - f64::max(3.0 * spread[i], 0.01);
            assert!(
                mean[i] >= least,
                "{dims}-D {name}: {} below {least} (umap-learn {})",
                mean[i],
                target[i]
            );
        }
    }
}

#[test]
fn quality_measures_match_on_stored_embeddings() {
    let Some(r) = reference("cluster/umap_digits.npz") else { return };
    let (x, y) = (r.points("X"), r.labels("y"));
    for dims in [2, 10] {
        let embedding = r.points(&format!("umap{dims}d_embedding_seed0"));
        let name = |score: &str| format!("{score}_seed0_{dims}d");
        let trust = |k| trustworthiness(x.view(), embedding.view(), k).unwrap();
        assert_close("trust 5", trust(5), r.number(&name("trust5")), 1e-4);
        assert_close("trust 15", trust(15), r.number(&name("trust15")), 1e-4);
        assert_close("5-NN", five_neighbour_accuracy(embedding.view(), &y), r.number(&name("loo5nn")), 1e-3);
    }
    assert_close("raw", five_neighbour_accuracy(x.view(), &y), r.number("raw_loo5nn"), 1e-9);
}

fn inner() -> Option<(common::Reference, Neighbors)> {
    let r = reference("cluster/umap_inner.npz")?;
    let found = nearest_neighbors(r.points("X").view(), 9).unwrap();
    Some((r, found))
}

#[test]
fn neighbours_match() {
    let Some((r, found)) = inner() else { return };
    assert_eq!(found.indices, r.indices("knn_index").slice(s![.., 1..]));
    for (found, expected) in found.distances.iter().zip(r.points("knn_dist").slice(s![.., 1..])) {
        assert_close("distance", f64::from(*found), f64::from(*expected), 1e-5 * f64::from(*expected));
    }
}

#[test]
fn bandwidths_and_fuzzy_set_match() {
    let Some((r, neighbors)) = inner() else { return };
    let scale = smooth_knn_dist(&neighbors);
    for (found, expected) in scale.sigma.iter().zip(r.vector32("sigma")) {
        assert_close("sigma", f64::from(*found), f64::from(expected), 1e-4 * f64::from(expected));
    }
    for (found, expected) in scale.rho.iter().zip(r.vector32("rho")) {
        assert_close("rho", f64::from(*found), f64::from(expected), 1e-5);
    }
    let graph = fuzzy_simplicial_set(&neighbors);
    let mut dense = Array2::<f64>::zeros((graph.len(), graph.len()));
    for i in 0..graph.len() {
        graph.row(i).for_each(|(j, weight)| dense[(i, j)] = f64::from(weight));
    }
    for (found, expected) in dense.iter().zip(&r.matrix("graph")) {
        assert_close("membership", *found, *expected, 1e-4);
    }
}

#[test]
fn curve_matches() {
    let Some(r) = reference("cluster/umap_inner.npz") else { return };
    for min_dist in ["0.0", "0.1", "0.25", "0.5"] {
        let expected = r.vector(&format!("ab_spread1_mindist{min_dist}"));
        let curve = find_ab(1.0, min_dist.parse().unwrap());
        assert_close("a", curve.a, expected[0], 1e-3);
        assert_close("b", curve.b, expected[1], 1e-3);
    }
}

fn grid(rows: usize, columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 37 + j * 101 + i * j) % 89) as f32)
}

#[test]
fn small_and_degenerate_inputs_stay_finite() {
    for n in [1, 2, 3, 5, 9, 12, 40] {
        for dims in [1, 2, 10] {
            for init in [Init::Spectral, Init::Pca, Init::Random] {
                let params = UmapParams { dims, init, epochs: Some(30), ..UmapParams::default() };
                for x in [grid(n, 4), Array2::ones((n, 4))] {
                    let embedding = umap(x.view(), &params).unwrap();
                    assert_eq!(embedding.dim(), (n, dims));
                    assert!(embedding.iter().all(|v| v.is_finite()), "{n} points, {dims}-D, {init:?}");
                }
            }
        }
    }
    assert!(umap(Array2::zeros((0, 3)).view(), &UmapParams::default()).is_err());
    assert!(umap(array![[f32::NAN], [1.0]].view(), &UmapParams::default()).is_err());
    assert!(umap(grid(9, 2).view(), &UmapParams { dims: 0, ..UmapParams::default() }).is_err());
    assert!(umap(grid(9, 2).view(), &UmapParams { n_neighbors: 1, ..UmapParams::default() }).is_err());
}

fn nearest_to_own_mean(x: ArrayView2<'_, f32>, groups: &[usize]) -> f64 {
    let count = groups.iter().max().unwrap() + 1;
    let mut means = Array2::<f32>::zeros((count, x.ncols()));
    for (row, &group) in x.rows().into_iter().zip(groups) {
        let size = groups.iter().filter(|&&g| g == group).count() as f32;
        means.row_mut(group).scaled_add(1.0 / size, &row);
    }
    let nearest = nearest_in(x, means.view(), 1).unwrap().indices;
    nearest.iter().zip(groups).filter(|(found, own)| found == own).count() as f64 / groups.len() as f64
}

/// Groups so far apart that the graph falls into as many components stay apart.
#[test]
fn disconnected_groups_stay_apart() {
    for groups in [2, 3, 9] {
        let truth: Vec<usize> = (0..groups * 25).map(|i| i / 25).collect();
        let base = grid(groups * 25, 6);
        let x = Array2::from_shape_fn(base.dim(), |(i, j)| {
            base[(i, j)] / 89.0 + if j == truth[i] % 6 { 1000.0 * (1 + truth[i] / 6) as f32 } else { 0.0 }
        });
        // Before the first epoch the positions are those of the initialisation.
        for epochs in [Some(0), None] {
            let params = UmapParams { n_neighbors: 10, epochs, ..UmapParams::default() };
            let embedding = umap(x.view(), &params).unwrap();
            let share = nearest_to_own_mean(embedding.view(), &truth);
            assert!(
                share > 0.9,
                "{groups} groups, epochs {epochs:?}: {share} nearest to the mean of their group"
            );
        }
    }
}

/// Far from the origin the screening product is off by more than the distances differ; the result is still
/// that of plain differences, ties by index.
#[test]
fn neighbours_far_from_the_origin_are_exact() {
    let near = |i: usize, j: usize| ((i * 7919 + j * 104_729 + i * i * j * 31) % 97 % 11) as f32;
    let x = Array2::from_shape_fn((150, 7), |(i, j)| if j < 2 { 1e8 } else { near(i, j) });
    let found = nearest_neighbors(x.view(), 6).unwrap();
    for i in 0..x.nrows() {
        let squared = |j: usize| (&x.row(i) - &x.row(j)).mapv(|d| f64::from(d).powi(2)).sum();
        let mut order: Vec<usize> = (0..x.nrows()).filter(|&j| j != i).collect();
        order.sort_by(|&a, &b| f64::total_cmp(&squared(a), &squared(b)));
        assert_eq!(found.indices.row(i).to_vec(), order[..6], "row {i}");
    }
}

#[test]
fn neighbours_of_ties_and_duplicates_are_in_order_of_index() {
    let x = array![[0.0f32], [1.0], [0.0], [1.0], [0.0]];
    let found = nearest_neighbors(x.view(), 3).unwrap();
    assert_eq!(found.indices, array![[2, 4, 1], [3, 0, 2], [0, 4, 1], [1, 0, 2], [0, 2, 1]]);
    assert_eq!(nearest_neighbors(x.view(), 99).unwrap().indices.ncols(), 4);
    let found = nearest_in(array![[0.9f32]].view(), x.view(), 2).unwrap();
    assert_eq!(found.indices, array![[1, 3]]);
    assert!(nearest_in(x.view(), x.view(), 6).is_err());
}

#[test]
fn pca_finds_the_axes_of_an_ellipse() {
    let (long, short) = ([0.6f32, 0.8, 0.0], [-0.8f32, 0.6, 0.0]);
    let x = Array2::from_shape_fn((400, 3), |(i, j)| {
        let angle = i as f32 * std::f32::consts::TAU / 400.0;
        2.0 + 5.0 * angle.cos() * long[j] + angle.sin() * short[j]
    });
    let found = pca(x.view(), 3, 0).unwrap();
    for (component, axis, variance) in
        [(0, long, 12.5), (1, [0.8, -0.6, 0.0], 0.5), (2, [0.0, 0.0, 1.0], 0.0)]
    {
        for (found, expected) in found.components.row(component).iter().zip(axis) {
            assert_close("axis", f64::from(*found), f64::from(expected), 1e-4);
        }
        assert_close("variance", found.variance[component], variance * 400.0 / 399.0, 1e-4);
    }
    assert_close("score", f64::from(found.scores[(0, 0)]), 5.0, 1e-3);
}
