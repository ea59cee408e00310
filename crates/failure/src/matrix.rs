//! The fine-tuning matrix (Henn et al., section 3.2; METHODS 1.4): a model per subtype, judged on all others.

use modelmend_data::split::Part;
use modelmend_net::Parameters;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::finetune::{Epoch, FinetuneCases, FinetuneSettings, Finetuned, finetune};
use crate::judge::Judge;
use modelmend_learn::monitor::Monitor;

/// Which side of the split each case is on, and what it is.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Subtype of each case; `None` for correct cases and failures that were set aside.
    pub subtype: Vec<Option<usize>>,
    /// Whether the unmodified model fails on the case.
    pub failure: Vec<bool>,
    /// Side of the split.
    pub part: Vec<Part>,
    /// Number of subtypes.
    pub subtypes: usize,
}

impl Layout {
    /// Spreads the labels of failures (in order of case) over all cases.
    pub fn new(labels: &[Option<usize>], subtypes: usize, failure: &[bool], part: &[Part]) -> Self {
        let mut labels = labels.iter();
        let subtype =
            failure.iter().map(|&f| if f { labels.next().copied().flatten() } else { None }).collect();
        Self { subtype, failure: failure.to_vec(), part: part.to_vec(), subtypes }
    }

    /// Cases in a part for which `wanted(subtype, failure)` holds.
    fn cases(&self, part: Part, wanted: impl Fn(Option<usize>, bool) -> bool) -> Vec<usize> {
        (0..self.part.len())
            .filter(|&c| self.part[c] == part && wanted(self.subtype[c], self.failure[c]))
            .collect()
    }

    /// The failures that a row learns from, in a part.
    pub fn target(&self, target: Target, part: Part) -> Vec<usize> {
        self.cases(part, |subtype, failure| failure && target.takes(subtype))
    }

    /// The cases by which one sees whether a network tells what it was fine-tuned on from what was right: both as far as they were held out.
    pub fn witnesses(&self, target: Target) -> Vec<usize> {
        (0..self.part.len())
            .filter(|&c| self.part[c] != Part::Train)
            .filter(|&c| !self.failure[c] || target.takes(self.subtype[c]))
            .collect()
    }

    /// The correct cases in a part.
    pub fn correct(&self, part: Part) -> Vec<usize> {
        self.cases(part, |_, failure| !failure)
    }
}

/// What a row of the matrix was fine-tuned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// One subtype, counted from 0.
    Subtype(usize),
    /// All failures.
    All,
}

impl Target {
    /// Whether failures of a subtype belong to it.
    fn takes(self, subtype: Option<usize>) -> bool {
        match self {
            Self::Subtype(own) => subtype == Some(own),
            Self::All => true,
        }
    }
}

/// A model of the matrix, judged on every case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `1`, `2`, ..., `all`, `none`, `checkpoint`.
    pub name: String,
    /// Whether it is right on each case.
    pub correct: Vec<bool>,
    /// Whether the network of the last epoch, whatever it broke, is right on each of the [`Layout::witnesses`], `false` for other cases; empty where nobody asked
    /// ([`ask_last`]).
    pub last: Vec<bool>,
    /// The chosen epoch; `None` for a model that was not fine-tuned.
    pub epoch: Option<usize>,
    /// Accuracies by epoch.
    pub curve: Vec<Epoch>,
}

/// Fine-tunes on one target.
///
/// # Errors
/// As [`finetune`].
pub fn tune(
    judge: &dyn Judge,
    layout: &Layout,
    target: Target,
    settings: &FinetuneSettings,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Finetuned> {
    let [train, validation] =
        [Part::Train, Part::Validation].map(|p| (layout.target(target, p), layout.correct(p)));
    let cases = FinetuneCases {
        train: &train.0,
        train_correct: &train.1,
        validation: &validation.0,
        validation_correct: &validation.1,
    };
    finetune(judge, cases, settings, seed, monitor)
}

/// Fine-tunes on one target and judges the network of the chosen epoch on every case; returns the row and the networks.
///
/// # Errors
/// Execution errors, interruption.
pub fn row(
    judge: &dyn Judge,
    layout: &Layout,
    target: Target,
    settings: &FinetuneSettings,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<(Row, Finetuned)> {
    let tuned = tune(judge, layout, target, settings, seed, monitor)?;
    let name = match target {
        Target::Subtype(s) => (s + 1).to_string(),
        Target::All => "all".to_owned(),
    };
    let correct = match tuned.epoch {
        0 => layout.failure.iter().map(|failure| !failure).collect(),
        _ => right_on_all(judge, &tuned.parameters)?,
    };
    let row = Row { name, correct, last: Vec::new(), epoch: Some(tuned.epoch), curve: tuned.curve.clone() };
    Ok((row, tuned))
}

/// Judges the network of the last epoch of a row on the witnesses of its target: what questions about its labels need.
///
/// # Errors
/// Execution errors.
pub fn ask_last(
    judge: &dyn Judge,
    layout: &Layout,
    target: Target,
    (row, tuned): (&mut Row, &Finetuned),
) -> Result<()> {
    let witnesses = layout.witnesses(target);
    let right = match tuned.last_is_chosen() {
        true => witnesses.iter().map(|&case| row.correct[case]).collect(),
        false => judge.correct(&tuned.last, &witnesses)?,
    };
    row.last = vec![false; row.correct.len()];
    witnesses.into_iter().zip(right).for_each(|(case, right)| row.last[case] = right);
    Ok(())
}

/// A model that is not fine-tuned, as a row.
///
/// # Errors
/// Execution errors.
pub fn fixed_row(judge: &dyn Judge, parameters: &Parameters<f32>, name: &str) -> Result<Row> {
    Ok(Row {
        name: name.to_owned(),
        correct: right_on_all(judge, parameters)?,
        last: Vec::new(),
        epoch: None,
        curve: Vec::new(),
    })
}

fn right_on_all(judge: &dyn Judge, parameters: &Parameters<f32>) -> Result<Vec<bool>> {
    judge.correct(parameters, &(0..judge.count()).collect::<Vec<_>>())
}

/// Accuracies of each row on each evaluation set: subtypes, then `correct`, then `all`.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracies {
    /// rows x (subtypes + 2); `None` where there is no case.
    pub values: Array2<Option<f64>>,
    /// Cases in each evaluation set.
    pub counts: Vec<usize>,
}

/// Judges rows on one side of the split. `weights`, where given, counts case `c` `weights[c]` times (a bootstrap
/// sample).
pub fn accuracies(layout: &Layout, rows: &[&[bool]], part: Part, weights: Option<&[u32]>) -> Accuracies {
    let columns = layout.subtypes + 2;
    let mut right = Array2::<u64>::zeros((rows.len(), columns));
    let mut counts = vec![0u64; columns];
    let all = layout.subtypes + 1;
    for case in (0..layout.part.len()).filter(|&c| layout.part[c] == part) {
        let weight = u64::from(weights.map_or(1, |w| w[case]));
        let own = if layout.failure[case] { layout.subtype[case] } else { Some(layout.subtypes) };
        for column in own.into_iter().chain([all]) {
            counts[column] += weight;
            for (row, correct) in rows.iter().enumerate() {
                right[[row, column]] += weight * u64::from(correct[case]);
            }
        }
    }
    let share = |(row, column): (usize, usize)| {
        (counts[column] > 0).then(|| right[[row, column]] as f64 / counts[column] as f64)
    };
    Accuracies {
        values: Array2::from_shape_fn((rows.len(), columns), share),
        counts: counts.into_iter().map(|c| c as usize).collect(),
    }
}
