//! Study files of `task: reconstruction`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{AutoOr, InputPath, PartSize};
use super::{Finetune, Optimizer, Statistics, Subtype, defaults};

/// The value of `task` that selects [`ReconstructionStudy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReconstructionTask {
    /// `task: reconstruction`
    Reconstruction,
}

/// A study of an image-to-image network: where its output cannot be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconstructionStudy {
    /// Name of the study, shown in the report.
    pub name: String,
    /// Every random choice of the study follows from this number.
    #[serde(default)]
    pub seed: u64,
    /// How often everything is repeated, with seeds `seed`, `seed + 1`, ...
    #[serde(default = "defaults::runs")]
    pub runs: u32,
    /// Always `reconstruction`.
    pub task: ReconstructionTask,
    /// The trained network, an ONNX file; either this or `train`.
    pub model: Option<InputPath>,
    /// Trains the network first; either this or `model`.
    pub train: Option<ReconstructionTrain>,
    /// Inputs and targets.
    pub data: ReconstructionData,
    /// Uncertainty methods to compare.
    #[serde(default)]
    pub uncertainty: Vec<Uncertainty>,
    /// Stress tests.
    #[serde(default)]
    pub stress: Vec<Stress>,
    /// Conformal calibration on top of every method.
    pub conformal: Option<Conformal>,
    /// Kinds of failure among the regions with the largest error, in the first of several runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Failures>,
    /// Output folder; by default `out/<name>` beside the study file.
    pub output: Option<InputPath>,
}

/// Failures of a reconstruction network: the regions of validation and test items with the largest error. They are divided
/// and examined as the failures of a classifier are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Failures {
    /// Edge of a region in pixels, of a signal in samples; items are cut into equal regions of about this edge.
    pub edge: u32,
    /// Share of the regions that count as failures, inside `0..1`.
    pub share: f64,
    /// From failures to subtypes; the representation is `gradients`.
    pub subtype: Subtype,
    /// Fine-tuning on each subtype; without it there are subtypes and explanations, and no matrix.
    pub finetune: Option<Finetune>,
    /// Intervals and tests.
    pub statistics: Statistics,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            edge: 32,
            share: 0.2,
            subtype: Subtype::default(),
            finetune: None,
            statistics: Statistics::default(),
        }
    }
}

/// Training of a reconstruction network, for `epochs` or for `steps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconstructionTrain {
    /// The network to build.
    pub architecture: ReconstructionArchitecture,
    /// Channels of the first layer; by default the architecture's own.
    pub channels: Option<u32>,
    /// Levels (U-Net) or convolutions (DnCNN); by default the architecture's own.
    pub depth: Option<u32>,
    /// Dropout rate, in `0..1`; by default the architecture's own.
    pub dropout: Option<f64>,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Images per step.
    #[serde(default = "defaults::train_batch")]
    pub batch_size: u32,
    /// Passes over the training data; either this or `steps`.
    pub epochs: Option<u32>,
    /// Optimiser steps; either this or `epochs`.
    pub steps: Option<u32>,
    /// Seed of the initial weights; by default the study's seed.
    pub init_seed: Option<u64>,
}

/// Reconstruction networks that can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReconstructionArchitecture {
    /// U-Net with nearest upsampling (Oala et al., computed tomography).
    Unet,
    /// DnCNN without batch normalisation (Oala et al., denoising).
    Dncnn,
    /// Eight 1-D convolutions of width 5 (Oala et al., deconvolution).
    Conv1d,
}

/// Inputs and targets: exactly one of `source`, `images` and `generator`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconstructionData {
    /// Axial slices in Hounsfield units, each of a patient: a `.npz` with arrays `hu` (slices, size, size) and `patient`; a DICOM file of
    /// CT or a folder of them at any depth, patients told apart by `PatientID`; a `.nii` or `.nii.gz`, or a folder of them, one patient a file.
    /// Patients of DICOM and NIfTI are named `patient-1`, `patient-2` and so on.
    pub source: Option<InputPath>,
    /// A folder of photographs.
    pub images: Option<InputPath>,
    /// Generated signals.
    pub generator: Option<Generator>,
    /// Edge of the square slices after reduction, in pixels.
    pub size: Option<u32>,
    /// Lower and upper end of the window that is mapped to 0 and 1, in Hounsfield units.
    pub window: Option<[f64; 2]>,
    /// The imaging operator.
    pub physics: Option<Physics>,
    /// Photographs as one channel.
    #[serde(default)]
    pub grey: bool,
    /// Training patches.
    pub patch: Option<Patch>,
    /// Length of generated signals.
    pub length: Option<u32>,
    /// Noise that is added to the input.
    pub noise: Option<Noise>,
    /// Parts of what was read.
    pub split: Option<Parts>,
    /// Parts of what is generated.
    pub samples: Option<Parts>,
}

