//! Convolutions and products against the definition, and the promise of equal bits.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::conv::{self, Geometry};
use super::{
    Forward, Matrix, Precision, Product, Reading, Run, Side, Start, Taps, Weights, gemm, matrix_unit,
    product, simd, winograd,
};
use crate::op::Scratch;
use crate::tensor::Element;

fn random<T: Element>(len: usize, seed: u64) -> Vec<T> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| T::of(rng.random_range(-1.0..1.0))).collect()
}

/// A convolution along a line, from its channels, length, taps and padding on either side.
fn line([in_channels, out_channels]: [usize; 2], length: usize, taps: usize, pad: usize) -> Geometry {
    Geometry {
        in_channels,
        out_channels,
        groups: 1,
        input: [1, 1, length],
        output: [1, 1, length + 2 * pad + 1 - taps],
        kernel: [1, 1, taps],
        stride: [1; 3],
        dilation: [1; 3],
        pad: [0, 0, pad],
    }
}

/// Convolutions of every kind: vgg layers, strides, dilations, groups, 1 to 3 axes, padding beyond the kernel.
fn geometries() -> Vec<Geometry> {
    let square = |ic, oc, s, k, pad| Geometry {
        in_channels: ic,
        out_channels: oc,
        groups: 1,
        input: [1, s, s],
        output: [1, s + 2 * pad - k + 1, s + 2 * pad - k + 1],
        kernel: [1, k, k],
        stride: [1; 3],
        dilation: [1; 3],
        pad: [0, pad, pad],
    };
    vec![
        square(3, 16, 28, 3, 1),
        square(20, 33, 7, 3, 1),
        square(150, 17, 3, 3, 1),
        square(17, 50, 9, 3, 1),
        square(65, 16, 6, 3, 2),
        Geometry { input: [1, 10, 7], output: [1, 8, 7], pad: [0, 0, 1], ..square(18, 20, 1, 3, 1) },
        square(5, 7, 4, 1, 0),
        square(2, 3, 4, 1, 2),
        square(2, 2, 5, 2, 0),
        Geometry { groups: 3, ..square(2, 3, 6, 3, 0) },
        Geometry { groups: 5, ..square(1, 1, 7, 3, 1) },
        Geometry { groups: 2, ..square(1, 3, 9, 5, 4) },
        Geometry { groups: 3, output: [1, 5, 6], stride: [1, 2, 2], ..square(1, 2, 11, 3, 1) },
        Geometry { groups: 3, output: [1, 2, 7], dilation: [1, 3, 1], ..square(1, 1, 7, 3, 1) },
        Geometry { groups: 2, output: [1, 4, 3], stride: [1, 2, 2], pad: [0, 0, 1], ..square(1, 1, 8, 1, 0) },
        Geometry {
            groups: 3,
            input: [4, 1, 40],
            output: [3, 1, 20],
            kernel: [2, 1, 7],
            stride: [1, 1, 2],
            pad: [0, 0, 3],
            ..square(1, 1, 1, 1, 0)
        },
        Geometry { output: [1, 4, 3], stride: [1, 2, 3], ..square(3, 4, 8, 3, 1) },
        Geometry { output: [1, 6, 2], dilation: [1, 2, 4], ..square(3, 4, 8, 3, 1) },
        Geometry { output: [1, 2, 2], stride: [1, 3, 3], ..square(2, 3, 4, 1, 0) },
        Geometry {
            input: [1, 1, 70],
            output: [1, 1, 70],
            kernel: [1, 1, 5],
            pad: [0, 0, 2],
            ..square(3, 9, 1, 1, 0)
        },
        // For minimal filtering along lines: of five taps and of three, many channels, rows of a plane, in several strips, with and without padding, and with
        // strips beyond the input.
        line([17, 33], 70, 5, 2),
        line([40, 16], 37, 3, 1),
        line([110, 20], 32, 5, 4),
        Geometry { input: [1, 3, 36], output: [1, 3, 35], pad: [0, 0, 1], ..line([16, 18], 36, 3, 0) },
        Geometry { input: [1, 3, 36], output: [1, 4, 32], ..line([16, 18], 36, 5, 0) },
        line([16, 16], 517, 5, 4),
        Geometry { output: [1, 1, 300], ..line([16, 20], 40, 5, 1) },
        // Many channels, for the matrix unit: in groups of images of which the last is shorter, in 3 dimensions, at gaps, with more
        // filters than are held.
        Geometry {
            input: [1, 1, 3200],
            output: [1, 1, 3200],
            kernel: [1, 1, 5],
            pad: [0, 0, 2],
            ..square(16, 15, 1, 1, 0)
        },
        Geometry {
            input: [4, 5, 6],
            output: [3, 4, 7],
            kernel: [3, 2, 3],
            pad: [1, 0, 2],
            ..square(35, 9, 1, 1, 0)
        },
        Geometry { output: [1, 6, 2], dilation: [1, 2, 4], ..square(8, 20, 8, 3, 1) },
        square(170, 200, 3, 3, 1),
        Geometry {
            input: [4, 5, 6],
            output: [2, 4, 6],
            kernel: [3, 2, 3],
            stride: [2, 1, 1],
            pad: [1, 0, 1],
            ..square(2, 3, 1, 1, 0)
        },
    ]
}

