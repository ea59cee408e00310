use anyhow::Result;
use clap::Args;
use modelmend_net::onnx::OPSETS;
use modelmend_net::ops::{Entry, Interval, TABLE};
use serde_json::json;

use crate::output::line;

/// Arguments of `modelmend ops`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  modelmend ops\n  modelmend ops --json")]
pub(crate) struct Ops {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// How the interval reading of an operator is called.
pub(super) fn interval_name(interval: Interval) -> &'static str {
    match interval {
        Interval::Exact => "exact",
        Interval::Sound => "sound",
        Interval::None => "no",
    }
}

/// `yes` or `no`.
pub(super) fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

impl Ops {
    pub(crate) fn run(self) -> Result<u8> {
        if self.json {
            let row = |e: &&Entry| json!({"operator": e.name, "gradient": e.gradient, "interval": interval_name(e.interval), "attributes": e.attributes});
            line(&serde_json::to_string_pretty(&TABLE.iter().map(row).collect::<Vec<_>>())?);
            return Ok(0);
        }
        line(&format!("{:24} {:5}  {:8}  {:8}  attributes", "operator", "point", "gradient", "interval"));
        for entry in TABLE {
            line(&format!(
                "{:24} {:5}  {:8}  {:8}  {}",
                entry.name,
                "yes",
                yes_no(entry.gradient),
                interval_name(entry.interval),
                entry.attributes.join(", ")
            ));
        }
        line(&format!("{} operators, opsets {} to {}", TABLE.len(), OPSETS.start(), OPSETS.end()));
        Ok(0)
    }
}
