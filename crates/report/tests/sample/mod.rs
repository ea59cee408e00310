//! An invented study with the shape of a real one: 620 failures of eight kinds, five subtypings, two repairs.

mod cells;
mod evidence;
#[allow(dead_code, reason = "each user of the sample takes a part of it")]
pub(crate) mod hostile;
#[allow(dead_code, reason = "each user of the sample takes a part of it")]
pub(crate) mod repair;
#[allow(dead_code, reason = "each user of the sample takes a part of it")]
pub(crate) mod stress;
#[allow(dead_code, reason = "each user of the sample takes a part of it")]
pub(crate) mod uncertainty;

use modelmend_report::input::{
    Case, Estimate, Facts, InputFile, MetadataColumn, MetadataValues, Part, Provenance, ReportInput,
    StepRecord, Subtype, Subtyping, TrainingCurves,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Number of kinds planted.
pub(crate) const KINDS: usize = 8;

type Labels = Vec<Option<usize>>;

/// Kind of each invented case, an uneven mix.
fn planted(rng: &mut ChaCha8Rng, cases: usize) -> Vec<usize> {
    let weights = [150, 120, 95, 80, 65, 50, 35, 25];
    (0..cases)
        .map(|_| {
            let mut at = rng.random_range(0..weights.iter().sum::<usize>());
            weights
                .iter()
                .position(|&w| {
                    if at < w {
                        true
                    } else {
                        at -= w;
                        false
                    }
                })
                .unwrap_or(0)
        })
        .collect()
}

/// The whole study.
pub(crate) fn report(cases: usize) -> ReportInput {
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let kinds = planted(&mut rng, cases);
    let words = |pick: &mut dyn FnMut(usize) -> Option<String>| {
        MetadataValues::Text(kinds.iter().map(|&k| pick(k)).collect())
    };
    let batch = words(&mut |kind| {
        let own = rng.random_bool(if kind == 4 { 0.9 } else { 0.15 });
        Some(if own { "B7".to_owned() } else { format!("B{}", rng.random_range(1..=6)) })
    });
    let scanner = words(&mut |kind| {
        let blurred = rng.random_bool(if kind == 6 { 0.85 } else { 0.1 });
        (!rng.random_bool(0.04)).then(|| if blurred { "Aurora 2" } else { "Helios" }.to_owned())
    });
    let sharpness =
        kinds.iter().map(|&k| Some(if k == 6 { 0.1 } else { 0.5 } + rng.random_range(0.0..0.4))).collect();
    let cases: Vec<Case> = kinds.iter().enumerate().map(|(i, &kind)| case(&mut rng, i, kind)).collect();
    ReportInput {
        study: "Red blood cells, 12 types".to_owned(),
        facts: Facts {
            model: "rbc12_vgg.onnx".to_owned(),
            cases: 14_633,
            failures: cases.len() as u64,
            accuracy: Some(Estimate {
                value: 1.0 - cases.len() as f64 / 14_633.0,
                lo: Some(0.9543),
                hi: Some(0.961),
            }),
            seed: 42,
        },
        classes: ["normal shape", "abnormal shape"].map(str::to_owned).to_vec(),
        fine_labels: [
            "discocyte",
            "burr cell",
            "teardrop",
            "stomatocyte",
            "target cell",
            "ovalocyte",
            "schistocyte",
        ]
        .map(str::to_owned)
        .to_vec(),
        metadata: vec![
            MetadataColumn { name: "stain batch".to_owned(), values: batch },
            MetadataColumn { name: "scanner".to_owned(), values: scanner },
            MetadataColumn { name: "sharpness".to_owned(), values: MetadataValues::Number(sharpness) },
        ],
        subtypings: subtypings(&mut rng, &kinds, &cases),
        chosen: Some("gradients".to_owned()),
        training: Some(training()),
        repairs: repair::repairs(),
        provenance: provenance(),
        notes: vec!["2 values of “smear” with fewer than 3 failures are set aside: S31, S38.".to_owned()],
        cases,
        ..ReportInput::default()
    }
}

fn case(rng: &mut ChaCha8Rng, index: usize, kind: usize) -> Case {
    let angle = kind as f64 * 0.8;
    let spread = |rng: &mut ChaCha8Rng| (0..4).map(|_| rng.random_range(-0.8..0.8)).sum::<f64>();
    let truth = usize::from(!kind.is_multiple_of(3));
    let part = [Part::Train, Part::Train, Part::Train, Part::Validation, Part::Test][rng.random_range(0..5)];
    let confidence = rng.random_range(0.5..1.0_f64);
    Case {
        id: format!("smear{:02}/cell_{index:05}", index % 24),
        x: Some(6.0 * angle.cos() + spread(rng)),
        y: Some(4.5 * angle.sin() + spread(rng) * 0.8),
        prediction: Some(1 - truth),
        truth: Some(truth),
        fine_label: Some(if rng.random_bool(0.8) { kind.min(6) } else { rng.random_range(0..7) }),
        group: Some(format!("S{:02}", index % 24)),
        part: Some(part),
        confidence: Some(confidence),
        loss: Some(-(1.0 - confidence).max(1e-6).ln()),
        thumbnail: Some(cells::picture(rng, kind)),
    }
}

fn subtypings(rng: &mut ChaCha8Rng, kinds: &[usize], cases: &[Case]) -> Vec<Subtyping> {
    let random: Labels = kinds.iter().map(|_| Some(rng.random_range(0..KINDS))).collect();
    let fpfn: Labels = cases.iter().map(|case| case.prediction).collect();
    let metadata: Labels = cases.iter().map(|case| case.fine_label).collect();
    let features: Labels = kinds
        .iter()
        .map(|&k| Some(if rng.random_bool(0.7) { k } else { rng.random_range(0..KINDS) }))
        .collect();
    let gradients: Labels = kinds.iter().map(|&k| (!rng.random_bool(0.01)).then_some(k)).collect();
    let numbers = |n: usize| (1..=n).map(|i| i.to_string()).collect::<Vec<_>>();
    let fine =
        ["discocyte", "burr cell", "teardrop", "stomatocyte", "target cell", "ovalocyte", "schistocyte"];
    [
        ("random", random, numbers(KINDS), 0.24, -0.06),
        ("fpfn", fpfn, vec!["false negative".to_owned(), "false positive".to_owned()], 0.51, 0.33),
        ("metadata: fine label", metadata, fine.map(str::to_owned).to_vec(), 0.58, 0.42),
        ("features", features, numbers(KINDS), 0.69, 0.47),
        ("gradients", gradients, numbers(KINDS), 0.81, 0.62),
    ]
    .into_iter()
    .map(|(name, labels, names, l, i)| {
        let subtypes =
            names.iter().enumerate().map(|(k, name)| subtype(rng, name, k, &labels, (l, i))).collect();
        evidence::subtyping(
            rng,
            Subtyping { name: name.to_owned(), labels, subtypes, ..Subtyping::default() },
            (l, i),
        )
    })
    .collect()
}

fn subtype(
    rng: &mut ChaCha8Rng,
    name: &str,
    index: usize,
    labels: &[Option<usize>],
    (l, i): (f64, f64),
) -> Subtype {
    let own: Vec<usize> = (0..labels.len()).filter(|&case| labels[case] == Some(index)).collect();
    let mut estimate = |mean: f64, spread: f64| {
        let value: f64 = (mean + rng.random_range(-spread..spread)).clamp(-1.0, 1.0);
        Some(Estimate { value, lo: Some((value - 0.09).max(-1.0)), hi: Some((value + 0.07).min(1.0)) })
    };
    let noise = index == 7 && l > 0.8;
    Subtype {
        name: name.to_owned(),
        size: own.len() as u64,
        nearest: own.into_iter().take(18).collect(),
        learnability: estimate(if noise { 0.2 } else { l }, 0.1),
        independence: estimate(if noise { 0.1 } else { i }, 0.1),
        generalisability: estimate(0.88, 0.1),
        compatibility: estimate(0.92, 0.03),
        label_noise: noise,
        notes: Vec::new(),
    }
}

fn training() -> TrainingCurves {
    let curve = |from: f64, to: f64, rate: f64| {
        (0..34)
            .map(|e| Some(to + (from - to) * (-rate * f64::from(e)).exp() + 0.006 * f64::from(e * 7 % 5)))
            .collect()
    };
    TrainingCurves {
        train_loss: curve(0.68, 0.06, 0.16),
        validation_loss: curve(0.66, 0.12, 0.19),
        train_accuracy: curve(0.6, 0.97, 0.2),
        validation_accuracy: curve(0.62, 0.94, 0.22),
        chosen_epoch: Some(26),
    }
}

fn provenance() -> Provenance {
    let step = |name: &str, seconds, cached, key: &str| StepRecord {
        name: name.to_owned(),
        seconds,
        cached,
        key: key.to_owned(),
    };
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Provenance {
        program_version: "modelmend 0.1.0".to_owned(),
        inputs: vec![
            InputFile { path: "data/rbc12.npz".to_owned(), hash: "b3:9f2c51e4ab77d0c1884a1e6f".to_owned() },
            InputFile { path: "models/rbc12_vgg.onnx".to_owned(), hash: "b3:1107aa3e90cd5b2268fe4c01".to_owned() },
        ],
        seeds: vec![42, 43, 44],
        machine: vec![text("System", "Linux x86_64"), text("Processor", "2 cores"), text("Memory", "8 GiB")],
        steps: vec![
            step("load", 0.4, true, "3f1c0d9e77ab2218"),
            step("predict", 3.1, true, "aa09e1f25bc0d441"),
            step("gradients", 21.7, false, "c91b77d10e5a3f02"),
            step("subtype", 12.2, false, "0be4421f9ac87d36"),
            step("finetune", 402.8, false, "77d3a0b91cfe2254"),
        ],
        study_yaml: "study: rbc12\nseed: 42\ndata:\n  npz: ../data/rbc12.npz\nmodel: ../models/rbc12_vgg.onnx\nsubtypings: [random, fpfn, metadata, features, gradients]\n".to_owned(),
    }
}
