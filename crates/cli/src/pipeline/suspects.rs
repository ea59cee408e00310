//! Subtypes whose labels are in doubt, in a study that repairs without `finetune:`, are learned before a repair leaves them out: by
//! networks that learn from everything that is known, as the default repair does. The neighbours alone accuse every rare class, and a
//! network that saw nothing but a few failures can be unable to tell what one with all cases learns
//! ([`modelmend_failure::label_noise`]).

use anyhow::{Context as _, Result};
use modelmend_failure::Judge;
use modelmend_failure::label_noise::Separation;
use modelmend_failure::repair::knowledge::Knowledge;
use modelmend_failure::repair::methods::method;
use modelmend_failure::repair::procedure::{Aimed, given};
use modelmend_failure::repair::search::ends;
use modelmend_failure::repair::task::Task;
use modelmend_failure::resample::Resampling;
use modelmend_study::artifact::Artifact;
use modelmend_study::step::StepName;

use super::context::{Context, Title, Watch};
use super::divide::{Division, Setting};
use super::evidence::{Asked, Doubts, Neighborhood, doubts};
use super::repair::Known;

/// The doubts about a division after the networks were asked about those that are open: what tells failures from their neighbours best
/// counts.
pub(crate) fn suspects(
    context: &Context<'_>,
    setting: &Setting<'_>,
    (division, neighborhood): (&Division, &Neighborhood),
    known: &Known,
    (mut before, resampling): (Doubts, &Resampling),
) -> Result<Doubts> {
    let open: Vec<usize> = (0..before.subtypes.len()).filter(|&s| before.subtypes[s].doubtful()).collect();
    if open.is_empty() {
        return Ok(before);
    }
    let layout = setting.trial.layout(&division.subtyping);
    for right in answers(context, setting, (division, &open), known)? {
        let last = (0..layout.subtypes).map(|s| open.contains(&s).then_some(right.as_slice())).collect();
        let asked = Asked { layout: &layout, last, resampling };
        let after = doubts(setting, division, neighborhood, Some(&asked))?;
        for &subtype in &open {
            let (before, after) = (&mut before.subtypes[subtype], after.subtypes[subtype]);
            before.separation = clearest(before.separation, after.separation);
        }
    }
    Ok(before)
}

/// On which analysed cases networks are right that learned everything, the subtypes in doubt above all.
fn answers(
    context: &Context<'_>,
    setting: &Setting<'_>,
    (division, open): (&Division, &[usize]),
    known: &Known,
) -> Result<Vec<Vec<bool>>> {
    let (problem, layout) = (&known.problem, known.layout(setting.trial.layout(&division.subtyping)));
    let analysed = setting.problem.count();
    let aimed = Aimed { targets: Some(open.to_vec()), except: Vec::new(), analysed };
    let recipes = method("auto").context("there is no default repair")?.recipes(given(problem, &aimed));
    let task = Task {
        problem,
        layout: &layout,
        analysed,
        targets: open,
        except: &aimed.except,
        margin: 0.0,
        seed: context.seed,
    };
    let title = Title { name: StepName::Repair, label: "doubtful labels", version: 1 };
    let key = (&recipes, &layout.subtype, (open, known.hash), context.seed);
    let inputs = [setting.judged.hash, setting.trial.parts_hash];
    let step = context.step(title, key, &inputs, |scope| {
        let knowledge = Knowledge::of(&task, &recipes, &Watch(scope))?;
        let cases: Vec<usize> = (0..analysed).collect();
        let ends = ends(&task, &recipes, &knowledge, &Watch(scope))?;
        let right = ends.iter().map(|end| Ok(problem.correct(end, &cases)?));
        Ok(Artifact::new(right.collect::<Result<Vec<_>>>()?))
    })?;
    Ok(step.artifact.value)
}

/// The separation whose interval begins higher.
fn clearest(one: Option<Separation>, other: Option<Separation>) -> Option<Separation> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.interval.0 > one.interval.0 { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_failures_apart_best_counts() {
        let separation = |value: f64| Separation { value, interval: (value - 0.1, value + 0.1), failures: 9 };
        let (weak, clear) = (Some(separation(0.05)), Some(separation(0.5)));
        assert_eq!(clearest(weak, clear), clear);
        assert_eq!(clearest(clear, weak), clear);
        assert_eq!((clearest(None, weak), clearest(weak, None), clearest(None, None)), (weak, weak, None));
    }
}
