//! Training and fine-tuning of a small network on images whose classes are easy to tell.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::collections::BTreeMap;
use std::ops::Range;

use modelmend_data::{Cases, Images, Pixels};
use modelmend_failure::finetune::{FinetuneCases, FinetuneSettings, finetune};
use modelmend_failure::represent::gradients;
use modelmend_failure::train::{TrainSettings, Training};
use modelmend_failure::{Judge, Problem};
use modelmend_learn::monitor::Silent;
use modelmend_net::Settings;
use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use modelmend_net::exec::Sink;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SETTINGS: TrainSettings = TrainSettings {
    learning_rate: 2e-3,
    weight_decay: 0.0,
    batch_size: 16,
    epochs: 4,
    patience: 4,
    flips: true,
    rotations: true,
    seed: 1,
};

/// Bright images are class 1, dark ones class 0; a third of the images has a coloured tint that inverts this.
fn problem(kind: ClassifierKind, count: usize, tinted: bool, seed: u64) -> Problem {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pixels = Vec::with_capacity(count * 16 * 16 * 3);
    let mut labels = Vec::with_capacity(count);
    for index in 0..count {
        let class = index % 2;
        let tint = tinted && index % 3 == 0;
        let bright = (class == 1) != tint;
        labels.push(class as i64);
        for _ in 0..16 * 16 {
            let value = if bright { 180 } else { 60 } + rng.random_range(0..40u8);
            pixels.extend([value, value, if tint { 255 } else { value }]);
        }
    }
    let images = Images::new("images", &[count, 16, 16, 3], Pixels::U8(pixels)).unwrap();
    let cases = Cases::new("all", images, labels.clone()).unwrap();
    let spec = Classifier { kind, channels: 3, height: 16, width: 16, classes: 2, base: Some(8), seed: 3 };
    let targets = labels.iter().map(|&l| l as usize).collect();
    Problem::new(classifier(&spec).unwrap(), &cases, targets).unwrap()
}

#[test]
fn both_architectures_learn_and_continue_from_a_checkpoint_bit_for_bit() {
    for kind in [ClassifierKind::VggSmall, ClassifierKind::ResnetSmall] {
        let (train, validation) = (problem(kind, 96, false, 1), problem(kind, 48, false, 2));
        let mut whole = Training::new(&train, &SETTINGS);
        let mut resumed = None;
        while !whole.finished(&SETTINGS) {
            whole.advance(&train, &validation, &SETTINGS, &Silent).unwrap();
            if whole.curve().len() == 2 {
                resumed = Training::resume(&train, &SETTINGS, &whole.checkpoint());
            }
        }
        let mut resumed = resumed.unwrap();
        while !resumed.finished(&SETTINGS) {
            resumed.advance(&train, &validation, &SETTINGS, &Silent).unwrap();
        }
        assert_eq!(whole.checkpoint(), resumed.checkpoint(), "{kind:?}");
        let best = whole.curve().iter().map(|e| e.validation_accuracy).fold(0.0, f64::max);
        assert!(best > 0.9, "{kind:?} reaches {best}");
    }
}

fn trained() -> (Problem, Vec<usize>, Vec<usize>) {
    let plain = problem(ClassifierKind::VggSmall, 120, false, 4);
    let mut training = Training::new(&plain, &SETTINGS);
    while !training.finished(&SETTINGS) {
        training.advance(&plain, &plain, &SETTINGS, &Silent).unwrap();
    }
    let mixed = problem(ClassifierKind::VggSmall, 240, true, 5);
    let model = mixed.model().with_parameters(training.best().0.clone()).unwrap();
    let targets = mixed.targets().to_vec();
    let all: Vec<usize> = (0..240).collect();
    let pixels: Vec<u8> = mixed.input(&all).unwrap().data().iter().map(|&v| v as u8).collect();
    // NCHW as it comes from the problem; the layout is told by the shape.
    let mut channels_last = vec![0; pixels.len()];
    for n in 0..240 {
        for c in 0..3 {
            for p in 0..256 {
                channels_last[(n * 256 + p) * 3 + c] = pixels[(n * 3 + c) * 256 + p];
            }
        }
    }
    let images = Images::new("images", &[240, 16, 16, 3], Pixels::U8(channels_last)).unwrap();
    let labels = targets.iter().map(|&t| t as i64).collect();
    let problem = Problem::new(model, &Cases::new("all", images, labels).unwrap(), targets).unwrap();
    let right = problem.correct(problem.parameters(), &all).unwrap();
    let (correct, failures) = all.into_iter().partition(|&c| right[c]);
    (problem, failures, correct)
}