/// Calls `visit(x, w, y)` with the flat indices of every product of a convolution.
fn products(g: &Geometry, images: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let [kd, kh, kw] = g.kernel;
    let [od, oh, ow] = g.output;
    for n in 0..images * g.groups {
        for o in 0..g.out_channels {
            for p in 0..od * oh * ow {
                for r in 0..g.reduction() {
                    let (c, t) = (r / (kd * kh * kw), r % (kd * kh * kw));
                    let (k, o3) =
                        ([t / (kh * kw), t / kw % kh, t % kw], [p / (oh * ow), p / ow % oh, p % ow]);
                    let at = |a: usize| (o3[a] * g.stride[a] + k[a] * g.dilation[a]).checked_sub(g.pad[a]);
                    let (Some(z), Some(y), Some(x)) = (at(0), at(1), at(2)) else { continue };
                    if z < g.input[0] && y < g.input[1] && x < g.input[2] {
                        let x = ((c * g.input[0] + z) * g.input[1] + y) * g.input[2] + x;
                        let w = (n % g.groups * g.out_channels + o) * g.reduction() + r;
                        visit(n * g.input_len() + x, w, n * g.output_len() + o * g.pixels() + p);
                    }
                }
            }
        }
    }
}

/// The output, and the gradients of input and weights, by the definition.
fn definition<T: Element>(g: &Geometry, x: &[T], w: &[T], dy: &[T]) -> [Vec<f64>; 3] {
    let [mut y, mut dx, mut dw] = [dy.len(), x.len(), w.len()].map(|len| vec![0.0; len]);
    products(g, x.len() / (g.groups * g.input_len()), |i, j, k| {
        y[k] += x[i].f64() * w[j].f64();
        dx[i] += dy[k].f64() * w[j].f64();
        dw[j] += dy[k].f64() * x[i].f64();
    });
    [y, dx, dw]
}

fn close<T: Element>(what: &str, g: &Geometry, got: &[T], expected: &[f64], tolerance: f64) {
    let scale = expected.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got.f64() - expected).abs() / scale;
        assert!(error <= tolerance, "{what} {g:?}: element {i} is {got:?}, expected {expected} ({error:e})");
    }
}

