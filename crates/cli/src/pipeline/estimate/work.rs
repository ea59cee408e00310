//! The work of a classification study, step by step, counted as the pipeline does it.

use modelmend_failure::select::brief;
use modelmend_study::schema::{
    ClassificationStudy, Comparison, EmbeddingMethod, Finetune, KSelection, Representation as Kind,
    Subtyping as Method,
};

use super::super::choose::{FINALISTS, RATES, STABILITY_SEEDS, finetuning, spread};
use super::super::divide::{clustered, scalings};
use super::super::finetune::NULL_ROWS;
use super::super::run::comparisons;
use super::rates::Rates;

/// How many there are of what work is counted in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Numbers {
    /// Cases that are predicted.
    pub(super) cases: f64,
    /// Failures that are analysed.
    pub(super) failures: f64,
    /// Right cases that are analysed.
    pub(super) correct: f64,
    /// Classes of the network.
    pub(super) classes: usize,
    /// Different fine labels.
    pub(super) labels: usize,
}

impl Numbers {
    pub(super) fn of(
        study: &ClassificationStudy,
        cases: usize,
        failing: f64,
        (classes, labels): (usize, usize),
    ) -> Self {
        let (cases, at_most) = (cases as f64, &study.data.at_most);
        let failures = (failing * cases).round();
        Self {
            cases,
            failures: failures.min(f64::from(at_most.failures)),
            correct: (cases - failures).min(f64::from(at_most.correct)),
            classes,
            labels,
        }
    }

    fn analysed(&self) -> f64 {
        self.failures + self.correct
    }
}

/// A step with what it takes.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// Core-seconds.
    pub(super) seconds: f64,
    /// For people.
    pub(super) work: String,
}

/// All steps whose work can be counted.
pub(super) fn steps(study: &ClassificationStudy, numbers: &Numbers, rates: &Rates) -> Vec<Step> {
    let count = Count { study, numbers, rates };
    let mut steps = vec![
        Step {
            name: "predict",
            seconds: numbers.cases * rates.predict,
            work: format!("{} cases", numbers.cases),
        },
        count.represent(),
        count.embed(),
        count.subtype(),
    ];
    steps.extend(study.finetune.is_some().then(|| count.finetune()));
    steps.push(count.neighbors());
    steps
}

struct Count<'a> {
    study: &'a ClassificationStudy,
    numbers: &'a Numbers,
    rates: &'a Rates,
}

