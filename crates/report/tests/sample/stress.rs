//! Invented stress tests of the reconstruction study: an attack, an artefact, noise.

use modelmend_report::input::{
    GroupRow, ItemMean, MethodInGroup, Plane, ReportInput, StressAlarm, StressExample, StressMap, StressRow,
    StressTest,
};

use super::hostile::TEXTS;
use super::uncertainty::mean;

const METHODS: [&str; 3] = ["inn", "mcdropout", "probout"];

/// Correlations of the methods with what they should mark; two are the best in the last.
const CORRELATIONS: [(&str, [f64; 3]); 3] = [
    ("adversarial", [0.56, 0.28, 0.48]),
    ("artefact", [0.52, 0.26, 0.34]),
    ("noise-0.08", [0.44, 0.31, 0.44]),
];

/// The tests.
pub(crate) fn tests() -> Vec<StressTest> {
    let about = [
        "A bounded change of the input that makes the network draw a square. u should mark where the output changed.",
        "A shape that training never saw, pasted into the image. u should mark the shape.",
        "Noise of standard deviation 0.08 on the input. u should mark the error.",
    ];
    let examples = [
        vec![example(3, 1, 40, 56), example(8, 1, 40, 56)],
        vec![example(5, 3, 24, 32)],
        vec![example(2, 1, 1, 96)],
    ];
    let test = |(((name, correlations), about), examples): (((&str, [f64; 3]), &str), Vec<StressExample>)| {
        let is_aimed = name != "noise-0.08";
        StressTest {
            name: name.to_owned(),
            about: about.to_owned(),
            aimed: is_aimed.then_some(0.031),
            rows: METHODS
                .iter()
                .zip(correlations)
                .map(|(method, value)| row(method, value, is_aimed))
                .collect(),
            examples,
        }
    };
    CORRELATIONS.into_iter().zip(about).zip(examples).map(test).collect()
}

fn row(method: &str, correlation: f64, is_aimed: bool) -> StressRow {
    let alarm = |quality: f64| StressAlarm { auroc: mean(0.5 + 0.5 * quality), rate: mean(quality) };
    StressRow {
        method: method.to_owned(),
        pearson: Some(mean(correlation)),
        auroc: is_aimed.then(|| mean(0.5 + 0.5 * correlation)),
        average_precision: is_aimed.then(|| mean(correlation)),
        mean_u: Some(mean(0.0123)),
        by_mean: Some(alarm(0.6 * correlation)),
        by_peak: Some(alarm(correlation)),
    }
}

/// Waves with a square that was not there.
fn example(item: usize, channels: usize, height: usize, width: usize) -> StressExample {
    let of = |value: &dyn Fn(usize) -> f32| (0..channels * height * width).map(value).collect::<Vec<f32>>();
    let wave =
        |i: usize| 0.5 + 0.4 * ((i % width) as f32 / 9.0).sin() * (1.0 + (i / width) as f32 / 50.0).cos();
    let inside = |i: usize| {
        let (row, column) = (i / width % height, i % width);
        (height == 1 || row.abs_diff(height / 2) < 6) && column.abs_diff(width / 2) < 6
    };
    let shape = |i: usize| if inside(i) { 0.35 } else { 0.0 };
    let ripple = |i: usize| 0.02 * ((i * 37 % 11) as f32 / 11.0 - 0.5);
    let maps = METHODS.iter().enumerate().map(|(k, method)| StressMap {
        method: (*method).to_owned(),
        u: of(&|i| shape(i) / (k + 1) as f32 + ripple(i).abs()),
    });
    StressExample {
        name: format!("Test item {item}"),
        corner: [12, 200],
        channels,
        height,
        width,
        input_before: of(&|i| wave(i) + ripple(i)),
        input: of(&|i| wave(i) + 2.0 * ripple(i) + 0.2 * shape(i)),
        output_before: of(&wave),
        output: of(&|i| wave(i) - shape(i)),
        change: of(&shape),
        maps: maps.collect(),
    }
}

/// Two patients and one without a value.
pub(crate) fn groups() -> Vec<GroupRow> {
    let group = |i: usize| GroupRow {
        name: format!("patient {i}"),
        items: 8 + i as u64,
        mse: (i < 3).then_some(0.0031 + 0.0007 * i as f64),
        methods: METHODS
            .iter()
            .map(|method| MethodInGroup {
                method: (*method).to_owned(),
                pearson: (i < 3).then_some(0.6 - 0.0101 * i as f64),
                u: (i < 3).then_some(0.0123),
                coverage: (i < 3 && *method != "probout").then_some(0.9 - 0.01 * i as f64),
            })
            .collect(),
    };
    (1..4).map(group).collect()
}

/// A sinogram of half a turn.
pub(crate) fn sinogram() -> Plane {
    let (height, width) = (30, 64);
    let value = |i: usize| {
        let (angle, detector) = ((i / width) as f32 / height as f32, (i % width) as f32);
        40.0 * (-((detector - 32.0 - 18.0 * (3.1 * angle).cos()) / 5.0).powi(2)).exp()
    };
    Plane { height, width, values: (0..height * width).map(value).collect() }
}

/// Tests and groups with every text, number and size spoiled.
pub(crate) fn spoil(input: &mut ReportInput) {
    let text = |i: usize| TEXTS[i % TEXTS.len()].to_owned();
    let nowhere =
        ItemMean { value: f64::NAN, lo: Some(f64::NEG_INFINITY), hi: Some(1e300), std: Some(f64::NAN) };
    for (i, test) in input.stress.iter_mut().enumerate() {
        let whole = test.examples[0].clone();
        (test.name, test.about, test.aimed) = (format!("../{}", text(i)), text(i + 1), Some(f64::NAN));
        for (k, row) in test.rows.iter_mut().enumerate() {
            row.method = text(k);
            (row.pearson, row.mean_u) = (Some(nowhere), Some(ItemMean { value: 1e300, ..nowhere }));
            row.by_peak = Some(StressAlarm { auroc: nowhere, rate: nowhere });
        }
        for (k, example) in test.examples.iter_mut().enumerate() {
            example.name = text(k);
            for maps in &mut example.maps {
                maps.method = text(k + 1);
            }
        }
        let wrong = |change: fn(&mut StressExample)| {
            let mut example = whole.clone();
            change(&mut example);
            example
        };
        test.examples.extend([
            wrong(|e| e.width = usize::MAX),
            wrong(|e| e.height = 0),
            wrong(|e| e.change.truncate(7)),
            wrong(|e| e.maps[0].u.clear()),
            wrong(|e| e.output_before[3] = f32::NAN),
            wrong(|e| e.corner = [0, usize::MAX]),
            wrong(|e| e.input.fill(f32::MAX)),
            StressExample::default(),
        ]);
    }
    input.stress.push(StressTest::default());
    input.groups.extend(std::iter::repeat_n(GroupRow { name: text(0).repeat(9), ..GroupRow::default() }, 60));
    for (i, group) in input.groups.iter_mut().enumerate().take(3) {
        (group.name, group.items, group.mse) = (text(i), u64::MAX, Some(f64::NAN));
        for method in &mut group.methods {
            (method.method, method.u, method.coverage) = (text(i), Some(f64::INFINITY), Some(f64::NAN));
        }
    }
}
