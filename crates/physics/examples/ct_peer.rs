//! Our side of `benches/peers/ct.py`: reads `TASK SIZE ANGLES` lines and answers each with seconds.
//!
//! Tasks: `radon` and `adjoint` (projections of a square image in single precision, detectors along the diagonal), `iradon` (back-projection with the ramp filter).
#![allow(clippy::print_stdout, reason = "speaks to the benchmark over standard output")]

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use modelmend_physics::{Filter, FilteredBackprojection, Parallel, Radon, angles, phantom};

/// Seconds of a task behind an untimed one, which finds the memory.
fn once(task: &str, size: usize, count: usize) -> Result<f64, Box<dyn Error>> {
    let geometry = Parallel::covering(size, angles(count))?;
    let radon = Radon::new(geometry.clone());
    let image: Vec<f32> = phantom::image(&phantom::shepp_logan(), size).iter().map(|&v| v as f32).collect();
    let sinogram = radon.forward(&image)?;
    let run = || -> Result<Vec<f32>, Box<dyn Error>> {
        Ok(match task {
            "radon" => radon.forward(&image)?,
            "adjoint" => radon.adjoint(&sinogram)?,
            "iradon" => FilteredBackprojection::new(geometry.clone(), Filter::Ramp).reconstruct(&sinogram)?,
            other => return Err(format!("no task {other}").into()),
        })
    };
    drop(black_box(run()?));
    let start = Instant::now();
    drop(black_box(run()?));
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
