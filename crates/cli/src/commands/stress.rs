mod items;
mod table;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use modelmend_net::Model;
use modelmend_net::architecture::with_dropout;
use modelmend_uncertainty::UncertaintyError;
use modelmend_uncertainty::method::Maps;
use modelmend_uncertainty::stress::{Clean, score};

use self::items::Images;
use super::uncertainty::maps::{Map, Measured};
use super::uncertainty::{inputs, maps, methods, output_folder};
use crate::output::line;

/// Arguments of `modelmend stress`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend stress network.onnx photographs/ --size 24 --bound 0.03
  modelmend stress out/models/trained.onnx scans.npy --ask out/models/inn.onnx --ask out/models/probout.onnx
  modelmend stress network.onnx photographs/ --test noise --level 0.05

Tests:
  adversarial  the input is changed, within the bound, so that the network draws a dark
               shape that is not there; u should mark what changed in the output
  artefact     a bird as bright as the brightest pixel is pasted into the input; u should
               mark it
  noise        noise of a share of the input's range is added; u should mark what changed
               in the output

The network itself is asked by Monte Carlo dropout (as an interval network by its width); each
--ask names another network that a study made of it. Each image leaves <name>.<test>.npy (the
input in the test), its .change.npy (what u should mark), .mask.npy, .output.npy and the maps
of `modelmend uncertainty`. A study (task: reconstruction, section stress) knows the truth and
how images are measured: its attacks are bounded in the sinogram, too.")]
pub(crate) struct Stress {
    /// The network, an ONNX file whose output has the shape of its input.
    model: PathBuf,
    /// Inputs: .npy or .npz of shape (N, C, ...), or a folder of PNG, JPEG, BMP or TIFF files.
    input: PathBuf,
    /// What is done to them.
    #[arg(long, value_enum, default_value_t = Test::Adversarial)]
    test: Test,
    /// The shape of an attack.
    #[arg(long, value_enum, default_value_t = Shape::Square)]
    shape: Shape,
    /// Edge, diameter or span in pixels; by default a quarter of the shorter side.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    size: Option<u32>,
    /// Largest change of a pixel by an attack; without it unbounded.
    #[arg(long, value_parser = not_negative)]
    bound: Option<f64>,
    /// Root mean square of the change of an image by an attack; without it unbounded.
    #[arg(long, value_parser = not_negative)]
    bound_rms: Option<f64>,
    /// Standard deviation of noise as a share of the input's range.
    #[arg(long, default_value_t = 0.05, value_parser = not_negative)]
    level: f64,
    /// Steps of an attack.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    steps: u32,
    /// Another network to ask: an interval network or one that predicts a variance.
    #[arg(long, value_name = "MODEL.onnx")]
    ask: Vec<PathBuf>,
    /// Folder for what is written; by default <input>.stress.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: methods::Settings,
}

/// What is done to the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Test {
    Adversarial,
    Artefact,
    Noise,
}

impl Test {
    fn name(self) -> &'static str {
        match self {
            Self::Adversarial => "adversarial",
            Self::Artefact => "artefact",
            Self::Noise => "noise",
        }
    }
}

/// The shape that an attack makes a network draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    Square,
    Disc,
}

fn not_negative(text: &str) -> std::result::Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "must be a number of at least 0".to_owned())
}

impl Stress {
    pub(crate) fn run(self) -> Result<u8> {
        let out = output_folder((self.out.clone(), "stress"), &self.input)?;
        let model = Model::read(&self.model)?;
        let images = inputs::read((&self.model, &model), &self.input)?;
        let mut ready =
            named("", methods::single((self.model.clone(), model.clone()), &images, self.settings)?);
        for path in &self.ask {
            let other = Model::read(path)?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            ready.extend(named(&stem, methods::single((path.clone(), other), &images, self.settings)?));
        }
        let mut names = BTreeSet::new();
        if let Some((name, _)) = ready.iter().find(|(name, _)| !names.insert(name)) {
            bail!("--ask: two networks are called `{name}`; rename one of the files");
        }
        let quiet = with_dropout(&model, false)?;
        let source = Images::new(&images);
        let stressed =
            items::make(&quiet, &source, &self).with_context(|| self.model.display().to_string())?;
        let test = self.test.name();
        let shown = items::write(&out, (&images, test), &stressed)?;
        let (mut measured, mut rows) = (Vec::new(), Vec::new());
        for (name, method) in &ready {
            let look = |_: usize, maps: &Maps| {
                maps::map(maps.clone()).map_err(|error| UncertaintyError::Invalid(error.to_string()))
            };
            let method = method.method.as_ref();
            let clean = Clean::ask(method, &source)?;
            let (score, maps): (_, Vec<Map>) = score(method, (&clean, &stressed), look)?;
            measured.push(Measured::new(name.clone(), maps));
            rows.push((name.as_str(), score));
        }
        maps::write(&out, &shown, &measured)?;
        table::print(test, &rows);
        line(&format!("written to {}", out.display()));
        Ok(0)
    }
}

/// Methods under the name of their file, or their own.
fn named(file: &str, ready: Vec<methods::Ready>) -> Vec<(String, methods::Ready)> {
    let name = |ready: &methods::Ready| if file.is_empty() { ready.name.to_owned() } else { file.to_owned() };
    ready.into_iter().map(|ready| (name(&ready), ready)).collect()
}
