//! Losses of interval networks and of predicted variances.

use modelmend_net::loss::{GaussianLikelihood, IntervalBound, Loss, Side};
use modelmend_net::{Element, Tensor};

use super::vectors::{Npz, assert_close, largest, reference};

/// Loss and gradient of a batch of rows.
fn batch<T: Element>(loss: &dyn Loss<T>, output: &Tensor<T>) -> (f64, Vec<f64>) {
    let (mut sum, mut gradients) = (0.0, Vec::new());
    for (image, row) in output.data().chunks_exact(output.row_len()).enumerate() {
        let mut gradient = vec![T::zero(); row.len()];
        sum += loss.evaluate(image, row, &mut gradient).f64();
        gradients.extend(gradient.iter().map(|g| g.f64()));
    }
    (sum, gradients)
}

/// The means of the reference are over all elements: a batch of four.
const WEIGHT: f64 = 0.25;

fn check(what: &str, (loss, gradient): (f64, Vec<f64>), expected: (f64, &[f64]), tolerance: f64) {
    assert_close(what, &[loss], &[expected.0], tolerance * expected.0.abs());
    assert_close(what, &gradient, expected.1, tolerance * largest(expected.1));
}

fn interval_bounds<T: Element>(npz: &mut Npz, tolerance: f64) {
    let target = npz.get("y").map(|&v| T::of(v));
    for beta in ["0.002", "0.1"] {
        for (side, bound, name) in [(Side::Lower, "pred_lo", "limse"), (Side::Upper, "pred_hi", "uimse")] {
            let bound = npz.get(bound).map(|&v| T::of(v));
            let name = format!("{name}_beta{beta}");
            let beta = beta.parse().expect("a number");
            let loss = IntervalBound { target: &target, beta, side, weight: WEIGHT, output: 0 };
            let (value, gradient) = (npz.get(&name), npz.get(&format!("{name}_grad")));
            check(&name, batch(&loss, &bound), (value.data()[0], gradient.data()), tolerance);
        }
    }
}

fn likelihood<T: Element>(npz: &mut Npz, tolerance: f64) {
    let [target, mu, s] = ["y", "mu", "s"].map(|n| npz.get(n).map(|&v| T::of(v)));
    let row = mu.row_len();
    let side_by_side = |mu: &[f64], s: &[f64]| -> Vec<f64> {
        mu.chunks_exact(row).zip(s.chunks_exact(row)).flat_map(|(mu, s)| [mu, s].concat()).collect()
    };
    let wide = |t: &Tensor<T>| -> Vec<f64> { t.data().iter().map(|v| v.f64()).collect() };
    let both = side_by_side(&wide(&mu), &wide(&s)).into_iter().map(T::of).collect();
    let output = Tensor::new([mu.rows(), 2, row], both).expect("two channels");
    for penalty in ["1.0", "3.0"] {
        let name = format!("probout_pen{penalty}");
        let penalty = penalty.parse().expect("a number");
        let loss = GaussianLikelihood { target: &target, penalty, weight: WEIGHT, output: 0 };
        let [value, mu, s] = ["", "_grad_mu", "_grad_s"].map(|end| npz.get(&format!("{name}{end}")));
        let gradient = side_by_side(mu.data(), s.data());
        check(&name, batch(&loss, &output), (value.data()[0], &gradient), tolerance);
    }
}

#[test]
fn terms_of_interval_networks() {
    let Some(folder) = reference("losses") else { return };
    let mut npz = Npz::open(&folder.join("inn_probout.npz"));
    interval_bounds::<f32>(&mut npz, 1e-6);
    interval_bounds::<f64>(&mut npz, 1e-12);
}

#[test]
fn predicted_variances() {
    let Some(folder) = reference("losses") else { return };
    let mut npz = Npz::open(&folder.join("inn_probout.npz"));
    likelihood::<f32>(&mut npz, 1e-6);
    likelihood::<f64>(&mut npz, 1e-12);
}
