//! All cases of a study, and those of them that are analysed where there are very many.

use anyhow::Result;
use modelmend_failure::draw::sample;
use modelmend_study::Hash;
use modelmend_study::schema::AtMost;

use super::cases::Judged;
use super::subject::Subject;

/// All cases and what the model makes of them, with a sample where there are more than a study analyses.
///
/// Clusters, embeddings and neighbours compare cases with each other, and every fine-tuned network is judged on every case
/// that is analysed: a limit on these keeps time and memory of a study bounded, whatever the number of cases.
pub(crate) struct Population {
    /// All cases.
    pub(crate) subject: Subject,
    /// What the model makes of all cases.
    pub(crate) judged: Judged,
    sample: Option<Sample>,
}

/// Cases drawn from a population.
struct Sample {
    /// Their numbers among all cases, ascending.
    chosen: Vec<usize>,
    subject: Subject,
    judged: Judged,
}

impl Population {
    /// Draws what is analysed, failures and right cases each for themselves: failures are what is looked for, and few.
    pub(crate) fn new(subject: Subject, judged: Judged, at_most: &AtMost, seed: u64) -> Result<Self> {
        let right: Vec<usize> = (0..judged.failure.len()).filter(|&case| !judged.failure[case]).collect();
        let mut chosen = sample(&judged.failures, at_most.failures as usize, seed);
        chosen.extend(sample(&right, at_most.correct as usize, seed));
        if chosen.len() == judged.failure.len() {
            return Ok(Self { subject, judged, sample: None });
        }
        chosen.sort_unstable();
        let predictions = chosen.iter().map(|&case| judged.predictions[case]).collect();
        let drawn = serde_json::to_vec(&chosen)?;
        let hash = Hash::of_fields("modelmend 1 sample", &[judged.hash.as_bytes(), &drawn]);
        let sample =
            Sample { subject: subject.select(&chosen), judged: Judged::new(predictions, hash), chosen };
        Ok(Self { subject, judged, sample: Some(sample) })
    }

    /// The cases that are analysed.
    pub(crate) fn analysed(&self) -> (&Subject, &Judged) {
        match &self.sample {
            Some(sample) => (&sample.subject, &sample.judged),
            None => (&self.subject, &self.judged),
        }
    }

    /// The number among all cases of an analysed one.
    pub(crate) fn number(&self, analysed: usize) -> usize {
        self.sample.as_ref().map_or(analysed, |sample| sample.chosen[analysed])
    }

    /// What people have to know of a sample.
    pub(crate) fn note(&self) -> Option<String> {
        let sample = self.sample.as_ref()?;
        let count = |judged: &Judged| (judged.failures.len(), judged.failure.len() - judged.failures.len());
        let ((failures, right), (of_failures, of_right)) = (count(&sample.judged), count(&self.judged));
        Some(format!(
            "{failures} of {of_failures} failures and {right} of {of_right} right cases are analysed, drawn by the seed \
             (data.at_most). The accuracy and cases.parquet are those of all cases; `all` in the matrices counts the drawn ones."
        ))
    }
}
