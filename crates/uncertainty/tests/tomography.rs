//! Slices behind missing angles.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use modelmend_data::Slices;
use modelmend_data::generate::Pairs;
use modelmend_data::split::Part;
use modelmend_physics::{Filter, phantom};
use modelmend_uncertainty::acquisition::Direct;
use modelmend_uncertainty::source::{Held, Source};
use modelmend_uncertainty::tomography::{LimitedAngle, Scanner};

const SIZE: usize = 48;

fn slices() -> Slices {
    let body = |seed| phantom::image(&phantom::random(5, seed), SIZE);
    let pixels = (0..6).flat_map(body).map(|v| v as f32).collect();
    Slices::new(SIZE, pixels, (0..6).map(|i| format!("patient {}", i / 2)).collect()).unwrap()
}

/// Mean squared error.
fn error(pair: &Pairs) -> f64 {
    let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    pair.input.iter().zip(&pair.target).map(square).sum::<f64>() / pair.input.len() as f64
}

#[test]
fn missing_angles_cost_what_the_whole_scan_shows() {
    let slices = slices();
    let scanner =
        |missing| Scanner::new(LimitedAngle { angles: 90, missing, filter: Filter::Ramp }, SIZE).unwrap();
    let pairs = |missing| scanner(missing).pairs(&slices).unwrap();
    let (whole, limited, less) = (pairs(0.0), pairs(30.0), pairs(60.0));
    for i in 0..slices.patients().len() {
        assert_eq!(whole[i].target, slices.iter().nth(i).unwrap());
        let target = whole[i].target.clone();
        let [whole, limited, less] = [&whole[i], &limited[i], &less[i]].map(error);
        let rival = scanner(30.0).total_variation(&target, 0.01);
        assert!(2.0 * error(&Pairs { input: rival.unwrap(), target }) < limited, "slice {i}");
        assert!(whole < 0.01 && 2.0 * whole < limited && limited < less, "{whole} {limited} {less}");
    }
}

#[test]
fn held_pairs_come_once_in_each_epoch_and_in_another_order() {
    let pair = |value: usize| Pairs { input: vec![value as f32; 4], target: vec![-(value as f32); 4] };
    let parts = [(0..10).map(pair).collect(), vec![pair(10)], vec![pair(11), pair(12)]];
    let held = Held::new(&[1, 2, 2], parts, (Arc::new(Direct), 7)).unwrap();
    let order = |epoch| {
        let batch = held.batch(epoch, 0..10).unwrap();
        assert!(batch.input.data().iter().zip(batch.target.data()).all(|(x, y)| *x == -y));
        batch.input.data().chunks_exact(4).map(|x| x[0] as usize).collect::<Vec<_>>()
    };
    let sorted = |mut order: Vec<usize>| {
        order.sort_unstable();
        order
    };
    assert_eq!(sorted(order(0)), (0..10).collect::<Vec<_>>());
    assert_ne!(order(0), order(1));
    assert_eq!((held.count(Part::Validation), held.count(Part::Test)), (1, 2));
    assert_eq!(held.item(Part::Test, 1).unwrap().input.data(), [12.0; 4]);
    assert!(held.item(Part::Test, 2).is_err() && held.batch(0, 5..11).is_err());
    assert!(Held::new(&[1, 2, 2], [vec![pair(1)], vec![], vec![pair(2)]], (Arc::new(Direct), 7)).is_err());
}
