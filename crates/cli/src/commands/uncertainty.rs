pub(super) mod inputs;
pub(super) mod maps;
pub(super) mod methods;
mod networks;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use self::maps::Measured;
use self::methods::Scales;
use self::networks::Networks;
use crate::calibration::Calibrations;
use crate::output::line;

/// Arguments of `modelmend uncertainty`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend uncertainty out/models/inn.onnx photographs/
  modelmend uncertainty out/models/probout.onnx scans.npy --out maps
  modelmend uncertainty network.onnx photographs/ --method mcdropout --passes 32 --seed 1
  modelmend uncertainty network.onnx photographs/ --method inn=inn.onnx,mcdropout,tta,gradient
  modelmend uncertainty network.onnx scans.npy --method ensemble=b.onnx,ensemble=c.onnx
  modelmend uncertainty out/denoise photographs/

MODEL is a network, or the output folder of a study that trained one: then every method
is asked that the study made a network for, and Monte Carlo dropout. Methods, NAME or
NAME=FILE; where none is named, the one that fits the model:
  inn        an interval network (outputs <y>, <y>/lo, <y>/hi), as a study writes it;
             u is the width of the interval
  mcdropout  any other network; u is the standard deviation over passes with
             dropout on, which a network without dropout gets after its activations
  probout    a network that predicts mean and logarithm of a variance (twice the
             channels of its input); u is the standard deviation
  ensemble   the model and others of its kind, a file each; u is the standard
             deviation over them
  error      the network that a study trained to predict the error; u is that error
  tta        any model; u is the standard deviation over mirrored (and turned) views
  gradient   any model whose output has the shape of its input; u is the magnitude of
             the gradient of the summed output by the input

Image files are given to the model with values 0 to 1, grey where it has one input
channel; arrays are given as they are. Each image leaves <name>.output.npy (the
network's own output, dropout off), <name>.<method>.u.npy, and <name>.<method>.u.png:
from black (0) to the brightest colour, on one scale for all images, which is printed;
a method with bounds also .lo.npy and .hi.npy. u tells where the network is unsure, not
how wrong it is: a study (task: reconstruction) measures that and calibrates it. Its
models/calibration.json, beside the model or named, gives .calibrated.lo.npy and
.calibrated.hi.npy, intervals with the study's promise for images such as its own.")]
pub(crate) struct Uncertainty {
    /// The model, an ONNX file, or the output folder of a study.
    model: PathBuf,
    /// Inputs: .npy or .npz of shape (N, C, ...), or a folder of PNG, JPEG, BMP or TIFF files.
    input: PathBuf,
    /// Methods, separated by commas: NAME or NAME=FILE.
    #[arg(long, value_delimiter = ',')]
    method: Vec<String>,
    /// The output folder of a study about this model, where its networks and its calibration are.
    #[arg(long)]
    study: Option<PathBuf>,
    /// The calibration.json of a study; by default the one beside the model, where it fits.
    #[arg(long)]
    calibration: Option<PathBuf>,
    /// Folder for the maps; by default <input>.uncertainty.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: methods::Settings,
}

/// Most lines of the table of a method.
const LINES: usize = 50;

impl Uncertainty {
    pub(crate) fn run(self) -> Result<u8> {
        let asked = methods::parse(&self.method)?;
        let out = output_folder((self.out, "uncertainty"), &self.input)?;
        let networks = Networks::find(&self.model, self.study.as_deref())?;
        let (path, model) = &networks.base;
        let images = inputs::read((path, model), &self.input)?;
        let named = self.calibration.is_some();
        let scales = match self.calibration.or_else(|| networks.calibration()) {
            Some(path) => Some(Scales { file: Calibrations::read(&path)?, path, named }),
            None => None,
        };
        let methods = methods::choose(&networks, &asked, scales.as_ref(), (&images, self.settings))?;
        let measured = maps::measure(&methods, &images)?;
        maps::write(&out, &images, &measured)?;
        measured.iter().for_each(|measured| print(measured, &images));
        line(&format!("written to {}", out.display()));
        Ok(0)
    }
}

/// Where results go: as asked, or beside the input; never among the images.
pub(super) fn output_folder((asked, ending): (Option<PathBuf>, &str), input: &Path) -> Result<PathBuf> {
    let beside = || {
        let stem = if input.is_dir() { input.file_name() } else { input.file_stem() };
        let stem = stem.map_or_else(|| "input".to_owned(), |stem| stem.to_string_lossy().into_owned());
        input.with_file_name(format!("{stem}.{ending}"))
    };
    let out = asked.unwrap_or_else(beside);
    if out.exists() && !out.is_dir() {
        bail!("{}: is a file; name a folder with --out", out.display());
    }
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if input.is_dir() && same(&out, input) {
        bail!(
            "{}: the maps would be read as images next time; name another folder with --out",
            out.display()
        );
    }
    Ok(out)
}

/// The images of a method, the most uncertain first.
fn print(measured: &Measured, images: &[inputs::Image]) {
    let name = &measured.method;
    line(&format!("{name}: colours of the PNG files from 0 to {:.4} (or more)", measured.scale));
    line(&format!("{:32} {:>10} {:>10}", "image", "mean u", "p95 u"));
    let mut order: Vec<_> = images.iter().zip(&measured.maps).collect();
    order.sort_by(|a, b| b.1.mean.total_cmp(&a.1.mean));
    for (image, map) in order.iter().take(LINES) {
        line(&format!("{:32} {:>10.4} {:>10.4}", image.name, map.mean, map.p95));
    }
    if order.len() > LINES {
        line(&format!("and {} more", order.len() - LINES));
    }
}
