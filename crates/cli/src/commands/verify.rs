use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use modelmend_failure::repair::gate::{Criterion, CriterionName};
use modelmend_net::onnx::Difference;
use serde_json::json;

use crate::output::{Bar, REFUSED, line};
use crate::pipeline::{self, Verified, VerifyOptions};

/// Arguments of `modelmend verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelmend verify model.onnx repaired.onnx study.yaml
  modelmend verify model.onnx repaired.onnx cells.npz --split val
  modelmend verify model.onnx repaired.onnx cells.npz --target-column scanner=B

The cases must be such that neither model was trained or chosen with them. A study gives its data, the
margins of its `repair.gate` and the seed; nothing else of it is read. Of a file of cases the labels are the classes.

Accepted is what improves the target, keeps the cases that were right, is right more often over all
cases, breaks no metadata value that 30 cases share, and stays calibrated; each beyond chance.

Exit code 0 if accepted, 3 if refused, 2 for invalid input.")]
pub(crate) struct Verify {
    /// The model as it was, an ONNX file.
    before: PathBuf,
    /// The repaired model, with the same inputs and outputs.
    after: PathBuf,
    /// A study file (.yaml), or cases: .npz in MedMNIST layout, a table or folder of images.
    data: PathBuf,
    /// Split of the cases to judge on; by default `test`. A study names its own.
    #[arg(long)]
    split: Option<String>,
    /// The repair is for failures with this value; by default for all failures of BEFORE.
    #[arg(long, value_name = "COLUMN=VALUE")]
    target_column: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> Result<u8> {
        let options = VerifyOptions {
            before: self.before,
            after: self.after,
            data: self.data,
            split: self.split,
            target: self.target_column,
        };
        let verified = pipeline::verify(&options, &Bar::new("verify"))?;
        if self.json {
            line(&serde_json::to_string_pretty(&as_json(&options, &verified))?);
        } else {
            print(&options, &verified);
        }
        Ok(if verified.verdict.accepted { 0 } else { REFUSED })
    }
}

fn print(options: &VerifyOptions, verified: &Verified) {
    let groups = verified.groups.map_or_else(String::new, |count| format!(" in {count} groups"));
    line(&format!(
        "{} cases of {}{groups}, {} of them the target of the repair",
        verified.cases,
        options.data.display(),
        verified.targets
    ));
    line(&format!("the models differ in {}", words(&verified.difference)));
    line(&format!(
        "{:11} {:>7}  {:22} {:>7}  {:>7} {:>6}  holds",
        "criterion", "change", "interval", "margin", "p", "cases"
    ));
    verified.verdict.criteria.iter().for_each(|criterion| line(&row(criterion)));
    line(if verified.verdict.accepted { "accepted" } else { "refused" });
    for criterion in verified.verdict.refusals() {
        line(&format!("  {}: {}", criterion.name.as_str(), criterion.reason));
    }
}

fn words(difference: &Difference) -> String {
    match difference {
        Difference::None => "nothing".to_owned(),
        Difference::Weights { changed, of } => {
            format!("weights only: the values of {} of {of} tensors", changed.len())
        }
        Difference::Graph { what } => format!("more than weights: the repaired model has {what}"),
    }
}

/// One criterion; changes in percentage points.
fn row(criterion: &Criterion) -> String {
    let points = |value: f64| format!("{:+.1}", (1000.0 * value).round() / 10.0 + 0.0);
    let interval = criterion.interval.map_or_else(
        || "-".to_owned(),
        |(low, high)| format!("{} to {} ({:.0} %)", points(low), points(high), 100.0 * criterion.level),
    );
    // What must show a gain has no margin to lose.
    let margin = match criterion.name {
        CriterionName::Target | CriterionName::All => "-".to_owned(),
        _ => format!("{:.1}", 100.0 * criterion.margin),
    };
    format!(
        "{:11} {:>7}  {interval:22} {margin:>7}  {:>7} {:>6}  {}",
        criterion.name.as_str(),
        criterion.estimate.map_or_else(|| "-".to_owned(), points),
        criterion.p.map_or_else(|| "-".to_owned(), |p| format!("{p:.4}")),
        criterion.cases,
        if criterion.passed { "yes" } else { "no" }
    )
}

fn as_json(options: &VerifyOptions, verified: &Verified) -> serde_json::Value {
    let (kind, detail) = match &verified.difference {
        Difference::None => ("none", json!(null)),
        Difference::Weights { changed, of } => ("weights", json!({"changed": changed, "of": of})),
        Difference::Graph { what } => ("graph", json!(what)),
    };
    json!({
        "before": options.before, "after": options.after, "data": options.data,
        "cases": verified.cases, "groups": verified.groups, "targets": verified.targets,
        "difference": {"kind": kind, "detail": detail},
        "verdict": verified.verdict,
    })
}
