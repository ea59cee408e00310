//! What a machine can do at most, and what the kernels reach of it on one core: `cargo run --release -p modelmend-net --example roofline [layer]`.
//!
//! The first lines are the two roofs: multiply-adds of single precision that never leave registers, and bytes of an update `a = b + s c` of arrays far beyond
//! all caches, on one core and on all. Then billions of multiply-adds per second of convolutions, as they predict and as they train, with their share
//! of the roof in percent; minimal filtering, which saves products, is counted with those it saves. At last what moves more than it computes: gigabytes per second.
#![allow(clippy::print_stdout, reason = "prints its table")]

use std::hint::black_box;
use std::time::Instant;

use modelmend_net::kernels::conv::{self, Geometry};
use modelmend_net::kernels::{Precision, Start, matrix_unit, pool};
use modelmend_net::op::Scratch;
use modelmend_net::optim::{Adam, AdamSettings};
use modelmend_net::{Parameters, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// A square or (`height` 1) one-dimensional layer that keeps the size of its planes.
fn layer(channels: [usize; 2], size: [usize; 2], kernel: usize) -> Geometry {
    let [height, width] = size;
    let across = if height == 1 { 1 } else { kernel };
    Geometry {
        in_channels: channels[0],
        out_channels: channels[1],
        groups: 1,
        input: [1, height, width],
        output: [1, height, width],
        kernel: [1, across, kernel],
        stride: [1; 3],
        dilation: [1; 3],
        pad: [0, across / 2, kernel / 2],
    }
}

/// Billions of multiply-adds per second: the median of some repetitions.
fn rate(products: usize, mut run: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..9)
        .map(|_| {
            let (start, mut times) = (Instant::now(), 0);
            while start.elapsed().as_secs_f64() < 0.02 {
                run();
                times += 1;
            }
            start.elapsed().as_secs_f64() / f64::from(times)
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    products as f64 / seconds[4] / 1e9
}

/// Chains of multiply-adds in registers.
struct Chains(usize);

impl WithSimd for Chains {
    /// Multiply-adds.
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let (factor, term) = (simd.splat_f32s(black_box(0.5)), simd.splat_f32s(black_box(1.0)));
        let mut chains = [term; CHAINS];
        for _ in 0..self.0 {
            for chain in &mut chains {
                *chain = simd.mul_add_f32s(*chain, factor, term);
            }
        }
        chains.into_iter().for_each(|chain| {
            black_box(simd.reduce_sum_f32s(chain));
        });
        self.0 * CHAINS * S::F32_LANES
    }
}

/// As many as hide how long one multiply-add takes.
const CHAINS: usize = 12;
/// Elements of the arrays that are far beyond all caches.
const FAR: usize = 1 << 25;
/// Elements that one thread takes at a time.
const PART: usize = 1 << 20;

/// Billions of multiply-adds and of bytes per second of some threads.
fn roofs(threads: usize) -> Option<[f64; 2]> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()?;
    let work = 20_000_000;
    let flops = pool.install(|| {
        rate(threads, || {
            black_box(
                (0..threads).into_par_iter().map(|_| Arch::new().dispatch(Chains(work))).sum::<usize>(),
            );
        })
    });
    let products = Arch::new().dispatch(Chains(1)) * work;
    let (mut a, b, c) = (vec![0f32; FAR], vec![1f32; FAR], vec![2f32; FAR]);
    let bytes = pool.install(|| {
        rate(12 * FAR, || {
            let parts = a.par_chunks_mut(PART).zip(b.par_chunks(PART)).zip(c.par_chunks(PART));
            parts.for_each(|((a, b), c)| {
                a.iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = *b + 0.5 * c);
            });
            black_box(&mut a);
        })
    });
    Some([flops * products as f64, bytes])
}

