//! The steps that choose a clustering: scaling, number of subtypes, learning rate.

use anyhow::{Context as _, Result};
use modelmend_failure::finetune::FinetuneSettings;
use modelmend_failure::represent::Scaling;
use modelmend_failure::select::{Candidate, Score, brief, score, score_rows};
use modelmend_failure::subtype::{ClusterSettings, Clustering, clusters, stability};
use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::schema::{Finetune, KSelection, Subtype};
use modelmend_study::scope::Scope;
use modelmend_study::step::StepName;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::context::{Context, Listen, Title};
use super::divide::{Division, Material, Trial, scaling_name};
use super::finetune;
use super::represent;

/// A clustering that was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// Scaling of the representation.
    pub(crate) scaling: Scaling,
    /// Number of subtypes.
    pub(crate) k: usize,
    /// Mean silhouette.
    pub(crate) silhouette: Option<f64>,
    /// What brief fine-tuning on it reached on validation data, where that was asked.
    pub(crate) brief: Option<Score>,
    /// What fine-tuning as the study says reached on validation data, for the finalists.
    pub(crate) full: Option<Score>,
}

/// Extra clusterings from which the stability is read.
pub(super) const STABILITY_SEEDS: u64 = 4;
/// Candidates that brief fine-tuning sends to the final; the neighbours of the first join them.
pub(super) const FINALISTS: usize = 2;

/// Divides the failures by a clustering of `material`, with scaling and number of subtypes as the study says.
///
/// By default in two rounds, both judged on validation failures. Brief fine-tuning looks at numbers spread over the
/// range; then the best of them, and the neighbouring numbers of the very best, are fine-tuned as the study says. The
/// second round is for the study's own representation, whose winner needs that matrix anyway.
pub(crate) fn by_clusters(
    context: &Context<'_>,
    trial: &Trial<'_>,
    material: &Material,
    subtype: &Subtype,
) -> Result<(Division, Hash)> {
    let choice = Choice { context, trial, material, subtype };
    let mut tried = choice.search()?;
    if material.kind == subtype.representation {
        choice.final_round(&mut tried)?;
    }
    let best = best(&tried).context("no number of subtypes can be tried with so few failures")?;
    choice.division(best, tried)
}

struct Choice<'a> {
    context: &'a Context<'a>,
    trial: &'a Trial<'a>,
    material: &'a Material,
    subtype: &'a Subtype,
}

