//! An invented reconstruction study: three methods on photographs and on signals.

use modelmend_report::input::{
    Calibration, DensityCell, DirectionAccuracy, ExampleMaps, Facts, ItemMean, NoiseLevel, Placement, Plane,
    Promise, Reconstruction, Rejection, ReportInput, SparsificationPoint, UncertaintyExample,
    UncertaintyQuantile, UncertaintyRow, Widened,
};

use super::hostile::TEXTS;
use super::stress;

pub(super) fn mean(value: f64) -> ItemMean {
    ItemMean { value, lo: Some(0.9 * value), hi: Some(1.1 * value), std: Some(0.02 * value) }
}

/// The whole study.
pub(crate) fn report() -> ReportInput {
    let methods = [("inn", 0.62, true), ("mcdropout", 0.41, false), ("probout", 0.55, false)];
    ReportInput {
        study: "Denoising".to_owned(),
        facts: Facts { model: "dncnn.onnx".to_owned(), cases: 40, seed: 42, ..Facts::default() },
        uncertainty: methods.map(|(name, quality, bounded)| row(name, quality, bounded)).to_vec(),
        examples: vec![measured(example(1, 40, 56)), example(3, 24, 32), example(1, 1, 96)],
        groups: stress::groups(),
        stress: stress::tests(),
        reconstructions: [("what goes into the network", 22.1), ("the network", 28.2)]
            .map(|(name, psnr)| Reconstruction { name: name.to_owned(), psnr: Some(mean(psnr)) })
            .to_vec(),
        coverage_level: Some(0.9),
        coverage_delta: Some(0.1),
        noise_unit: ", of 255".to_owned(),
        ..ReportInput::default()
    }
}

fn row(method: &str, quality: f64, bounded: bool) -> UncertaintyRow {
    let direction = |ratio: f64| DirectionAccuracy {
        ratio,
        accuracy: Some(mean(0.4 + 0.1 * ratio)),
        participating: Some(mean(1.0 / ratio.powi(3))),
    };
    let step = |i: i32| 0.001 * 1.25f64.powi(i);
    let cell = |(i, j): (i32, i32)| DensityCell {
        u: [step(i), step(i + 1)],
        error: [step(j), step(j + 1)],
        pixels: (5000.0 * (-0.08 * f64::from((i - j).pow(2))).exp()) as u64,
    };
    UncertaintyRow {
        method: method.to_owned(),
        pearson: Some(mean(quality)),
        cosine: Some(mean(0.9 * quality + 0.05)),
        pwcc: Some(mean(quality / 0.0031)),
        mse: Some(mean(0.0031)),
        ause: Some(mean(1.0 - quality)),
        coverage: bounded.then(|| mean(0.71)),
        width: bounded.then(|| mean(0.08)),
        calibrated_coverage: Some(mean(0.9)),
        calibrated_width: Some(mean(0.19)),
        calibration: Some(match method {
            "inn" => Calibration { promise: Promise::Confident, units: 40 },
            "mcdropout" => Calibration { promise: Promise::Mean, units: 40 },
            _ => Calibration { promise: Promise::Nothing, units: 2 },
        }),
        markov: if bounded {
            [2.0, 5.0].map(|t| Widened { t, coverage: Some(mean(0.88)), width: Some(mean(0.1 * t)) }).to_vec()
        } else {
            Vec::new()
        },
        placement: bounded.then(|| placement(0.16)),
        calibrated_placement: Some(placement(0.05)),
        rejection: Some(Rejection {
            aurc: mean(0.05),
            aurc_optimal: mean(0.04),
            augrc: mean(0.025),
            augrc_optimal: mean(0.02),
        }),
        seconds: Some(0.02),
        sparsification: (0..20)
            .map(|i| f64::from(i) / 20.0)
            .map(|removed| SparsificationPoint {
                removed,
                left: 1.0 - quality * removed,
                oracle: (1.0 - removed).powi(2),
            })
            .collect(),
        density: (0..20).flat_map(|i| (0..20).map(move |j| cell((i, j)))).collect(),
        quantiles: (1..20)
            .map(|i| UncertaintyQuantile {
                share: f64::from(i) / 20.0,
                u: step(i),
                error: step(i).powf(quality) * 0.1,
            })
            .collect(),
        direction: if bounded { [1.0, 1.25, 1.5, 1.75, 2.0].map(direction).to_vec() } else { Vec::new() },
        levels: [0.02, 0.05, 0.08]
            .map(|sigma| NoiseLevel { sigma, u: Some(mean(sigma)), pearson: Some(mean(0.5)) })
            .to_vec(),
        noise_spearman: Some(mean(0.8)),
    }
}

/// So much on each side, the rest highest in the middle.
fn placement(outside: f64) -> Placement {
    let weight = |bin: i32| 1.0 / (1.0 + 0.1 * f64::from((2 * bin - 19).abs()));
    let total: f64 = (0..20).map(weight).sum();
    let inside = (0..20).map(|bin| (1.0 - 2.0 * outside) * weight(bin) / total).collect();
    Placement { below: outside, inside, above: outside }
}