/// Signal generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// Piecewise constant signals with ramps, smoothed.
    Jumps,
}

/// Forward operator and the reconstruction that feeds the network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Physics {
    /// The operator.
    pub operator: PhysicsOperator,
    /// Projection angles over 180 degrees.
    pub angles: u32,
    /// Missing angles in degrees, half at each end, in `0..180`.
    #[serde(default)]
    pub missing_wedge: f64,
    /// Filter of the back-projection.
    pub filter: BackprojectionFilter,
}

/// Imaging operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PhysicsOperator {
    /// Parallel-beam Radon transform.
    Radon,
}

/// Filters of filtered back-projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackprojectionFilter {
    /// Ram-Lak.
    Ramp,
    /// Shepp-Logan.
    SheppLogan,
    /// Cosine.
    Cosine,
    /// Hamming.
    Hamming,
    /// Hann.
    Hann,
}

/// Square training patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Edge in pixels.
    pub size: u32,
    /// Distance between neighbouring patches in pixels.
    pub stride: u32,
}

/// Noise on the input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[serde(expecting = "expected `{gaussian: STANDARD_DEVIATION}` or a list of noise levels")]
pub enum Noise {
    /// One level for images of 256 grey values.
    Gaussian(GaussianNoise),
    /// Standard deviations relative to the signal's range, one model input per level.
    Levels(Vec<f64>),
}

/// Gaussian noise on images of 256 grey values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// Standard deviation, of 255.
    pub gaussian: f64,
}

/// Train, validation and test part, as counts or as fractions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Training part.
    pub train: PartSize,
    /// Part for every choice.
    pub validation: PartSize,
    /// Part that measures.
    pub test: PartSize,
    /// Group column (`patient`) whose values are never on two sides.
    pub by: Option<String>,
}

/// An uncertainty method with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub enum Uncertainty {
    /// Interval network, post hoc (Oala et al.).
    Inn {
        /// Passes over the training data; either this or `steps`.
        epochs: Option<u32>,
        /// Optimiser steps; either this or `epochs`.
        steps: Option<u32>,
        /// Learning rate of Adam.
        learning_rate: f64,
        /// Weight of the interval width; `auto` is 0.1 * mean |prediction - target| on validation data.
        beta: AutoOr<f64>,
        /// Parametric layers that get intervals: `all`, `last N`, or a list of node names.
        layers: Layers,
    },
    /// Monte Carlo dropout (arXiv 1506.02142).
    McDropout {
        /// Passes with dropout on, at least 2.
        #[serde(default = "defaults::passes")]
        passes: u32,
        /// Ratio of dropout to insert after every activation between two layers, inside `0..1`, by default 0.05; only for a network
        /// that has none.
        ratio: Option<f64>,
    },
    /// Probabilistic output (mean and log variance).
    ProbOut {
        /// Passes over the training data; either this or `steps`.
        epochs: Option<u32>,
        /// Optimiser steps; either this or `epochs`.
        steps: Option<u32>,
        /// Learning rate of Adam; by default that of `train`.
        learning_rate: Option<f64>,
    },
    /// Networks trained from different seeds (arXiv 1612.01474): exactly one of `members` and `models`.
    Ensemble {
        /// Networks in all, at least 2: the study's network and others that are trained as it was.
        members: Option<u32>,
        /// Passes over the training data for each further network; without it and `steps` those of `train`.
        epochs: Option<u32>,
        /// Optimiser steps for each further network.
        steps: Option<u32>,
        /// Trained networks that join the study's, ONNX files.
        #[serde(default)]
        models: Vec<InputPath>,
    },
    /// Test-time augmentation: mirrored and turned views (arXiv 1807.07356).
    Tta {},
    /// Magnitude of the gradient of the summed output by each element of the input (arXiv 1312.6034).
    Gradient {},
    /// A second network that learns the absolute error (the idea of arXiv 1910.04851).
    Error {
        /// Passes over the training data; either this or `steps`.
        epochs: Option<u32>,
        /// Optimiser steps; either this or `epochs`.
        steps: Option<u32>,
        /// Learning rate of Adam; by default that of `train`.
        learning_rate: Option<f64>,
    },
}

