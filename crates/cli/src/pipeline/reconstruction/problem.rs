//! What a reconstruction study works on: its data and its network.

use anyhow::{Context as _, Result, bail};
use modelmend_data::Picture;
use modelmend_data::formats::read_pictures;
use modelmend_data::generate::{Denoise, JUMPS_VERSION, Jumps};
use modelmend_data::split::{Part, deal};
use modelmend_net::Model;
use modelmend_net::architecture::{Conv1d, DnCnn, UNet, conv1d, dncnn, unet};
use modelmend_report::input::Plane;
use modelmend_study::Hash;
use modelmend_study::schema::{
    Noise, PartSize, Parts, ReconstructionArchitecture, ReconstructionData, ReconstructionStudy,
    ReconstructionTrain, StudyFile,
};
use modelmend_uncertainty::acquisition::Acquisition as _;
use modelmend_uncertainty::source::{Photographs, Signals, Source};

use modelmend_uncertainty::tomography::Scanner;

use super::super::context::Context;
use super::tomography::{self, Scanned};

/// Data that are read or drawn.
pub(super) enum Material {
    /// Jump signals with noise of several sizes; they are learned at the middle one.
    Signals { source: Box<Signals>, levels: Vec<f64> },
    /// Photographs for each side.
    Pictures { request: Denoise, parts: [Vec<Picture>; 3] },
    /// Slices of patients, back-projected from some angles.
    Slices(Box<Scanned>),
}

/// The dropout rate where a study names none. The paper's .2 and .5 for signals, with dropout switched off where the network is used,
/// leave more error than the measurement itself had.
const DROPOUT: f64 = 0.05;

/// Levels of noise of photographs in tenths of the level that the network was trained for.
const TENTHS: [f64; 5] = [4.0, 7.0, 10.0, 14.0, 20.0];

impl Material {
    /// Reads or draws the data; the same for all runs of a study.
    pub(super) fn read(
        context: &Context<'_>,
        file: &StudyFile,
        study: &ReconstructionStudy,
    ) -> Result<(Self, Hash)> {
        let data = &study.data;
        let described = Hash::of(serde_json::to_string(&(data, study.seed))?.as_bytes());
        if data.generator.is_some() {
            let hash = Hash::of(format!("{described}{JUMPS_VERSION}").as_bytes());
            return Ok((signals(data, study.seed)?, hash));
        }
        if let Some(source) = &data.source {
            let path = file.resolve(source);
            let hash = context.hash(&source.to_string(), &path)?;
            let scanned = tomography::pairs(data, &path, study.seed)
                .with_context(|| file.path.display().to_string())?;
            let hash = Hash::of(format!("{described}{hash}{}", scanned.content).as_bytes());
            return Ok((Self::Slices(Box::new(scanned)), hash));
        }
        let Some(folder) = &data.images else {
            bail!("{}: data: needs one of `generator`, `images` and `source`", file.path.display());
        };
        let path = file.resolve(folder);
        let hash = context.hash(&folder.to_string(), &path)?;
        let pictures = read_pictures(&path, data.grey)?;
        let counts = counts(data.split.as_ref(), "data.split")?;
        let sides = deal(pictures.len(), counts, study.seed)?;
        let parts = sides.map(|side| side.iter().map(|&i| pictures[i].clone()).collect());
        let Some(Noise::Gaussian(noise)) = &data.noise else {
            bail!("{}: data.noise: photographs need `{{gaussian: STANDARD_DEVIATION}}`", file.path.display());
        };
        let patch = data.patch.context("data.patch: photographs need `{size, stride}`")?;
        let request = Denoise {
            patch: patch.size as usize,
            stride: patch.stride as usize,
            sigma: noise.gaussian,
            seed: study.seed,
        };
        Ok((Self::Pictures { request, parts }, Hash::of(format!("{described}{hash}").as_bytes())))
    }

