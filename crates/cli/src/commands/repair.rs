use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use modelmend_failure::repair::methods::METHODS;

use super::run::Run;
use crate::pipeline::{self, RepairChoice, RunOptions};

/// Arguments of `modelmend repair`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend repair study.yaml
  modelmend repair study.yaml --target 2,5 --method auto
  modelmend repair study.yaml --method wise-ft --out results

Runs the study and repairs what its `repair` section says, or what the options say. The repaired model is
models/repair-METHOD.onnx in the output folder, with repair.md beside the report. If the repair is refused, the model is
models/refused-repair-METHOD.onnx and the exit code 3. Models of further runs (`runs`) end in -run-2.onnx and so on.")]
pub(crate) struct Repair {
    #[command(flatten)]
    run: Run,
    /// Subtypes to repair, counted from 1; by default the study's, or those that the repair reaches.
    #[arg(long, value_name = "SUBTYPES", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    target: Option<Vec<u32>>,
    /// Method whose model is delivered; the methods that the study compares are compared all the same.
    #[arg(long, value_parser = methods())]
    method: Option<String>,
}

/// The names of all methods, with what each does for `--help`.
fn methods() -> PossibleValuesParser {
    PossibleValuesParser::new(METHODS.iter().map(|m| PossibleValue::new(m.name()).help(m.summary())))
}

impl Repair {
    pub(crate) fn run(self) -> Result<u8> {
        let choice = RepairChoice { target: self.target, method: self.method };
        let (study, options) = self.run.options();
        pipeline::run_file(&study, &RunOptions { repair: Some(choice), ..options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelmend_study::schema::RepairMethod;

    #[test]
    fn studies_know_every_method() {
        for method in METHODS {
            assert!(
                serde_json::from_value::<RepairMethod>(method.name().into()).is_ok(),
                "{}",
                method.name()
            );
        }
    }
}
