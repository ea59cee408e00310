//! Histology-like patches with failures planted as they happen in pathology.

use std::collections::BTreeMap;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::canvas::SIZE;
use super::stain::{Protocol, Stain};
use super::tissue::{LYMPHOCYTES, REACTIVE_GLAND, SIGNET_RING, TISSUES, TUMOUR, WELL_DIFFERENTIATED};
use crate::cases::Cases;
use crate::error::{Error, Result};
use crate::images::{Images, Pixels};
use crate::table::Column;

/// What makes a case of the deployment set hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Planted {
    /// Nothing.
    None,
    /// A tissue that training hardly saw: signet-ring tumour.
    RareTissue,
    /// Benign tissue in the bluish stain of a laboratory that sent only tumours for training.
    StainShortcut,
    /// A reactive gland or a well-differentiated tumour, which look alike.
    AmbiguousPair,
    /// A slide out of focus.
    BlurredScanner,
    /// Lymphocytes inside a coarse outline of tumour, labelled as tumour.
    LabelNoise,
}

impl Planted {
    /// All kinds, [`Planted::None`] first.
    pub const ALL: [Planted; 6] = [
        Planted::None,
        Planted::RareTissue,
        Planted::StainShortcut,
        Planted::AmbiguousPair,
        Planted::BlurredScanner,
        Planted::LabelNoise,
    ];

    /// The word in the column `planted`.
    pub fn name(self) -> &'static str {
        match self {
            Planted::None => "none",
            Planted::RareTissue => "rare-tissue",
            Planted::StainShortcut => "stain-shortcut",
            Planted::AmbiguousPair => "ambiguous-pair",
            Planted::BlurredScanner => "blurred-scanner",
            Planted::LabelNoise => "label-noise",
        }
    }
}

/// How many cases to draw, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histology {
    /// Cases to train on.
    pub train: usize,
    /// Cases to validate on while training; drawn like those to train on.
    pub validation: usize,
    /// Cases met after deployment, with the failures planted.
    pub deployment: usize,
    /// Everything follows from it.
    pub seed: u64,
}

impl Default for Histology {
    fn default() -> Self {
        Histology { train: 3000, validation: 600, deployment: 3000, seed: 42 }
    }
}

/// A drawn data set: 28 x 28 RGB patches with slides as groups.
///
/// Every set has the metadata columns `slide`, `scanner`, `stain`, `tissue` (what was drawn, whatever the label says) and
/// `planted` (the truth: a name of [`Planted`]).
#[derive(Clone, Debug)]
pub struct Generated {
    /// To train on.
    pub train: Cases,
    /// To validate on while training.
    pub validation: Cases,
    /// To find failures in.
    pub deployment: Cases,
    /// Fine labels of class 0 (benign) and class 1 (malignant).
    pub classes: BTreeMap<usize, Vec<i64>>,
    /// Names of the fine labels.
    pub tissues: Vec<&'static str>,
}

/// Cases of a slide.
const CASES_PER_SLIDE: usize = 24;

/// Draws a data set; the same request gives the same bits, on any number of threads.
///
/// # Errors
/// [`Error::Request`] where a set would have no cases.
pub fn histology(request: &Histology) -> Result<Generated> {
    let set = |name: &str, count: usize, recipe: &[Cohort], stream: u64| {
        if count == 0 {
            return Err(Error::Request(format!("the {name} set must have at least one case")));
        }
        draw(name, &plan(name, count, recipe, request.seed, stream), request.seed, stream)
    };
    let side = |malignant: bool| {
        let labels = (0..).zip(TISSUES).filter(|(_, tissue)| tissue.malignant == malignant);
        labels.map(|(label, _)| label).collect()
    };
    Ok(Generated {
        train: set("train", request.train, TRAINING, 0)?,
        validation: set("validation", request.validation, TRAINING, 1)?,
        deployment: set("deployment", request.deployment, DEPLOYMENT, 2)?,
        classes: BTreeMap::from([(0, side(false)), (1, side(true))]),
        tissues: TISSUES.iter().map(|tissue| tissue.name).collect(),
    })
}

