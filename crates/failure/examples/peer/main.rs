//! Our side of `benches/peers`, a process for each piece of work.
//!
//! `peer export FOLDER` writes what the sides share: networks, their weights and an output, the cases of the matrix where the reference data are there.
//! `peer NETWORK TASK BATCH FOLDER` says what memory it held before and in which precision it computes, then reads a number of repeats per line and answers each
//! with seconds per repeat and the most memory it held, in MiB.
#![allow(clippy::print_stdout, reason = "speaks to the benchmark over standard output")]

mod failures;
mod networks;

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use modelmend_net::Precision;
use modelmend_net::kernels::matrix_unit;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Work that can be repeated, and how exactly it computes.
struct Work {
    precision: Precision,
    run: Box<dyn FnMut() -> Outcome<()>>,
}

fn main() -> Outcome<()> {
    let before = peak()?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["export", folder] => {
            networks::export(Path::new(folder))?;
            failures::export(Path::new(folder))
        }
        [network, task, batch, folder] => {
            answer(before, prepare(network, task, batch.parse()?, Path::new(folder))?)
        }
        _ => Err("export FOLDER or NETWORK TASK BATCH FOLDER expected".into()),
    }
}

fn prepare(network: &str, task: &str, batch: usize, folder: &Path) -> Outcome<Work> {
    match task {
        "infer" => networks::infer(network, batch),
        "train" => networks::train(network, batch),
        "per-sample" => failures::per_sample(network, batch),
        "matrix" => failures::matrix(batch, folder, (4, 40)),
        "finetune" => failures::matrix(batch, folder, (8, 60)),
        _ => Err(format!("no task `{task}`").into()),
    }
}

fn answer(before: f64, mut work: Work) -> Outcome<()> {
    let precision = match work.precision {
        Precision::Single | Precision::Direct => "single precision",
        _ if !matrix_unit::available() => "single precision, no matrix unit",
        Precision::Split => "split products on the matrix unit",
        Precision::Mixed => "mixed products on the matrix unit",
    };
    println!("{before} {precision}");
    std::io::stdout().flush()?;
    for line in std::io::stdin().lock().lines() {
        let repeats: usize = line?.trim().parse()?;
        let start = Instant::now();
        for _ in 0..repeats {
            (work.run)()?;
        }
        println!("{} {}", start.elapsed().as_secs_f64() / repeats as f64, peak()?);
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The most memory that this process held, in MiB.
fn peak() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak in the status")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