impl Choice<'_> {
    /// Fine-tuning that candidates may be judged by.
    fn judged_by(&self) -> Option<&FinetuneSettings> {
        self.trial.finetune.as_ref().filter(|_| self.subtype.clustering.select == KSelection::Validation)
    }

    fn inputs(&self) -> [Hash; 3] {
        [self.trial.judged, self.trial.parts_hash, self.material.represented.hash]
    }

    fn cluster(&self, scaling: Scaling, k: usize) -> Result<Clustering> {
        let embedded = self.material.embeddings.iter().find(|(s, _)| *s == scaling);
        let (_, embedded) = embedded.context("a scaling without an embedding")?;
        Ok(clusters(embedded.points.view(), &ClusterSettings { k, seed: self.context.seed })?)
    }

    /// All candidates of the first round.
    fn search(&self) -> Result<Vec<Tried>> {
        let kind = represent::kind_name(self.material.kind);
        let label = format!("{kind}: candidates");
        let title = Title { name: StepName::Subtype, label: &label, version: 4 };
        let embedding = represent::settings(self.subtype);
        let parameters = (&self.subtype.clustering, embedding, self.trial.finetune, self.context.seed);
        let mut inputs = self.inputs().to_vec();
        inputs.extend(self.material.embeddings.iter().map(|(_, e)| e.hash));
        let step = self.context.step(title, parameters, &inputs, |scope| {
            let mut tried = Vec::new();
            for (scaling, embedded) in &self.material.embeddings {
                for k in self.numbers(embedded.points.nrows()) {
                    tried.push((*scaling, k, self.cluster(*scaling, k)?));
                }
            }
            let scores = match self.judged_by().filter(|_| tried.len() > 1) {
                None => vec![None; tried.len()],
                Some(settings) => self.brief_scores(&tried, settings, scope)?,
            };
            let tried = tried.into_iter().zip(scores).map(|((scaling, k, clustering), brief)| Tried {
                scaling,
                k,
                silhouette: clustering.subtyping.silhouette,
                brief,
                full: None,
            });
            Ok(Artifact::new(tried.collect::<Vec<_>>()))
        })?;
        Ok(step.artifact.value)
    }

    /// Numbers of subtypes to try: all where that costs no fine-tuning.
    fn numbers(&self, failures: usize) -> Vec<usize> {
        let (smallest, largest) = self.bounds(failures);
        if self.judged_by().is_some() { spread(smallest, largest) } else { (smallest..=largest).collect() }
    }

    fn bounds(&self, failures: usize) -> (usize, usize) {
        let (smallest, largest) = self.subtype.clustering.k.bounds();
        (smallest as usize, (largest as usize).min(failures.saturating_sub(1)))
    }

    /// Fine-tunes briefly on every candidate and looks at the validation side, candidate by candidate as parts.
    fn brief_scores(
        &self,
        candidates: &[(Scaling, usize, Clustering)],
        settings: &FinetuneSettings,
        scope: &Scope<'_>,
    ) -> Result<Vec<Option<Score>>> {
        let work = |(index, (_, _, clustering)): (usize, &(Scaling, usize, Clustering))| -> Result<_> {
            let part = scope.part(index, candidates.len(), |scope| -> Result<Artifact<Option<Score>>> {
                let layout = self.trial.layout(&clustering.subtyping);
                let settings = &brief(settings);
                let candidate = Candidate { layout: &layout, settings, seed: self.context.seed };
                Ok(Artifact::new(score(self.trial.judge, &candidate, &Listen(scope))?))
            })?;
            Ok(part.value)
        };
        candidates.par_iter().enumerate().map(work).collect()
    }

    /// Fine-tunes the finalists as the study says; the winner's matrix is taken from the cache later.
    fn final_round(&self, tried: &mut Vec<Tried>) -> Result<()> {
        let Some(settings) = self.judged_by() else { return Ok(()) };
        let bounds = self.bounds(self.trial.failures.len());
        for (scaling, k) in finalists(tried, bounds) {
            let clustering = self.cluster(scaling, k)?;
            let kind = represent::kind_name(self.material.kind);
            let label = format!("{kind}, {}, {k} subtypes", scaling_name(scaling));
            let what = (label.as_str(), &clustering.subtyping, true);
            let tuned = finetune::subtypes(self.context, self.trial, settings, what)?;
            let full = score_rows(&tuned.layout, &tuned.rows.rows)?;
            match tried.iter_mut().find(|t| t.scaling == scaling && t.k == k) {
                Some(known) => known.full = full,
                None => {
                    let silhouette = clustering.subtyping.silhouette;
                    tried.push(Tried { scaling, k, silhouette, brief: None, full });
                }
            }
        }
        tried.sort_by_key(|t| (t.scaling, t.k));
        Ok(())
    }

    fn division(&self, best: usize, tried: Vec<Tried>) -> Result<(Division, Hash)> {
        let title =
            Title { name: StepName::Subtype, label: represent::kind_name(self.material.kind), version: 3 };
        let embedding = represent::settings(self.subtype);
        let (scaling, k) = (tried[best].scaling, tried[best].k);
        let embedded = self.material.embeddings.iter().find(|(s, _)| *s == scaling);
        let inputs: Vec<Hash> = self.inputs().into_iter().chain(embedded.map(|(_, e)| e.hash)).collect();
        let step = self.context.step(title, (&tried, best, embedding, self.context.seed), &inputs, |_| {
            let clustering = self.cluster(scaling, k)?;
            let scaled = self.material.represented.representation.scaled(scaling);
            let seeds: Vec<u64> = (1..=STABILITY_SEEDS).map(|s| self.context.seed.wrapping_add(s)).collect();
            let stability = stability(scaled.view(), &embedding, k, &seeds, &clustering.subtyping)?;
            Ok(Artifact::new(Division {
                subtyping: clustering.subtyping,
                nearest: Some(clustering.nearest),
                scaling: Some(scaling),
                tried: tried.clone(),
                stability,
            }))
        })?;
        Ok((step.artifact.value, step.hash))
    }
}

