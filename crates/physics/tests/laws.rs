//! What holds for every geometry.
#![allow(clippy::unwrap_used, reason = "tests")]

use modelmend_physics::iterative::{Measured, TotalVariation, cgls, sirt, total_variation};
use modelmend_physics::{Filter, FilteredBackprojection, Parallel, Radon, angles, phantom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random(len: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn error(image: &[f64], truth: &[f64]) -> f64 {
    let square: f64 = image.iter().zip(truth).map(|(a, b)| (a - b).powi(2)).sum();
    (square / truth.len() as f64).sqrt()
}

#[test]
fn forward_and_adjoint_agree_for_any_geometry() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for trial in 0..50 {
        let size = rng.random_range(1..40);
        let count = rng.random_range(1..25);
        // Right angles, angles of any turn, and neighbours of right angles.
        let angle = |rng: &mut ChaCha8Rng| match rng.random_range(0..3) {
            0 => 45.0 * f64::from(rng.random_range(-8..8)),
            1 => 90.0 + rng.random_range(-1e-6..1e-6),
            _ => rng.random_range(-400.0..400.0),
        };
        let angles: Vec<f64> = (0..count).map(|_| angle(&mut rng)).collect();
        let geometry =
            if trial % 2 == 0 { Parallel::covering(size, angles) } else { Parallel::inscribed(size, angles) };
        let radon = Radon::new(geometry.unwrap());
        let x = random(radon.geometry().image_len(), &mut rng);
        let y = random(radon.geometry().sinogram_len(), &mut rng);
        let (ax, aty) = (radon.forward(&x).unwrap(), radon.adjoint(&y).unwrap());
        let size = (inner(&ax, &ax) * inner(&y, &y)).sqrt();
        assert!(
            (inner(&ax, &y) - inner(&x, &aty)).abs() <= 1e-12 * size,
            "trial {trial}: {:?}",
            radon.geometry()
        );
        let [x, y] = [x, y].map(|v| v.iter().map(|&v| v as f32).collect::<Vec<f32>>());
        let [ax, aty] = [radon.forward(&x).unwrap(), radon.adjoint(&y).unwrap()];
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let difference = inner(&wide(&ax), &wide(&y)) - inner(&wide(&x), &wide(&aty));
        assert!(difference.abs() <= 1e-5 * size, "trial {trial} in single precision: {:?}", radon.geometry());
    }
}

#[test]
fn back_projection_and_its_adjoint_agree_for_any_geometry() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for trial in 0..50 {
        let size = rng.random_range(1..40);
        let angles = (0..rng.random_range(1..25)).map(|_| rng.random_range(-400.0..400.0)).collect();
        let geometry =
            if trial % 2 == 0 { Parallel::covering(size, angles) } else { Parallel::inscribed(size, angles) };
        let back = FilteredBackprojection::<f64>::new(geometry.unwrap(), Filter::Hann);
        let x = random(back.geometry().image_len(), &mut rng);
        let y = random(back.geometry().sinogram_len(), &mut rng);
        let (by, btx) = (back.reconstruct(&y).unwrap(), back.adjoint(&x).unwrap());
        let scale = (inner(&by, &by) * inner(&x, &x)).sqrt().max((inner(&btx, &btx) * inner(&y, &y)).sqrt());
        let off = (inner(&by, &x) - inner(&y, &btx)).abs();
        assert!(off <= 1e-12 * scale, "trial {trial}: {off} of {scale}, {:?}", back.geometry());
    }
}

#[test]
fn a_sum_over_detectors_is_the_sum_of_the_image() {
    let truth = phantom::image(&phantom::shepp_logan(), 64);
    let geometry = Parallel::covering(64, angles(17)).unwrap();
    let sinogram = Radon::new(geometry.clone()).forward(&truth).unwrap();
    let total: f64 = truth.iter().sum();
    for (row, angle) in sinogram.chunks_exact(geometry.detectors()).zip(geometry.angles()) {
        assert!((row.iter().sum::<f64>() / total - 1.0).abs() < 0.01, "{angle} degrees");
    }
}

/// Means over blocks around `middle` of a row of `FINE` times as many values.
fn blocks(fine: &[f64], middle: usize, (count, own): (usize, usize)) -> Vec<f64> {
    let at = |i: usize, k: usize| (middle + i * FINE + k).checked_sub(own * FINE + FINE / 2);
    let value = |i, k| at(i, k).and_then(|at| fine.get(at)).copied().unwrap_or(0.0);
    (0..count).map(|i| (0..FINE).map(|k| value(i, k)).sum::<f64>() / FINE as f64).collect()
}

/// Samples along a pixel or detector, odd so that the middle one is its own middle.
const FINE: usize = 5;