/// Slides of one origin.
struct Cohort {
    /// Share of all cases.
    share: f64,
    scanner: &'static str,
    protocol: Protocol,
    /// Standard deviation of the blur in pixels.
    blur: f32,
    /// Fine labels with weights.
    tissues: &'static [(i64, f64)],
    planted: Planted,
}

/// What every laboratory sees.
const COMMON: &[(i64, f64)] =
    &[(0, 1.2), (1, 1.2), (2, 1.2), (3, 1.2), (4, 1.0), (5, 1.6), (6, 1.4), (7, 1.2)];
const COMMON_BENIGN: &[(i64, f64)] = &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0)];
const COMMON_MALIGNANT: &[(i64, f64)] = &[(5, 1.0), (6, 1.0), (7, 1.0)];

/// What the laboratory with the blurred scanner sees: mostly lymph nodes.
const LYMPH_NODE: &[(i64, f64)] = &[(LYMPHOCYTES, 0.8), (0, 0.1), (TUMOUR, 0.1)];

const fn usual(
    share: f64,
    scanner: &'static str,
    tissues: &'static [(i64, f64)],
    planted: Planted,
) -> Cohort {
    Cohort { share, scanner, protocol: Protocol::Usual, blur: 0.0, tissues, planted }
}

const fn bluish(share: f64, tissues: &'static [(i64, f64)], planted: Planted) -> Cohort {
    Cohort { share, scanner: "B", protocol: Protocol::Bluish, blur: 0.0, tissues, planted }
}

const fn blurred(share: f64, tissues: &'static [(i64, f64)]) -> Cohort {
    let planted = Planted::BlurredScanner;
    Cohort { share, scanner: "C", protocol: Protocol::Usual, blur: 1.6, tissues, planted }
}

const TRAINING: &[Cohort] = &[
    usual(0.560, "A", COMMON, Planted::None),
    usual(0.120, "B", COMMON_BENIGN, Planted::None),
    bluish(0.201, COMMON_MALIGNANT, Planted::None),
    usual(0.100, "A", &[(WELL_DIFFERENTIATED, 0.8), (REACTIVE_GLAND, 0.2)], Planted::AmbiguousPair),
    usual(0.002, "A", &[(SIGNET_RING, 1.0)], Planted::RareTissue),
    blurred(0.002, &[(0, 0.5), (TUMOUR, 0.5)]),
    usual(0.015, "A", &[(LYMPHOCYTES, 1.0)], Planted::LabelNoise),
];

const DEPLOYMENT: &[Cohort] = &[
    usual(0.692, "A", COMMON, Planted::None),
    bluish(0.150, COMMON_MALIGNANT, Planted::None),
    usual(0.028, "A", &[(SIGNET_RING, 1.0)], Planted::RareTissue),
    bluish(0.030, COMMON_BENIGN, Planted::StainShortcut),
    usual(0.045, "A", &[(REACTIVE_GLAND, 0.7), (WELL_DIFFERENTIATED, 0.3)], Planted::AmbiguousPair),
    blurred(0.033, LYMPH_NODE),
    usual(0.022, "A", &[(LYMPHOCYTES, 1.0)], Planted::LabelNoise),
];

/// A case before it is drawn.
struct Planned {
    slide: String,
    scanner: &'static str,
    protocol: Protocol,
    stain: Stain,
    blur: f32,
    tissue: i64,
    planted: Planted,
}

/// A case whose slide is not yet known.
struct Dealt<'a> {
    tissue: i64,
    cohort: &'a Cohort,
}

