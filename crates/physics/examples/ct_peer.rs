//! Our side of `benches/peers/ct.py`: reads `TASK SIZE ANGLES` lines and answers each with seconds.
//!
//! Tasks: `radon` and `adjoint` (projections of a square image in single precision, detectors along the diagonal), `iradon` (back-projection with the ramp filter).
#![allow(clippy::print_stdout, reason = "speaks to the benchmark over standard output")]

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use modelmend_physics::{Filter, FilteredBackprojection, Parallel, Radon, angles, phantom};

fn once(task: &str, size: usize, count: usize) -> Result<f64, Box<dyn Error>> {
    let geometry = Parallel::covering(size, angles(count))?;
    let radon = Radon::new(geometry.clone());
    let image: Vec<f32> = phantom::image(&phantom::shepp_logan(), size).iter().map(|&v| v as f32).collect();
    let sinogram = radon.forward(&image)?;
    let start = Instant::now();
    match task {
        "radon" => drop(black_box(radon.forward(&image)?)),
        "adjoint" => drop(black_box(radon.adjoint(&sinogram)?)),
        "iradon" => {
            let back = FilteredBackprojection::new(geometry, Filter::Ramp);
            drop(black_box(back.reconstruct(&sinogram)?));
        }
        other => return Err(format!("no task {other}").into()),
    }
    Ok(start.elapsed().as_secs_f64())
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [task, size, count] = words[..] else {
            return Err(format!("not TASK SIZE ANGLES: {line}").into());
        };
        println!("{}", once(task, size.parse()?, count.parse()?)?);
        std::io::stdout().flush()?;
    }
    Ok(())
}
