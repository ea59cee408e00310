//! Against scikit-image and numpy (`reference/ct`).
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../data/tests/shared/mod.rs"]
mod shared;

use std::fs::File;

use modelmend_physics::phantom::{self, Ellipse};
use modelmend_physics::{Filter, FilteredBackprojection, Parallel, Radon, Real, response, transmission};
use ndarray::{Array0, Array1, Array2};
use ndarray_npy::{NpzReader, ReadableElement};

/// The arrays of a file.
struct Vectors(NpzReader<File>);

impl Vectors {
    fn open(name: &str) -> Option<Self> {
        shared::path(&format!("reference/ct/{name}.npz"))
            .map(|path| Self(NpzReader::new(File::open(path).unwrap()).unwrap()))
    }

    fn matrix<T: ReadableElement>(&mut self, name: &str) -> Array2<T> {
        self.0.by_name(name).unwrap()
    }

    /// A sinogram, stored as detectors x angles, in our order.
    fn sinogram<T: ReadableElement + Clone>(&mut self, name: &str) -> Vec<T> {
        self.matrix(name).t().iter().cloned().collect()
    }

    fn image<T: ReadableElement + Clone>(&mut self, name: &str) -> Vec<T> {
        self.matrix(name).iter().cloned().collect()
    }

    fn list<T: ReadableElement>(&mut self, name: &str) -> Vec<T> {
        let list: Array1<T> = self.0.by_name(name).unwrap();
        list.into_iter().collect()
    }

    fn number(&mut self, name: &str) -> f64 {
        let number: Array0<f64> = self.0.by_name(name).unwrap();
        number.into_scalar()
    }
}

/// The largest difference over the largest value.
fn distance<A: Real, B: Real>(ours: &[A], theirs: &[B]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0f64, |m, v| m.max(v.f64().abs()));
    ours.iter().zip(theirs).fold(0f64, |m, (a, b)| m.max((a.f64() - b.f64()).abs())) / largest
}

/// The length of the difference over the length of the second.
fn relative<A: Real, B: Real>(ours: &[A], theirs: &[B]) -> f64 {
    let square: f64 = ours.iter().zip(theirs).map(|(a, b)| (a.f64() - b.f64()).powi(2)).sum();
    (square / theirs.iter().map(|b| b.f64().powi(2)).sum::<f64>()).sqrt()
}

const FILES: [(&str, &str); 4] = [
    ("shepp_180", "shepp"),
    ("shepp_128", "shepp"),
    ("ellipses_180", "ellipses"),
    ("ellipses_128", "ellipses"),
];

#[test]
fn projections_and_back_projections_are_those_of_scikit_image() {
    for (file, _) in FILES {
        let Some(mut vectors) = Vectors::open(file) else { return };
        let (image, angles): (Vec<f32>, Vec<f64>) = (vectors.image("image"), vectors.list("theta"));
        let kept: Vec<i64> = vectors.list("angle_kept");
        for (suffix, geometry) in [
            ("full", Parallel::covering(128, angles.clone())),
            ("circle", Parallel::inscribed(128, angles.clone())),
        ] {
            let geometry = geometry.unwrap();
            let expected: Vec<f32> = vectors.sinogram(&format!("sino_{suffix}"));
            let radon = Radon::new(geometry.clone());
            let double: Vec<f64> = image.iter().map(|&v| f64::from(v)).collect();
            assert!(
                distance(&radon.forward(&double).unwrap(), &expected) < 1e-6,
                "{file} {suffix}, double precision"
            );
            let sinogram = radon.forward(&image).unwrap();
            assert!(
                distance(&sinogram, &expected) < 1e-4,
                "{file} {suffix}: {}",
                distance(&sinogram, &expected)
            );
            let fbp = FilteredBackprojection::new(geometry.clone(), Filter::Ramp);
            let expected: Vec<f32> = vectors.image(&format!("fbp_{suffix}"));
            let ours = fbp.reconstruct(&sinogram).unwrap();
            assert!(distance(&ours, &expected) < 1e-4, "{file} {suffix}: {}", distance(&ours, &expected));
            let wedge = geometry.outside_wedge(30.0);
            assert!(wedge.iter().zip(&kept).all(|(&ours, &theirs)| ours == (theirs == 1)));
            let mut limited = sinogram;
            let rows = limited.chunks_exact_mut(geometry.detectors()).zip(&wedge);
            rows.filter(|(_, kept)| !**kept).for_each(|(row, _)| row.fill(0.0));
            let expected: Vec<f32> = vectors.image(&format!("fbp_limited_{suffix}"));
            assert!(
                distance(&fbp.reconstruct(&limited).unwrap(), &expected) < 1e-4,
                "{file} {suffix}, limited"
            );
        }
        let plain = FilteredBackprojection::new(Parallel::covering(128, angles).unwrap(), Filter::None);
        let sinogram: Vec<f32> = vectors.sinogram("sino_full");
        let expected: Vec<f32> = vectors.image("bp_unfiltered_full");
        assert!(distance(&plain.reconstruct(&sinogram).unwrap(), &expected) < 1e-5, "{file}, unfiltered");
    }
}

