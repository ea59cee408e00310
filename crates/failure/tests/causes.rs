//! Which training cases pulled a network toward its failures.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use modelmend_data::split::Part;
use modelmend_data::{Cases, Images, Pixels};
use modelmend_failure::matrix::Layout;
use modelmend_failure::repair::causes::pulls;
use modelmend_failure::repair::knowledge::Knowledge;
use modelmend_failure::repair::methods::{Given, method};
use modelmend_failure::repair::optimize::optimize;
use modelmend_failure::repair::recipe::{Failures, Recipe};
use modelmend_failure::repair::task::Task;
use modelmend_failure::train::{TrainSettings, Training};
use modelmend_failure::{Judge, Problem};
use modelmend_learn::metrics::average_precision;
use modelmend_learn::monitor::Silent;
use modelmend_net::Settings;
use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 8;
/// Cases to find failures in; after them come those to train on.
const ANALYSED: usize = 150;
const TRAINING: usize = 450;

/// Dark images are of class 0, bright ones of class 1, striped ones of class 0; in training most striped ones are labelled 1.
struct Planted {
    cases: Cases,
    targets: Vec<usize>,
    flipped: Vec<bool>,
}

fn planted() -> Planted {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut pixels, mut targets, mut flipped) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..ANALYSED + TRAINING {
        let kind = i % 3;
        for at in 0..SIDE * SIDE * 3 {
            let stripe = (at / 3 % SIDE).is_multiple_of(2);
            let base = if kind == 0 || kind == 2 && stripe { 40 } else { 150 };
            pixels.push(base + rng.random_range(0..60u8));
        }
        let wrong = i >= ANALYSED && kind == 2 && rng.random_bool(0.75);
        targets.push(usize::from(kind == 1 || wrong));
        flipped.push(wrong);
    }
    let images = Images::new("images", &[targets.len(), SIDE, SIDE, 3], Pixels::U8(pixels)).unwrap();
    let cases = Cases::new("all", images, targets.iter().map(|&t| t as i64).collect()).unwrap();
    Planted { cases, targets, flipped: flipped.split_off(ANALYSED) }
}

/// A network trained on the training cases, with all cases.
fn trained(planted: &Planted) -> Problem {
    let kind = ClassifierKind::VggSmall;
    let spec =
        Classifier { kind, channels: 3, height: SIDE, width: SIDE, classes: 2, base: Some(4), seed: 3 };
    let model = classifier(&spec).unwrap();
    let training: Vec<usize> = (ANALYSED..ANALYSED + TRAINING).collect();
    let own = planted.targets[ANALYSED..].to_vec();
    let learn = Problem::new(model.clone(), &planted.cases.select(&training), own).unwrap();
    let settings = TrainSettings {
        learning_rate: 2e-3,
        weight_decay: 0.0,
        batch_size: 16,
        epochs: 25,
        patience: 25,
        flips: false,
        rotations: false,
        seed: 5,
    };
    let mut training = Training::new(&learn, &settings);
    while !training.finished(&settings) {
        training.advance(&learn, &learn, &settings, &Silent).unwrap();
    }
    let model = model.with_parameters(training.current().clone()).unwrap();
    Problem::new(model, &planted.cases, planted.targets.clone()).unwrap()
}

fn failures(problem: &Problem) -> Vec<usize> {
    let all: Vec<usize> = (0..ANALYSED).collect();
    let right = problem.correct(problem.parameters(), &all).unwrap();
    all.into_iter().filter(|&case| !right[case]).collect()
}

#[test]
fn flipped_labels_pull_toward_the_failures_that_they_caused() {
    let planted = planted();
    let problem = trained(&planted);
    let failures = failures(&problem);
    assert!(failures.len() > 30 && failures.iter().all(|case| case % 3 == 2), "{failures:?}");
    let training: Vec<usize> = (ANALYSED..problem.count()).collect();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| pulls(&problem, &[failures.clone(), vec![]], &training, &Silent).unwrap())
    };
    let found = on(2);
    assert_eq!(on(1), found);
    assert!(found.column(1).iter().all(|pull| *pull == 0.0), "nothing pulls toward no failure");
    let precision = average_precision(&planted.flipped, &found.column(0).to_vec()).unwrap().unwrap();
    assert!(precision > 0.9, "average precision {precision}");
}

