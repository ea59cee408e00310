//! Scans that go wrong: metal, truncation, motion; and the bodies in them.
#![allow(clippy::unwrap_used, reason = "tests")]

use modelmend_physics::metal::{Metal, insert, starve};
use modelmend_physics::motion::{moving, turned};
use modelmend_physics::phantom::{self, Ellipse, organs};
use modelmend_physics::truncation::{Fill, truncate};
use modelmend_physics::{Filter, FilteredBackprojection, Parallel, Radon, angles};

fn error(a: &[f64], b: &[f64]) -> f64 {
    let square = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>();
    (square(&mut a.iter().zip(b).map(|(a, b)| a - b)) / square(&mut b.iter().copied())).sqrt()
}

#[test]
fn chests_have_their_organs_where_they_belong() {
    for seed in 0..200 {
        let all = organs(seed);
        assert_eq!(all, organs(seed));
        let image = phantom::image(&all, 96);
        let tissues = [(0.0, 0.0), (0.15, 0.35), (0.85, 1.15), (1.6, 2.0)];
        for (i, &value) in image.iter().enumerate() {
            let (x, y) = (i as f64 % 96.0 - 48.0, (i / 96) as f64 - 48.0);
            assert!(tissues.iter().any(|&(low, high)| (low..=high).contains(&value)), "seed {seed}: {value}");
            assert!(value == 0.0 || x.hypot(y) < 47.0, "seed {seed}: outside the disc");
        }
        let share = |low: f64, high: f64| {
            image.iter().filter(|v| (low..high).contains(*v)).count() as f64 / image.len() as f64
        };
        assert!(share(0.1, 0.5) > 0.05 && share(1.5, 2.1) > 0.004, "seed {seed}");
    }
    assert_ne!(organs(0), organs(1));
}

#[test]
fn metal_starves_detectors_and_streaks() {
    let geometry = Parallel::covering(96, angles(120)).unwrap();
    let metal = Metal { count: 2, radii: [0.04, 0.06], value: 20.0 };
    let (body, discs) = (organs(3), metal.discs(5).unwrap());
    assert_eq!(discs, metal.discs(5).unwrap());
    let clean = phantom::image(&body, 96);
    let mut image = clean.clone();
    insert(&discs, &mut image, 96).unwrap();
    let metallic: Vec<bool> = image.iter().zip(&clean).map(|(a, b)| a != b).collect();
    assert!(metallic.iter().any(|&metal| metal));
    let all: Vec<_> = body.iter().chain(&discs).copied().collect();
    let exact = phantom::sinogram(&all, &geometry);
    let starved = starve(&exact, 0.04, (1e4, 2.0), 9).unwrap();
    // No more than the logarithm of all photons is left.
    let most = 1e4f64.ln() / 0.04;
    assert!(exact.iter().any(|&v| v > most) && starved.iter().all(|&v| v <= 1.0001 * most));
    let back = FilteredBackprojection::new(geometry.clone(), Filter::Ramp);
    let outside = |sinogram: &[f64]| {
        let image = back.reconstruct(sinogram).unwrap();
        let kept =
            |v: &[f64]| v.iter().zip(&metallic).filter(|(_, m)| !**m).map(|(v, _)| *v).collect::<Vec<_>>();
        error(&kept(&image), &kept(&clean))
    };
    let noisy = starve(&phantom::sinogram(&body, &geometry), 0.04, (1e4, 2.0), 9).unwrap();
    assert!(outside(&starved) > 2.0 * outside(&noisy), "{} {}", outside(&starved), outside(&noisy));
    for radii in [[0.0, 0.1], [0.2, 0.1], [0.1, 0.5], [f64::NAN, 0.1]] {
        assert!(Metal { radii, ..metal }.discs(0).is_err());
    }
    assert!(insert(&discs, &mut [0.0; 10], 96).is_err() && starve(&exact, 0.0, (1e4, 0.0), 0).is_err());
}

