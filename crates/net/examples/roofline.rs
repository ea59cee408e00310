//! What the convolutions of usual networks reach on one core, in billions of multiply-adds per second: as they predict, and as they train. `cargo run --release -p modelmend-net --example roofline`.
#![allow(clippy::print_stdout, reason = "prints its table")]

use std::hint::black_box;
use std::time::Instant;

use modelmend_net::kernels::conv::{self, Geometry};
use modelmend_net::kernels::{Precision, Start};
use modelmend_net::op::Scratch;

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
    println!("                       predicting                               training");
    println!(
        "layer          images  output  input gradient  weight gradient  output  input gradient  weight gradient"
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
            print!("{name:14} {images:6}");
            for mut scratch in [
                Scratch::default(),
                Scratch::with_precision(Precision::Mixed),
                Scratch::with_precision(Precision::Split),
            ] {
                let forward =
                    rate(products, || conv::forward(&g, &x, &w, None, black_box(&mut y), &mut scratch));
                let input =
                    rate(products, || conv::backward_input(&g, &w, &dy, black_box(&mut dx), &mut scratch));
                let weight = rate(products, || {
                    conv::backward_weight(&g, &x, &dy, (black_box(&mut dw), Start::Zero), &mut scratch);
                });
                print!(" {forward:7.0} {input:15.0} {weight:16.0}");
            }
            println!();
        }
    }
}
