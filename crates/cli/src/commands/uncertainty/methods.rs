//! Methods that need no training, and which of them fit a model.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use modelmend_net::architecture::with_dropout;
use modelmend_net::{Model, Runtime, Settings as Execution};
use modelmend_uncertainty::method::{IntervalMaps, McDropout, Method, PredictedVariance};

use super::inputs::Image;

/// A method by its name in studies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Name {
    Inn,
    McDropout,
    ProbOut,
}

const ALL: [Name; 3] = [Name::Inn, Name::McDropout, Name::ProbOut];

impl Name {
    fn as_str(self) -> &'static str {
        match self {
            Self::Inn => "inn",
            Self::McDropout => "mcdropout",
            Self::ProbOut => "probout",
        }
    }
}

/// The methods that a user names.
pub(in crate::commands) fn parse(names: &[String]) -> Result<Vec<Name>> {
    let mut found = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        let known = ALL.iter().find(|known| known.as_str() == name);
        let known = *known.with_context(|| {
            format!("--method {name}: this command knows inn, mcdropout and probout; others are trained in a study")
        })?;
        if !found.contains(&known) {
            found.push(known);
        }
    }
    Ok(found)
}

/// What the command line says about methods.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::commands) struct Settings {
    /// Passes of mcdropout.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(in crate::commands) passes: u32,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 0)]
    pub(in crate::commands) seed: u64,
}

/// A method that is ready, with how the network's own output is found.
pub(in crate::commands) struct Ready {
    pub(in crate::commands) name: &'static str,
    pub(in crate::commands) method: Box<dyn Method>,
    /// The network with dropout off, for methods whose maps are about something else than its output.
    pub(in crate::commands) plain: Option<Model>,
}

/// The methods that are asked, or those that fit where none is.
pub(in crate::commands) fn choose(
    (path, model): (&Path, &Model),
    asked: &[Name],
    images: &[Image],
    settings: Settings,
) -> Result<Vec<Ready>> {
    let kind = kind(path, model, images)?;
    let wanted = if asked.is_empty() { vec![kind] } else { asked.to_vec() };
    wanted.into_iter().map(|name| ready((path, model), name, kind, settings)).collect()
}

/// The method that a model is made for; of a plain network the one that asks it as it is.
fn kind(path: &Path, model: &Model, images: &[Image]) -> Result<Name> {
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

fn ready((path, model): (&Path, &Model), name: Name, kind: Name, settings: Settings) -> Result<Ready> {
    let shown = path.display();
    let method: Box<dyn Method> = match (name, kind) {
        (Name::Inn, Name::Inn) => Box::new(IntervalMaps::new(model.clone())),
        (Name::ProbOut, Name::ProbOut) => Box::new(PredictedVariance::new(with_dropout(model, false)?)),
        (Name::McDropout, Name::McDropout) => {
            let method = McDropout::new(model, settings.passes as usize, None, settings.seed);
            Box::new(method.with_context(|| format!("{shown}: mcdropout"))?)
        }
        (Name::Inn, _) => bail!(
            "{shown}: is no interval network (outputs <y>, <y>/lo, <y>/hi); a study with `method: inn` writes one as models/inn.onnx"
        ),
        (Name::ProbOut, _) => bail!(
            "{shown}: predicts no variance (twice the channels of its input); a study with `method: probout` writes such a network as models/probout.onnx"
        ),
        (Name::McDropout, other) => bail!(
            "{shown}: is made for {}; mcdropout asks the network that it was made from, with its Dropout nodes",
            other.as_str()
        ),
    };
    let plain = if name == Name::McDropout { Some(with_dropout(model, false)?) } else { None };
    Ok(Ready { name: name.as_str(), method, plain })
}