#[test]
fn a_truncated_scan_has_edges_and_the_middle() {
    let rows: Vec<f64> = (0..22).map(f64::from).collect();
    let cut = |share, fill| {
        let mut rows = rows.clone();
        truncate(&mut rows, 11, share, fill).map(|()| rows)
    };
    let zero = cut(0.5, Fill::Zero).unwrap();
    assert_eq!(zero[..11], [0., 0., 0., 3., 4., 5., 6., 7., 0., 0., 0.]);
    assert_eq!(cut(0.5, Fill::Edge).unwrap()[11..], [14., 14., 14., 14., 15., 16., 17., 18., 18., 18., 18.]);
    assert_eq!(cut(1.0, Fill::Zero).unwrap(), rows);
    assert_eq!(cut(1e-9, Fill::Edge).unwrap()[..11], [5.0; 11]);
    assert!([0.0, 1.1, f64::NAN].iter().all(|&share| cut(share, Fill::Zero).is_err()));
    assert!(
        truncate(&mut [0.0; 7], 3, 0.5, Fill::Zero).is_err()
            && truncate(&mut [0.0; 7], 0, 0.5, Fill::Zero).is_err()
    );
    // Zeros leave a bright rim in the field of view, edges a shift.
    let geometry = Parallel::covering(96, angles(120)).unwrap();
    let body = [Ellipse { value: 1.0, axes: [0.9; 2], centre: [0.0; 2], rotation: 0.0 }];
    let (truth, back) =
        (phantom::image(&body, 96), FilteredBackprojection::new(geometry.clone(), Filter::Ramp));
    let unevenness = |fill| {
        let mut sinogram = phantom::sinogram(&body, &geometry);
        truncate(&mut sinogram, geometry.detectors(), 0.4, fill).unwrap();
        let image = back.reconstruct(&sinogram).unwrap();
        let seen = |i: &usize| (*i as f64 % 96.0 - 48.0).hypot((*i / 96) as f64 - 48.0) < 26.0;
        let wrong: Vec<f64> = (0..truth.len()).filter(seen).map(|i| image[i] - truth[i]).collect();
        let mean = wrong.iter().sum::<f64>() / wrong.len() as f64;
        (wrong.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / wrong.len() as f64).sqrt()
    };
    let [edge, zero] = [Fill::Edge, Fill::Zero].map(unevenness);
    assert!(edge < 0.4 * zero, "{edge} {zero}");
}

#[test]
fn a_turned_object_is_the_object_at_another_angle() {
    let geometry = Parallel::covering(96, angles(40)).unwrap();
    let image = phantom::image(&organs(2), 96);
    assert_eq!(turned(&image, 96, 0.0).unwrap(), image);
    let quarter = turned(&image, 96, 90.0).unwrap();
    // Counterclockwise: what was to the right is above.
    assert!((quarter[30 * 96 + 50] - image[50 * 96 + 66]).abs() < 1e-9);
    let radon = Radon::new(geometry.clone());
    let seen = radon.forward(&turned(&image, 96, 7.3).unwrap()).unwrap();
    assert!(error(&moving(&image, &geometry, &[7.3; 40]).unwrap(), &seen) < 0.01);
    assert!(error(&radon.forward(&image).unwrap(), &seen) > 0.05);
    // Each angle has its own place of the path.
    let path: Vec<f64> = (0..40).map(|k| if k < 20 { 0.0 } else { 7.3 }).collect();
    let both = moving(&image, &geometry, &path).unwrap();
    let half = both.len() / 2;
    assert_eq!(both[..half], radon.forward(&image).unwrap()[..half]);
    assert_eq!(both[half..], moving(&image, &geometry, &[7.3; 40]).unwrap()[half..]);
    assert!(
        moving(&image, &geometry, &[0.0; 39]).is_err() && moving(&image, &geometry, &[f64::NAN; 40]).is_err()
    );
    assert!(turned(&image, 95, 0.0).is_err() && turned(&image, 96, f64::INFINITY).is_err());
}