/// The definition, computed case by case.
#[test]
fn a_pull_is_the_loss_times_the_cosine_in_the_metric() {
    let planted = planted();
    let problem = trained(&planted);
    let failures: Vec<usize> = failures(&problem).into_iter().take(5).collect();
    let training: Vec<usize> = (ANALYSED..ANALYSED + 70).collect();
    let found = pulls(&problem, std::slice::from_ref(&failures), &training, &Silent).unwrap();
    let gradient = |case: usize| -> (f64, Vec<f64>) {
        let labels = problem.targets_of(&[case]);
        let (input, loss) = (problem.input(&[case]).unwrap(), problem.loss(&labels));
        let runtime = problem.runtime();
        let got =
            runtime.gradient(problem.parameters(), &[input], &[&loss], false, Settings::default()).unwrap();
        (f64::from(got.losses[0]), got.parameters.flatten().into_iter().map(f64::from).collect())
    };
    let own: Vec<(f64, Vec<f64>)> = training.iter().map(|&case| gradient(case)).collect();
    let count = own[0].1.len();
    let fisher: Vec<f64> =
        (0..count).map(|i| own.iter().map(|(_, g)| g[i] * g[i]).sum::<f64>() / own.len() as f64).collect();
    let damping = fisher.iter().sum::<f64>() / count as f64;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).zip(&fisher).map(|((a, b), f)| a * b / (f + damping)).sum()
    };
    let theirs: Vec<Vec<f64>> = failures.iter().map(|&case| gradient(case).1).collect();
    for ((loss, z), &found) in own.iter().zip(found.column(0)) {
        let cosine = |f: &Vec<f64>| product(z, f) / (product(z, z) * product(f, f)).sqrt();
        let expected = -loss * theirs.iter().map(cosine).sum::<f64>() / theirs.len() as f64;
        assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} instead of {expected}");
    }
}

#[test]
fn unlearning_raises_the_loss_of_the_causes_and_repairs_what_they_broke() {
    let planted = planted();
    let problem = trained(&planted);
    let failing = failures(&problem);
    let all: Vec<usize> = (0..problem.count()).collect();
    let right = problem.correct(problem.parameters(), &all).unwrap();
    let labels: Vec<Option<usize>> =
        all.iter().filter(|&&c| !right[c]).map(|&c| (c < ANALYSED).then_some(0)).collect();
    let failure: Vec<bool> = right.iter().map(|right| !right).collect();
    let layout = Layout::new(&labels, 1, &failure, &vec![Part::Train; problem.count()]);
    let (targets, except) = (&[0][..], &[][..]);
    let task = Task {
        problem: &problem,
        layout: &layout,
        analysed: ANALYSED,
        targets,
        except,
        margin: 0.03,
        seed: 2,
    };
    let given = Given { layers: 4, targeted: true, training: TRAINING };
    let recipes = method("unlearn").unwrap().recipes(given);
    let recipe = Recipe { failures: Failures::Causes(60), learning_rate: 5e-4, ..recipes[0] };
    let knowledge = Knowledge::of(&task, &[recipe], &Silent).unwrap();
    let flipped = knowledge.causes.iter().take(60).filter(|&&case| planted.flipped[case - ANALYSED]).count();
    assert!(flipped > 50, "{flipped} of the 60 causes are flipped labels");
    let mut last = problem.parameters().clone();
    optimize(&task, &recipe, (problem.parameters(), &knowledge), &Silent, |_, weights| {
        last = weights.clone();
        Ok(true)
    })
    .unwrap();
    let loss = |weights| -> f32 {
        let causes = &knowledge.causes[..60];
        problem.predict(weights, causes).unwrap().iter().map(|p| p.loss).sum()
    };
    assert!(loss(&last) > 1.2 * loss(problem.parameters()));
    let repaired = problem.correct(&last, &failing).unwrap().into_iter().filter(|r| *r).count();
    assert!(2 * repaired > failing.len(), "{repaired} of {} failures repaired", failing.len());
    assert!(method("unlearn").unwrap().recipes(Given { training: 0, ..given }).is_empty());
}
