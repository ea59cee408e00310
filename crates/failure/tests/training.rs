//! Training and fine-tuning of a small network on images whose classes are easy to tell.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::ops::Range;

use modelmend_data::split::Part;
use modelmend_data::{Cases, Images, Pixels};
use modelmend_failure::finetune::{FinetuneCases, FinetuneSettings, finetune};
use modelmend_failure::matrix::{Layout, Target, ask_last, row, tune};
use modelmend_failure::represent::{Projections, Projector, gradients};
use modelmend_failure::train::{TrainSettings, Training};
use modelmend_failure::{Judge, Problem};
use modelmend_learn::metrics::spearman;
use modelmend_learn::monitor::Silent;
use modelmend_learn::projection::{GaussianProjection, Projection};
use modelmend_net::Settings;
use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use modelmend_net::exec::Sink;
use ndarray::Array2;
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
        epochs: 120,
        patience: 120,
        keep_correct: 0.9,
    };
    let tuned = finetune(&problem, cases, &settings, 1, &Silent).unwrap();
    let chosen = tuned.curve[tuned.epoch];
    assert!(tuned.epoch > 0 && chosen.validation > 0.8, "{chosen:?} of {:?}", tuned.curve);
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

/// Whether the last network is the chosen one or not, its row says where it is right of its own subtype and of the correct cases that it did not learn from.
#[test]
fn the_last_network_is_judged_on_its_witnesses() {
    let (problem, failures, _) = trained();
    let failure: Vec<bool> = (0..problem.count()).map(|case| failures.contains(&case)).collect();
    let part: Vec<Part> = (0..problem.count()).map(|case| Part::ALL[case % 3]).collect();
    let labels: Vec<Option<usize>> = (0..failures.len()).map(|i| Some(usize::from(i % 10 == 9))).collect();
    let layout = Layout::new(&labels, 2, &failure, &part);
    let target = Target::Subtype(0);
    let witness =
        |case: usize| part[case] != Part::Train && (!failure[case] || layout.subtype[case] == Some(0));
    let settings = |epochs: usize| FinetuneSettings {
        learning_rate: 3e-3,
        weight_decay: 1e-3,
        batch_size: 8,
        epochs,
        patience: epochs,
        keep_correct: 0.9,
    };
    let tuned = |epochs: usize| tune(&problem, &layout, target, &settings(epochs), 1, &Silent).unwrap();
    // The chosen epoch is found again where the training ends with it.
    for (epochs, same) in [(60, false), (tuned(60).epoch, true)] {
        let tuned = tuned(epochs);
        assert_eq!((tuned.epoch == epochs, tuned.parameters == tuned.last), (same, same));
        let (mut row, again) = row(&problem, &layout, target, &settings(epochs), 1, &Silent).unwrap();
        assert_eq!((&again.parameters, row.last.len()), (&tuned.parameters, 0));
        ask_last(&problem, &layout, target, (&mut row, &again)).unwrap();
        let all: Vec<usize> = (0..problem.count()).collect();
        assert_eq!(row.correct, problem.correct(&tuned.parameters, &all).unwrap());
        let last = problem.correct(&tuned.last, &all).unwrap();
        assert!(all.iter().all(|&case| row.last[case] == (witness(case) && last[case])));
    }
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

/// Keeps the whole gradients by one parameter.
struct Keep(usize, Vec<f32>);

impl Sink<f32> for Keep {
    fn parameter(&mut self, parameter: usize, _: Range<usize>, rows: &[f32]) {
        if parameter == self.0 {
            self.1.extend(rows);
        }
    }
}

/// What the sinks of all chunks keep of the gradients of single cases, a row for each.
fn single_gradients<S: Sink<f32>>(
    problem: &Problem,
    cases: &[usize],
    make: impl Fn(Range<usize>) -> S + Sync,
    rows: impl Fn(S) -> Vec<f32>,
) -> Array2<f32> {
    let (input, loss) = ([problem.input(cases).unwrap()], problem.loss_of(cases, 1.0));
    let settings = Settings { chunk: 7, ..Settings::default() };
    let read = problem.runtime().per_sample(problem.parameters(), &input, &[loss.as_ref()], settings, make);
    let rows: Vec<f32> = read.unwrap().sinks.into_iter().flat_map(rows).collect();
    Array2::from_shape_vec((cases.len(), rows.len() / cases.len()), rows).unwrap()
}

/// Squared distances of all pairs of rows.
fn distances(x: &Array2<f32>) -> Vec<f64> {
    let pairs = (0..x.nrows()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let squared = |(i, j)| x.row(i).iter().zip(x.row(j)).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    pairs.map(squared).collect()
}

/// How far the ratios of distances spread, and the rank correlation with the true ones, over several draws.
fn kept(truth: &[f64], draws: &[Vec<f64>]) -> (f64, f64) {
    let ratios: Vec<f64> =
        draws.iter().flat_map(|found| found.iter().zip(truth).map(|(f, t)| f / t - 1.0)).collect();
    let spread = (ratios.iter().map(|r| r * r).sum::<f64>() / ratios.len() as f64).sqrt();
    let correlation = draws.iter().map(|found| spearman(found, truth).unwrap().unwrap()).sum::<f64>();
    (spread, correlation / draws.len() as f64)
}

/// Gradients of a trained network at its failures, sketched and projected, against the Gaussian matrix alone.
#[test]
fn sketched_gradients_keep_distances_as_a_gaussian_matrix_does() {
    let (problem, failures, _) = trained();
    let sizes = problem.graph().parameters().iter().map(|p| p.shape.iter().product::<usize>());
    let (parameter, elements) = sizes.enumerate().max_by_key(|&(_, size)| size).unwrap();
    let whole = single_gradients(&problem, &failures, |_| Keep(parameter, Vec::new()), |sink| sink.1);
    let (truth, dims) = (distances(&whole), 50);
    let (mut sketched, mut dense) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let gaussian = GaussianProjection::new(seed, dims).with_stream(parameter as u64);
        assert!(Projection::new(gaussian, elements).width() < elements, "the gradient is sketched");
        let mut matrix = vec![0.0; elements * dims];
        gaussian.fill(0, &mut matrix);
        let matrix = Array2::from_shape_vec((elements, dims), matrix).unwrap();
        dense.push(distances(&whole.dot(&matrix)));
        let projections = Projections::new(problem.graph(), (dims, seed), |p| usize::from(p != parameter));
        let rows =
            single_gradients(&problem, &failures, |images| projections.sink(images), Projector::into_rows);
        sketched.push(distances(&rows.slice(ndarray::s![.., ..dims]).to_owned()));
    }
    let (sketched, dense) = (kept(&truth, &sketched), kept(&truth, &dense));
    println!("spread and rank correlation: sketched {sketched:?}, dense {dense:?}");
    assert!((sketched.0 / dense.0 - 1.0).abs() < 0.2, "spread {} against {}", sketched.0, dense.0);
    assert!(sketched.1 > dense.1 - 0.02, "rank correlation {} against {}", sketched.1, dense.1);
}
