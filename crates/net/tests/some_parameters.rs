//! Gradients with respect to some parameters only.

use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use modelmend_net::loss::CrossEntropy;
use modelmend_net::{Runtime, Settings, Tensor};

#[test]
fn gradients_of_some_parameters_are_those_of_all() {
    for kind in [ClassifierKind::VggSmall, ClassifierKind::ResnetSmall] {
        let spec =
            Classifier { kind, channels: 3, height: 28, width: 28, classes: 2, base: Some(4), seed: 0 };
        let model = classifier(&spec).unwrap();
        let runtime = Runtime::<f32>::new(model.graph().clone());
        let pixels = (0..9 * 3 * 28 * 28).map(|i| (i * 7919 % 256) as f32).collect();
        let images = [Tensor::new([9, 3, 28, 28], pixels).unwrap()];
        let loss = CrossEntropy { labels: &[0, 1, 0, 1, 0, 1, 0, 1, 1], weight: 1.0, output: 0 };
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
