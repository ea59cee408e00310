//! How well a map of uncertainty says where a reconstruction is wrong (Oala et al., arXiv 2003.11566 and doi
//! 10.1007/s11548-021-02482-2).
//!
//! [`ImageRecord::of`] measures one image, [`summarize`] joins the images of one or several runs. An image is a slice of
//! pixels in any order: nothing here knows about neighbours.

mod alarm;
mod density;
mod direction;
mod image;
mod interval;
mod placement;
mod ranking;
mod sparsification;
mod summary;

pub use alarm::{Alarm, alarm, peak};
pub use density::{Cell, Density, Level, Quantile};
pub use direction::{DIRECTION_RATIOS, Direction};
pub use image::{ImageRecord, MEASURES, Maps, Measure};
pub use interval::IntervalRecord;
pub use placement::{PLACEMENT_BINS, Placement};
pub use ranking::{ImageRisk, MaskRanking, RiskArea, SelectiveRisk, rank_against_mask, selective_risk};
pub use sparsification::{SPARSIFICATION_STEPS, Sparsification, sparsification};
pub use summary::{DirectionEstimate, Estimate, RunSpread, Summary, estimate, estimate_of_set, summarize};