fn follows_the_definition<T: Element>(precision: Precision, [tolerance, gradients]: [f64; 2]) {
    let (images, mut scratch) = (3, Scratch::<T>::with_precision(precision));
    for g in geometries() {
        assert_eq!(g.clone().checked().as_ref(), Ok(&g));
        let x: Vec<T> = random(images * g.groups * g.input_len(), 1);
        let w: Vec<T> = random(g.groups * g.weights(), 2);
        let bias: Vec<T> = random(g.groups * g.out_channels, 3);
        let dy: Vec<T> = random(images * g.groups * g.output_len(), 4);
        let plane = |i: usize| i / g.pixels() % bias.len();
        let [mut y, dx, dw] = definition(&g, &x, &w, &dy);
        y.iter_mut().enumerate().for_each(|(i, y)| *y += bias[plane(i)].f64());
        let mut db = vec![0.0; bias.len()];
        dy.iter().enumerate().for_each(|(i, d)| db[plane(i)] += d.f64());
        let mut got = vec![T::nan(); y.len()];
        conv::forward(&g, &x, &w, Some(&bias), &mut got, &mut scratch);
        close("forward", &g, &got, &y, tolerance);
        let mut got = vec![T::nan(); x.len()];
        conv::backward_input(&g, &w, &dy, &mut got, &mut scratch);
        close("input gradient", &g, &got, &dx, gradients);
        let mut got = vec![T::zero(); w.len()];
        conv::backward_weight(&g, &x, &dy, (&mut got, Start::Result), &mut scratch);
        close("weight gradient", &g, &got, &dw, gradients);
        let mut got = vec![T::zero(); bias.len()];
        conv::backward_bias(&g, &dy, &mut got);
        close("bias gradient", &g, &got, &db, tolerance);
    }
}

#[test]
fn convolutions_follow_the_definition() {
    follows_the_definition::<f32>(Precision::Single, [4e-6; 2]);
    follows_the_definition::<f64>(Precision::Single, [1e-14; 2]);
}

#[test]
#[allow(clippy::print_stderr, reason = "a test says what it does not test")]
fn convolutions_with_split_factors_follow_the_definition() {
    if !matrix_unit::available() {
        eprintln!(
            "NOTE: no matrix unit, or MODELMEND_PORTABLE is set; the way of other machines is tested again"
        );
    }
    follows_the_definition::<f32>(Precision::Split, [1e-5; 2]);
    follows_the_definition::<f32>(Precision::Mixed, [1e-5, 5e-3]);
}

/// Convolutions that minimal filtering computes: one in several groups of strips, and planes for both sizes of tiles.
fn filtered() -> Vec<Geometry> {
    let mut filtered: Vec<Geometry> = geometries();
    for (input, pad) in
        [([40, 40], [1, 1]), ([3, 3], [1, 1]), ([5, 6], [1, 1]), ([4, 3], [1, 2]), ([3, 9], [2, 0])]
    {
        let size = |a: usize| input[a] + 2 * pad[a] - 2;
        let (input, output, pad) = ([1, input[0], input[1]], [1, size(0), size(1)], [0, pad[0], pad[1]]);
        filtered.push(Geometry { input, output, pad, ..filtered[4].clone() });
    }
    // The last strip holds one output, and reads one input.
    filtered.push(line([16, 16], 3965, 5, 4));
    filtered.retain(|g| {
        let (mut y, mut scratch) = (vec![0f32; g.output_len()], Scratch::default());
        let work = Forward {
            geometry: g,
            side: Side::Output,
            from: &[],
            taps: [][..].into(),
            bias: None,
            to: &mut y,
            finish: &|_, _| {},
            scratch: &mut scratch,
        };
        winograd::pays(&Reading::Forward(work))
    });
    filtered
}

/// Calls `run` for the output, the gradient of the input and that of the weights.
fn readings<T: Element>(
    g: &Geometry,
    [x, w, dy]: [&[T]; 3],
    mut run: impl FnMut(Reading<'_, '_, T>),
) -> [Vec<T>; 3] {
    let mut results = [dy.len(), x.len(), w.len()].map(|len| vec![T::nan(); len]);
    let (mut scratch, [y, dx, dw]) = (Scratch::default(), &mut results);
    for (side, from, to) in [(Side::Output, x, y), (Side::Input, dy, dx)] {
        let (geometry, weights, scratch) = (g, w, &mut scratch);
        run(Reading::Forward(Forward {
            geometry,
            side,
            from,
            taps: weights.into(),
            bias: None,
            to,
            finish: &|_, _| {},
            scratch,
        }));
    }
    run(Reading::Weights(Weights { geometry: g, x, dy, dw, start: Start::Zero, scratch: &mut scratch }));
    results
}

