//! Predictions and training steps.

use std::hint::black_box;
use std::path::Path;

use modelmend_net::architecture::{
    Classifier, ClassifierKind, DnCnn, UNet, classifier, dncnn, unet, with_dropout,
};
use modelmend_net::loss::{CrossEntropy, Loss, MeanSquaredError};
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Model, Precision, Runtime, Settings, Tensor};

use crate::{Outcome, Work};

/// A network and what it takes.
pub(crate) struct Network {
    pub(crate) model: Model,
    /// Channels, height and width.
    pub(crate) image: [usize; 3],
    /// How trainings of such networks compute.
    precision: Precision,
}

const NAMES: [&str; 3] = ["vgg-small", "unet", "dncnn"];

/// A network of these benchmarks: `unet` on the slices and `dncnn` on a whole picture of the data of the reconstruction studies.
pub(crate) fn network(name: &str) -> Outcome<Network> {
    let [channels, height, width] = [3, 28, 28];
    let kind = ClassifierKind::VggSmall;
    let vgg_small = Classifier { kind, channels, height, width, classes: 2, base: None, seed: 0 };
    let (model, image, precision) = match name {
        "vgg-small" => (classifier(&vgg_small)?, [channels, height, width], Precision::Split),
        "unet" => {
            (unet(&UNet { base: 32, depth: 4, dropout: 0.2, seed: 0 })?, [1, 128, 128], Precision::Mixed)
        }
        "dncnn" => {
            let spec = DnCnn { width: 32, depth: 8, ..DnCnn::default() };
            (dncnn(&spec)?, [1, 512, 768], Precision::Mixed)
        }
        _ => return Err(format!("no network `{name}`").into()),
    };
    Ok(Network { model, image, precision })
}

/// The bytes of a batch, the same on every side.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 7919 % 256) as u8).collect()
}

impl Network {
    fn classifies(&self) -> bool {
        self.precision == Precision::Split
    }

    /// Bytes for a classifier, in 0..=1 for a reconstruction.
    fn input(&self, batch: usize) -> Outcome<Tensor<f32>> {
        let [channels, height, width] = self.image;
        let scale = if self.classifies() { 1.0 } else { 255.0 };
        let pixels = bytes(batch * channels * height * width).into_iter().map(|b| f32::from(b) / scale);
        Ok(Tensor::new([batch, channels, height, width], pixels.collect()).ok_or("shape")?)
    }
}

pub(crate) fn infer(name: &str, batch: usize) -> Outcome<Work> {
    let network = network(name)?;
    let input = [network.input(batch)?];
    let runtime = Runtime::<f32>::new(network.model.graph().clone());
    let run = move || -> Outcome<()> {
        black_box(runtime.forward(network.model.parameters(), &input, Settings::default())?);
        Ok(())
    };
    Ok(Work { precision: Precision::Single, run: Box::new(run) })
}

/// Forward, backward and Adam; a reconstruction learns its input, with dropout.
pub(crate) fn train(name: &str, batch: usize) -> Outcome<Work> {
    let network = network(name)?;
    let (classifies, precision) = (network.classifies(), network.precision);
    let input = [network.input(batch)?];
    let labels: Vec<usize> = (0..batch).map(|i| i % 2).collect();
    let model = if classifies { network.model } else { with_dropout(&network.model, true)? };
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let mut parameters = model.parameters().clone();
    let settings = AdamSettings { learning_rate: 1e-4, ..AdamSettings::default() };
    let mut adam = Adam::new(&parameters, settings);
    let mut step = 0;
    let run = move || -> Outcome<()> {
        let weight = 1.0 / batch as f64;
        let classes = CrossEntropy { labels: &labels, weight, output: 0 };
        let pixels = MeanSquaredError { target: &input[0], weight, output: 0 };
        let loss: &dyn Loss<f32> = if classifies { &classes } else { &pixels };
        let settings = Settings { precision, ..Settings::training(step) };
        let gradient = runtime.gradient(&parameters, &input, &[loss], false, settings)?;
        adam.step(&mut parameters, &gradient.parameters);
        runtime.recycle(gradient);
        step += 1;
        Ok(())
    };
    Ok(Work { precision, run: Box::new(run) })
}

/// Writes each network as `.onnx`, its weights and its output for one image as little-endian numbers.
pub(crate) fn export(folder: &Path) -> Outcome<()> {
    for name in NAMES {
        let network = network(name)?;
        network.model.write(&folder.join(name).with_extension("onnx"))?;
        let parameters = network.model.parameters();
        let runtime = Runtime::<f32>::new(network.model.graph().clone());
        let outputs = runtime.forward(parameters, &[network.input(1)?], Settings::default())?;
        write(folder, &format!("{name}.weights"), &parameters.flatten())?;
        write(folder, &format!("{name}.output"), outputs.first().ok_or("no output")?.data())?;
    }
    Ok(())
}

pub(crate) fn write(folder: &Path, name: &str, values: &[f32]) -> Outcome<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Ok(std::fs::write(folder.join(name), bytes)?)
}
