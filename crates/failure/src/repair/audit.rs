//! What the product checks of its own repair before anyone relies on it.

use modelmend_net::onnx::{Difference, difference};
use modelmend_net::{Model, Parameters, Runtime, Settings, Tensor};

use serde::{Deserialize, Serialize};

use super::optimize::{frozen, pull};
use super::recipe::{Anchor, Recipe, Trainable};
use crate::error::Result;

/// A question about a repair and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What has to hold.
    pub what: String,
    /// Whether it does.
    pub passed: bool,
    /// The numbers behind it.
    pub detail: String,
}

/// Checks a repaired model against the recipe that made it. `fisher` is the information that the recipe's anchor used.
pub fn audit(
    (before, after): (&Model, &Model),
    (recipe, fisher): (&Recipe, Option<&Parameters<f32>>),
) -> Vec<Check> {
    let mut checks = vec![only_weights(before, after)];
    let (old, new) = (before.parameters(), after.parameters());
    let frozen = frozen(before.graph(), recipe.trainable);
    if frozen.contains(&true) {
        checks.push(same_bits(old, new, &frozen));
    }
    if matches!(recipe.trainable, Trainable::LowRank(_)) {
        let vectors: Vec<bool> = old.iter().map(|p| p.shape().len() < 2).collect();
        checks.push(same_bits(old, new, &vectors));
    }
    if recipe.anchor != Anchor::None {
        checks.push(anchor_pulls((old, new), recipe.anchor, fisher));
    }
    checks
}

/// Nodes, attributes, shapes and names are those of the input, and some weights are not: a model without any difference was
/// not repaired, whatever other networks of the same procedure did.
fn only_weights(before: &Model, after: &Model) -> Check {
    let (passed, detail) = match difference(before, after) {
        Difference::None => (false, "nothing differs".to_owned()),
        Difference::Weights { changed, of } => {
            (true, format!("values of {} of {of} tensors differ", changed.len()))
        }
        Difference::Graph { what } => (false, format!("the repaired file has {what}")),
    };
    Check {
        what: "the repaired file differs from the input, in weights and in nothing else".to_owned(),
        passed,
        detail,
    }
}

/// Written and read again, the repaired model says the same of `input`, bit for bit.
///
/// # Errors
/// Execution errors.
pub fn survives_its_file(model: &Model, input: &Tensor<f32>) -> Result<Check> {
    let run = |model: &Model| {
        let runtime = Runtime::<f32>::new(model.graph().clone());
        runtime.forward(model.parameters(), std::slice::from_ref(input), Settings::default())
    };
    let bits = |outputs: &[Tensor<f32>]| -> Vec<u32> {
        outputs.iter().flat_map(|t| t.data()).map(|v| v.to_bits()).collect()
    };
    let again = Model::from_bytes(&model.to_bytes())?;
    let (here, there) = (run(model)?, run(&again)?);
    Ok(Check {
        what: "the repaired file, read again, gives the same predictions".to_owned(),
        passed: bits(&here) == bits(&there),
        detail: format!("{} cases, bit for bit", input.shape().first().copied().unwrap_or(0)),
    })
}

/// Weights that the recipe must not move.
fn same_bits(old: &Parameters<f32>, new: &Parameters<f32>, frozen: &[bool]) -> Check {
    let pairs = old.iter().zip(new.iter()).zip(frozen).filter(|(_, frozen)| **frozen);
    let same = |a: &[f32], b: &[f32]| a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()));
    let (mut kept, mut of) = (0, 0);
    for ((a, b), _) in pairs {
        of += 1;
        kept += usize::from(same(a.data(), b.data()));
    }
    Check {
        what: "weights that must not move keep their bits".to_owned(),
        passed: kept == of,
        detail: format!("{kept} of {of} parameters"),
    }
}

/// The anchor's own term is not zero where the weights moved: a penalty that is zero was not there.
fn anchor_pulls(
    (old, new): (&Parameters<f32>, &Parameters<f32>),
    anchor: Anchor,
    fisher: Option<&Parameters<f32>>,
) -> Check {
    let mut gradient = old.zeros_like();
    pull(anchor, (new, old), fisher, &mut gradient);
    let norm =
        |p: &Parameters<f32>| p.iter().flat_map(|t| t.data()).map(|&v| f64::from(v).powi(2)).sum::<f64>();
    let moved = old.iter().zip(new.iter()).any(|(a, b)| a.data() != b.data());
    let information =
        fisher.map(norm).map_or_else(String::new, |n| format!(", information {:.3e}", n.sqrt()));
    let pulling = norm(&gradient).sqrt();
    let informed = !matches!(anchor, Anchor::Fisher { .. }) || fisher.is_some_and(|f| norm(f) > 0.0);
    Check {
        what: "the penalty is not zero".to_owned(),
        passed: informed && (!moved || pulling > 0.0),
        detail: format!("its gradient has norm {pulling:.3e}{information}"),
    }
}