#[test]
fn fine_tuning_repairs_tinted_images_and_keeps_the_others() {
    let (problem, failures, correct) = trained();
    assert!(failures.len() >= 30, "{} failures", failures.len());
    let half = |cases: &[usize]| (cases[..cases.len() / 2].to_vec(), cases[cases.len() / 2..].to_vec());
    let ((f_train, f_rest), (c_train, c_rest)) = (half(&failures), half(&correct));
    let cases = FinetuneCases {
        train: &f_train,
        train_correct: &c_train,
        validation: &f_rest,
        validation_correct: &c_rest,
    };
    let settings = FinetuneSettings {
        learning_rate: 3e-3,
        weight_decay: 1e-3,
        batch_size: 8,
        epochs: 40,
        patience: 40,
        keep_correct: 0.9,
    };
    let tuned = finetune(&problem, cases, &settings, 1, &Silent).unwrap();
    let chosen = tuned.curve[tuned.epoch];
    assert!(tuned.epoch > 0 && chosen.validation > 0.8, "{chosen:?}");
    assert!(chosen.validation_correct.unwrap() >= 0.9);
    let kept = problem.correct(&tuned.parameters, &c_rest).unwrap();
    let share = kept.iter().filter(|k| **k).count() as f64 / kept.len() as f64;
    assert_eq!(share, chosen.validation_correct.unwrap());
    // A constraint that cannot be met leaves the model as it is.
    let strict = FinetuneSettings { keep_correct: 1.01, epochs: 3, ..settings };
    let refused = finetune(&problem, cases, &strict, 1, &Silent).unwrap();
    assert_eq!((refused.epoch, &refused.parameters), (0, problem.parameters()));
    assert_eq!(finetune(&problem, cases, &settings, 1, &Silent).unwrap().parameters, tuned.parameters);
}

#[test]
fn projected_gradients_do_not_depend_on_threads_or_on_the_other_cases() {
    let (problem, failures, _) = trained();
    let run = |threads: usize, cases: &[usize]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| gradients(&problem, problem.parameters(), cases, (12, 9), &Silent)).unwrap()
    };
    let whole = run(1, &failures);
    assert_eq!(whole.matrix.ncols(), 12 * whole.layers.len());
    assert_eq!(run(4, &failures), whole);
    assert_eq!(run(2, &failures[7..9]).matrix, whole.matrix.slice(ndarray::s![7..9, ..]));
}

/// Exact gradients, parameter by parameter.
#[derive(Default)]
struct Keep(BTreeMap<usize, Vec<f32>>);

impl Sink<f32> for Keep {
    fn parameter(&mut self, parameter: usize, _: Range<usize>, rows: &[f32]) {
        self.0.entry(parameter).or_default().extend(rows);
    }
}

/// Squared distances of all pairs of rows.
fn distances(rows: &[f32], count: usize) -> Vec<f64> {
    let rows: Vec<&[f32]> = rows.chunks_exact(rows.len() / count).collect();
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    (0..count).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| distance(rows[i], rows[j])).collect()
}

/// Of the largest layer, whose gradients are sketched: as theory says of a Gaussian matrix with as many columns.
#[test]
fn projected_gradients_keep_their_distances() {
    let (problem, failures, correct) = trained();
    let cases = [&failures[..6], &correct[..6]].concat();
    let layers = problem.graph().layers();
    let size = |p: usize| problem.graph().parameters()[p].shape.iter().product::<usize>();
    let largest = (0..layers.len()).max_by_key(|&l| size(layers[l].parameters[0])).unwrap();
    let weight = layers[largest].parameters[0];
    assert!(size(weight) > 2 * 4096);
    let (loss, input) = (problem.loss_of(&cases, 1.0), [problem.input(&cases).unwrap()]);
    let settings = Settings { chunk: cases.len(), ..Settings::default() };
    let exact = problem
        .runtime()
        .per_sample(problem.parameters(), &input, &[loss.as_ref()], settings, |_| Keep::default())
        .unwrap();
    let row = |case: usize, p: usize| {
        let mut before = case;
        for sink in &exact.sinks {
            let rows = &sink.0[&p];
            let count = rows.len() / size(p);
            if before < count {
                return rows[before * size(p)..][..size(p)].to_vec();
            }
            before -= count;
        }
        panic!("no case {case}")
    };
    let of_layer = |case: usize| layers[largest].parameters.iter().flat_map(|&p| row(case, p)).collect();
    let whole: Vec<Vec<f32>> = (0..cases.len()).map(of_layer).collect();
    let expected = distances(&whole.concat(), cases.len());
    let dims = 50;
    let mut ratios = Vec::new();
    for seed in 0..20 {
        let found = gradients(&problem, problem.parameters(), &cases, (dims, seed), &Silent).unwrap();
        let columns = found.matrix.slice(ndarray::s![.., largest * dims..(largest + 1) * dims]);
        let found = distances(&columns.iter().copied().collect::<Vec<f32>>(), cases.len());
        ratios.extend(found.iter().zip(&expected).map(|(found, expected)| found / expected));
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let spread = (ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / ratios.len() as f64).sqrt();
    let theory = (2.0 / dims as f64).sqrt();
    assert!((mean - 1.0).abs() < 4.0 * theory / f64::sqrt(20.0), "{mean}");
    assert!((0.5 * theory..1.5 * theory).contains(&spread), "{spread}, {theory} expected");
}
