//! Stress tests of a study: the items that each makes, and what every method says about them.

mod files;
mod items;
mod kept;
mod page;
mod words;

use anyhow::Result;
use modelmend_learn::uncertainty::Alarm;
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::record::Results;
use modelmend_study::schema::ReconstructionStudy;
use modelmend_study::step::StepName;
use modelmend_uncertainty::method::Maps;
use modelmend_uncertainty::source::Source;
use modelmend_uncertainty::stress::{Clean, ItemScore, Score, Stressed as Item, score};
use modelmend_uncertainty::tomography::Scanner;
use serde::{Deserialize, Serialize};

pub(super) use self::files::files;
use self::items::{Tests, make};
pub(super) use self::page::{shown, tests};
use super::super::context::{Context, Title};
use super::estimates::Units;
use super::examples::{self, Place};
use super::methods::Asked;

/// A stress test with its items.
pub(super) struct Test {
    /// Its name in results.
    pub(super) name: String,
    /// What is done, for a reader of the page.
    about: String,
    pub(super) items: Vec<Item>,
    /// Windows of the items that are shown.
    places: Vec<Place>,
    /// Input and output before and in the test, and what u should mark, in these windows.
    pictures: Vec<[Vec<f32>; 5]>,
    hash: Hash,
}

/// u of a method in each of the windows that are shown.
pub(super) type Windows = Vec<[Vec<f32>; 1]>;

/// What a method says about a test in one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Verdict {
    /// Name of the method.
    pub(super) method: String,
    /// Values of each test item.
    pearson: Vec<Option<f64>>,
    auroc: Vec<Option<f64>>,
    average_precision: Vec<Option<f64>>,
    mean_u: Vec<Option<f64>>,
    /// Areas and rates of the alarms by mean and by peak.
    by_mean: Option<[f64; 2]>,
    by_peak: Option<[f64; 2]>,
}

impl Verdict {
    fn new(method: &str, score: &Score) -> Self {
        let over = |of: fn(&ItemScore) -> Option<f64>| score.items.iter().map(of).collect();
        let alarm = |alarm: Option<Alarm>| alarm.map(|alarm| [alarm.auroc, alarm.rate]);
        Self {
            method: method.to_owned(),
            pearson: over(|item| item.pearson),
            auroc: over(|item| item.ranking.map(|ranking| ranking.auroc)),
            average_precision: over(|item| item.ranking.map(|ranking| ranking.average_precision)),
            mean_u: over(|item| Some(item.mean_u)),
            by_mean: alarm(score.by_mean),
            by_peak: alarm(score.by_peak),
        }
    }
}

/// The stress tests of one run.
#[derive(Default)]
pub(super) struct Stressed {
    pub(super) tests: Vec<Test>,
    /// What the methods say, test by test.
    pub(super) verdicts: Vec<Vec<Verdict>>,
    /// Names of the methods and their u where the page looks, test by test.
    windows: Vec<Vec<(String, Windows)>>,
}

/// Makes the items of every test, asks every method about them, and puts the numbers into the results.
pub(super) fn run(
    context: &Context<'_>,
    (source, scanner, data): (&dyn Source, Option<&Scanner>, Hash),
    (study, base): (&ReconstructionStudy, &Model),
    (asked, units, results): (&[Asked], &Units, &mut Results),
) -> Result<Stressed> {
    if !context.wants(StepName::Stress) {
        return Ok(Stressed::default());
    }
    let taken: Vec<String> = results.stress.keys().cloned().collect();
    let wanted = Tests::new(&study.stress, &taken);
    let tests = make(context, (source, scanner, data), (base, study.seed), wanted)?;
    let clean = asked.iter().filter(|_| !tests.is_empty()).map(|method| before(context, source, method));
    let clean = clean.collect::<Result<Vec<Clean>>>()?;
    let (mut verdicts, mut windows) = (Vec::new(), Vec::new());
    for test in &tests {
        let said = asked.iter().zip(&clean).map(|(method, clean)| ask(context, (test, clean), method));
        let (verdict, seen): (Vec<_>, Vec<_>) = said.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        windows.push(asked.iter().map(|method| method.name.clone()).zip(seen).collect());
        verdicts.push(verdict);
    }
    page::results(results, &tests, (&verdicts, units));
    Ok(Stressed { tests, verdicts, windows })
}

/// What a method says about the test items as they are, once for all tests.
fn before(context: &Context<'_>, source: &dyn Source, asked: &Asked) -> Result<Clean> {
    let label = format!("before, {}", asked.name);
    let title = Title { name: StepName::Stress, label: &label, version: 1 };
    let step = context.step(title, asked.key(), &asked.inputs, |_| {
        let Clean { means, peaks } = Clean::ask(asked.method.as_ref(), source)?;
        Ok(Artifact::new((means, peaks)))
    })?;
    let (means, peaks) = step.artifact.value;
    Ok(Clean { means, peaks })
}

/// Asks a method about the items of a test; with its u in the windows that are shown.
fn ask(context: &Context<'_>, (test, clean): (&Test, &Clean), asked: &Asked) -> Result<(Verdict, Windows)> {
    let label = format!("{}, {}", test.name, asked.name);
    let title = Title { name: StepName::Stress, label: &label, version: 1 };
    let inputs = [asked.inputs.as_slice(), &[test.hash]].concat();
    let step = context.step(title, asked.key(), &inputs, |scope| {
        let look = |item: usize, maps: &Maps| {
            let at = test.places.iter().position(|place| place.item == item);
            let window = at.and_then(|at| Some((at, examples::cut(&maps.u, test.places.get(at)?))));
            Ok(window)
        };
        let (score, seen) = score(asked.method.as_ref(), (clean, &test.items), look)?;
        scope.check()?;
        let mut windows: Vec<(usize, Vec<f32>)> = seen.into_iter().flatten().collect();
        windows.sort_by_key(|(at, _)| *at);
        let u: Vec<f32> = windows.into_iter().flat_map(|(_, u)| u).collect();
        Ok(Artifact::new(Verdict::new(&asked.name, &score)).with_f32("u", &u))
    })?;
    let windows = examples::parts(&test.places, &step.artifact.f32("u")?)?;
    Ok((Verdict { method: asked.name.clone(), ..step.artifact.value }, windows))
}
