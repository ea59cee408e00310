//! Deep ensembles (Lakshminarayanan et al., arXiv 1612.01474).

use modelmend_net::{Model, Runtime, Settings, Tensor};

use super::spread::{maps, spread};
use super::{Maps, Method, missing, run};
use crate::error::{Result, UncertaintyError};

/// Networks that were trained from different seeds: the output is their mean, u their standard deviation (unbiased variance).
#[derive(Debug)]
pub struct Ensemble {
    members: Vec<(Runtime<f32>, Model)>,
}

impl Ensemble {
    /// Asks these networks, with dropout as each file has it.
    ///
    /// # Errors
    /// Fewer than two.
    pub fn new(members: Vec<Model>) -> Result<Self> {
        if members.len() < 2 {
            return Err(UncertaintyError::Invalid(format!(
                "members: {} is too few; a spread needs two networks",
                members.len()
            )));
        }
        let member = |model: Model| (Runtime::new(model.graph().clone()), model);
        Ok(Self { members: members.into_iter().map(member).collect() })
    }
}

impl Method for Ensemble {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        let (mut all, mut shape) = (Vec::new(), Vec::new());
        for (index, (runtime, model)) in self.members.iter().enumerate() {
            let outputs = run(runtime, model, input, Settings::default())?;
            let output = outputs.into_iter().next().ok_or_else(missing)?;
            if index == 0 {
                shape = output.shape().to_vec();
            } else if output.shape() != shape {
                return Err(UncertaintyError::Invalid(format!(
                    "member {} of the ensemble returns {:?}, the first one {shape:?}",
                    index + 1,
                    output.shape()
                )));
            }
            all.extend(output.into_data());
        }
        maps(&shape, spread(&all, self.members.len()))
    }
}
