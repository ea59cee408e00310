//! Dropout in training mode: random passes against those of PyTorch.

use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::vectors::{Npz, reference};

#[test]
fn dropout_passes_have_the_mean_and_spread_of_the_reference() {
    const PASSES: usize = 1000;
    let Some(folder) = reference("models") else { return };
    let model = Model::read(&folder.join("unet_small_dropout_active.onnx")).unwrap_or_else(|e| panic!("{e}"));
    let mut npz = Npz::open(&folder.join("unet_small.npz"));
    let x = npz.get("x");
    let one = &x.data()[..x.row_len()];
    let batch = one.iter().map(|&v| v as f32).collect::<Vec<_>>().repeat(PASSES);
    // Every image of a batch draws masks of its own: one batch is all passes.
    let x = Tensor::new([&[PASSES], &x.shape()[1..]].concat(), batch).expect("repeated");
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let y =
        runtime.forward(model.parameters(), &[x], Settings { seed: 3, ..Settings::default() }).expect("runs");

    let pixels = y[0].row_len();
    let (mean, std) = (npz.get("mc_mean"), npz.get("mc_std"));
    let mut spread = 0.0;
    for i in 0..pixels {
        let values: Vec<f64> = y[0].data().iter().skip(i).step_by(pixels).map(|&v| f64::from(v)).collect();
        let average = values.iter().sum::<f64>() / PASSES as f64;
        let variance = values.iter().map(|v| (v - average).powi(2)).sum::<f64>() / (PASSES - 1) as f64;
        spread += variance.sqrt();
        // Both means are of 1000 passes.
        let bound = 5.0 * std.data()[i] * (2.0 / PASSES as f64).sqrt();
        assert!((average - mean.data()[i]).abs() <= bound, "pixel {i}: {average} against {}", mean.data()[i]);
    }
    let ratio = spread / std.data().iter().sum::<f64>();
    assert!((ratio - 1.0).abs() < 0.05, "mean spread is {ratio} times the reference");
}
