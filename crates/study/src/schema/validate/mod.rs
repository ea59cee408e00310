//! The door: every rule about values, checked once after parsing.

mod analysis;
mod classification;
mod reconstruction;

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use super::{Optimizer, Study, StudyError};

/// Checks every value and every pair of sections.
pub(super) fn study(file: &Path, study: &Study) -> Result<(), StudyError> {
    let door = Door { file };
    match study {
        Study::Classification(study) => classification::study(&door, study),
        Study::Reconstruction(study) => reconstruction::study(&door, study),
    }
}

type Checked = Result<(), StudyError>;

/// Largest count of epochs, steps, images, channels and the like: beyond it is a slip of the pen.
const LARGEST_COUNT: u32 = 10_000_000;

struct Door<'a> {
    file: &'a Path,
}

impl Door<'_> {
    fn refuse(&self, key: &str, value: impl Display, rule: impl Display) -> StudyError {
        StudyError::Invalid {
            file: self.file.to_owned(),
            key: key.to_owned(),
            value: value.to_string(),
            rule: rule.to_string(),
        }
    }

    fn ensure(&self, holds: bool, key: &str, value: impl Display, rule: impl Display) -> Checked {
        if holds { Ok(()) } else { Err(self.refuse(key, value, rule)) }
    }

    fn within<T: PartialOrd + Display>(&self, key: &str, value: T, range: RangeInclusive<T>) -> Checked {
        let rule = format!("must lie in {}..={}", range.start(), range.end());
        self.ensure(range.contains(&value), key, value, rule)
    }

    /// Strictly between 0 and 1.
    fn inside_unit(&self, key: &str, value: f64) -> Checked {
        self.ensure(value > 0.0 && value < 1.0, key, value, "must lie between 0 and 1, both excluded")
    }

    fn positive(&self, key: &str, value: f64) -> Checked {
        self.ensure(value > 0.0 && value.is_finite(), key, value, "must be above 0")
    }

    fn not_negative(&self, key: &str, value: f64) -> Checked {
        self.ensure(value >= 0.0 && value.is_finite(), key, value, "must be at least 0")
    }

    fn count(&self, key: &str, value: u32) -> Checked {
        self.within(key, value, 1..=LARGEST_COUNT)
    }

    fn counts(&self, values: &[(&str, Option<u32>)]) -> Checked {
        values.iter().try_for_each(|(key, value)| value.map_or(Ok(()), |value| self.count(key, value)))
    }

    /// `None` when the key is absent.
    fn not_empty(&self, key: &str, value: Option<&str>) -> Checked {
        self.ensure(value.is_none_or(|text| !text.trim().is_empty()), key, "\"\"", "must not be empty")
    }

    fn no_repeats<T: PartialEq + Display>(&self, key: &str, values: &[T]) -> Checked {
        let repeated =
            values.iter().enumerate().find(|(i, value)| values.iter().take(*i).any(|v| v == *value));
        repeated
            .map_or(Ok(()), |(i, value)| Err(self.refuse(&format!("{key}[{i}]"), value, "is given twice")))
    }

    /// Exactly one of two keys.
    fn one_of(&self, section: &str, first: (&str, bool), second: (&str, bool)) -> Checked {
        let (given, rule) = match (first.1, second.1) {
            (true, true) => ("both", "give one of the two"),
            (false, false) => ("neither", "one of the two is needed"),
            _ => return Ok(()),
        };
        self.ensure(false, &format!("{section}{} | {}", first.0, second.0), given, rule)
    }

    fn head(&self, name: &str, runs: u32) -> Checked {
        self.not_empty("name", Some(name))?;
        // The name is part of the default output folder.
        let plain = !name.contains(['/', '\\']) && !name.contains(char::is_control) && !name.starts_with('.');
        self.ensure(
            plain,
            "name",
            name,
            "must not start with a dot nor contain slashes or control characters",
        )?;
        self.within("runs", runs, 1..=1000)
    }

    fn optimizer(&self, optimizer: &Optimizer) -> Checked {
        self.positive("train.optimizer.learning_rate", optimizer.learning_rate)?;
        self.not_negative("train.optimizer.weight_decay", optimizer.weight_decay)
    }
}
