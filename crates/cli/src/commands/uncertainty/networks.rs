//! The networks that methods ask: the user's, files that a study made of it, or the folder of a study.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use modelmend_net::Model;

use super::methods::{Name, Wanted};
use crate::calibration;

/// A network with the file that it comes from.
pub(in crate::commands) type Network = (PathBuf, Model);

/// Where networks are found.
pub(in crate::commands) struct Networks {
    /// The network whose outputs are asked about.
    pub(in crate::commands) base: Network,
    /// The folder with the models of a study.
    folder: Option<PathBuf>,
}

impl Networks {
    /// `model` is a file, or the output folder of a study that trained its network; `study` is the output folder of a study about that file.
    pub(in crate::commands) fn find(model: &Path, study: Option<&Path>) -> Result<Self> {
        let folder = (model.is_dir().then_some(model)).or(study).map(models).transpose()?;
        let path = match &folder {
            Some(folder) if model.is_dir() => folder.join("trained.onnx"),
            _ => model.to_owned(),
        };
        ensure!(
            path.exists() || !model.is_dir(),
            "{}: has no trained.onnx: name the study's network as MODEL, and this folder with --study",
            path.parent().unwrap_or(model).display()
        );
        let read = Model::read(&path)?;
        Ok(Self { base: (path, read), folder })
    }

    /// A network and nothing beside it.
    pub(in crate::commands) fn alone(base: Network) -> Self {
        Self { base, folder: None }
    }

    /// The calibration beside the models.
    pub(in crate::commands) fn calibration(&self) -> Option<PathBuf> {
        let beside = self.base.0.parent().map(Path::to_owned);
        let path = self.folder.clone().or(beside)?.join(calibration::FILE);
        path.is_file().then_some(path)
    }

    /// The methods for which the folder of a study has networks, and Monte Carlo dropout; `None` without such a folder.
    pub(in crate::commands) fn methods(&self) -> Result<Option<Vec<Name>>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let has = |name: Name| match name {
            Name::Inn | Name::ProbOut | Name::Error => folder.join(file_name(name)).is_file(),
            Name::Ensemble => members(folder).is_ok_and(|files| !files.is_empty()),
            Name::McDropout => true,
            Name::Tta | Name::Gradient => false,
        };
        Ok(Some(Name::ALL.into_iter().filter(|name| has(*name)).collect()))
    }

    /// The networks that a method asks beside the user's: the files that were named for it, or what the study's folder has.
    pub(in crate::commands) fn of(&self, Wanted { name, files }: &Wanted) -> Result<Vec<Network>> {
        let found = match (&self.folder, name) {
            _ if !files.is_empty() => files.clone(),
            (Some(folder), Name::Ensemble) => members(folder)?,
            (Some(folder), Name::Inn | Name::ProbOut | Name::Error) => {
                Some(folder.join(file_name(*name))).filter(|path| path.is_file()).into_iter().collect()
            }
            _ => Vec::new(),
        };
        found.into_iter().map(|path| Ok((path.clone(), Model::read(&path)?))).collect()
    }
}

fn file_name(name: Name) -> String {
    format!("{}.onnx", name.as_str())
}

/// The folder with the models of a study.
fn models(study: &Path) -> Result<PathBuf> {
    let inside = study.join("models");
    if inside.is_dir() {
        return Ok(inside);
    }
    let itself = std::fs::read_dir(study)
        .with_context(|| format!("{}: cannot be read", study.display()))?
        .filter_map(Result::ok)
        .any(|entry| entry.path().extension().is_some_and(|end| end == "onnx"));
    if !itself {
        bail!("{}: is no output folder of a study: it has no folder `models`", study.display());
    }
    Ok(study.to_owned())
}

/// The further members of an ensemble, in the order of their numbers.
fn members(folder: &Path) -> Result<Vec<PathBuf>> {
    let number = |path: &Path| {
        let stem = path.file_stem()?.to_str()?.strip_prefix("ensemble-")?;
        (path.extension()? == "onnx").then(|| stem.parse::<u32>().ok())?
    };
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<(u32, PathBuf)> = paths.filter_map(|path| Some((number(&path)?, path))).collect();
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
