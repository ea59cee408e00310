//! The diagonal Fisher information of a model.

use modelmend_net::Parameters;

use super::per_sample::sum;
use crate::error::Result;
use crate::problem::Problem;
use modelmend_learn::monitor::Monitor;

/// Most cases that are looked at (METHODS 1.5).
const MOST: usize = 10_000;

/// The mean over `cases`, or 10,000 of them evenly spread where there are more, of the *squared gradient of each case's own loss*, for every weight of the unmodified model (empirical
/// Fisher information; METHODS 1.5). The square of a summed gradient is something else: it forgets that gradients of single
/// cases cancel.
///
/// # Errors
/// Execution errors, interruption, a model that mixes the images of a batch.
pub fn fisher(problem: &Problem, cases: &[usize], monitor: &dyn Monitor) -> Result<Parameters<f32>> {
    let cases: Vec<usize> = cases.iter().copied().step_by(cases.len().div_ceil(MOST).max(1)).collect();
    let mut total = sum(problem, &cases, monitor, |_, g| g * g)?;
    let count = cases.len().max(1) as f32;
    total.iter_mut().for_each(|t| t.data_mut().iter_mut().for_each(|t| *t /= count));
    Ok(total)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]
mod tests {
    use std::fs::File;
    use std::path::PathBuf;

    use modelmend_data::{Cases, Images, Pixels};
    use modelmend_learn::monitor::Silent;
    use modelmend_net::graph::Dim;
    use modelmend_net::onnx::{Builder, attribute};
    use modelmend_net::tensor::DType;
    use modelmend_net::{Model, Tensor};
    use ndarray::{ArrayD, IxDyn, OwnedRepr};
    use ndarray_npy::{NpzReader, ReadableElement};

    use super::*;
    use crate::judge::Judge;
    use crate::repair::optimize::pull;
    use crate::repair::recipe::Anchor;

    /// The folder of the reference vectors; `None`, loudly, where it is not there.
    fn reference() -> Option<PathBuf> {
        let shared = std::env::var_os("MODELMEND_SHARED").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
            PathBuf::from,
        );
        let folder = shared.join("reference");
        if !folder.is_dir() {
            eprintln!("SKIPPED: no reference vectors at {} (set MODELMEND_SHARED)", folder.display());
            return None;
        }
        Some(folder)
    }

    struct Vectors(NpzReader<File>);

    impl Vectors {
        fn array<T: ReadableElement>(&mut self, name: &str) -> ArrayD<T> {
            self.0.by_name::<OwnedRepr<T>, IxDyn>(name).unwrap()
        }

        /// The arrays `<prefix>.<parameter>`, in the order of the problem's parameters.
        fn parameters<T: ReadableElement + Copy>(
            &mut self,
            prefix: &str,
            problem: &Problem,
        ) -> Vec<Tensor<T>> {
            let parameters = problem.graph().parameters().iter();
            let one = |name: &str| {
                let array = self.array::<T>(&format!("{prefix}.{name}"));
                Tensor::new(array.shape(), array.iter().copied().collect()).unwrap()
            };
            parameters.map(|p| p.name.as_str()).map(one).collect()
        }
    }

    /// The reference network as a classifier of images of one row: flattened before it, logits instead of probabilities.
    fn classifier(file: &std::path::Path) -> Model {
        let mut proto = Model::read(file).unwrap().message();
        let graph = proto.graph.as_mut().unwrap();
        let softmax = graph.node.pop().unwrap();
        assert_eq!(softmax.op_type.as_deref(), Some("Softmax"));
        let mut front = Builder::new("front");
        let dims = [Dim::Free("batch".into()), Dim::Fixed(1), Dim::Fixed(1), Dim::Fixed(20)];
        front.input("image", DType::Float, &dims);
        let input = graph.input[0].name.clone().unwrap();
        front.push("Flatten", "flatten", vec![attribute::int("axis", 1)], &["image"], &[&input]);
        front.output(&softmax.input[0], DType::Float, None);
        let front = front.finish(17).graph.unwrap();
        (graph.input, graph.output) = (front.input, front.output);
        graph.node.splice(0..0, front.node);
        Model::from_proto(proto).unwrap()
    }

    fn farthest(got: &[f32], want: &[f64]) -> f64 {
        let largest = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let far = got.iter().zip(want).map(|(&g, w)| (f64::from(g) - w).abs()).fold(0.0, f64::max);
        assert!(got.len() == want.len() && largest > 0.0);
        far / largest
    }

    #[test]
    fn information_and_penalty_are_those_of_the_reference() {
        let Some(folder) = reference() else { return };
        let file = File::open(folder.join("losses/ewc_mlp.npz")).unwrap();
        let mut vectors = Vectors(NpzReader::new(file).unwrap());
        let x = vectors.array::<f32>("x").into_iter().collect();
        let labels: Vec<i64> = vectors.array("label").into_iter().collect();
        let count = labels.len();
        let targets = labels.iter().map(|&label| label as usize).collect();
        let images = Images::new("x", &[count, 1, 20], Pixels::F32(x)).unwrap();
        let cases = Cases::new("all", images, labels).unwrap();
        let problem = Problem::new(classifier(&folder.join("models/mlp.onnx")), &cases, targets).unwrap();

        let all: Vec<usize> = (0..count).collect();
        let losses: Vec<f32> =
            problem.predict(problem.parameters(), &all).unwrap().iter().map(|p| p.loss).collect();
        assert!(farthest(&losses, &vectors.array("loss").into_iter().collect::<Vec<f64>>()) < 1e-5);

        let information = fisher(&problem, &all, &Silent).unwrap();
        let [right, wrong] =
            ["fisher", "wrong_batch_fisher"].map(|prefix| vectors.parameters::<f64>(prefix, &problem));
        for (index, got) in information.iter().enumerate() {
            assert!(farthest(got.data(), right[index].data()) < 1e-4, "parameter {index}");
            assert!(farthest(got.data(), wrong[index].data()) > 1.0, "parameter {index}: a batch's square");
        }

        let [start, weights] =
            ["theta0", "theta"].map(|prefix| Parameters::new(vectors.parameters::<f32>(prefix, &problem)));
        assert_eq!(start.flatten(), problem.parameters().flatten());
        let number = |name: &str, vectors: &mut Vectors| vectors.array::<f64>(name)[IxDyn(&[])];
        let [strength, prior, penalty] = ["lambda", "prior", "penalty"].map(|n| number(n, &mut vectors));
        let mut gradient = start.zeros_like();
        let anchor = Anchor::Fisher { strength, prior };
        pull(anchor, (&weights, &start), Some(&information), &mut gradient);
        for (index, want) in vectors.parameters::<f64>("penalty_grad", &problem).iter().enumerate() {
            let got = gradient.iter().nth(index).unwrap();
            assert!(farthest(got.data(), want.data()) < 1e-4, "parameter {index}");
        }
        // A quadratic is half its gradient times the distance from its least value.
        let moved = weights.flatten().into_iter().zip(start.flatten()).map(|(w, s)| f64::from(w - s));
        let value: f64 = gradient.flatten().into_iter().zip(moved).map(|(g, d)| f64::from(g) * d / 2.0).sum();
        assert!((value / penalty - 1.0).abs() < 1e-4, "{value} instead of {penalty}");
    }
}
