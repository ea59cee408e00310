//! Methods by their names, and which networks they fit.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use modelmend_net::architecture::with_dropout;
use modelmend_net::{Model, Runtime, Settings as Execution};
use modelmend_study::Hash;
use modelmend_study::schema::Uncertainty as Study;
use modelmend_uncertainty::Calibration;
use modelmend_uncertainty::method::{
    Augmented, Ensemble, InputGradient, IntervalMaps, LearnedError, McDropout, Method, PredictedVariance,
};

use super::inputs::Image;
use super::networks::{Network, Networks};
use crate::calibration::{Calibrations, Entry};
use crate::output::line;

/// A method by its name in studies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Name {
    Inn,
    McDropout,
    ProbOut,
    Ensemble,
    Error,
    Tta,
    Gradient,
}

impl Name {
    pub(in crate::commands) const ALL: [Self; 7] =
        [Self::Inn, Self::McDropout, Self::ProbOut, Self::Ensemble, Self::Error, Self::Tta, Self::Gradient];

    pub(in crate::commands) fn as_str(self) -> &'static str {
        match self {
            Self::Inn => "inn",
            Self::McDropout => "mcdropout",
            Self::ProbOut => "probout",
            Self::Ensemble => "ensemble",
            Self::Error => "error",
            Self::Tta => "tta",
            Self::Gradient => "gradient",
        }
    }

    /// Whether a method asks networks that a study made.
    fn takes_files(self) -> bool {
        matches!(self, Self::Inn | Self::ProbOut | Self::Ensemble | Self::Error)
    }
}

/// A method that a user names, with the files that he gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Wanted {
    pub(in crate::commands) name: Name,
    pub(in crate::commands) files: Vec<PathBuf>,
}

/// The methods that a user names: `NAME` or `NAME=FILE`, an ensemble with as many files as he likes.
pub(in crate::commands) fn parse(names: &[String]) -> Result<Vec<Wanted>> {
    let mut found: Vec<Wanted> = Vec::new();
    for text in names.iter().map(|name| name.trim()) {
        let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let known = Name::ALL.into_iter().find(|known| known.as_str() == name);
        let name = known.with_context(|| {
            format!(
                "--method {name}: the methods are inn, mcdropout, probout, ensemble, error, tta and gradient"
            )
        })?;
        ensure!(
            file.is_none() || name.takes_files(),
            "--method {text}: {} asks the network itself and takes no file",
            name.as_str()
        );
        let file = file.map(PathBuf::from);
        match found.iter_mut().find(|other| other.name == name) {
            None => found.push(Wanted { name, files: file.into_iter().collect() }),
            Some(other) if name == Name::Ensemble => other.files.extend(file),
            Some(other) if file.is_none() || other.files.iter().any(|known| Some(known) == file.as_ref()) => {
            }
            Some(_) => bail!("--method {}: is asked with two files", name.as_str()),
        }
    }
    Ok(found)
}

/// What the command line says about methods.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::commands) struct Settings {
    /// Passes of mcdropout; by default those of the calibration, or 16.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(in crate::commands) passes: Option<u32>,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 0)]
    pub(in crate::commands) seed: u64,
}

/// Passes of Monte Carlo dropout where nobody names them.
const PASSES: u32 = 16;

/// A method that is ready, with how the network's own output is found.
pub(in crate::commands) struct Ready {
    pub(in crate::commands) name: &'static str,
    pub(in crate::commands) method: Box<dyn Method>,
    /// The network with dropout off, for methods whose maps are about something else than its output.
    pub(in crate::commands) plain: Option<Model>,
    /// How a study scaled it.
    pub(in crate::commands) calibration: Option<Calibration>,
}

/// A calibration with the file that it comes from; one that the user names has to fit.
pub(in crate::commands) struct Scales {
    pub(in crate::commands) path: PathBuf,
    pub(in crate::commands) file: Calibrations,
    pub(in crate::commands) named: bool,
}

/// The methods that are asked, or those that fit where none is.
pub(in crate::commands) fn choose(
    networks: &Networks,
    asked: &[Wanted],
    scales: Option<&Scales>,
    (images, settings): (&[Image], Settings),
) -> Result<Vec<Ready>> {
    let of_study = if asked.is_empty() { networks.methods()? } else { None };
    let alone = |name: Name| Wanted { name, files: Vec::new() };
    let wanted = match of_study {
        Some(names) => names.into_iter().map(alone).collect(),
        None if asked.is_empty() => vec![alone(kind(&networks.base, images)?)],
        None => asked.to_vec(),
    };
    let one = |wanted: &Wanted| {
        let others = networks.of(wanted)?;
        let entry = scales.and_then(|scales| Some((scales, scales.file.methods.get(wanted.name.as_str())?)));
        let hashes = hashes(wanted.name, (&networks.base, &others));
        let same = entry.map(|(_, entry)| entry).filter(|entry| entry.networks == hashes);
        let dropout = Dropout::new(settings, same);
        let method = method(wanted.name, (&networks.base, &others), images, dropout)?;
        let calibration = entry.map(|(scales, entry)| fitting(wanted.name, (scales, entry), (same, dropout)));
        let calibration = calibration.transpose()?.flatten();
        let plain = wanted.name == Name::McDropout;
        let plain = plain.then(|| with_dropout(&networks.base.1, false)).transpose()?;
        Ok(Ready { name: wanted.name.as_str(), method, plain, calibration })
    };
    wanted.iter().map(one).collect()
}

/// The method that fits a network, without more than the network.
pub(in crate::commands) fn single(
    network: Network,
    images: &[Image],
    settings: Settings,
) -> Result<Vec<Ready>> {
    choose(&Networks::alone(network), &[], None, (images, settings))
}