/// The index of the best candidate: by full fine-tuning where any was, else by brief, else by silhouette; the first of
/// equals, with smaller scaling index, then fewer subtypes.
fn best(tried: &[Tried]) -> Option<usize> {
    let merits: [fn(&Tried) -> Option<f64>; 3] =
        [|t| t.full.map(|s| s.merit()), |t| t.brief.map(|s| s.merit()), |t| t.silhouette];
    let best_by = |merit: fn(&Tried) -> Option<f64>| {
        let known = tried.iter().enumerate().filter_map(|(i, t)| Some((i, merit(t)?)));
        known.reduce(|a, b| if b.1 > a.1 { b } else { a }).map(|(i, _)| i)
    };
    merits.into_iter().find_map(best_by).or_else(|| (!tried.is_empty()).then_some(0))
}

/// What goes to the final: the first few by brief fine-tuning, and the untried numbers beside the very first.
fn finalists(tried: &[Tried], (smallest, largest): (usize, usize)) -> Vec<(Scaling, usize)> {
    let mut ranked: Vec<(&Tried, f64)> = tried.iter().filter_map(|t| Some((t, t.brief?.merit()))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let Some((first, _)) = ranked.first() else { return Vec::new() };
    let known = |scaling, k| tried.iter().any(|t| t.scaling == scaling && t.k == k);
    let beside = [first.k.wrapping_sub(1), first.k + 1].map(|k| (first.scaling, k));
    let beside = beside.into_iter().filter(|&(s, k)| (smallest..=largest).contains(&k) && !known(s, k));
    ranked.iter().take(FINALISTS).map(|(t, _)| (t.scaling, t.k)).chain(beside).collect()
}

/// Numbers of subtypes to try: all of a range if they are few, else evenly spread with both ends.
pub(super) fn spread(smallest: usize, largest: usize) -> Vec<usize> {
    const MOST: usize = 3;
    let steps = largest.saturating_sub(smallest);
    if steps < MOST {
        (smallest..=largest).collect()
    } else {
        (0..MOST).map(|i| smallest + (steps * i).div_ceil(MOST - 1)).collect()
    }
}

/// Learning rates that `auto` chooses from.
pub(super) const RATES: [f64; 4] = [5e-6, 2e-5, 8e-5, 3e-4];
/// The one that stands in the settings until then.
const START_RATE: f64 = RATES[1];

/// How a study fine-tunes; where it leaves the learning rate to us, [`settle`] chooses it.
pub(crate) fn finetuning(section: &Finetune) -> FinetuneSettings {
    FinetuneSettings {
        learning_rate: section.learning_rate.value().copied().unwrap_or(START_RATE),
        weight_decay: section.weight_decay,
        batch_size: section.batch_size as usize,
        epochs: section.epochs as usize,
        patience: section.patience as usize,
        keep_correct: section.keep_correct,
    }
}

/// Chooses the learning rate where the study leaves it to us.
pub(crate) fn settle(
    context: &Context<'_>,
    trial: &mut Trial<'_>,
    section: Option<&Finetune>,
    (material, subtype): (&Material, &Subtype),
) -> Result<()> {
    if section.is_some_and(|section| section.learning_rate.value().is_none()) {
        let learning_rate = self::learning_rate(context, trial, material, subtype)?;
        trial.finetune = trial.finetune.map(|settings| FinetuneSettings { learning_rate, ..settings });
    }
    Ok(())
}

/// The learning rate that does best on validation data, fine-tuning briefly on a middling number of subtypes.
fn learning_rate(
    context: &Context<'_>,
    trial: &Trial<'_>,
    material: &Material,
    subtype: &Subtype,
) -> Result<f64> {
    let title = Title { name: StepName::Subtype, label: "learning rate", version: 1 };
    let inputs = [trial.judged, trial.parts_hash, material.represented.hash];
    let step = context.step(
        title,
        (RATES, &subtype.clustering, trial.finetune, context.seed),
        &inputs,
        |scope| {
            let settings = trial.finetune.context("no fine-tuning in this study")?;
            let (_, embedded) = material.embeddings.last().context("no embedding of the failures")?;
            let (smallest, largest) = subtype.clustering.k.bounds();
            let k = (smallest.midpoint(largest) as usize).min(embedded.points.nrows());
            let subtyping =
                clusters(embedded.points.view(), &ClusterSettings { k, seed: context.seed })?.subtyping;
            let layout = trial.layout(&subtyping);
            let mut best: Option<(f64, f64)> = None;
            for (index, &rate) in RATES.iter().enumerate() {
                let settings = FinetuneSettings { learning_rate: rate, ..settings };
                let candidate =
                    Candidate { layout: &layout, settings: &brief(&settings), seed: context.seed };
                let merit = score(trial.judge, &candidate, &Listen(scope))?.map(|s| s.merit());
                if let Some(merit) = merit.filter(|m| best.is_none_or(|(b, _)| *m > b)) {
                    best = Some((merit, rate));
                }
                scope.progress(index + 1, RATES.len())?;
            }
            Ok(Artifact::new(best.map_or(settings.learning_rate, |(_, rate)| rate)))
        },
    )?;
    Ok(step.artifact.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(scaling: Scaling, k: usize, brief: f64) -> Tried {
        let brief = Some(Score { learnability: brief, independence: brief });
        Tried { scaling, k, silhouette: Some(-brief.map_or(0.0, |s| s.merit())), brief, full: None }
    }

    #[test]
    fn the_final_has_the_best_and_the_neighbours_of_the_first() {
        let all = [
            tried(Scaling::None, 3, 0.2),
            tried(Scaling::None, 7, 0.6),
            tried(Scaling::Unit, 7, 0.7),
            tried(Scaling::Unit, 10, 0.5),
        ];
        let expected = [(Scaling::Unit, 7), (Scaling::None, 7), (Scaling::Unit, 6), (Scaling::Unit, 8)];
        assert_eq!(finalists(&all, (3, 10)), expected);
        assert_eq!(finalists(&all, (7, 10)), [expected[0], expected[1], expected[3]]);
        assert_eq!(finalists(&[], (3, 10)), []);
    }

    #[test]
    fn full_fine_tuning_outranks_brief_and_brief_the_silhouette() {
        let mut all =
            vec![tried(Scaling::None, 3, 0.2), tried(Scaling::Unit, 7, 0.7), tried(Scaling::Unit, 8, 0.6)];
        assert_eq!(best(&all), Some(1));
        all[0].full = Some(Score { learnability: 0.3, independence: 0.3 });
        all[2].full = Some(Score { learnability: 0.4, independence: 0.3 });
        assert_eq!(best(&all), Some(2));
        all.iter_mut().for_each(|t| (t.full, t.brief) = (None, None));
        assert_eq!(best(&all), Some(0));
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn numbers_are_spread_over_a_range() {
        assert_eq!(spread(3, 10), [3, 7, 10]);
        assert_eq!(spread(4, 5), [4, 5]);
    }
}