impl Count<'_> {
    fn kinds(&self) -> Vec<Kind> {
        comparisons(self.study).iter().filter_map(clustered).collect()
    }

    fn represent(&self) -> Step {
        let (failures, analysed) = (self.numbers.failures, self.numbers.analysed());
        let of_kind = |kind: Kind| {
            failures
                * match kind {
                    Kind::Gradients => self.rates.gradient,
                    Kind::Features | Kind::FeaturesFlat => self.rates.features,
                    Kind::Trajectory => self.study.subtype.checkpoints.len() as f64 * self.rates.predict,
                }
        };
        let kinds = self.kinds();
        let work = format!("{} of {failures} failures, features of {analysed} cases", kinds.len());
        let seconds = kinds.into_iter().map(of_kind).sum::<f64>() + analysed * self.rates.features;
        Step { name: "represent", seconds, work }
    }

    /// To embed the failures once.
    fn embedding(&self) -> f64 {
        let failures = self.numbers.failures;
        failures * (self.rates.embed + failures * self.rates.compare)
    }

    /// Whether clusters are looked for in embeddings.
    fn embeds(&self) -> bool {
        self.study.subtype.embedding.method == EmbeddingMethod::Umap
    }

    fn embed(&self) -> Step {
        let of_kind = |kind: Kind| scalings(kind, &self.study.subtype).len();
        let clusters: usize = self.kinds().into_iter().map(of_kind).filter(|_| self.embeds()).sum();
        let count = clusters + 1;
        let work = format!("{count} of {} failures", self.numbers.failures);
        Step { name: "embed", seconds: count as f64 * self.embedding(), work }
    }

    /// The search for scaling, number and learning rate, and the embeddings that tell how stable the result is.
    fn subtype(&self) -> Step {
        let kinds = self.kinds();
        let embeddings = if self.embeds() { kinds.len() * STABILITY_SEEDS as usize } else { 0 };
        let mut seconds = embeddings as f64 * self.embedding();
        let mut work = format!("{embeddings} embeddings");
        if let Some(section) = &self.study.finetune {
            let numbers = self.candidates();
            let of_kind = |kind: Kind| scalings(kind, &self.study.subtype).len() * numbers.len();
            let mut tried: usize = kinds.into_iter().map(of_kind).filter(|&tried| tried > 1).sum();
            if self.study.subtype.clustering.select != KSelection::Validation {
                tried = 0;
            }
            tried += section.learning_rate.value().map_or(RATES.len(), |_| 0);
            let epochs = brief(&finetuning(section)).epochs;
            seconds += tried as f64 * self.tuning(self.subtypes(), epochs, 0.0);
            work += &format!(", {tried} brief fine-tunings of all subtypes");
        }
        Step { name: "subtype", seconds, work }
    }

    fn finetune(&self) -> Step {
        let epochs = self.study.finetune.as_ref().map_or(0, |section| section.epochs as usize);
        let analysed = self.numbers.analysed();
        // Networks that are asked about labels are judged twice, at the end on what was held out.
        let asked = |networks: usize| self.tuning(networks, epochs, analysed * (2.0 - self.section().train));
        let plain = |networks: usize| self.tuning(networks, epochs, analysed);
        let nulls = self.study.statistics.random_subtypings as usize;
        let searched = self.study.subtype.clustering.select == KSelection::Validation;
        // The neighbours of the first of the finalists join them.
        let finalists = if searched && self.candidates().len() > 1 { FINALISTS + 2 } else { 1 };
        let of_own = (finalists + nulls) * self.subtypes();
        // The first null is the random subtyping of the comparison.
        let (twice, once) = ((finalists + nulls.min(1)) as f64, nulls.saturating_sub(1) as f64);
        let mut seconds = plain(1) + twice * asked(self.subtypes()) + once * plain(self.subtypes());
        let mut networks = 1 + of_own;
        for comparison in &comparisons(self.study)[1..] {
            let own = self.networks(comparison);
            let random = match comparison {
                // The random subtyping of a comparison is the first null of the study's own.
                Comparison::Named(Method::Random) if nulls > 0 => continue,
                Comparison::Named(Method::Random) => 0,
                _ => nulls * NULL_ROWS.min(own),
            };
            networks += own + random;
            seconds += asked(own) + plain(own) * random as f64 / own as f64;
        }
        let work = format!("{networks} networks, each judged on {analysed} cases");
        Step { name: "finetune", seconds, work }
    }

    /// Networks of a subtyping; what is not known before a run is taken to be a middling number.
    fn networks(&self, comparison: &Comparison) -> usize {
        match comparison {
            Comparison::Named(Method::Fpfn) => self.numbers.classes,
            Comparison::Named(Method::Metadata) => self.numbers.labels,
            _ => self.subtypes(),
        }
    }

    /// The search for the cases beside each failure, which tell of wrong labels.
    fn neighbors(&self) -> Step {
        let (failures, analysed) = (self.numbers.failures, self.numbers.analysed());
        let work = format!("{failures} failures among {analysed} cases");
        Step { name: "neighbours", seconds: failures * analysed * self.rates.beside, work }
    }

    /// Numbers of subtypes that are tried with each scaling.
    fn candidates(&self) -> Vec<usize> {
        let (smallest, largest) = self.study.subtype.clustering.k.bounds();
        spread(smallest as usize, largest as usize)
    }

    /// A middling number of subtypes.
    fn subtypes(&self) -> usize {
        let (smallest, largest) = self.study.subtype.clustering.k.bounds();
        (smallest.midpoint(largest) as usize).max(1)
    }

    /// How the study fine-tunes.
    fn section(&self) -> Finetune {
        self.study.finetune.clone().unwrap_or_default()
    }

    /// To fine-tune a network on each of so many parts of the failures, which are then judged on `judged` cases each. Looks come every
    /// five epochs; those beyond, mostly at a few cases, are not counted.
    fn tuning(&self, networks: usize, epochs: usize, judged: f64) -> f64 {
        let section = self.section();
        let learned = 2.0 * section.train * self.numbers.failures;
        let looks = epochs.div_ceil(5) as f64;
        let watched = section.validation * self.numbers.correct;
        let seen = epochs as f64 * section.validation * self.numbers.failures
            + looks * (learned + networks as f64 * watched)
            + networks as f64 * judged;
        epochs as f64 * learned * self.rates.learn + seen * self.rates.predict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelmend_study::schema::{Study, StudyFile};

    const STUDY: &str = "
name: x
task: classification
model: a.onnx
data: {source: a.npz}
subtype: {clustering: {k: 4}, scaling: none}
compare: [random, fpfn]
finetune: {learning_rate: 1.0e-4, epochs: 10}
";

    fn study() -> ClassificationStudy {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.yaml");
        std::fs::write(&path, STUDY).unwrap();
        match StudyFile::load(&path).unwrap().study {
            Study::Classification(study) => *study,
            Study::Reconstruction(_) => panic!("a study of a classifier"),
        }
    }

    fn total(cases: usize) -> f64 {
        let rates = Rates {
            measured: 1,
            failing: 0.1,
            predict: 1.0,
            features: 2.0,
            gradient: 10.0,
            learn: 5.0,
            embed: 1.0,
            compare: 1e-3,
            beside: 1e-3,
        };
        let study = study();
        let numbers = Numbers::of(&study, cases, rates.failing, (2, 3));
        steps(&study, &numbers, &rates).iter().map(|step| step.seconds).sum()
    }

    #[test]
    fn beyond_the_limits_only_predictions_are_added() {
        let numbers = Numbers::of(&study(), 1_000_000, 0.1, (2, 3));
        assert_eq!((numbers.failures, numbers.correct), (10_000.0, 40_000.0));
        assert_eq!(total(2_000_000) - total(1_000_000), 1e6);
        assert!(total(2_000) > 1.9 * total(1_000));
    }

    #[test]
    fn work_is_counted_as_the_pipeline_does_it() {
        let rates = Rates {
            measured: 1,
            failing: 0.1,
            predict: 1.0,
            features: 0.0,
            gradient: 0.0,
            learn: 0.0,
            embed: 0.0,
            compare: 0.0,
            beside: 0.0,
        };
        let study = study();
        let numbers = Numbers::of(&study, 1000, 0.1, (2, 3));
        let finetune = steps(&study, &numbers, &rates).remove(4);
        // Four of its own and four of its null, which is the random subtyping of the comparison; two by predicted class and two
        // of their null; one for all failures.
        assert!(finetune.work.starts_with("13 networks, each judged on 1000 cases"), "{}", finetune.work);
        // Ten epochs on 16 validation failures, two looks at 128 cases and 144 right ones for each network, and
        // judgements on all 1,000; on the 360 held out as well of the first eight and of two by predicted class.
        let cost = |networks: f64| 160.0 + 2.0 * (128.0 + networks * 144.0) + networks * 1000.0;
        let expected = 2.0 * cost(4.0) + 2.0 * cost(2.0) + cost(1.0) + 10.0 * 360.0;
        assert!((finetune.seconds - expected).abs() < 1e-6, "{} instead of {expected}", finetune.seconds);
    }
}
