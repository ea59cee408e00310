//! Writes every example of the operator table, its bounds with outward rounding, every reference model (with changed
//! weights) and an interval network as `.onnx`, with inputs and our outputs as `.npz` beside it, for other runtimes to compare:
//! `export_samples FOLDER`.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};

use modelmend_net::interval::network::{IntervalNetwork, Part};
use modelmend_net::interval::{IntervalOptions, Rounding, enclose};
use modelmend_net::ops::TABLE;
use modelmend_net::{Model, Parameters, Runtime, Settings, Tensor};
use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, NpzWriter};

#[path = "../tests/network/nets.rs"]
mod nets;

const IMAGES: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: export_samples FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let mut seed = 0;
    for entry in TABLE {
        for sample in (entry.samples)() {
            seed += 1;
            let model = sample.model(entry.name, seed)?;
            let label: String =
                sample.name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
            let inputs = sample.batch(IMAGES, seed);
            export(&folder, &format!("{}-{label}", entry.name), &model, &inputs)?;
            bounds(&folder, &format!("bounds-{}-{label}", entry.name), &model, &inputs)?;
        }
    }
    let network = IntervalNetwork::new(&nets::convolutions(2, 3, &[1, 8, 8, 1], 1)?, &Part::Last(2))?;
    for (name, rounding) in [("nearest", Rounding::Nearest), ("outward", Rounding::Outward)] {
        let model = network.export(&widened(&network), rounding)?;
        export(&folder, &format!("network-{name}"), &model, &[nets::images(&[IMAGES, 1, 9, 8], 2)])?;
    }
    let shared = std::env::var("MODELMEND_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let reference = Path::new(&shared).join("reference/models");
    for file in std::fs::read_dir(reference)? {
        let path = file?.path();
        if path.extension().is_some_and(|e| e == "onnx") {
            reference_model(&folder, &path)?;
        }
    }
    Ok(())
}

/// The bounds of a model around its inputs, where it has an interval reading.
fn bounds(folder: &Path, name: &str, model: &Model, inputs: &[Tensor<f32>]) -> Result<(), Box<dyn Error>> {
    let options =
        IntervalOptions { boxed_inputs: true, rounding: Rounding::Outward, ..IntervalOptions::default() };
    match enclose(model, &options) {
        Ok(bounds) => {
            let ends: Vec<Tensor<f32>> =
                inputs.iter().flat_map(|x| [x.map(|v| v - 0.05), x.map(|v| v + 0.05)]).collect();
            export(folder, name, &bounds, &ends)
        }
        // Some inputs must be points.
        Err(_) => Ok(()),
    }
}

/// The boxes of an interval network, each a little wider than a point.
fn widened(network: &IntervalNetwork) -> Parameters<f32> {
    let mut parameters = network.model().parameters().clone();
    for (i, end) in parameters.iter_mut().enumerate() {
        let away = if i % 2 == 0 { -0.01 } else { 0.01 };
        end.data_mut().iter_mut().for_each(|w| *w += away);
    }
    parameters
}

/// A reference model with other weights, on the inputs of its reference.
fn reference_model(folder: &Path, path: &Path) -> Result<(), Box<dyn Error>> {
    let model = Model::read(path)?;
    let mut weights = model.parameters().clone();
    weights.iter_mut().for_each(|t| t.data_mut().iter_mut().for_each(|w| *w = 0.9 * *w + 0.003));
    let model = model.with_parameters(weights)?;
    let name = path.file_stem().ok_or("a file without a name")?.to_string_lossy();
    let base = name.trim_end_matches("_folded").trim_end_matches("_dropout_active");
    let mut npz = NpzReader::new(File::open(path.with_file_name(format!("{base}.npz")))?)?;
    let x: ArrayD<f32> = npz.by_name::<OwnedRepr<f32>, IxDyn>("x.npy")?;
    let shape = x.shape().to_vec();
    let x = Tensor::new(shape, x.into_iter().collect()).ok_or("an array with gaps")?;
    export(folder, &format!("reference-{name}"), &model, &[x])
}

fn export(folder: &Path, name: &str, model: &Model, inputs: &[Tensor<f32>]) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let run = |seed| runtime.forward(model.parameters(), inputs, Settings { seed, ..Settings::default() });
    let outputs = run(0)?;
    if outputs != run(1)? {
        // Random masks: nothing to compare element by element.
        return Ok(());
    }
    model.write(&folder.join(format!("{name}.onnx")))?;
    let mut npz = NpzWriter::new(File::create(folder.join(format!("{name}.npz")))?);
    for (input, tensor) in model.graph().inputs().iter().zip(inputs) {
        npz.add_array(format!("in:{}", input.name), &array(tensor)?)?;
    }
    for (name, tensor) in model.graph().output_names().iter().zip(&outputs) {
        npz.add_array(format!("out:{name}"), &array(tensor)?)?;
    }
    npz.finish()?;
    Ok(())
}

fn array(tensor: &Tensor<f32>) -> Result<ArrayD<f32>, Box<dyn Error>> {
    Ok(ArrayD::from_shape_vec(tensor.shape(), tensor.data().to_vec())?)
}