fn drawn<T: Element>(g: &Geometry, images: usize) -> [Vec<T>; 3] {
    let lens = [images * g.input_len(), g.weights(), images * g.output_len()];
    std::array::from_fn(|i| random(lens[i], 10 + i as u64))
}

#[test]
fn minimal_filtering_is_the_definition() {
    let (lines, planes): (Vec<_>, Vec<_>) = filtered().into_iter().partition(|g| g.kernel[1] == 1);
    assert!(planes.len() > 8 && lines.len() > 5);
    for g in filtered() {
        let [x, w, dy] = drawn::<f64>(&g, 3);
        let results = readings(&g, [&x, &w, &dy], |reading| simd::double(reading));
        for (got, expected) in results.iter().zip(definition(&g, &x, &w, &dy)) {
            // Weights of the longest line have gradients that are sums of 12,000 products.
            close("minimal filtering", &g, got, &expected, 2e-14);
        }
    }
}

#[test]
fn minimal_filtering_has_the_same_bits_with_and_without_vectors() {
    for g in filtered() {
        let [x, w, dy] = drawn::<f32>(&g, 3);
        let widest = readings(&g, [&x, &w, &dy], |reading| simd::single(reading));
        let eight = readings(&g, [&x, &w, &dy], |reading| simd::avx2(reading));
        let plain = readings(&g, [&x, &w, &dy], |reading| simd::scalar(reading));
        for (reading, plain) in plain.iter().enumerate() {
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(
                bits(&widest[reading]) == bits(plain) && bits(&eight[reading]) == bits(plain),
                "reading {reading} of {g:?}: other bits"
            );
        }
    }
}

/// The loss of precision: 256 channels of rectified activations and weights as they are initialised.
#[test]
fn minimal_filtering_keeps_single_precision() {
    let (channels, same) = ([256, 32], geometries().swap_remove(1));
    let [in_channels, out_channels] = channels;
    let plane = |size| Geometry { in_channels, out_channels, input: size, output: size, ..same.clone() };
    let planes = [plane([1, 14, 14]), plane([1, 3, 3])];
    for g in planes.into_iter().chain([line(channels, 96, 5, 2), line(channels, 96, 3, 1)]) {
        let [mut x, mut w, dy] = drawn::<f32>(&g, 2);
        x.iter_mut().for_each(|x| *x = x.max(0.0));
        w.iter_mut().for_each(|w| *w /= (g.reduction() as f32).sqrt());
        let results = readings(&g, [&x, &w, &dy], |reading| simd::single(reading));
        for (got, expected) in results.iter().zip(definition(&g, &x, &w, &dy)) {
            close("minimal filtering", &g, got, &expected, 5e-6);
        }
    }
}

#[test]
fn prepared_weights_change_no_bit() {
    let (images, mut scratch, mut prepared) = (2, Scratch::default(), 0);
    for g in filtered() {
        let [x, w, dy] = drawn::<f32>(&g, images);
        for side in [Side::Output, Side::Input] {
            let made = conv::prepare((&g, side), &w, images, &mut scratch);
            prepared += usize::from(made.is_some());
            let [without, with] = [None, made.as_ref()].map(|prepared| {
                let (taps, mut result) =
                    (Taps { weights: &w, prepared }, vec![f32::NAN; x.len().max(dy.len())]);
                let none = &|_: usize, _: &mut [f32]| {};
                match side {
                    Side::Output => {
                        let y = &mut result[..dy.len()];
                        conv::forward_and(&g, &x, (taps, None), (y, none), &mut scratch);
                    }
                    Side::Input => {
                        let dx = &mut result[..x.len()];
                        conv::backward_input_and(&g, taps, &dy, (dx, none), &mut scratch);
                    }
                }
                result.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            });
            assert!(without == with, "{side:?} of {g:?}: other bits");
        }
    }
    assert!(prepared > 8, "{prepared}");
}

