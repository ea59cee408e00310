//! Writes reports of an invented study, to look at and to check in a browser:
//! `cargo run --release -p modelmend-report --example sample_report -- DIR`
//!
//! `DIR` gets the report itself and the evidence documents of its repairs, `DIR/hostile` one whose texts are markup, `DIR/empty` one of a study without results,
//! `DIR/reconstruction` one of a reconstruction study, `DIR/reconstruction-hostile` the same with markup.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::path::PathBuf;

use modelmend_report::write::write;
use modelmend_report::{ReportInput, repair_markdown};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: sample_report DIR")?;
    let report = sample::report(620);
    write(&report, &folder)?;
    for (i, repair) in report.repairs.iter().enumerate() {
        std::fs::write(folder.join(format!("repair-{}.md", i + 1)), repair_markdown(&report, repair))?;
    }
    write(&sample::hostile::spoil(report), &folder.join("hostile"))?;
    write(&ReportInput::default(), &folder.join("empty"))?;
    write(&sample::uncertainty::report(), &folder.join("reconstruction"))?;
    let hostile = sample::uncertainty::spoil(sample::uncertainty::report());
    write(&hostile, &folder.join("reconstruction-hostile"))?;
    Ok(())
}
