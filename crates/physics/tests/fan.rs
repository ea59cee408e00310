//! Fan beams against parallel ones.
#![allow(clippy::unwrap_used, reason = "tests")]

use modelmend_physics::fan::{Detector, Fan, Scan};
use modelmend_physics::{Filter, FilteredBackprojection, Parallel, angles, phantom};

const SIZE: usize = 128;

/// Fans of both detectors and both scans. Their rays are about as dense as four to a pixel.
fn fans() -> impl Iterator<Item = Fan> {
    let scans = [(Scan::Full, 720), (Scan::Short, 480)];
    [Detector::Arc, Detector::Flat].into_iter().flat_map(move |detector| {
        scans.map(|scan| Fan::covering(SIZE, (detector, 733), 300.0, scan).unwrap())
    })
}

fn relative(ours: &[f64], exact: &[f64]) -> f64 {
    let square = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>();
    (square(&mut ours.iter().zip(exact).map(|(a, b)| a - b)) / square(&mut exact.iter().copied())).sqrt()
}

#[test]
fn a_rebinned_fan_is_the_parallel_scan() {
    for fan in fans() {
        // All around, where a short scan has rays from one end only.
        let parallel = Parallel::covering(SIZE, (0..90).map(|k| f64::from(k) * 4.1).collect()).unwrap();
        for seed in 0..2 {
            let body = phantom::organs(seed);
            let rebinned = fan.rebin(&phantom::fan_sinogram(&body, &fan), &parallel).unwrap();
            let error = relative(&rebinned, &phantom::sinogram(&body, &parallel));
            assert!(error < 0.01, "{error} {fan:?}");
        }
    }
}

#[test]
fn back_projection_of_a_rebinned_fan_is_that_of_the_parallel_scan() {
    let parallel = Parallel::covering(SIZE, angles(180)).unwrap();
    let body = phantom::organs(7);
    let truth = phantom::image(&body, SIZE);
    let back = FilteredBackprojection::new(parallel.clone(), Filter::Ramp);
    let image = back.reconstruct(&phantom::sinogram(&body, &parallel)).unwrap();
    let best = relative(&image, &truth);
    for fan in fans() {
        let rebinned = fan.rebin(&phantom::fan_sinogram(&body, &fan), &parallel).unwrap();
        let ours = back.reconstruct(&rebinned).unwrap();
        assert!(relative(&ours, &truth) < 1.1 * best && relative(&ours, &image) < 0.05, "{fan:?}");
    }
}

#[test]
fn rays_of_a_fan_meet_at_their_source() {
    for fan in fans() {
        for (source, angle) in fan.sources().into_iter().enumerate().step_by(50) {
            let (sin, cos) = angle.to_radians().sin_cos();
            let at = [-300.0 * sin, 300.0 * cos];
            for detector in 0..fan.detectors() {
                let (angle, distance) = fan.ray(source, detector);
                let (sin, cos) = angle.to_radians().sin_cos();
                assert!((at[0] * cos + at[1] * sin - distance).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn what_is_no_fan_is_refused() {
    let fan = |distance, detectors, sources| {
        Fan::covering(64, (Detector::Flat, detectors), distance, (Scan::Full, sources))
    };
    assert!(fan(40.0, 100, 100).unwrap_err().to_string().contains("inside the disc of 46.3 pixels"));
    assert!(fan(f64::NAN, 100, 100).is_err() && fan(90.0, 1, 100).is_err() && fan(90.0, 100, 1).is_err());
    let fan = fan(90.0, 100, 100).unwrap();
    let other = Parallel::covering(32, vec![0.0]).unwrap();
    assert!(fan.rebin(&[0f32; 10_000], &other).is_err() && fan.rebin(&[0f32; 9_999], &other).is_err());
}
