use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use modelmend_net::Model;
use modelmend_net::graph::Dim;
use modelmend_net::onnx::NodeReport;
use modelmend_net::ops::Interval;
use serde_json::json;

use super::ops::{interval_name, yes_no};
use crate::output::{INVALID, line};

/// Arguments of `modelmend inspect`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  modelmend inspect model.onnx\n\nExit code 2 if a node cannot be computed."
)]
pub(crate) struct Inspect {
    /// The model, an ONNX file.
    model: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// An operator type over all its nodes.
struct Kind {
    nodes: usize,
    gradient: bool,
    interval: Interval,
    problem: Option<(String, String)>,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<u8> {
        let kinds = kinds(Model::inspect(&self.model)?);
        let broken = kinds.values().any(|k| k.problem.is_some());
        // A model with operators that are missing still has a table; only what needs the whole graph is left out.
        let model = if broken { None } else { Some(Model::read(&self.model)?) };
        if self.json {
            line(&serde_json::to_string_pretty(&as_json(model.as_ref(), &kinds))?);
        } else {
            print(model.as_ref(), &kinds);
        }
        let problem = kinds.iter().find_map(|(op, k)| k.problem.as_ref().map(|(node, why)| (op, node, why)));
        match problem {
            Some((op, node, why)) => {
                anyhow::bail!("{}: node `{node}` ({op}) cannot be computed: {why}", self.model.display())
            }
            None => Ok(if broken { INVALID } else { 0 }),
        }
    }
}

fn kinds(reports: Vec<NodeReport>) -> BTreeMap<String, Kind> {
    let mut kinds = BTreeMap::new();
    for report in reports {
        let kind = kinds.entry(report.op_type.clone()).or_insert(Kind {
            nodes: 0,
            gradient: report.gradient,
            interval: report.interval,
            problem: None,
        });
        kind.nodes += 1;
        kind.problem = kind.problem.take().or(report.problem.map(|why| (report.name, why)));
    }
    kinds
}

fn dims(dims: &[Dim]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn print(model: Option<&Model>, kinds: &BTreeMap<String, Kind>) {
    if let Some(model) = model {
        let graph = model.graph();
        for input in graph.inputs() {
            line(&format!("input   {} ({})", input.name, dims(&input.dims)));
        }
        for name in graph.output_names() {
            line(&format!("output  {name}"));
        }
        line(&format!(
            "opset {}, {} parameters in {} tensors",
            model.opset(),
            model.parameters().scalars(),
            model.parameters().len()
        ));
    }
    line(&format!("{:24} {:>5}  {:5}  {:8}  interval", "operator", "nodes", "point", "gradient"));
    for (op, kind) in kinds {
        let point = kind.problem.is_none();
        let interval = interval_name(if point { kind.interval } else { Interval::None });
        let gradient = yes_no(point && kind.gradient);
        line(&format!("{op:24} {:>5}  {:5}  {gradient:8}  {interval}", kind.nodes, yes_no(point)));
    }
}

fn as_json(model: Option<&Model>, kinds: &BTreeMap<String, Kind>) -> serde_json::Value {
    let operator = |(op, kind): (&String, &Kind)| {
        json!({
            "operator": op, "nodes": kind.nodes, "point": kind.problem.is_none(), "gradient": kind.gradient,
            "interval": interval_name(kind.interval), "node": kind.problem.as_ref().map(|p| &p.0), "problem": kind.problem.as_ref().map(|p| &p.1),
        })
    };
    json!({
        "inputs": model.map(|m| m.graph().inputs().iter().map(|i| json!({"name": i.name, "dims": dims(&i.dims)})).collect::<Vec<_>>()),
        "outputs": model.map(|m| m.graph().output_names().iter().map(ToString::to_string).collect::<Vec<_>>()),
        "parameters": model.map(|m| m.parameters().scalars()),
        "opset": model.map(Model::opset),
        "operators": kinds.iter().map(operator).collect::<Vec<_>>(),
    })
}
