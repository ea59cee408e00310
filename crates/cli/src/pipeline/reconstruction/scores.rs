//! The numbers of one run, for `results.json`.

use std::collections::BTreeMap;

use modelmend_learn::uncertainty::{DIRECTION_RATIOS, RiskArea};
use modelmend_report::input::ItemMean;
use modelmend_study::record::{
    CalibrationResult, DirectionResult, Intervals, MarkovResult, PlacementResult, Results, StressScore,
    UncertaintyScore,
};
use modelmend_study::schema::Conformal;

use super::estimates::Units;
use super::outcome::{Calibrated, Level, Markov, Outcome, Places};

/// Numbers with their intervals.
pub(super) struct Numbers<'a> {
    units: &'a Units,
    /// The intervals so far, by name.
    pub(super) intervals: Intervals,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(units: &'a Units) -> Self {
        Self { units, intervals: BTreeMap::new() }
    }

    /// The mean of a value of each item.
    pub(super) fn mean(&mut self, name: &str, values: Vec<Option<f64>>) -> Option<f64> {
        let found = self.units.mean(&[values]);
        self.note(name, found)
    }

    /// A number of some of the `items`.
    fn of_set(
        &mut self,
        name: &str,
        items: usize,
        of: impl Fn(&[usize]) -> Option<f64> + Sync,
    ) -> Option<f64> {
        let found = self.units.of_set((1, items), |_, drawn| of(drawn));
        self.note(name, found)
    }

    fn note(&mut self, name: &str, found: Option<ItemMean>) -> Option<f64> {
        let found = found?;
        if let (Some(lo), Some(hi)) = (found.lo, found.hi) {
            self.intervals.insert(name.to_owned(), [lo, hi]);
        }
        Some(found.value)
    }
}

/// The numbers of one run.
pub(super) fn results(
    (name, seed): (&str, u64),
    (outcomes, units): (&[Outcome], &Units),
    (cases, conformal): (usize, Option<Conformal>),
) -> Results {
    let mut results = Results::new(name, seed);
    results.cases.total = cases as u64;
    for outcome in outcomes {
        results.uncertainty.insert(outcome.method.clone(), score((outcome, units), conformal));
        for level in &outcome.levels {
            let test = results.stress.entry(format!("noise-{}", level.sigma)).or_default();
            test.insert(outcome.method.clone(), at_level(level, units));
        }
    }
    results
}

fn score((outcome, units): (&Outcome, &Units), conformal: Option<Conformal>) -> UncertaintyScore {
    let mut numbers = Numbers::new(units);
    let mut of = |measure: &str| numbers.mean(measure, outcome.of(measure));
    let [pearson, cosine, pwcc, mse] = ["pearson", "cosine", "pwcc", "mse"].map(&mut of);
    let [coverage, width, mean_u, ause] = ["coverage", "width", "mean_u", "ause"].map(&mut of);
    let mut area =
        |name: &str, area: RiskArea| numbers.of_set(name, outcome.items(), |drawn| outcome.risk(area, drawn));
    let [aurc, aurc_optimal] =
        [("aurc", RiskArea::Aurc), ("aurc_optimal", RiskArea::AurcOptimal)].map(|(n, a)| area(n, a));
    let [augrc, augrc_optimal] =
        [("augrc", RiskArea::Augrc), ("augrc_optimal", RiskArea::AugrcOptimal)].map(|(n, a)| area(n, a));
    let [covered, widths] = sides(outcome.scaled());
    let accuracy = outcome.direction.first().map(|d| d[0].clone()).unwrap_or_default();
    UncertaintyScore {
        pearson,
        cosine,
        pwcc,
        mse,
        coverage,
        width,
        mean_u,
        ause,
        aurc,
        aurc_optimal,
        augrc,
        augrc_optimal,
        calibrated_coverage: numbers.mean("calibrated_coverage", covered),
        calibrated_width: numbers.mean("calibrated_width", widths),
        calibration: outcome.calibrated.as_ref().zip(conformal).map(|(c, wish)| calibration(c, wish)),
        markov: outcome.markov.iter().map(|m| (m.t.to_string(), markov(m, units))).collect(),
        direction_accuracy: numbers.mean("direction_accuracy", accuracy),
        direction: direction(outcome, units),
        placement: outcome.placement.as_ref().and_then(placement),
        calibrated_placement: outcome.calibrated.as_ref().and_then(|c| placement(&c.placement)),
        noise_spearman: numbers
            .of_set("noise_spearman", outcome.items(), |drawn| outcome.noise_spearman(drawn)),
        intervals: numbers.intervals,
        seconds_per_image: Some(outcome.seconds),
    }
}

/// Coverage and width of each item as two lists.
pub(super) fn sides(items: &[(f64, f64)]) -> [Vec<Option<f64>>; 2] {
    [items.iter().map(|item| Some(item.0)).collect(), items.iter().map(|item| Some(item.1)).collect()]
}

/// What a calibration says of itself.
pub(super) fn calibration(found: &Calibrated, Conformal { level, delta }: Conformal) -> CalibrationResult {
    CalibrationResult {
        level,
        delta,
        promise: found.promise.as_str().to_owned(),
        units: found.units as u64,
        lambda: f64::from(found.lambda),
        floor: found.floor,
    }
}

fn markov(found: &Markov, units: &Units) -> MarkovResult {
    let (mut numbers, [covered, widths]) = (Numbers::new(units), sides(&found.items));
    let (coverage, width) = (numbers.mean("coverage", covered), numbers.mean("width", widths));
    MarkovResult { promised: 1.0 - 1.0 / found.t, coverage, width, intervals: numbers.intervals }
}

/// By ratio; empty for a method without intervals.
fn direction(outcome: &Outcome, units: &Units) -> BTreeMap<String, DirectionResult> {
    let at = |(ratio, [accuracy, shares]): (&f64, &[Vec<Option<f64>>; 2])| {
        let mut numbers = Numbers::new(units);
        let accuracy = numbers.mean("accuracy", accuracy.clone());
        let participating = numbers.mean("participating", shares.clone())?;
        let intervals = numbers.intervals;
        Some((ratio.to_string(), DirectionResult { accuracy, participating: Some(participating), intervals }))
    };
    DIRECTION_RATIOS.iter().zip(&outcome.direction).filter_map(at).collect()
}

fn placement(places: &Places) -> Option<PlacementResult> {
    let (below, inside, above) = Places::shares(std::iter::once(places))?;
    Some(PlacementResult { below, inside, above })
}

fn at_level(level: &Level, units: &Units) -> StressScore {
    let mut numbers = Numbers::new(units);
    let (pearson, mean_u) =
        (numbers.mean("pearson", level.pearson.clone()), numbers.mean("mean_u", level.u.clone()));
    StressScore { pearson, mean_u, intervals: numbers.intervals, ..StressScore::default() }
}
