//! From an entry of a study to a method that can be asked.

use anyhow::{Context as _, Result};
use modelmend_net::Model;
use modelmend_net::interval::network::Part as Boxes;
use modelmend_study::schema::{AutoOr, LayerRange, Layers, ReconstructionStudy, Uncertainty};
use modelmend_study::scope::Scope;
use modelmend_uncertainty::method::{
    Ensemble, McDropout, Method, heuristic_beta, train_interval_network, train_predicted_variance,
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
    }
}

/// The method, the model that it made, the price of width that it was trained with.
pub(super) type Prepared = (Box<dyn Method>, Option<Model>, Option<f64>);

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
            Ok((Box::new(inn), Some(model), Some(beta)))
        }
        Uncertainty::McDropout { passes } => {
            Ok((Box::new(McDropout::new(base, *passes as usize, context.seed)?), None, None))
        }
        Uncertainty::ProbOut { epochs, steps, learning_rate } => {
            let usual = study.train.as_ref().map(|train| train.optimizer.learning_rate);
            let rate = learning_rate.or(usual).context("uncertainty: probout needs a learning_rate")?;
            let training = training(rate, epochs, steps);
            let variance = train_predicted_variance(base, source, &training, &Watch(scope))?;
            let model = variance.model().clone();
            Ok((Box::new(variance), Some(model), None))
        }
        Uncertainty::Ensemble { .. } => {
            let members = std::iter::once(base).chain(others).cloned().collect();
            Ok((Box::new(Ensemble::new(members)?), None, None))
        }
    }
}

fn boxes(layers: &Layers) -> Boxes {
    match layers {
        Layers::Range(LayerRange::All) => Boxes::All,
        Layers::Range(LayerRange::Last(count)) => Boxes::Last(*count as usize),
        Layers::Nodes(names) => Boxes::Named(names.clone()),
    }
}