/// The part of a graph that gets intervals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[serde(expecting = "expected `all`, `last N`, or a list of node names")]
pub enum Layers {
    /// `all` or `last N`.
    Range(LayerRange),
    /// These nodes.
    Nodes(Vec<String>),
}

/// `all` or `last N`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum LayerRange {
    /// Every parametric layer.
    All,
    /// The last so many parametric layers.
    Last(u32),
}

impl TryFrom<String> for LayerRange {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const RULE: &str = "expected `all` or `last N` with N at least 1";
        if text == "all" {
            return Ok(Self::All);
        }
        let count = text.strip_prefix("last ").and_then(|n| n.trim().parse().ok());
        count.filter(|n| *n > 0).map(Self::Last).ok_or(RULE)
    }
}

impl From<LayerRange> for String {
    fn from(range: LayerRange) -> Self {
        match range {
            LayerRange::All => "all".to_owned(),
            LayerRange::Last(count) => format!("last {count}"),
        }
    }
}

/// A stress test with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "test", rename_all = "lowercase", deny_unknown_fields)]
pub enum Stress {
    /// A perturbation of the input that makes the network draw a shape.
    Adversarial {
        /// The shape.
        shape: AttackShape,
        /// Edge or diameter in pixels.
        size: u32,
        /// Largest change of a pixel of the input; without it unbounded, as in the paper.
        bound_image: Option<f64>,
        /// Root mean square of the change of the input (the L2 bound, whatever the number of pixels); without it unbounded.
        bound_rms: Option<f64>,
        /// Largest change of an entry of the sinogram, as a share of the largest entry of the item's sinogram. With it the sinogram is attacked, and the input
        /// changes as a sinogram can change it; without it the input itself is. Only for `source`.
        bound_sinogram: Option<f64>,
        /// Steps of the optimiser (L-BFGS).
        #[serde(default = "defaults::attack_steps")]
        steps: u32,
    },
    /// A shape that training never saw, pasted into the image.
    Artefact {
        /// The shape.
        shape: ArtefactShape,
        /// Its span in pixels; by default a quarter of the item's shorter side.
        size: Option<u32>,
    },
    /// Inputs at several noise levels.
    Noise {
        /// Standard deviations as shares of the range of what is measured (of a sinogram, signal or photograph).
        levels: Vec<f64>,
    },
    /// Pieces of metal in the body. Only for `source`, as the tests below.
    Metal {
        /// Number of pieces.
        #[serde(default = "defaults::metal_pieces")]
        pieces: u32,
        /// Photons that reach a detector where there is no body.
        #[serde(default = "defaults::photons")]
        photons: f64,
    },
    /// A field of view that ends inside the body.
    Truncation {
        /// Share of the detectors that measure, inside `0..1`; all of them cover the diagonal of a slice.
        share: f64,
    },
    /// A body that turns while it is scanned.
    Motion {
        /// By how many degrees, from the first angle to the last.
        degrees: f64,
    },
    /// A body that lies turned.
    Rotation {
        /// By how many degrees.
        degrees: f64,
    },
}

/// Shapes of the adversarial target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttackShape {
    /// A square.
    Square,
    /// A disc.
    Disc,
}

/// Shapes of the out-of-distribution artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArtefactShape {
    /// A bird.
    Bird,
}

/// Conformal calibration: the mean coverage of new items (of slices: of new patients) is at least the level (conformal risk control, arXiv 2208.02814).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conformal {
    /// Nominal coverage, inside `0..1`.
    #[serde(default = "defaults::conformal_level")]
    pub level: f64,
    /// Chance, inside `0..1`, with which the calibration may fail: with it, the mean coverage is at least the level but for that chance (risk-controlling
    /// prediction sets, arXiv 2202.05265), which needs more validation items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
}
