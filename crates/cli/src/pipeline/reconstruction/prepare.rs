//! From an entry of a study to a method that can be asked.

use anyhow::{Context as _, Result};
use modelmend_net::Model;
use modelmend_net::interval::network::Part as Boxes;
use modelmend_study::schema::{AutoOr, LayerRange, Layers, ReconstructionStudy, Uncertainty};
use modelmend_study::scope::Scope;
use modelmend_uncertainty::method::{
    Augmented, Ensemble, InputGradient, McDropout, Method, heuristic_beta, train_interval_network,
    train_learned_error, train_predicted_variance,
};
use modelmend_uncertainty::source::Source;
use modelmend_uncertainty::train::Training;

use super::super::context::{Context, Watch};
use super::train::{batch_size, steps};

/// The name of a method in results.
pub(super) fn name(wanted: &Uncertainty) -> &'static str {
    match wanted {
        Uncertainty::Inn { .. } => "inn",
        Uncertainty::McDropout { .. } => "mcdropout",
        Uncertainty::ProbOut { .. } => "probout",
        Uncertainty::Ensemble { .. } => "ensemble",
        Uncertainty::Tta {} => "tta",
        Uncertainty::Gradient {} => "gradient",
        Uncertainty::Error { .. } => "error",
    }
}

/// A name for each entry of a study: where several ask for one method, the later ones are numbered.
pub(super) fn names(entries: &[Uncertainty]) -> Vec<String> {
    let nth = |i: usize| entries[..=i].iter().filter(|&entry| name(entry) == name(&entries[i])).count();
    let named = |(i, entry)| match nth(i) {
        1 => name(entry).to_owned(),
        nth => format!("{}-{nth}", name(entry)),
    };
    entries.iter().enumerate().map(named).collect()
}

/// A method that is ready to be asked.
pub(super) struct Prepared {
    pub(super) method: Box<dyn Method>,
    /// The model that it made, where it made one.
    pub(super) model: Option<Model>,
    /// What a reader of the page has to know about it.
    pub(super) note: Option<String>,
}

impl Prepared {
    fn new(method: impl Method + 'static) -> Self {
        Self { method: Box::new(method), model: None, note: None }
    }

    fn with_model(self, model: Model) -> Self {
        Self { model: Some(model), ..self }
    }

    fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }
}

/// Makes a method ready to be asked.
pub(super) fn prepare(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    source: &dyn Source,
    (base, others, wanted): (&Model, &[Model], &Uncertainty),
    scope: &Scope<'_>,
) -> Result<Prepared> {
    let batch_size = batch_size(study);
    let training = |learning_rate, epochs: &Option<u32>, given: &Option<u32>| Training {
        learning_rate,
        batch_size,
        steps: steps(source, batch_size, *epochs, *given),
        seed: context.seed,
    };
    match wanted {
        Uncertainty::Inn { epochs, steps, learning_rate, beta, layers } => {
            let training = training(*learning_rate, epochs, steps);
            let beta = match beta {
                AutoOr::Auto(_) => heuristic_beta(base, source)?,
                AutoOr::Value(beta) => *beta,
            };
            let part = boxes(layers);
            let inn = train_interval_network(base, (&part, beta), source, &training, &Watch(scope))?;
            let model = inn.model().clone();
            let note = format!("Price of width (beta) of the interval network: {beta:.2e}.");
            Ok(Prepared::new(inn).with_model(model).with_note(Some(note)))
        }
        Uncertainty::McDropout { passes, ratio } => {
            let dropout = McDropout::new(base, *passes as usize, *ratio, context.seed)?;
            let inserted = |ratio| {
                format!("The network has no dropout: Monte Carlo dropout inserted some, with ratio {ratio}.")
            };
            let note = dropout.inserted().map(inserted);
            Ok(Prepared::new(dropout).with_note(note))
        }
        Uncertainty::ProbOut { epochs, steps, learning_rate } => {
            let training = training(rate(study, wanted, *learning_rate)?, epochs, steps);
            let variance = train_predicted_variance(base, source, &training, &Watch(scope))?;
            let model = variance.model().clone();
            Ok(Prepared::new(variance).with_model(model))
        }
        Uncertainty::Ensemble { .. } => {
            let members = std::iter::once(base).chain(others).cloned().collect();
            Ok(Prepared::new(Ensemble::new(members)?))
        }
        Uncertainty::Tta {} => Ok(Prepared::new(Augmented::new(base))),
        Uncertainty::Gradient {} => Ok(Prepared::new(InputGradient::new(base))),
        Uncertainty::Error { epochs, steps, learning_rate } => {
            let training = training(rate(study, wanted, *learning_rate)?, epochs, steps);
            let error = train_learned_error(base, source, &training, &Watch(scope))?;
            let model = error.model().clone();
            Ok(Prepared::new(error).with_model(model))
        }
    }
}

/// The learning rate of a method, or that of the study's training.
fn rate(study: &ReconstructionStudy, wanted: &Uncertainty, given: Option<f64>) -> Result<f64> {
    let usual = study.train.as_ref().map(|train| train.optimizer.learning_rate);
    given.or(usual).with_context(|| format!("uncertainty: {} needs a learning_rate", name(wanted)))
}

fn boxes(layers: &Layers) -> Boxes {
    match layers {
        Layers::Range(LayerRange::All) => Boxes::All,
        Layers::Range(LayerRange::Last(count)) => Boxes::Last(*count as usize),
        Layers::Nodes(names) => Boxes::Named(names.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_one_method_have_names_of_their_own() {
        let dropout = |passes| Uncertainty::McDropout { passes, ratio: None };
        assert_eq!(
            names(&[dropout(2), Uncertainty::Tta {}, dropout(16)]),
            ["mcdropout", "tta", "mcdropout-2"]
        );
    }
}