/// What moves more than it computes, with the bytes that it reads and writes.
fn movers(bandwidth: f64) {
    let show =
        |name: &str, rate: f64| println!("| {name} | {rate:.1} GB/s, {:.0} % |", 100.0 * rate / bandwidth);
    for (name, len) in [("Adam, 1 million weights", 1 << 20), ("Adam, 32 million weights", 1 << 25)] {
        let Some(tensor) = Tensor::new([len], vec![0.5f32; len]) else { continue };
        let (mut weights, gradient) = (Parameters::new(vec![tensor.clone()]), Parameters::new(vec![tensor]));
        let mut adam = Adam::new(&weights, AdamSettings::default());
        show(name, rate(28 * len, || adam.step(&mut weights, &gradient)));
    }
    let (planes, side) = (64, 128);
    let plane = Geometry {
        stride: [1, 2, 2],
        ..Geometry::plane([1, side, side], [1, side / 2, side / 2], [1, 2, 2])
    };
    let (x, mut y) = (vec![1f32; planes * side * side], vec![0f32; planes * side * side / 4]);
    show(
        "2x2 maximum, 64 planes",
        rate(4 * (x.len() + y.len()), || {
            pool::max_forward(&plane, black_box(&x), black_box(&mut y));
        }),
    );
}

fn main() {
    let only = std::env::args().nth(1);
    let layers = [
        ("vgg-small 1", layer([3, 16], [28, 28], 3)),
        ("vgg-small 2", layer([16, 32], [14, 14], 3)),
        ("vgg-small 3", layer([32, 128], [7, 7], 3)),
        ("vgg-small 4", layer([128, 128], [7, 7], 3)),
        ("vgg-small 5", layer([128, 256], [3, 3], 3)),
        ("vgg-small 6", layer([256, 256], [3, 3], 3)),
        ("DnCNN", layer([32, 32], [40, 40], 3)),
        ("DnCNN, full", layer([128, 128], [40, 40], 3)),
        ("jumps 2", layer([16, 32], [1, 512], 5)),
        ("jumps 5", layer([128, 256], [1, 512], 5)),
        ("jumps 6", layer([256, 256], [1, 512], 5)),
        ("U-Net 1", layer([32, 32], [128, 128], 3)),
        ("U-Net 4", layer([256, 256], [16, 16], 3)),
    ];
    let threads = rayon::current_num_threads();
    let Some(one) = roofs(1) else { return };
    println!("multiply-adds in registers: {:.0} G/s on one core", one[0]);
    println!("bytes of far arrays: {:.1} GB/s on one core", one[1]);
    if let Some(all) = roofs(threads).filter(|_| threads > 1) {
        println!("on {threads} cores: {:.0} G/s, {:.1} GB/s", all[0], all[1]);
    }
    // Where there is no matrix unit all trainings compute in single precision.
    let mut precisions = vec![("single", Precision::Single)];
    if matrix_unit::available() {
        precisions.extend([("mixed", Precision::Mixed), ("split", Precision::Split)]);
    }
    println!(
        "\n| layer, images | precision | output | input gradient | weight gradient |\n|---|---|---|---|---|"
    );
    for (name, g) in layers {
        if only.as_deref().is_some_and(|o| o != name) {
            continue;
        }
        for images in [1, 8] {
            let values = |len: usize| (0..len).map(|i| (i * 7919 % 256) as f32 / 256.0).collect::<Vec<f32>>();
            let (x, w, dy) =
                (values(images * g.input_len()), values(g.weights()), values(images * g.output_len()));
            let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), w.clone());
            let products = images * g.output_len() * g.reduction();
            for &(precision, how) in &precisions {
                let mut scratch = Scratch::with_precision(how);
                let forward =
                    rate(products, || conv::forward(&g, &x, &w, None, black_box(&mut y), &mut scratch));
                let input =
                    rate(products, || conv::backward_input(&g, &w, &dy, black_box(&mut dx), &mut scratch));
                let weight = rate(products, || {
                    conv::backward_weight(&g, &x, &dy, (black_box(&mut dw), Start::Zero), &mut scratch);
                });
                let share = |rate: f64| format!("{rate:.0} G/s, {:.0} %", 100.0 * rate / one[0]);
                let [forward, input, weight] = [forward, input, weight].map(share);
                println!("| {name}, {images} | {precision} | {forward} | {input} | {weight} |");
            }
        }
    }
    println!("\n| work | read and written |\n|---|---|");
    if let Ok(alone) = rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        alone.install(|| movers(one[1]));
    }
}
