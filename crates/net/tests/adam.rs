//! Adam against `torch.optim.Adam` (values and their generator in `fixtures/adam.*`).
#![allow(clippy::unwrap_used, reason = "a test")]

use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Element, Parameters, Tensor};

fn rows() -> Vec<Vec<f64>> {
    let text = include_str!("fixtures/adam.csv");
    text.lines().skip(1).map(|line| line.split(',').map(|v| v.parse().unwrap()).collect()).collect()
}

fn vector<T: Element>(values: impl Iterator<Item = f64>) -> Parameters<T> {
    Parameters::new(vec![Tensor::vector(values.map(T::of).collect())])
}

fn follows_pytorch<T: Element>(tolerance: f64) {
    let rows = rows();
    assert_eq!(rows.len(), 15);
    for steps in rows.chunks(5) {
        let s = &steps[0];
        let settings =
            AdamSettings { learning_rate: s[0], beta1: s[1], beta2: s[2], epsilon: s[3], weight_decay: s[4] };
        let mut weights: Parameters<T> = vector([0.5, -1.25, 0.0, 3.0].into_iter());
        let mut adam = Adam::new(&weights, settings);
        for row in steps {
            let gradient = (0..4).map(|i| ((row[5] as usize * 7 + i * 5) % 11) as f64 - 5.0);
            adam.step(&mut weights, &vector(gradient.map(|g| g / 4.0)));
            let got = weights.iter().next().unwrap();
            for (got, expected) in got.data().iter().zip(&row[6..]) {
                let error = (got.f64() - expected).abs() / expected.abs().max(1e-2);
                assert!(error < tolerance, "{settings:?}, step {}: {got:?}, expected {expected}", row[5]);
            }
        }
    }
}

#[test]
fn steps_are_those_of_pytorch() {
    follows_pytorch::<f64>(1e-12);
    follows_pytorch::<f32>(2e-6);
}

#[test]
fn denormal_moments_count_as_zero() {
    let mut weights: Parameters<f32> = vector(std::iter::repeat_n(1.0, 40));
    let mut adam = Adam::new(&weights, AdamSettings { beta1: 0.5, ..AdamSettings::default() });
    let (kick, rest) = (vector(std::iter::repeat_n(1e-20, 40)), vector(std::iter::repeat_n(0.0, 40)));
    adam.step(&mut weights, &kick);
    (0..80).for_each(|_| adam.step(&mut weights, &rest));
    let moments = adam.moments();
    assert!(moments.flat_map(|m| m.iter()).all(|t| t.data().iter().all(|v| *v == 0.0 || v.is_normal())));
}