/// How Monte Carlo dropout is asked.
#[derive(Clone, Copy)]
struct Dropout {
    passes: u32,
    ratio: Option<f64>,
    seed: u64,
}

impl Dropout {
    /// As the user says, else as the study did about the same network.
    fn new(Settings { passes, seed }: Settings, same: Option<&Entry>) -> Self {
        let of_study = same.and_then(|entry| match entry.settings {
            Study::McDropout { passes, ratio } => Some((passes, ratio)),
            _ => None,
        });
        let passes = passes.or(of_study.map(|(passes, _)| passes)).unwrap_or(PASSES);
        Self { passes, ratio: of_study.and_then(|(_, ratio)| ratio), seed }
    }
}

/// The calibration of a method, if it was made for these networks and passes.
fn fitting(
    name: Name,
    (scales, entry): (&Scales, &Entry),
    (same, dropout): (Option<&Entry>, Dropout),
) -> Result<Option<Calibration>> {
    let (name, path) = (name.as_str(), scales.path.display());
    let other = match entry.settings {
        _ if same.is_none() => "networks",
        Study::McDropout { passes, .. } if dropout.passes != passes => "passes",
        _ => {
            line(&format!("{name}: calibrated by {path}: {}", entry.words()));
            return Ok(Some(entry.calibration().with_context(|| format!("{path}: {name}"))?));
        }
    };
    ensure!(!scales.named, "{path}: {name} was calibrated with other {other}; leave --calibration out");
    line(&format!("{name}: not calibrated: {path} is about other {other}"));
    Ok(None)
}

/// The method that a model is made for; of a plain network the one that asks it as it is.
fn kind((path, model): &Network, images: &[Image]) -> Result<Name> {
    if let [y, lo, hi] = model.graph().output_names().as_slice()
        && *lo == format!("{y}/lo")
        && *hi == format!("{y}/hi")
    {
        return Ok(Name::Inn);
    }
    let image = images.first().context("there are no images")?;
    let quiet = with_dropout(model, false)?;
    let runtime = Runtime::<f32>::new(quiet.graph().clone());
    let input = std::slice::from_ref(&image.tensor);
    let outputs = runtime
        .forward(quiet.parameters(), input, Execution::default())
        .with_context(|| format!("{}: image {}", path.display(), image.name))?;
    let shape = outputs.first().map(|output| output.shape().to_vec()).unwrap_or_default();
    ensure!(
        shape.len() > 2,
        "{}: its output has shape {shape:?}, this command asks networks whose output is an image or signal",
        path.display()
    );
    let channels = |shape: &[usize]| shape.get(1).copied().unwrap_or(0);
    let twice = channels(&shape) == 2 * channels(image.tensor.shape());
    Ok(if twice { Name::ProbOut } else { Name::McDropout })
}

/// Hashes of the networks that a method asks, as a study writes them down.
fn hashes(name: Name, (base, others): (&Network, &[Network])) -> Vec<Hash> {
    let alone = matches!(name, Name::Inn | Name::ProbOut) && !others.is_empty();
    let asked = (!alone).then_some(base).into_iter().chain(others);
    asked.map(|(_, model)| Hash::of(&model.to_bytes())).collect()
}

/// A method with the networks that it asks.
fn method(
    name: Name,
    (base, others): (&Network, &[Network]),
    images: &[Image],
    Dropout { passes, ratio, seed }: Dropout,
) -> Result<Box<dyn Method>> {
    let quiet = |model: &Model| with_dropout(model, false);
    let own = others.first().unwrap_or(base);
    Ok(match name {
        Name::Inn => Box::new(IntervalMaps::new(made_for(own, name, images)?.1.clone())),
        Name::ProbOut => Box::new(PredictedVariance::new(quiet(made_for(own, name, images)?.1)?)),
        Name::McDropout => {
            let (path, model) = made_for(base, name, images)?;
            let dropout = McDropout::new(model, passes as usize, ratio, seed);
            Box::new(dropout.with_context(|| format!("{}: mcdropout", path.display()))?)
        }
        Name::Tta => Box::new(Augmented::new(&quiet(&base.1)?)),
        Name::Gradient => Box::new(InputGradient::new(&quiet(&base.1)?)),
        Name::Ensemble => {
            let rule = "--method ensemble: needs other networks, `ensemble=FILE` for each, or the folder of a study that trained some";
            ensure!(!others.is_empty(), "{rule}");
            let members = std::iter::once(base).chain(others).map(|(_, model)| quiet(model));
            Box::new(Ensemble::new(members.collect::<Result<_, _>>()?)?)
        }
        Name::Error => {
            let rule =
                "--method error: needs the network that a study with `method: error` wrote, `error=FILE`";
            let (_, model) = others.first().context(rule)?;
            Box::new(LearnedError::new(&quiet(&base.1)?, quiet(model)?))
        }
    })
}

/// Refuses a network that a method was not made for.
fn made_for<'a>(network: &'a Network, name: Name, images: &[Image]) -> Result<(&'a Path, &'a Model)> {
    let (path, model) = network;
    let shown = path.display();
    let kind = kind(network, images)?;
    match name {
        _ if kind == name => Ok((path, model)),
        Name::Inn => bail!(
            "{shown}: is no interval network (outputs <y>, <y>/lo, <y>/hi); a study with `method: inn` writes one as models/inn.onnx: --method inn=FILE"
        ),
        Name::ProbOut => bail!(
            "{shown}: predicts no variance (twice the channels of its input); a study with `method: probout` writes such a network as models/probout.onnx: --method probout=FILE"
        ),
        _ => bail!(
            "{shown}: is made for {}; {} asks the network that it was made from, with its Dropout nodes",
            kind.as_str(),
            name.as_str()
        ),
    }
}
