//! From an entry of `uncertainty:` to a method that can be asked.

use anyhow::{Context as _, Result};
use modelmend_net::Model;
use modelmend_net::interval::network::Part as Boxes;
use modelmend_study::schema::{LayerRange, Layers, ReconstructionStudy, Uncertainty};
use modelmend_study::scope::Scope;
use modelmend_uncertainty::method::{
    Augmented, Ensemble, InputGradient, IntervalMaps, LearnedError, McDropout, Method, PredictedVariance,
    train_interval_network, train_learned_error, train_predicted_variance,
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

/// Names of entries of a study: where several have the same, the later ones are numbered.
pub(super) fn numbered(names: &[String]) -> Vec<String> {
    let nth = |i: usize| names[..=i].iter().filter(|&name| *name == names[i]).count();
    let named = |(i, name): (usize, &String)| match nth(i) {
        1 => name.clone(),
        nth => format!("{name}-{nth}"),
    };
    names.iter().enumerate().map(named).collect()
}

/// Whether a method has a network of its own that must be trained.
pub(super) fn trains(wanted: &Uncertainty) -> bool {
    matches!(wanted, Uncertainty::Inn { .. } | Uncertainty::ProbOut { .. } | Uncertainty::Error { .. })
}

/// Trains the network of a method that has one of its own. With it what a reader of the page has to know about it.
pub(super) fn train(
    context: &Context<'_>,
    study: &ReconstructionStudy,
    source: &dyn Source,
    (base, wanted, beta): (&Model, &Uncertainty, Option<f64>),
    scope: &Scope<'_>,
) -> Result<Option<(Model, Option<String>)>> {
    let batch_size = batch_size(study);
    let training = |learning_rate, epochs: &Option<u32>, given: &Option<u32>| Training {
        learning_rate,
        batch_size,
        steps: steps(source, batch_size, *epochs, *given),
        seed: context.seed,
    };
    let watch = Watch(scope);
    Ok(match wanted {
        Uncertainty::Inn { epochs, steps, learning_rate, layers, .. } => {
            let training = training(*learning_rate, epochs, steps);
            let beta = beta.context("inn: has no price of width")?;
            let part = boxes(layers);
            let inn = train_interval_network(base, (&part, beta), source, &training, &watch)?;
            let note = format!("Price of width (beta) of the interval network: {beta:.2e}.");
            Some((inn.model().clone(), Some(note)))
        }
        Uncertainty::ProbOut { epochs, steps, learning_rate } => {
            let training = training(rate(study, wanted, *learning_rate)?, epochs, steps);
            Some((train_predicted_variance(base, source, &training, &watch)?.model().clone(), None))
        }
        Uncertainty::Error { epochs, steps, learning_rate } => {
            let training = training(rate(study, wanted, *learning_rate)?, epochs, steps);
            Some((train_learned_error(base, source, &training, &watch)?.model().clone(), None))
        }
        Uncertainty::McDropout { .. }
        | Uncertainty::Ensemble { .. }
        | Uncertainty::Tta {}
        | Uncertainty::Gradient {} => None,
    })
}

/// A method that is ready to be asked, with what a reader of the page has to know about it.
pub(super) type Ready = (Box<dyn Method>, Option<String>);

/// Makes a method ready, with the network that was trained for it or with the other networks of an ensemble.
pub(super) fn ready(
    (base, others, trained): (&Model, &[Model], Option<&Model>),
    wanted: &Uncertainty,
    seed: u64,
) -> Result<Ready> {
    let own = || trained.cloned().with_context(|| format!("{}: has no trained network", name(wanted)));
    let mut note = None;
    let method: Box<dyn Method> = match wanted {
        Uncertainty::Inn { .. } => Box::new(IntervalMaps::new(own()?)),
        Uncertainty::ProbOut { .. } => Box::new(PredictedVariance::new(own()?)),
        Uncertainty::Error { .. } => Box::new(LearnedError::new(base, own()?)),
        Uncertainty::McDropout { passes, ratio } => {
            let dropout = McDropout::new(base, *passes as usize, *ratio, seed)?;
            note = dropout.inserted().map(|ratio| {
                format!("The network has no dropout: Monte Carlo dropout inserted some, with ratio {ratio}.")
            });
            Box::new(dropout)
        }
        Uncertainty::Ensemble { .. } => {
            Box::new(Ensemble::new(std::iter::once(base).chain(others).cloned().collect())?)
        }
        Uncertainty::Tta {} => Box::new(Augmented::new(base)),
        Uncertainty::Gradient {} => Box::new(InputGradient::new(base)),
    };
    Ok((method, note))
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
        let names = ["mcdropout", "tta", "mcdropout"].map(str::to_owned);
        assert_eq!(numbered(&names), ["mcdropout", "tta", "mcdropout-2"]);
    }
}
