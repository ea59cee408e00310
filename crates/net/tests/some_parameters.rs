//! Gradients with respect to some parameters only.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use modelmend_net::loss::CrossEntropy;
use modelmend_net::{Model, Runtime, Settings, Tensor};

fn network(kind: ClassifierKind) -> Model {
    let spec = Classifier { kind, channels: 3, height: 28, width: 28, classes: 2, base: Some(4), seed: 0 };
    classifier(&spec).unwrap()
}

fn images() -> [Tensor<f32>; 1] {
    let pixels = (0..9 * 3 * 28 * 28).map(|i| (i * 7919 % 256) as f32).collect();
    [Tensor::new([9, 3, 28, 28], pixels).unwrap()]
}

fn close(a: &[f32], b: &[f32], tolerance: f32) {
    let largest = b.iter().fold(0.0, |largest: f32, b| largest.max(b.abs()));
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(a.len() == b.len() && far <= tolerance * largest, "{far:e} of {largest:e}");
}

const LABELS: [usize; 9] = [0, 1, 0, 1, 0, 1, 0, 1, 1];

#[test]
fn gradients_of_some_parameters_are_those_of_all() {
    for kind in [ClassifierKind::VggSmall, ClassifierKind::ResnetSmall] {
        let (model, images) = (network(kind), images());
        let runtime = Runtime::<f32>::new(model.graph().clone());
        let loss = CrossEntropy { labels: &LABELS, weight: 1.0, output: 0 };
        let settings = Settings::default();
        let all = runtime.gradient(model.parameters(), &images, &[&loss], false, settings).unwrap();
        let count = model.parameters().len();
        for first in [0, count / 2, count - 1] {
            let trained: Vec<bool> = (0..count).map(|index| index >= first && index != first + 2).collect();
            let some =
                runtime.gradient_of(&trained, model.parameters(), &images, &[&loss], settings).unwrap();
            assert_eq!(some.losses, all.losses);
            let gradients = some.parameters.iter().zip(all.parameters.iter());
            for (index, (some, all)) in gradients.enumerate() {
                match trained[index] {
                    true => assert_eq!(some, all, "parameter {index} from {first}"),
                    false => assert!(some.data().iter().all(|&g| g == 0.0) && some.shape() == all.shape()),
                }
            }
            runtime.recycle(some);
        }
    }
}

#[test]
fn the_rest_of_a_network_gives_the_same_gradients() {
    for kind in [ClassifierKind::VggSmall, ClassifierKind::ResnetSmall] {
        let (model, images) = (network(kind), images());
        let (runtime, settings) = (Runtime::<f32>::new(model.graph().clone()), Settings::default());
        let loss = CrossEntropy { labels: &LABELS, weight: 1.0, output: 0 };
        let layers = model.graph().layers();
        for last in [1, 2, layers.len() - 1] {
            let mut trained = vec![false; model.parameters().len()];
            let wanted = layers.iter().rev().take(last).flat_map(|layer| &layer.parameters);
            wanted.for_each(|&parameter| trained[parameter] = true);
            let rest = runtime.rest(&trained, &images).unwrap().unwrap();
            let known = runtime.observe(model.parameters(), &images, &rest.known, settings).unwrap();
            let whole =
                runtime.gradient_of(&trained, model.parameters(), &images, &[&loss], settings).unwrap();
            let part =
                rest.runtime.gradient_of(&trained, model.parameters(), &known, &[&loss], settings).unwrap();
            // Predictions and trainings may compute small planes by different algorithms.
            close(&part.losses, &whole.losses, 1e-6);
            for (part, whole) in part.parameters.iter().zip(whole.parameters.iter()) {
                close(part.data(), whole.data(), 1e-4);
            }
            assert!(part.parameters.iter().any(|g| g.data().iter().any(|&g| g != 0.0)));
            assert!(rest.runtime.graph().nodes().len() < model.graph().nodes().len());
        }
        let all = vec![true; model.parameters().len()];
        // Pixels are scaled before the first layer.
        let rest = runtime.rest(&all, &images).unwrap().unwrap();
        let all_layers = rest.runtime.graph().layers();
        assert!(all_layers.iter().map(|l| &l.parameters).eq(layers.iter().map(|l| &l.parameters)));
    }
}