#[test]
fn an_image_has_the_same_bits_in_any_batch() {
    let mut scratch = Scratch::<f32>::default();
    let all = [Precision::Single, Precision::Split, Precision::Mixed];
    for (g, precision) in geometries().into_iter().flat_map(|g| all.map(|precision| (g.clone(), precision))) {
        scratch.how.precision = precision;
        let images = 19;
        let (row_x, row_y) = (g.groups * g.input_len(), g.groups * g.output_len());
        let (x, w) = (random(images * row_x, 5), random(g.groups * g.weights(), 6));
        let dy = random(images * row_y, 7);
        let (mut y, mut dx) = (vec![0f32; dy.len()], vec![0f32; x.len()]);
        conv::forward(&g, &x, &w, None, &mut y, &mut scratch);
        conv::backward_input(&g, &w, &dy, &mut dx, &mut scratch);
        for i in 0..images {
            let (mut y1, mut dx1) = (vec![0f32; row_y], vec![0f32; row_x]);
            conv::forward(&g, &x[i * row_x..][..row_x], &w, None, &mut y1, &mut scratch);
            conv::backward_input(&g, &w, &dy[i * row_y..][..row_y], &mut dx1, &mut scratch);
            assert!(y1 == y[i * row_y..][..row_y] && dx1 == dx[i * row_x..][..row_x], "image {i} of {g:?}");
        }
    }
}

/// Framed images beyond what is held at a time: rows of an image with strides, gaps, an axis of depth, and several images at a time.
#[test]
fn strips_follow_the_definition() {
    let plain = geometries().swap_remove(6);
    let layers = [
        (
            Geometry {
                input: [1, 260, 260],
                output: [1, 87, 130],
                stride: [1, 3, 2],
                dilation: [1, 2, 1],
                kernel: [1, 3, 3],
                pad: [0, 3, 1],
                ..plain.clone()
            },
            1,
        ),
        (
            Geometry {
                in_channels: 2,
                out_channels: 3,
                groups: 2,
                input: [2, 200, 190],
                output: [2, 200, 190],
                kernel: [1, 2, 2],
                pad: [0, 1, 0],
                ..plain.clone()
            },
            1,
        ),
        (
            Geometry {
                in_channels: 9,
                input: [1, 64, 90],
                output: [1, 63, 90],
                kernel: [1, 4, 3],
                pad: [0, 1, 1],
                ..plain
            },
            7,
        ),
    ];
    for (g, images) in layers {
        let (x, w) =
            (random::<f64>(images * g.groups * g.input_len(), 1), random::<f64>(g.groups * g.weights(), 2));
        let mut expected = vec![0.0; images * g.groups * g.output_len()];
        products(&g, images, |i, j, k| expected[k] += x[i] * w[j]);
        let mut y = vec![f64::NAN; expected.len()];
        conv::forward(&g, &x, &w, None, &mut y, &mut Scratch::default());
        close("output", &g, &y, &expected, 1e-14);
    }
}

