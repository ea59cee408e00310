//! Writes the report of an invented study, to look at and to check in a browser:
//! `cargo run --release -p modelmend-report --example sample_report -- DIR`

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: sample_report DIR")?;
    modelmend_report::write::write(&sample::report(620), &folder)?;
    Ok(())
}