    /// Pairs to train on and to measure with.
    pub(super) fn source(&self) -> Result<Box<dyn Source + '_>> {
        Ok(match self {
            Self::Signals { source, .. } => Box::new(source.as_ref().clone()),
            Self::Pictures { request, parts: [train, validation, test] } => {
                Box::new(Photographs::new(*request, [train, validation, test])?)
            }
            Self::Slices(scanned) => Box::new(scanned.held.clone()),
        })
    }

    /// The same test items at every level of noise, with its standard deviation (of photographs of 255): of signals where the study names several, of photographs
    /// around the level that the network was trained for. The noise of all levels is the same but for its size.
    pub(super) fn levels(&self) -> Result<Vec<(f64, Box<dyn Source + '_>)>> {
        match self {
            Self::Signals { source, levels } if levels.len() > 1 => {
                let at = |&sigma: &f64| (sigma, Box::new(source.with_noise(sigma)) as Box<dyn Source>);
                Ok(levels.iter().map(at).collect())
            }
            Self::Pictures { request, parts: [train, validation, test] } if request.sigma > 0.0 => {
                let at = |tenths: f64| {
                    let sigma = request.sigma * tenths / 10.0;
                    let source = Photographs::new(Denoise { sigma, ..*request }, [train, validation, test])?;
                    Ok((sigma, Box::new(source) as Box<dyn Source + '_>))
                };
                TENTHS.into_iter().map(at).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What the standard deviations of [`Self::levels`] are shares of, in words for an axis.
    pub(super) fn noise_unit(&self) -> &'static str {
        match self {
            Self::Pictures { .. } => ", of 255",
            Self::Signals { .. } | Self::Slices(_) => "",
        }
    }

    /// The patient of each item of a side, where there are patients.
    pub(super) fn groups(&self, part: Part) -> &[String] {
        match self {
            Self::Slices(scanned) => &scanned.patients[part as usize],
            Self::Signals { .. } | Self::Pictures { .. } => &[],
        }
    }

    /// The scanner, where there is one.
    pub(super) fn scanner(&self) -> Option<&Scanner> {
        match self {
            Self::Slices(scanned) => Some(&scanned.scanner),
            Self::Signals { .. } | Self::Pictures { .. } => None,
        }
    }

    /// The sinogram of a test item, where there is one.
    pub(super) fn sinogram(&self, item: usize) -> Result<Option<Plane>> {
        let Self::Slices(scanned) = self else { return Ok(None) };
        let values = scanned.scanner.measure(scanned.held.item(Part::Test, item)?.target.data())?;
        let geometry = scanned.scanner.geometry();
        Ok(Some(Plane { height: geometry.angles().len(), width: geometry.detectors(), values }))
    }

    fn channels(&self) -> usize {
        match self {
            Self::Signals { .. } | Self::Slices(_) => 1,
            Self::Pictures { parts, .. } => parts.iter().flatten().next().map_or(1, Picture::channels),
        }
    }

    /// The network that a study describes, with initial weights.
    pub(super) fn network(&self, train: &ReconstructionTrain, seed: u64) -> Result<Model> {
        let seed = train.init_seed.unwrap_or(seed);
        let rate = train.dropout.unwrap_or(DROPOUT) as f32;
        let width = train.channels.map(|channels| channels as usize);
        let for_signals = train.architecture == ReconstructionArchitecture::Conv1d;
        if for_signals != matches!(self, Self::Signals { .. }) {
            bail!("train.architecture: conv1d is for signals, dncnn and unet are for images");
        }
        Ok(match train.architecture {
            ReconstructionArchitecture::Conv1d => {
                let usual = Conv1d::default();
                conv1d(&Conv1d { base: width.unwrap_or(usual.base), dropout: Some(rate), seed })?
            }
            ReconstructionArchitecture::Dncnn => {
                let usual = DnCnn::default();
                let depth = train.depth.map_or(usual.depth, |depth| depth as usize);
                let width = width.unwrap_or(usual.width);
                dncnn(&DnCnn { channels: self.channels(), width, depth, dropout: rate, seed, ..usual })?
            }
            ReconstructionArchitecture::Unet => {
                let usual = UNet::default();
                let depth = train.depth.map_or(usual.depth, |depth| depth as usize);
                let base = width.unwrap_or(usual.base);
                self.divides(depth)?;
                unet(&UNet { base, depth, dropout: rate, seed })?
            }
        })
    }

    /// Refuses a U-Net that halves the slices of a study more often than they can be.
    fn divides(&self, levels: usize) -> Result<()> {
        let Self::Slices(scanned) = self else { return Ok(()) };
        let side = scanned.held.shape().last().copied().unwrap_or(0);
        let halved = levels.saturating_sub(1) as u32;
        if side.trailing_zeros() >= halved {
            return Ok(());
        }
        bail!(
            "train.depth: a U-Net of {levels} levels halves {side} pixels {halved} times, which {side} does not allow"
        );
    }
}

fn signals(data: &ReconstructionData, seed: u64) -> Result<Material> {
    let counts = counts(data.samples.as_ref(), "data.samples")?;
    let levels = match &data.noise {
        Some(Noise::Levels(levels)) => levels.clone(),
        Some(Noise::Gaussian(noise)) => vec![noise.gaussian / 255.0],
        None => vec![0.0],
    };
    let middle = levels.get(levels.len() / 2).copied().context("data.noise: names no level")?;
    let usual = Jumps::default();
    let length = data.length.map_or(usual.length, |length| length as usize);
    let source = Signals::new(Jumps { length, seed, ..usual }, counts, middle)?;
    Ok(Material::Signals { source: Box::new(source), levels })
}

fn counts(parts: Option<&Parts>, key: &str) -> Result<[usize; 3]> {
    let parts = parts.with_context(|| format!("{key}: is missing"))?;
    let count = |size: &PartSize| match size {
        PartSize::Count(count) => Ok(*count as usize),
        PartSize::Fraction(_) => {
            bail!("{key}: must be counts here, such as `{{train: 11, validation: 2, test: 3}}`")
        }
    };
    Ok([count(&parts.train)?, count(&parts.validation)?, count(&parts.test)?])
}
