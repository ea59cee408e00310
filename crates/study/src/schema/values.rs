//! Values that a study file may write in more than one way.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A path as the study file writes it, relative to the study file.
///
/// Only [`super::StudyFile::resolve`] turns it into a path that can be opened, so that none is ever opened
/// relative to the working directory by mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct InputPath(PathBuf);

impl InputPath {
    /// A path as a study file would write it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path as written, for messages and records.
    pub fn as_written(&self) -> &Path {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.as_os_str().is_empty()
    }
}

impl fmt::Display for InputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// A share of a whole, in `0..=1`.
pub type Fraction = f64;

/// The word `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// `auto`
    Auto,
}

/// A value, or `auto` to let the product choose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[serde(expecting = "expected a number or `auto`")]
pub enum AutoOr<T> {
    /// Chosen by the product.
    Auto(Auto),
    /// As given.
    Value(T),
}

impl<T> AutoOr<T> {
    /// `auto`
    pub const AUTO: Self = Self::Auto(Auto::Auto);

    /// The value that was given, if one was.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Auto(_) => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// One value or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[serde(expecting = "expected one name or a list of names")]
pub enum OneOrMany<T> {
    /// A single value.
    One(T),
    /// A list of values.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All values, in the order of the file.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// A number of subtypes, or a range to choose it from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[serde(expecting = "expected a number of subtypes or a range `[smallest, largest]`")]
pub enum ClusterCount {
    /// Exactly this many.
    Exactly(u32),
    /// From the first to the second, both included.
    Range(u32, u32),
}

impl ClusterCount {
    /// Smallest and largest number to try, both included.
    pub fn bounds(self) -> (u32, u32) {
        match self {
            Self::Exactly(k) => (k, k),
            Self::Range(smallest, largest) => (smallest, largest),
        }
    }
}

/// The size of one part of a split: a whole number counts cases, a fraction below 1 is a share of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[serde(expecting = "expected a whole number of cases or a fraction between 0 and 1")]
pub enum PartSize {
    /// This many cases (or groups, where the split is by group).
    Count(u64),
    /// This share of the cases.
    Fraction(f64),
}

impl fmt::Display for PartSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Fraction(fraction) => fraction.fmt(f),
        }
    }
}
