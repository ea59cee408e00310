//! Failing cases and what is known about each.

use serde::{Deserialize, Serialize};

/// One case on which the network fails.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Case {
    /// Name of the case, as the data gives it.
    pub id: String,
    /// First coordinate of the 2-D embedding; a case without both coordinates is not drawn in it.
    pub x: Option<f64>,
    /// Second coordinate of the 2-D embedding.
    pub y: Option<f64>,
    /// Predicted class, an index into [`ReportInput::classes`](super::ReportInput::classes).
    pub prediction: Option<usize>,
    /// True class, an index into [`ReportInput::classes`](super::ReportInput::classes).
    pub truth: Option<usize>,
    /// Fine label, an index into [`ReportInput::fine_labels`](super::ReportInput::fine_labels).
    pub fine_label: Option<usize>,
    /// Patient, slide or smear.
    pub group: Option<String>,
    /// Side of the split of the failures.
    pub part: Option<Part>,
    /// Probability of the predicted class, in [0, 1].
    pub confidence: Option<f64>,
    /// Loss of the case.
    pub loss: Option<f64>,
    /// A small picture of the case.
    pub thumbnail: Option<Thumbnail>,
}

/// Side of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The side that fine-tuning learns from.
    Train,
    /// The side that chooses the epoch.
    Validation,
    /// The side on which results are measured.
    Test,
}

impl Part {
    /// The three sides, in the order of [`Part::name`].
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Name of the side, as the page shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// An RGB picture, 8 bits per channel, rows from the top, channels last.
///
/// A thumbnail whose buffer does not hold `width * height * 3` bytes is shown as a missing picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub rgb: Vec<u8>,
}

/// A metadata column of the failing cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetadataColumn {
    /// Name of the column, as the data gives it.
    pub name: String,
    /// A value per case.
    pub values: MetadataValues,
}

/// The values of a metadata column, one per case; `None` where the case has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetadataValues {
    /// A column of words.
    Text(Vec<Option<String>>),
    /// A column of numbers.
    Number(Vec<Option<f64>>),
}
