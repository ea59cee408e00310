//! Scores, silhouette and k-means against `reference/cluster`.

mod common;

use common::{assert_close, reference};
use modelmend_learn::kmeans::{KmeansParams, kmeans};
use modelmend_learn::projection::GaussianProjection;
use modelmend_learn::scores::*;
use modelmend_learn::silhouette::*;
use ndarray::{Array2, array};

#[test]
fn scores_match_scikit_learn() {
    let Some(r) = reference("cluster/scores.npz") else { return };
    let x = r.points("X");
    let truth = r.labels("labels_true");
    for name in ["true", "noisy", "random", "singleton"] {
        let labels = r.labels(&format!("labels_{name}"));
        let found = [
            ("silhouette_euclidean", silhouette(x.view(), &labels, Distance::Euclidean, 0).unwrap()),
            ("silhouette_cosine", silhouette(x.view(), &labels, Distance::Cosine, 0).unwrap()),
            ("calinski", calinski_harabasz(x.view(), &labels).unwrap()),
            ("davies_bouldin", davies_bouldin(x.view(), &labels).unwrap()),
        ];
        for (score, value) in found {
            let expected = r.number(&format!("{score}_{name}"));
            assert_close(&format!("{score} {name}"), value, expected, 1e-6 * expected.abs().max(1.0));
        }
        let agreement = [
            ("ari", adjusted_rand_index(&truth, &labels).unwrap()),
            ("nmi", normalized_mutual_information(&truth, &labels).unwrap()),
            ("ami", adjusted_mutual_information(&truth, &labels).unwrap()),
        ];
        for (score, value) in agreement {
            assert_close(score, value, r.number(&format!("{score}_true_{name}")), 1e-10);
        }
        let samples = silhouette_samples(x.view(), &labels, Distance::Euclidean).unwrap();
        for (value, expected) in samples.iter().zip(r.vector(&format!("silhouette_samples_{name}"))) {
            assert_close("silhouette of a sample", *value, expected, 1e-6);
        }
    }
}

#[test]
fn agreement_of_trivial_labellings() {
    let (one, apart) = (vec![0; 5], vec![4, 3, 2, 1, 0]);
    for score in [adjusted_rand_index, normalized_mutual_information, adjusted_mutual_information] {
        assert_eq!(score(&one, &[7; 5]).unwrap(), 1.0);
        assert_close("all apart", score(&apart, &[9, 8, 7, 6, 5]).unwrap(), 1.0, 1e-12);
        assert_close("one against apart", score(&one, &apart).unwrap(), 0.0, 1e-12);
        assert!(score(&one, &[0]).is_err() && score(&[], &[]).is_err());
    }
}

#[test]
fn kmeans_reaches_the_best_inertia() {
    let Some(r) = reference("cluster/kmeans.npz") else { return };
    for (name, k) in [("easy", 6), ("hard", 12)] {
        let x = r.points(&format!("{name}_X"));
        let best = r.number(&format!("{name}_inertia"));
        for seed in 0..5 {
            let found = kmeans(x.view(), &KmeansParams::new(k, seed)).unwrap();
            assert!(found.inertia <= 1.001 * best, "{name}, seed {seed}: {} against {best}", found.inertia);
            let by_hand: f64 = (x.rows().into_iter().zip(&found.labels))
                .map(|(row, &c)| {
                    row.iter()
                        .zip(found.centers.row(c))
                        .map(|(&v, m)| (f64::from(v) - m).powi(2))
                        .sum::<f64>()
                })
                .sum();
            assert_close("inertia", found.inertia, by_hand, 1e-9 * by_hand);
        }
    }
}