/// Large enough to be shared: by panels, by rows of the first factor, with strides, over two images, by strips, and by channels of lines.
#[test]
fn a_team_computes_the_same_bits() {
    let square = |ic, oc, s, k, pad| Geometry {
        in_channels: ic,
        out_channels: oc,
        input: [1, s, s],
        output: [1, s, s],
        kernel: [1, k, k],
        pad: [0, pad, pad],
        ..geometries().swap_remove(0)
    };
    let layers = [
        square(64, 1, 100, 3, 1),
        square(150, 140, 17, 1, 0),
        square(256, 300, 3, 3, 1),
        Geometry { output: [1, 20, 20], stride: [1, 2, 2], ..square(70, 90, 40, 3, 1) },
        Geometry { groups: 2, ..square(80, 90, 20, 5, 2) },
        square(70, 70, 40, 3, 1),
        square(130, 200, 16, 3, 1),
        line([130, 100], 301, 5, 2),
        line([256, 300], 40, 5, 2),
    ];
    for g in layers {
        let images = 2;
        let lens = [images * g.input_len(), g.weights(), images * g.output_len()].map(|len| len * g.groups);
        let [x, w, dy]: [Vec<f32>; 3] = std::array::from_fn(|i| random(lens[i], 10 + i as u64));
        let computed = |team: usize| {
            let mut scratch = Scratch::default();
            scratch.how.team = team;
            let mut results = lens.map(|len| vec![f32::NAN; len]);
            let [dx, dw, y] = &mut results;
            conv::forward(&g, &x, &w, None, y, &mut scratch);
            conv::backward_input(&g, &w, &dy, dx, &mut scratch);
            conv::backward_weight(&g, &x, &dy, (dw, Start::Zero), &mut scratch);
            results
        };
        let alone = computed(1);
        assert!([2, 3].into_iter().all(|team| computed(team) == alone), "other bits: {g:?}");
    }
}

#[test]
fn products_have_the_same_bits_with_and_without_vectors() {
    let (rows, steps, columns) = (13, 1500, 71);
    let (a, b) = (random::<f32>(rows * steps, 8), random::<f32>(steps * columns, 9));
    let a_steps: Vec<usize> = (0..steps).collect();
    let b_steps: Vec<usize> = (0..steps).map(|k| k * columns).collect();
    let product = Product {
        a: &a,
        rows,
        a_row: steps,
        a_steps: &a_steps,
        b: &b,
        b_steps: &b_steps,
        b_column: 1,
        runs: &[Run { b: 0, c: 0, len: columns }],
        c_row: columns,
        c_column: 1,
        start: Start::Zero,
    };
    let (mut fast, mut plain) = (vec![0f32; rows * columns], vec![0f32; rows * columns]);
    let mut scratch = Scratch::default();
    simd::single(product::Job { product: &product, c: &mut fast, scratch: &mut scratch });
    simd::scalar(product::Job { product: &product, c: &mut plain, scratch: &mut scratch });
    let chain =
        |i: usize, j: usize| (0..steps).fold(0f32, |s, k| a[i * steps + k].mul_add(b[k * columns + j], s));
    assert!((0..rows * columns).all(|e| plain[e] == chain(e / columns, e % columns)));
    assert_eq!(fast, plain);
}

#[test]
fn gemm_takes_transposed_views() {
    let mut scratch = Scratch::default();
    for (m, k, n) in [(1, 1, 1), (5, 9, 50), (17, 30, 3)] {
        let (a, b): (Vec<f64>, Vec<f64>) = (random(m * k, 1), random(k * n, 2));
        let transposed = |t: &[f64], rows: usize, columns: usize| -> Vec<f64> {
            (0..rows * columns).map(|e| t[e % rows * columns + e / rows]).collect()
        };
        let (at, bt) = (transposed(&a, m, k), transposed(&b, k, n));
        let mut c = vec![[1.0; 2]; m * n].concat();
        let mut expected = c.clone();
        for (i, j, l) in (0..m * n * k).map(|e| (e / (n * k), e / k % n, e % k)) {
            expected[i * 2 * n + j] = a[i * k + l].mul_add(b[l * n + j], expected[i * 2 * n + j]);
        }
        let (at, bt) = (Matrix::new(&at, k, m).transposed(), Matrix::new(&bt, n, k).transposed());
        gemm(at, bt, &mut c, 2 * n, &mut scratch);
        assert_eq!(c, expected);
    }
}

#[test]
fn borders_out_of_proportion_are_refused() {
    let vgg = geometries().swap_remove(0);
    assert!(vgg.clone().checked().is_ok());
    let hostile = Geometry {
        output: [1, 3, 3],
        stride: [1, 1 << 20, 1 << 20],
        pad: [0, 1 << 20, 1 << 20],
        ..vgg.clone()
    };
    assert!(hostile.checked().is_err());
    assert!(Geometry { input: [1, 0, 3], ..vgg }.checked().is_err());
}