#[test]
fn projections_of_pixels_are_the_exact_ones_of_bodies() {
    // Pixels and detectors are means over their width: edges lie between them.
    let size = 128;
    let (coarse, fine) = [size, FINE * size].map(|size| Parallel::covering(size, angles(60)).unwrap()).into();
    for seed in 0..3 {
        let body = phantom::random(8, seed);
        let image = phantom::image(&body, FINE * size);
        let across = |row: &[f64]| blocks(row, FINE * size / 2, (size, size / 2));
        let narrow: Vec<Vec<f64>> = image.chunks_exact(FINE * size).map(across).collect();
        let column = |c: usize| {
            blocks(&narrow.iter().map(|row| row[c]).collect::<Vec<_>>(), FINE * size / 2, (size, size / 2))
        };
        let columns: Vec<Vec<f64>> = (0..size).map(column).collect();
        let image: Vec<f64> = (0..size * size).map(|i| columns[i % size][i / size]).collect();
        let count = (coarse.detectors(), coarse.detectors() / 2);
        let rows = phantom::sinogram(&body, &fine);
        let rows =
            rows.chunks_exact(fine.detectors()).flat_map(|row| blocks(row, fine.detectors() / 2, count));
        // Line integrals are in pixels of the fine image.
        let exact: Vec<f64> = rows.map(|value| value / FINE as f64).collect();
        let ours = Radon::new(coarse.clone()).forward(&image).unwrap();
        let difference: Vec<f64> = ours.iter().zip(&exact).map(|(a, b)| a - b).collect();
        let relative = (inner(&difference, &difference) / inner(&exact, &exact)).sqrt();
        assert!(relative < 0.01, "seed {seed}: {relative}");
    }
}

#[test]
fn results_have_the_same_bits_on_one_thread_and_on_several() {
    let image: Vec<f32> = phantom::image(&phantom::shepp_logan(), 50).iter().map(|&v| v as f32).collect();
    let geometry = Parallel::covering(50, angles(37)).unwrap();
    let all = || {
        let radon = Radon::new(geometry.clone());
        let sinogram = radon.forward(&image).unwrap();
        let fbp = FilteredBackprojection::new(geometry.clone(), Filter::Hann).reconstruct(&sinogram).unwrap();
        (radon.adjoint(&sinogram).unwrap(), fbp, sinogram)
    };
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(all);
    assert!(on(1) == on(3));
}

#[test]
fn an_angle_has_the_same_bits_alone_and_in_company() {
    for size in [23, 24] {
        let image: Vec<f32> =
            phantom::image(&phantom::random(5, 3), size).iter().map(|&v| v as f32).collect();
        let all: Vec<f64> = angles(36).into_iter().chain([275.0, 5.0, 5.0, -0.1, 359.9, 720.0]).collect();
        let geometry = Parallel::inscribed(size, all.clone()).unwrap();
        let together = Radon::new(geometry.clone()).forward(&image).unwrap();
        for (row, &angle) in together.chunks_exact(size).zip(&all) {
            let alone = Radon::new(geometry.at(vec![angle]).unwrap());
            assert!(alone.forward(&image).unwrap() == row, "{angle} degrees");
        }
    }
}

#[test]
fn iterations_come_closer_than_back_projection_where_angles_are_missing() {
    let size = 48;
    let truth = phantom::image(&phantom::shepp_logan(), size);
    let geometry = Parallel::covering(size, angles(60)).unwrap();
    let (radon, wedge) = (Radon::new(geometry.clone()), geometry.outside_wedge(30.0));
    let measured = Measured { radon: &radon, angles: Some(&wedge) };
    let sinogram = measured.forward(&truth).unwrap();
    let fbp =
        error(&FilteredBackprojection::new(geometry, Filter::Ramp).reconstruct(&sinogram).unwrap(), &truth);
    let settings = TotalVariation { weight: 0.01, steps: 300, nonnegative: true };
    let least_squares = error(&cgls(&measured, &sinogram, 30).unwrap(), &truth);
    let simultaneous = error(&sirt(&measured, &sinogram, 100, true).unwrap(), &truth);
    let variation = error(&total_variation(&measured, &sinogram, settings).unwrap(), &truth);
    assert!(least_squares < 0.9 * fbp && simultaneous < 0.9 * fbp, "{least_squares} {simultaneous} {fbp}");
    assert!(variation < 0.5 * least_squares.min(simultaneous), "{variation} {least_squares} {simultaneous}");
}

#[test]
fn what_cannot_be_projected_is_refused() {
    for wrong in [
        Parallel::covering(0, vec![0.0]),
        Parallel::covering(8, vec![]),
        Parallel::inscribed(8, vec![f64::NAN]),
    ] {
        assert!(wrong.is_err());
    }
    let radon = Radon::new(Parallel::covering(8, angles(3)).unwrap());
    assert_eq!(
        radon.forward(&[0f32; 63]).unwrap_err().to_string(),
        "the image has 63 values, the geometry needs 64"
    );
    assert!(radon.adjoint(&[0f32; 7]).is_err());
}