/// Deals cases to slides.
///
/// A slide has one stain, one scanner and one focus. Cohorts that share all three also share slides, so that a rare
/// tissue, an ambiguous gland or a wrong label lies among ordinary cases.
fn plan(name: &str, count: usize, recipe: &[Cohort], seed: u64, stream: u64) -> Vec<Planned> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream << 32);
    let mut origins: BTreeMap<(&str, bool, u32), Vec<Dealt<'_>>> = BTreeMap::new();
    for (cohort, cases) in recipe.iter().zip(whole_numbers(count, recipe)) {
        let key = (cohort.scanner, cohort.protocol == Protocol::Bluish, cohort.blur.to_bits());
        for _ in 0..cases {
            let tissue = cohort
                .tissues
                .choose_weighted(&mut rng, |(_, weight)| *weight)
                .map_or(0, |(label, _)| *label);
            origins.entry(key).or_default().push(Dealt { tissue, cohort });
        }
    }
    let mut planned = Vec::new();
    let mut slides = 0;
    for mut cases in origins.into_values() {
        cases.shuffle(&mut rng);
        for slide_cases in cases.chunks(CASES_PER_SLIDE) {
            slides += 1;
            let slide = format!("{name}-{slides:03}");
            let Some(Dealt { cohort: origin, .. }) = slide_cases.first() else { continue };
            let stain = Stain::draw(origin.protocol, &mut rng);
            let blur = origin.blur * rng.random_range(0.85..1.15f32);
            for &Dealt { tissue, cohort } in slide_cases {
                planned.push(Planned {
                    slide: slide.clone(),
                    scanner: cohort.scanner,
                    protocol: cohort.protocol,
                    stain: stain.clone(),
                    blur,
                    tissue,
                    planted: cohort.planted,
                });
            }
        }
    }
    planned
}

/// Cases of each cohort, adding up to `count` (largest remainders rounded up).
fn whole_numbers(count: usize, recipe: &[Cohort]) -> Vec<usize> {
    let total: f64 = recipe.iter().map(|cohort| cohort.share).sum();
    let exact: Vec<f64> = recipe.iter().map(|cohort| cohort.share / total * count as f64).collect();
    let mut cases: Vec<usize> = exact.iter().map(|exact| *exact as usize).collect();
    let mut order: Vec<usize> = (0..recipe.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let lacking = count - cases.iter().sum::<usize>();
    order.iter().take(lacking).for_each(|&cohort| cases[cohort] += 1);
    cases
}

/// Draws every case from its own random stream.
fn draw(name: &str, planned: &[Planned], seed: u64, stream: u64) -> Result<Cases> {
    let patch = |(index, case): (usize, &Planned)| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream((stream << 32) + 1 + index as u64);
        let mut canvas = (TISSUES[case.tissue as usize].draw)(&mut rng);
        if case.blur > 0.0 {
            canvas.blur(case.blur);
        }
        case.stain.render(&canvas, &mut rng)
    };
    let patches: Vec<Vec<u8>> = planned.par_iter().enumerate().map(patch).collect();
    let images = Images::new("patches", &[planned.len(), SIZE, SIZE, 3], Pixels::U8(patches.concat()))?;
    let label = |case: &Planned| if case.planted == Planted::LabelNoise { TUMOUR } else { case.tissue };
    let mut cases = Cases::new(name, images, planned.iter().map(label).collect())?;
    cases.groups = Some(planned.iter().map(|case| case.slide.clone()).collect());
    let stain = |case: &Planned| if case.protocol == Protocol::Bluish { "bluish" } else { "usual" };
    let columns = [
        ("slide", Column::text(planned.iter().map(|case| case.slide.as_str()))),
        ("scanner", Column::text(planned.iter().map(|case| case.scanner))),
        ("stain", Column::text(planned.iter().map(stain))),
        ("tissue", Column::text(planned.iter().map(|case| TISSUES[case.tissue as usize].name))),
        ("planted", Column::text(planned.iter().map(|case| case.planted.name()))),
    ];
    cases.metadata = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
    Ok(cases)
}
