//! A small study of slices, and how a study is run.

use std::path::Path;
use std::process::{Command, Output};

use modelmend_data::formats::{Array, write_npz};
use modelmend_physics::phantom;

/// Runs a study in a folder.
pub(crate) fn run(folder: &Path, study: &str, arguments: &[&str]) -> Output {
    std::fs::write(folder.join("study.yaml"), study).unwrap();
    Command::new(env!("CARGO_BIN_EXE_modelmend"))
        .arg("run")
        .arg(folder.join("study.yaml"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Limited-angle tomography in seconds.
pub(crate) const SLICES: &str = "
name: slices
seed: 4
task: reconstruction
data:
  source: slices.npz
  size: 32
  window: [-1000, 1000]
  split: {train: 0.6, validation: 0.2, test: 0.2, by: patient}
  physics: {operator: radon, angles: 60, missing_wedge: 30, filter: ramp}
train:
  architecture: unet
  channels: 4
  depth: 3
  dropout: 0.1
  optimizer: {name: adam, learning_rate: 3.0e-3}
  batch_size: 4
  epochs: 12
uncertainty:
  - {method: inn, epochs: 4, learning_rate: 1.0e-3, beta: auto, layers: last 5}
  - {method: mcdropout, passes: 4}
  - {method: mcdropout, passes: 8}
  - {method: probout, steps: 20}
conformal: {level: 0.9}
output: out
";

/// Slices of bodies in Hounsfield units, two of each patient.
pub(crate) fn write_slices(path: &Path) {
    let body = |seed| phantom::image(&phantom::random(6, seed), 64);
    let hounsfield = (0..20).flat_map(body).map(|v| (1000.0 * v - 1000.0) as i16).collect::<Vec<i16>>();
    let patients = (0..20).map(|i| i / 2).collect::<Vec<u16>>();
    let arrays = [
        ("hu", Array::new(vec![20, 64, 64], hounsfield.into()).unwrap()),
        ("patient", Array::new(vec![20], patients.into()).unwrap()),
    ];
    write_npz(path, arrays).unwrap();
}
