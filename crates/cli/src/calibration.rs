//! `models/calibration.json`: how a study scaled its methods, for images whose truth nobody knows.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use modelmend_study::Hash;
use modelmend_study::record::{CalibrationResult, write_json};
use modelmend_study::schema::Uncertainty;
use modelmend_uncertainty::{Calibration, Promise};
use serde::{Deserialize, Serialize};

/// Name of the file, beside the models.
pub(crate) const FILE: &str = "calibration.json";
/// Version of the layout.
const SCHEMA: u32 = 1;

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Calibrations {
    schema: u32,
    /// By the name of the method in results.
    pub(crate) methods: BTreeMap<String, Entry>,
}

/// How one method was scaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The method as the study asked for it.
    pub(crate) settings: Uncertainty,
    /// Hashes of the networks that it asks.
    pub(crate) networks: Vec<Hash>,
    #[serde(flatten)]
    pub(crate) found: CalibrationResult,
}

impl Calibrations {
    pub(crate) fn new(methods: BTreeMap<String, Entry>) -> Self {
        Self { schema: SCHEMA, methods }
    }

    /// Writes the file into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        write_json(&path, self).with_context(|| format!("{}: cannot be written", path.display()))
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{shown}: cannot be read"))?;
        let found: Self =
            serde_json::from_str(&text).with_context(|| format!("{shown}: is no calibration of a study"))?;
        ensure!(found.schema == SCHEMA, "{shown}: has layout {}, this version reads {SCHEMA}", found.schema);
        Ok(found)
    }
}

impl Entry {
    /// The calibration, ready to scale maps.
    pub(crate) fn calibration(&self) -> Result<Calibration> {
        let CalibrationResult { promise, units, lambda, floor, .. } = &self.found;
        let units = usize::try_from(*units).unwrap_or(usize::MAX);
        Ok(Calibration::known((*lambda as f32, *floor), (Promise::named(promise), units))?)
    }

    /// What it promises, in words.
    pub(crate) fn words(&self) -> String {
        let CalibrationResult { level, delta, units, .. } = &self.found;
        let level = format!("{} % of the pixels", 100.0 * level);
        match (Promise::named(&self.found.promise), delta) {
            (Promise::Mean, _) => format!("{level} in expectation, fitted on {units} units"),
            (Promise::Confident, Some(delta)) => {
                format!("{level} except for a chance of {delta}, fitted on {units} units")
            }
            _ => format!("{level} on {units} units, too few to promise anything for others"),
        }
    }
}