#[test]
fn exact_projections_of_ellipses_are_those_of_the_reference() {
    for (file, kind) in FILES {
        let Some(mut vectors) = Vectors::open(file) else { return };
        let rows: Array2<f64> = vectors.matrix(&format!("ellipses_{kind}"));
        let ellipse = |row: ndarray::ArrayView1<'_, f64>| Ellipse {
            value: row[0],
            axes: [row[1], row[2]],
            centre: [row[3], row[4]],
            rotation: row[5],
        };
        let ellipses: Vec<Ellipse> = rows.rows().into_iter().map(ellipse).collect();
        if kind == "shepp" {
            assert_eq!(ellipses, phantom::shepp_logan());
        }
        let expected: Vec<f32> = vectors.image("image");
        let image = phantom::image(&ellipses, 128);
        assert!(distance(&image, &expected) < 1e-6, "{file}");
        let geometry = Parallel::covering(128, vectors.list("theta")).unwrap();
        let expected: Vec<f32> = vectors.sinogram("analytic_sino_full");
        let exact = phantom::sinogram(&ellipses, &geometry);
        assert!(distance(&exact, &expected) < 1e-6, "{file}");
        let computed = Radon::new(geometry).forward(&image).unwrap();
        let expected = vectors.number("analytic_rel_l2_full");
        assert!(relative(&exact, &computed) < 1.01 * expected, "{file}");
    }
}

#[test]
fn filters_are_those_of_scikit_image() {
    let Some(mut vectors) = Vectors::open("filters") else { return };
    let filters = [
        (Filter::Ramp, "ramp"),
        (Filter::SheppLogan, "shepp_logan"),
        (Filter::Cosine, "cosine"),
        (Filter::Hamming, "hamming"),
        (Filter::Hann, "hann"),
    ];
    for (filter, name) in filters {
        for size in [64, 256, 512] {
            let expected: Vec<f64> = vectors.list(&format!("{name}_{size}"));
            let ours = response(filter, size);
            let worst = ours.iter().zip(&expected).fold(0f64, |m, (a, b)| m.max((a - b).abs()));
            assert!(worst < 1e-12, "{name} {size}: {worst:e}");
        }
    }
}

#[test]
fn the_adjoint_is_the_transposed_matrix_of_scikit_image() {
    let Some(mut vectors) = Vectors::open("adjoint") else { return };
    let radon = Radon::new(Parallel::covering(16, vectors.list("theta")).unwrap());
    let (x, y): (Vec<f64>, Vec<f64>) = (vectors.image("x"), vectors.sinogram("y"));
    let expected: Vec<f64> = vectors.sinogram("Ax");
    assert!(distance(&radon.forward(&x).unwrap(), &expected) < 1e-12);
    let expected: Vec<f64> = vectors.image("Aty");
    assert!(distance(&radon.adjoint(&y).unwrap(), &expected) < 1e-12);
}

#[test]
fn transmission_is_that_of_the_reference() {
    let Some(mut vectors) = Vectors::open("beer_lambert") else { return };
    let integrals: Vec<f64> = vectors.image("line_integral");
    let photons = vectors.number("I0");
    let counts = transmission::intensities(&integrals, photons).unwrap();
    let expected: Vec<f64> = vectors.image("intensity");
    assert!(distance(&counts, &expected) < 1e-12);
    let whole: Vec<f64> = counts.iter().map(|count| count.round_ties_even()).collect();
    let expected: Vec<f64> = vectors.image("log_back");
    assert!(distance(&transmission::integrals(&whole, photons).unwrap(), &expected) < 1e-12);
    // The variance of many draws is that of the first order.
    let variance: Vec<f64> = vectors.image("poisson_var_p");
    let draws: Vec<Vec<f64>> =
        (0..400).map(|seed| transmission::noisy(&integrals, photons, 0.0, seed).unwrap()).collect();
    let square = |i: usize| {
        draws.iter().map(|draw| (draw[i] - integrals[i]).powi(2)).sum::<f64>() / draws.len() as f64
    };
    let ratios: Vec<f64> = (0..integrals.len()).map(|i| square(i) / variance[i]).collect();
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((mean - 1.0).abs() < 0.01, "{mean}");
}
