//! Fine-tuning of the subtypes whose labels their neighbours contradict, for a study that repairs and does not fine-tune: the
//! neighbours alone accuse every rare class ([`modelmend_failure::label_noise`]).

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_failure::finetune::FinetuneSettings;
use modelmend_failure::matrix::{Layout, Target};
use modelmend_failure::resample::Resampling;

use super::context::Context;
use super::divide::{Division, Setting};
use super::evidence::{Asked, Doubts, Neighborhood, doubts};
use super::finetune::{Job, rows};

/// Step sizes, the smallest first: a network's own is not known, and one that learned nothing would tell nothing apart.
const RATES: [f64; 4] = [2e-5, 8e-5, 3e-4, 1e-3];
/// Passes over the failures of a subtype.
const EPOCHS: usize = 12;
/// A network has learned a subtype if it is right on this share of the failures that it was trained on.
const LEARNED: f64 = 0.5;

/// The doubts about a division, with a network for every subtype whose labels are doubtful: of the smallest step size that learns
/// it. A subtype that none learns stays unasked.
pub(crate) fn suspects(
    context: &Context<'_>,
    setting: &Setting<'_>,
    (division, neighborhood): (&Division, &Neighborhood),
    resampling: &Resampling,
) -> Result<Doubts> {
    let unasked = doubts(setting, division, neighborhood, None)?;
    let layout = setting.trial.layout(&division.subtyping);
    let mut last = vec![None; layout.subtypes];
    let mut pending: Vec<usize> =
        (0..layout.subtypes).filter(|&s| unasked.subtypes.get(s).is_some_and(|d| d.doubtful())).collect();
    for learning_rate in RATES {
        if pending.is_empty() {
            break;
        }
        let settings = FinetuneSettings {
            learning_rate,
            weight_decay: 1e-3,
            batch_size: 8,
            epochs: EPOCHS,
            patience: EPOCHS,
            keep_correct: 0.9,
        };
        let targets: Vec<Target> = pending.iter().copied().map(Target::Subtype).collect();
        let job = Job { label: "doubtful labels", layout: &layout, targets: &targets, keep_models: false };
        let tuned = rows(context, &setting.trial, &settings, &job)?.rows;
        for (&subtype, row) in pending.iter().zip(tuned) {
            if learned(&layout, subtype, &row.last) {
                last[subtype] = Some(row.last);
            }
        }
        pending.retain(|&subtype| last[subtype].is_none());
    }
    let last = last.iter().map(Option::as_deref).collect();
    doubts(setting, division, neighborhood, Some(&Asked { layout: &layout, last, resampling }))
}

/// Whether a network that is right on these cases has learned a subtype.
fn learned(layout: &Layout, subtype: usize, right: &[bool]) -> bool {
    let cases = layout.target(Target::Subtype(subtype), Part::Train);
    let kept = cases.iter().filter(|&&case| right.get(case) == Some(&true)).count();
    kept > 0 && kept as f64 >= LEARNED * cases.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learned_is_what_is_right_on_half_of_its_training_failures() {
        let subtypes = [Some(0), Some(0), Some(0), Some(1)];
        let parts = [Part::Train, Part::Train, Part::Test, Part::Train];
        let layout = Layout::new(&subtypes, 2, &[true; 4], &parts);
        assert!(learned(&layout, 0, &[true, false, false, false]));
        assert!(!learned(&layout, 0, &[false, false, true, true]));
        assert!(!learned(&layout, 1, &[]));
    }
}
