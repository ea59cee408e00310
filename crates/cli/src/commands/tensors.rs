//! Arrays of files as inputs of a model, and back.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use modelmend_data::formats::{Array, Batch, Values, write_npz};
use modelmend_net::graph::{Dim, GraphInput};
use modelmend_net::{Model, Tensor};

/// A model and the arrays for it.
pub(super) struct Fed {
    pub(super) model: Model,
    pub(super) batch: Batch,
    pub(super) inputs: Vec<Tensor<f32>>,
}

/// Names under which label arrays stand beside images.
const LABEL_NAMES: [&str; 3] = ["y", "label", "labels"];

/// Reads model and arrays; every graph input must be among the arrays, in the shape that the model takes. `more` names
/// arrays that the command reads besides.
pub(super) fn feed(model: &Path, input: &Path, more: &[&str]) -> Result<Fed> {
    let model = Model::read(model)?;
    let declared = model.graph().inputs();
    let single = match declared {
        [one] => one.name.as_str(),
        _ => "input",
    };
    let names: Vec<&str> = declared.iter().map(|i| i.name.as_str()).chain(more.iter().copied()).collect();
    let batch = Batch::read(input, single, &names, &LABEL_NAMES)?;
    let inputs = declared.iter().map(|i| tensor(&batch, i)).collect::<Result<_>>()?;
    Ok(Fed { model, batch, inputs })
}

fn tensor(batch: &Batch, input: &GraphInput) -> Result<Tensor<f32>> {
    let case: Vec<Option<usize>> =
        input.dims.iter().skip(1).map(|d| if let Dim::Fixed(n) = d { Some(*n) } else { None }).collect();
    let array = batch.require(&input.name, &case)?.clone();
    float(&input.name, array)
}

/// An array as a floating-point tensor.
pub(super) fn float(name: &str, array: Array) -> Result<Tensor<f32>> {
    let shape = array.shape().to_vec();
    let data = array.into_f32().with_context(|| format!("array `{name}` holds text, not numbers"))?;
    Tensor::new(shape, data).with_context(|| format!("array `{name}` has an impossible shape"))
}

/// A tensor as an array.
pub(super) fn array(tensor: Tensor<f32>) -> Result<Array> {
    Ok(Array::new(tensor.shape().to_vec(), Values::F32(tensor.into_data()))?)
}

/// Checks label arrays that stand beside the inputs: a file whose labels are impossible for the model is a mistake,
/// whether or not this command reads them.
pub(super) fn check_labels(batch: &Batch, classes: usize) -> Result<()> {
    for name in LABEL_NAMES {
        let is_labels = |a: &Array| {
            a.shape().len() == 1 && matches!(a.values(), Values::I64(_) | Values::I32(_) | Values::U8(_))
        };
        if classes > 1 && batch.arrays().get(name).is_some_and(is_labels) {
            batch.labels(name, classes)?;
        }
    }
    Ok(())
}

/// Where results go: as asked, or beside the input with `suffix` before the extension.
pub(super) fn output_path(asked: Option<PathBuf>, input: &Path, suffix: &str) -> Result<PathBuf> {
    let path = asked.unwrap_or_else(|| {
        let stem = input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        input.with_file_name(format!("{stem}.{suffix}.npz"))
    });
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            bail!("{}: the folder {} does not exist; create it first", path.display(), folder.display())
        }
        _ => Ok(path),
    }
}

/// Writes named tensors and says so.
pub(super) fn write(path: &Path, tensors: Vec<(String, Tensor<f32>)>) -> Result<()> {
    let lines: Vec<String> = tensors.iter().map(|(name, t)| format!("{name} {:?}", t.shape())).collect();
    let arrays: Vec<(String, Array)> =
        tensors.into_iter().map(|(name, t)| Ok((name, array(t)?))).collect::<Result<_>>()?;
    write_npz(path, arrays)?;
    lines.iter().for_each(|l| crate::output::line(l));
    crate::output::line(&format!("written to {}", path.display()));
    Ok(())
}
