//! Does u rank what is wrong first: pixels of an image against a mask, images of a set against their errors.

use super::image::ImageRecord;
use crate::error::{LearnError, check_finite_values};
use crate::metrics::{augrc_of_losses, aurc_of_losses, auroc, average_precision};

/// How well u marks the pixels of a mask, such as those an artefact changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskRanking {
    /// Chance that a marked pixel has a higher u than another, ties counting 1/2.
    pub auroc: f64,
    /// Average precision; a u that says nothing has the share of marked pixels.
    pub average_precision: f64,
}

/// Ranks the pixels of an image by u against a mask. `None` if all pixels are marked or none is.
///
/// # Errors
/// [`LearnError::Length`] if mask and u differ in length, [`LearnError::NotFiniteValue`] in u.
pub fn rank_against_mask(mask: &[bool], u: &[f32]) -> Result<Option<MaskRanking>, LearnError> {
    check_finite_values("uncertainty", u)?;
    let u: Vec<f64> = u.iter().map(|&u| f64::from(u)).collect();
    let both = auroc(mask, &u)?.zip(average_precision(mask, &u)?);
    Ok(both.map(|(auroc, average_precision)| MaskRanking { auroc, average_precision }))
}

/// The error of an image that a user would rather not have accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageRisk {
    /// Mean squared error.
    Mse,
    /// Its root, in the unit of the pixels.
    Rmse,
}

impl ImageRisk {
    fn of(self, image: &ImageRecord) -> f64 {
        match self {
            ImageRisk::Mse => image.mse,
            ImageRisk::Rmse => image.mse.sqrt(),
        }
    }
}

/// What is gained by rejecting the images of the highest mean u. All in the unit of the risk, lower is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelectiveRisk {
    /// Area under the risk-coverage curve: [`aurc_of_losses`].
    pub aurc: f64,
    /// That of an oracle that rejects by the risk itself.
    pub aurc_optimal: f64,
    /// Area under the generalised risk-coverage curve (Traub et al., arXiv 2407.01032): [`augrc_of_losses`].
    pub augrc: f64,
    /// That of the oracle.
    pub augrc_optimal: f64,
}

/// One of the areas of [`SelectiveRisk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiskArea {
    /// [`SelectiveRisk::aurc`].
    Aurc,
    /// [`SelectiveRisk::aurc_optimal`].
    AurcOptimal,
    /// [`SelectiveRisk::augrc`].
    Augrc,
    /// [`SelectiveRisk::augrc_optimal`].
    AugrcOptimal,
}

impl RiskArea {
    /// The area, from loss and mean u of each image. `None` without images.
    ///
    /// # Errors
    /// [`LearnError::Length`] if they differ in length.
    pub fn of(self, loss: &[f64], mean_u: &[f64]) -> Result<Option<f64>, LearnError> {
        let (by, area): (&[f64], fn(&[f64], &[f64]) -> _) = match self {
            Self::Aurc => (mean_u, aurc_of_losses),
            Self::AurcOptimal => (loss, aurc_of_losses),
            Self::Augrc => (mean_u, augrc_of_losses),
            Self::AugrcOptimal => (loss, augrc_of_losses),
        };
        area(loss, &by.iter().map(|value| -value).collect::<Vec<f64>>())
    }
}

/// Selective risk of a set of images, rejected by their mean u. `None` without images.
///
/// # Errors
/// None for records of [`ImageRecord::of`].
pub fn selective_risk(images: &[ImageRecord], risk: ImageRisk) -> Result<Option<SelectiveRisk>, LearnError> {
    let loss: Vec<f64> = images.iter().map(|image| risk.of(image)).collect();
    let mean_u: Vec<f64> = images.iter().map(|image| image.mean_u).collect();
    let [aurc, aurc_optimal, augrc, augrc_optimal] =
        [RiskArea::Aurc, RiskArea::AurcOptimal, RiskArea::Augrc, RiskArea::AugrcOptimal]
            .map(|area| area.of(&loss, &mean_u));
    let (by_u, by_risk) = (aurc?.zip(augrc?), aurc_optimal?.zip(augrc_optimal?));
    Ok(by_u.zip(by_risk).map(|((aurc, augrc), (aurc_optimal, augrc_optimal))| SelectiveRisk {
        aurc,
        aurc_optimal,
        augrc,
        augrc_optimal,
    }))
}
