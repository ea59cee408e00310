//! Our side of `benches/peers/embed.py`: reads lines of words and answers each with one number.
//!
//! `load FILE` (a matrix in single precision as `.npy`), then `neighbours`, `umap`, `kmeans K`, `silhouette K`: seconds, each on what the one
//! before it left; `save FILE` writes the embedding; `memory` is the most that the process ever held, in MB.
#![allow(clippy::print_stdout, reason = "speaks to the benchmark over standard output")]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use modelmend_learn::kmeans::{KmeansParams, kmeans};
use modelmend_learn::neighbors::nearest_neighbors;
use modelmend_learn::silhouette::{Distance, silhouette};
use modelmend_learn::umap::{UmapParams, umap};
use ndarray::Array2;

/// What a study embeds with; a neighbourhood counts the point itself.
const PARAMS: UmapParams = UmapParams {
    n_neighbors: 5,
    min_dist: 0.0,
    spread: 1.0,
    dims: 10,
    epochs: None,
    seed: 0,
    init: modelmend_learn::umap::Init::Spectral,
};

#[derive(Default)]
struct Bench {
    x: Array2<f32>,
    embedding: Array2<f32>,
    labels: BTreeMap<usize, Vec<usize>>,
}

impl Bench {
    fn run(&mut self, task: &str, word: &str) -> Result<(), Box<dyn Error>> {
        match task {
            "load" => self.x = ndarray_npy::read_npy(word)?,
            "save" => ndarray_npy::write_npy(word, &self.embedding)?,
            "neighbours" => drop(black_box(nearest_neighbors(self.x.view(), PARAMS.n_neighbors - 1)?)),
            "umap" => self.embedding = umap(self.x.view(), &PARAMS)?,
            "kmeans" => {
                let k = word.parse()?;
                let clustering = kmeans(self.embedding.view(), &KmeansParams::new(k, 0))?;
                self.labels.insert(k, clustering.labels);
            }
            "silhouette" => {
                let labels = self.labels.get(&word.parse()?).ok_or("no clustering with so many clusters")?;
                black_box(silhouette(self.embedding.view(), labels, Distance::Euclidean, 0)?);
            }
            other => return Err(format!("no task {other}").into()),
        }
        Ok(())
    }
}

fn peak_megabytes() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kilobytes: f64 = line.split_whitespace().next().ok_or("no number")?.parse()?;
    Ok(kilobytes / 1024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut bench = Bench::default();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (task, word) = line.split_once(' ').unwrap_or((&line, ""));
        let start = Instant::now();
        let answer = if task == "memory" {
            peak_megabytes()?
        } else {
            bench.run(task, word)?;
            start.elapsed().as_secs_f64()
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
