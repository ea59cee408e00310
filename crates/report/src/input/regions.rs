//! What a failing case of a reconstruction network is.

use serde::{Deserialize, Serialize};

/// The regions of a reconstruction study that the failing cases are among.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionFacts {
    /// Number of items that were cut into regions.
    pub items: u64,
    /// Number of regions.
    pub regions: u64,
    /// Edge of a region, in pixels or samples.
    pub edge: u64,
    /// Whether the items are signals.
    pub signals: bool,
    /// Largest root mean squared error of a region that is right.
    pub threshold: f64,
}