#[test]
fn the_best_k_is_the_reference_k() {
    let Some(r) = reference("cluster/kmeans.npz") else { return };
    let x = r.points("easy_X");
    let ks = r.labels("kcurve_k");
    let range = ks[0]..=ks[ks.len() - 1];
    let found = select_k(x.view(), range, &KmeansParams::new(0, 1)).unwrap();
    assert_eq!(found.best.centers.nrows(), r.count("kcurve_best_k"));
    assert_eq!(found.curve.iter().map(|&(k, _)| k).collect::<Vec<_>>(), ks, "both ends are tried");
    // Up to the clusters that are there the best clustering is unique; beyond, equal inertia means little.
    for (&(k, score), expected) in
        found.curve.iter().zip(r.vector("kcurve_silhouette")).filter(|((k, _), _)| *k <= 6)
    {
        assert_close(&format!("silhouette of k = {k}"), score, expected, 1e-6);
    }
    assert_eq!(found.silhouette, found.curve.iter().map(|&(_, s)| s).fold(-1.0, f64::max));
}

#[test]
fn kmeans_of_duplicates_and_few_samples() {
    let x = array![[0.0f32, 0.0], [0.0, 0.0], [0.0, 0.0], [5.0, 5.0]];
    let found = kmeans(x.view(), &KmeansParams::new(3, 0)).unwrap();
    assert_eq!(found.inertia, 0.0);
    assert!(found.centers.iter().all(|v| v.is_finite()));
    assert_ne!(found.labels[0], found.labels[3]);
    assert!(kmeans(x.view(), &KmeansParams::new(5, 0)).is_err());
    assert!(kmeans(x.view(), &KmeansParams::new(0, 0)).is_err());
    assert!(kmeans(array![[f32::NAN]].view(), &KmeansParams::new(1, 0)).is_err());
    assert_eq!(select_k(x.view(), 3..=10, &KmeansParams::new(0, 0)).unwrap().curve.len(), 1);
    assert!(select_k(x.slice(ndarray::s![..3, ..]), 3..=10, &KmeansParams::new(0, 0)).is_err());
    assert!(select_k(Array2::zeros((9, 2)).view(), 3..=10, &KmeansParams::new(0, 0)).is_err());
}

/// Two overlapping clouds.
fn clouds(rows: usize, seed: u64) -> (Array2<f32>, Vec<usize>) {
    let mut noise = vec![0.0; rows * 3];
    GaussianProjection::new(seed, 3).fill(0, &mut noise);
    let labels: Vec<usize> = (0..rows).map(|i| i % 2).collect();
    let x = Array2::from_shape_fn((rows, 3), |(i, j)| noise[3 * i + j] + labels[i] as f32 * 0.8);
    (x, labels)
}

#[test]
fn an_estimated_silhouette_is_as_close_as_it_says() {
    let (x, labels) = clouds(400, 1);
    let samples = silhouette_samples(x.view(), &labels, Distance::Euclidean).unwrap();
    let exact = samples.iter().sum::<f64>() / 400.0;
    let estimate =
        |drawn, seed| silhouette_estimate(x.view(), &labels, Distance::Euclidean, drawn, seed).unwrap();
    let repeats = 200;
    let errors: Vec<f64> = (0..repeats)
        .map(|seed| estimate(200, seed))
        .map(|found| (found.mean - exact) / found.standard_error)
        .collect();
    let bias = errors.iter().sum::<f64>() / repeats as f64;
    assert!(bias.abs() < 4.0 / (repeats as f64).sqrt(), "mean error of {bias} standard errors");
    let spread = errors.iter().map(|e| e * e).sum::<f64>() / repeats as f64;
    assert!((0.7..1.4).contains(&spread), "mean squared error of {spread} squared standard errors");
    let all = estimate(400, 3);
    assert_close("mean of all", all.mean, exact, 1e-12);
    assert_eq!(all.standard_error, 0.0);
    assert!(silhouette_estimate(x.view(), &labels, Distance::Euclidean, 1, 0).is_err());
}

#[test]
fn many_samples_are_estimated_few_are_not() {
    for (rows, exactly) in [(EXACT_UP_TO, true), (EXACT_UP_TO + 1, false)] {
        let (x, labels) = clouds(rows, 2);
        let found = silhouette(x.view(), &labels, Distance::Euclidean, 5).unwrap();
        let samples = silhouette_samples(x.view(), &labels, Distance::Euclidean).unwrap();
        let exact = samples.iter().sum::<f64>() / rows as f64;
        assert_eq!(found == exact, exactly, "{rows} samples");
        assert_close("silhouette", found, exact, 0.01);
    }
}
