//! Our side of `benches/peers`: reads `TASK BATCH REPEATS` lines and answers each with seconds per repeat.
//!
//! Tasks on vgg-small at 28x28x3: `infer`, `train` (forward, backward, Adam), `per_sample` (the gradient of every image,
//! whose squared norms are summed up).
#![allow(clippy::print_stdout, reason = "speaks to the benchmark over standard output")]

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::ops::Range;
use std::time::Instant;

use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use modelmend_net::exec::Sink;
use modelmend_net::loss::CrossEntropy;
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Parameters, Runtime, Settings, Tensor};

struct SquaredNorms(f32);

impl Sink<f32> for SquaredNorms {
    fn parameter(&mut self, _: usize, _: Range<usize>, rows: &[f32]) {
        let mut sums = [0f32; 16];
        for part in rows.chunks_exact(16) {
            sums.iter_mut().zip(part).for_each(|(s, g)| *s += g * g);
        }
        self.0 += sums.iter().sum::<f32>();
    }

    fn images_at_once(&self) -> usize {
        1
    }
}

struct Bench {
    runtime: Runtime<f32>,
    parameters: Parameters<f32>,
    adam: Adam<f32>,
}

impl Bench {
    fn once(&mut self, task: &str, x: &Tensor<f32>, labels: &[usize]) -> Result<(), Box<dyn Error>> {
        let batch = labels.len();
        let settings = Settings::default();
        let inputs = std::slice::from_ref(x);
        let mean = CrossEntropy { labels, weight: 1.0 / batch as f64, output: 0 };
        match task {
            "infer" => drop(black_box(self.runtime.forward(&self.parameters, inputs, settings)?)),
            "train" => {
                let gradient = self.runtime.gradient(
                    &self.parameters,
                    inputs,
                    &[&mean],
                    false,
                    Settings::training(0),
                )?;
                self.adam.step(&mut self.parameters, &gradient.parameters);
                self.runtime.recycle(gradient);
            }
            "per_sample" => {
                let loss = CrossEntropy { weight: 1.0, ..mean };
                let make = |_: Range<usize>| SquaredNorms(0.0);
                let result = self.runtime.per_sample(&self.parameters, inputs, &[&loss], settings, make)?;
                black_box(result.sinks.iter().map(|s| s.0).sum::<f32>());
            }
            _ => return Err(format!("unknown task `{task}`").into()),
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let kind = ClassifierKind::VggSmall;
    let spec = Classifier { kind, channels: 3, height: 28, width: 28, classes: 2, base: None, seed: 0 };
    let model = classifier(&spec)?;
    let settings = AdamSettings { learning_rate: 1e-4, ..AdamSettings::default() };
    let mut bench = Bench {
        runtime: Runtime::new(model.graph().clone()),
        parameters: model.parameters().clone(),
        adam: Adam::new(model.parameters(), settings),
    };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let task = words.next().ok_or("no task")?;
        let batch: usize = words.next().ok_or("no batch")?.parse()?;
        let repeats: usize = words.next().ok_or("no repeats")?.parse()?;
        let pixels = (0..batch * 3 * 28 * 28).map(|i| (i * 7919 % 256) as f32).collect();
        let x = Tensor::new([batch, 3, 28, 28], pixels).ok_or("shape")?;
        let labels: Vec<usize> = (0..batch).map(|i| i % 2).collect();
        let start = Instant::now();
        for _ in 0..repeats {
            bench.once(task, &x, &labels)?;
        }
        println!("{}", start.elapsed().as_secs_f64() / repeats as f64);
        std::io::stdout().flush()?;
    }
    Ok(())
}
