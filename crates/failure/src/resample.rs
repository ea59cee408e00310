//! Bootstrap over test cases, by whole groups where there are groups.

use std::collections::BTreeMap;

use modelmend_data::split::Part;
use modelmend_learn::matrix::{Summary, independence, learnability};
use ndarray::{Array2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::matrix::{Layout, accuracies};

/// How often and how the resampling is done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resampling {
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Coverage of intervals, in `0..1`.
    pub confidence: f64,
    /// Seed of all draws.
    pub seed: u64,
}

/// A fine-tuning matrix as the statistics see it.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Subtypes and parts of the cases.
    pub layout: &'a Layout,
    /// Correctness on each case, a row per subtype's model; of a random subtyping the first few subtypes are enough.
    pub rows: &'a [Vec<bool>],
}

/// Learnability and independence of each row.
pub(crate) type Measures = [Vec<Option<f64>>; 2];

/// Learnability and independence on the test side, with cases counted as often as they were drawn.
pub(crate) fn measures(judged: &Judged<'_>, weights: Option<&[u32]>) -> Result<Measures> {
    let rows: Vec<&[bool]> = judged.rows.iter().map(Vec::as_slice).collect();
    square_measures(&accuracies(judged.layout, &rows, Part::Test, weights).values, judged.layout.subtypes)
}

/// The measures of the first rows; a subtype without a row of its own has none.
fn square_measures(values: &Array2<Option<f64>>, subtypes: usize) -> Result<Measures> {
    let rows = values.nrows().min(subtypes);
    let mut square = Array2::from_elem((subtypes, subtypes), None);
    square.slice_mut(s![..rows, ..]).assign(&values.slice(s![..rows, ..subtypes]));
    Ok([learnability(square.view())?, independence(square.view())?])
}

/// The mean of the values that are there.
pub(crate) fn mean(values: &[Option<f64>]) -> Option<f64> {
    Summary::of(values).map(|s| s.mean)
}

/// The middle `confidence` of the values.
pub(crate) fn percentiles(mut values: Vec<f64>, confidence: f64) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| values[((share * last as f64).round() as usize).min(last)];
    let tail = (1.0 - confidence) / 2.0;
    Some((at(tail), at(1.0 - tail)))
}

/// The test cases, in the units that are drawn together.
pub(crate) struct Sample {
    units: Vec<Vec<usize>>,
    cases: usize,
}

impl Sample {
    /// `groups` numbers the group of each case.
    pub(crate) fn new(layout: &Layout, groups: Option<&[usize]>) -> Self {
        let mut units = BTreeMap::<usize, Vec<usize>>::new();
        for case in (0..layout.part.len()).filter(|&c| layout.part[c] == Part::Test) {
            units.entry(groups.map_or(case, |g| g[case])).or_default().push(case);
        }
        Self { units: units.into_values().collect(), cases: layout.part.len() }
    }

    /// How often each case is drawn in a replicate, and the random stream for further draws of that replicate.
    pub(crate) fn draw(&self, seed: u64, replicate: usize) -> (Vec<u32>, ChaCha8Rng) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(replicate as u64);
        let mut weights = vec![0; self.cases];
        for _ in 0..self.units.len() {
            self.units[rng.random_range(0..self.units.len())].iter().for_each(|&case| weights[case] += 1);
        }
        (weights, rng)
    }
}

/// Confidence intervals over test cases of everything that a matrix says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of each entry, rows x (subtypes + 2).
    pub entries: Vec<Vec<Option<(f64, f64)>>>,
    /// Of the learnability of each subtype.
    pub learnability: Vec<Option<(f64, f64)>>,
    /// Of the independence of each subtype.
    pub independence: Vec<Option<(f64, f64)>>,
    /// Of the mean learnability.
    pub mean_learnability: Option<(f64, f64)>,
    /// Of the mean independence.
    pub mean_independence: Option<(f64, f64)>,
}

/// Percentile bootstrap over test cases. The first `layout.subtypes` rows are the subtypes' models; further rows (`all`,
/// `none`) get intervals as well.
///
/// # Errors
/// Rows that do not fit the layout.
pub fn intervals(judged: Judged<'_>, groups: Option<&[usize]>, resampling: &Resampling) -> Result<Intervals> {
    let sample = Sample::new(judged.layout, groups);
    let rows: Vec<&[bool]> = judged.rows.iter().map(Vec::as_slice).collect();
    let replicates: Vec<(Array2<Option<f64>>, Measures)> = (0..resampling.replicates)
        .into_par_iter()
        .map(|replicate| {
            let (weights, _) = sample.draw(resampling.seed, replicate);
            let values = accuracies(judged.layout, &rows, Part::Test, Some(&weights)).values;
            let measures = square_measures(&values, judged.layout.subtypes)?;
            Ok((values, measures))
        })
        .collect::<Result<_>>()?;
    let interval = |value: &dyn Fn(&(Array2<Option<f64>>, Measures)) -> Option<f64>| {
        percentiles(replicates.iter().filter_map(value).collect(), resampling.confidence)
    };
    let columns = judged.layout.subtypes + 2;
    let entry = |r: usize| (0..columns).map(|c| interval(&|(values, _)| values[[r, c]])).collect();
    let measure = |m: usize| (0..judged.layout.subtypes).map(|s| interval(&|(_, ms)| ms[m][s])).collect();
    Ok(Intervals {
        entries: (0..rows.len()).map(entry).collect(),
        learnability: measure(0),
        independence: measure(1),
        mean_learnability: interval(&|(_, ms)| mean(&ms[0])),
        mean_independence: interval(&|(_, ms)| mean(&ms[1])),
    })
}