/// Waves, with an error where they are steep.
fn example(channels: usize, height: usize, width: usize) -> UncertaintyExample {
    let pixels = channels * height * width;
    let wave =
        |i: usize| 0.5 + 0.4 * ((i % width) as f32 / 9.0).sin() * (1.0 + (i / width) as f32 / 50.0).cos();
    let steep = |i: usize| 0.05 + 0.1 * ((i % width) as f32 / 9.0).cos().abs();
    let of = |value: &dyn Fn(usize) -> f32| (0..pixels).map(value).collect::<Vec<f32>>();
    let output = of(&|i| wave(i) + steep(i) * if i % 7 < 3 { 1.0 } else { -0.6 });
    let maps = |method: &str, shift: f32, bounded: bool| ExampleMaps {
        method: method.to_owned(),
        u: of(&|i| steep(i) + shift),
        output: output.iter().map(|y| y + shift).collect(),
        lo: if bounded { output.iter().map(|y| y - 0.1).collect() } else { Vec::new() },
        hi: if bounded { output.iter().map(|y| y + 0.14).collect() } else { Vec::new() },
    };
    UncertaintyExample {
        name: format!("Test item {}, the worst", channels + height),
        mse: Some(0.0123),
        corner: [12, 200],
        channels,
        height,
        width,
        measurement: None,
        input: of(&|i| wave(i) + 0.1 * ((i * 37 % 11) as f32 / 11.0 - 0.5)),
        target: of(&wave),
        maps: vec![maps("inn", 0.0, true), maps("mcdropout", 0.01, false), maps("probout", 0.02, false)],
        output,
    }
}

/// With what came before the input.
fn measured(example: UncertaintyExample) -> UncertaintyExample {
    UncertaintyExample { measurement: Some(stress::sinogram()), ..example }
}

/// The study with every text, number and size spoiled.
pub(crate) fn spoil(mut input: ReportInput) -> ReportInput {
    let text = |i: usize| TEXTS[i % TEXTS.len()].to_owned();
    let nowhere =
        Some(ItemMean { value: f64::NAN, lo: Some(f64::NEG_INFINITY), hi: Some(1e300), std: Some(f64::NAN) });
    input.study = text(0);
    input.coverage_level = Some(f64::NAN);
    (input.coverage_delta, input.noise_unit) = (Some(f64::NAN), text(1));
    for (i, row) in input.reconstructions.iter_mut().enumerate() {
        (row.name, row.psnr) = (text(i), nowhere);
    }
    for (i, row) in input.uncertainty.iter_mut().enumerate() {
        row.method = text(i);
        (row.pearson, row.coverage, row.calibrated_width) = (nowhere, nowhere, nowhere);
        if let Some(rejection) = &mut row.rejection {
            rejection.augrc.value = f64::INFINITY;
        }
        row.quantiles.push(UncertaintyQuantile { share: f64::NAN, u: -1.0, error: f64::INFINITY });
        row.sparsification.push(SparsificationPoint { removed: f64::NAN, left: 1e300, oracle: f64::NAN });
        row.density.push(DensityCell { u: [0.0, f64::NAN], error: [1e-300, 1e300], pixels: u64::MAX });
        row.density.push(DensityCell { u: [1.0, 1.25], error: [1.0, 1.25], pixels: u64::MAX });
        row.levels.push(NoiseLevel { sigma: f64::NAN, u: nowhere, pearson: None });
        row.levels.push(NoiseLevel { sigma: 0.1, u: nowhere, pearson: nowhere });
        (row.noise_spearman, row.cosine) = (nowhere, nowhere);
        row.markov.push(Widened { t: f64::NAN, coverage: nowhere, width: None });
        row.calibration = Some(Calibration { promise: Promise::Confident, units: u64::MAX });
        row.placement = Some(Placement { below: f64::NAN, inside: vec![1e300; 3], above: -1.0 });
        row.calibrated_placement = Some(Placement { below: 1e300, inside: Vec::new(), above: 0.0 });
        row.direction.push(DirectionAccuracy {
            ratio: f64::INFINITY,
            accuracy: nowhere,
            participating: None,
        });
    }
    let whole = input.examples.clone();
    for (i, example) in input.examples.iter_mut().enumerate() {
        example.name = text(i);
        example.mse = Some(f64::NAN);
        for maps in &mut example.maps {
            maps.method = text(i + 1);
        }
    }
    let wrong = |change: fn(&mut UncertaintyExample)| {
        let mut example = whole[0].clone();
        change(&mut example);
        example
    };
    input.examples.extend([
        wrong(|e| e.width = usize::MAX),
        wrong(|e| e.height = 0),
        wrong(|e| e.target.truncate(7)),
        wrong(|e| e.maps[0].u.clear()),
        wrong(|e| e.output[3] = f32::NAN),
        wrong(|e| e.corner = [usize::MAX, 0]),
        UncertaintyExample::default(),
        wrong(|e| e.measurement = Some(Plane { height: usize::MAX, width: 2, values: vec![1.0; 4] })),
        wrong(|e| e.measurement = Some(Plane { height: 1, width: 2, values: vec![f32::NAN; 2] })),
    ]);
    stress::spoil(&mut input);
    input
}
