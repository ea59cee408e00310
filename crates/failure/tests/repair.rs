//! Repairs on a small network: what the methods promise, and that faults planted in them are found.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use modelmend_data::split::Part;
use modelmend_data::{Cases, Images, Pixels};
use modelmend_failure::matrix::Layout;
use modelmend_failure::repair::audit::{Check, audit};
use modelmend_failure::repair::fisher::fisher;
use modelmend_failure::repair::knowledge::Knowledge;
use modelmend_failure::repair::methods::{Given, Method, method};
use modelmend_failure::repair::optimize::optimize;
use modelmend_failure::repair::procedure::{Aimed, procedure};
use modelmend_failure::repair::recipe::{Anchor, Failures, Recipe, Replay, Trainable};
use modelmend_failure::repair::search::{repeat, search};
use modelmend_failure::repair::task::{Aim, Task};
use modelmend_failure::{Judge, Problem};
use modelmend_learn::monitor::Silent;
use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};
use modelmend_net::{Parameters, Settings};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 8;
const COUNT: usize = 120;

/// Images of two brightnesses for an untrained network, which is right on about half of them.
fn problem() -> Problem {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let labels: Vec<i64> = (0..COUNT).map(|i| (i % 2) as i64).collect();
    let pixel = |i: usize| if (i / (SIDE * SIDE * 3)).is_multiple_of(2) { 60 } else { 160 };
    let pixels = (0..COUNT * SIDE * SIDE * 3).map(|i| pixel(i) + rng.random_range(0..60u8)).collect();
    let images = Images::new("images", &[COUNT, SIDE, SIDE, 3], Pixels::U8(pixels)).unwrap();
    let kind = ClassifierKind::VggSmall;
    let spec =
        Classifier { kind, channels: 3, height: SIDE, width: SIDE, classes: 2, base: Some(4), seed: 3 };
    let targets = labels.iter().map(|&l| l as usize).collect();
    Problem::new(classifier(&spec).unwrap(), &Cases::new("all", images, labels).unwrap(), targets).unwrap()
}

fn layout(problem: &Problem) -> Layout {
    let all: Vec<usize> = (0..COUNT).collect();
    let failure: Vec<bool> =
        problem.correct(problem.parameters(), &all).unwrap().into_iter().map(|right| !right).collect();
    let labels: Vec<Option<usize>> = failure.iter().filter(|f| **f).map(|_| Some(0)).collect();
    let part: Vec<Part> = (0..COUNT).map(|i| Part::ALL[i / 2 % 3]).collect();
    Layout::new(&labels, 1, &failure, &part)
}

fn task<'a>(problem: &'a Problem, layout: &'a Layout) -> Task<'a> {
    Task { problem, layout, analysed: COUNT, targets: &[0], except: &[], margin: 1.0, seed: 9 }
}

fn known(fisher: Option<&Parameters<f32>>) -> Knowledge {
    Knowledge { fisher: fisher.cloned(), ..Knowledge::default() }
}

fn after(problem: &Problem, recipe: &Recipe, information: Option<&Parameters<f32>>) -> Parameters<f32> {
    let layout = layout(problem);
    let mut last = problem.parameters().clone();
    optimize(
        &task(problem, &layout),
        recipe,
        (problem.parameters(), &known(information)),
        &Silent,
        |_, weights| {
            last = weights.clone();
            Ok(true)
        },
    )
    .unwrap();
    last
}

const QUICK: Recipe =
    Recipe { learning_rate: 1e-3, epochs: 2, replay: Replay::PerFailure(1.0), ..Recipe::PLAIN };

fn distance(a: &Parameters<f32>, b: &Parameters<f32>) -> f64 {
    let pairs = a.iter().zip(b.iter()).flat_map(|(a, b)| a.data().iter().zip(b.data()));
    pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

fn failed(checks: &[Check]) -> Vec<&str> {
    checks.iter().filter(|c| !c.passed).map(|c| c.what.as_str()).collect()
}

/// The Fisher information squares the gradient of each case; the square of the batch gradient is another number.
#[test]
fn fisher_information_is_the_mean_of_squares_of_single_gradients() {
    let problem = problem();
    let cases: Vec<usize> = (0..70).collect();
    let information = fisher(&problem, &cases, &Silent).unwrap();
    let gradient = |cases: &[usize]| {
        let labels = problem.targets_of(cases);
        let (input, loss) = (problem.input(cases).unwrap(), problem.loss(&labels));
        let runtime = problem.runtime();
        runtime
            .gradient(problem.parameters(), &[input], &[&loss], false, Settings::default())
            .unwrap()
            .parameters
    };
    let mut expected = vec![0.0f64; problem.parameters().scalars()];
    for &case in &cases {
        let single = gradient(&[case]).flatten();
        expected.iter_mut().zip(single).for_each(|(e, g)| *e += f64::from(g).powi(2) / cases.len() as f64);
    }
    let batch = gradient(&cases).flatten();
    let largest = expected.iter().copied().fold(0.0, f64::max);
    let (mut worst, mut batch_off) = (0.0f64, 0.0f64);
    for ((&got, want), batch) in information.flatten().iter().zip(&expected).zip(batch) {
        worst = worst.max((f64::from(got) - want).abs() / largest);
        batch_off = batch_off.max((f64::from(batch).powi(2) / 70f64.powi(2) - want).abs() / largest);
    }
    assert!(worst < 1e-5, "off by {worst}");
    assert!(batch_off > 0.1, "the batch gradient would pass as well: {batch_off}");
}

#[test]
fn anchors_hold_the_weights_and_a_penalty_of_zero_is_found() {
    let problem = problem();
    let information = fisher(&problem, &(0..COUNT).collect::<Vec<_>>(), &Silent).unwrap();
    let zero = problem.parameters().zeros_like();
    let start = problem.parameters();
    let free = distance(&after(&problem, &QUICK, None), start);
    let anchored = |anchor, information| {
        let recipe = Recipe { anchor, ..QUICK };
        let weights = after(&problem, &recipe, information);
        let model = problem.model().with_parameters(weights.clone()).unwrap();
        (distance(&weights, start), audit((problem.model(), &model), (&recipe, information)))
    };
    let (near, checks) = anchored(Anchor::Distance(10.0), None);
    assert!(near < 0.7 * free && failed(&checks).is_empty(), "{near} of {free}: {checks:?}");
    let (far, checks) = anchored(Anchor::Distance(0.0), None);
    assert_eq!((far, failed(&checks)), (free, vec!["the penalty is not zero"]));
    let ewc = |strength| Anchor::Fisher { strength, prior: 0.0 };
    let (near, checks) = anchored(ewc(1e6), Some(&information));
    assert!(near < 0.9 * free && failed(&checks).is_empty(), "{near} of {free}: {checks:?}");
    let (_, checks) = anchored(ewc(1e6), Some(&zero));
    assert_eq!(failed(&checks), ["the penalty is not zero"], "no information");
    let layout = layout(&problem);
    let without = Recipe { anchor: ewc(1.0), ..QUICK };
    assert!(
        optimize(&task(&problem, &layout), &without, (start, &known(None)), &Silent, |_, _| Ok(true))
            .is_err()
    );
}

#[test]
fn frozen_weights_keep_their_bits_and_the_audit_looks() {
    let problem = problem();
    for trainable in [Trainable::LastLayers(1), Trainable::LowRank(2)] {
        let recipe = Recipe { trainable, average: 2, ..QUICK };
        let weights = after(&problem, &recipe, None);
        assert!(distance(&weights, problem.parameters()) > 0.0, "{trainable:?} moved nothing");
        let model = problem.model().with_parameters(weights).unwrap();
        let checks = audit((problem.model(), &model), (&recipe, None));
        assert!(failed(&checks).is_empty() && checks.len() == 2, "{checks:?}");
        let moved = problem.model().with_parameters(after(&problem, &QUICK, None)).unwrap();
        let checks = audit((problem.model(), &moved), (&recipe, None));
        assert_eq!(failed(&checks), ["weights that must not move keep their bits"]);
    }
}

#[test]
fn a_model_without_any_difference_is_no_repair() {
    let problem = problem();
    let checks = audit((problem.model(), problem.model()), (&QUICK, None));
    assert_eq!(failed(&checks), ["the repaired file differs from the input, in weights and in nothing else"]);
    assert_eq!(checks[0].detail, "nothing differs");
}

/// A bit of everything, in large steps.
struct Everything;

impl Method for Everything {
    fn name(&self) -> &'static str {
        "everything"
    }

    fn summary(&self) -> &'static str {
        "for tests"
    }

    fn recipes(&self, _: Given) -> Vec<Recipe> {
        let quick = Recipe { learning_rate: 3e-3, epochs: 6, augment: true, ..QUICK };
        vec![
            Recipe { anchor: Anchor::Fisher { strength: 10.0, prior: 1e-4 }, average: 2, ..quick },
            Recipe { trainable: Trainable::LowRank(2), anneal: true, ..quick },
            Recipe { replay: Replay::Boundary(2.0), distill: 0.5, anneal: true, ..quick },
        ]
    }

    fn aim(&self, _: f64) -> Aim {
        Aim::Balanced
    }

    fn blends(&self) -> &'static [f64] {
        &[0.5, 1.0]
    }
}

/// A search gives the same bits on any number of threads, and what it chose can be repeated.
#[test]
fn a_search_can_be_repeated_bit_for_bit() {
    let problem = problem();
    let layout = layout(&problem);
    let aimed = Aimed { targets: Some(vec![0]), except: Vec::new(), analysed: COUNT };
    let run = || procedure((&problem, &layout), &aimed, &Everything, (1.0, 9), &Silent).unwrap().attempts;
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    let (one, two) = (on(1), on(2));
    assert_eq!(one.len(), 3);
    for (a, b) in one.iter().zip(&two) {
        assert_eq!((a.setting, a.parameters.flatten()), (b.setting, b.parameters.flatten()));
    }
    let moved: Vec<_> = one.iter().filter(|a| a.setting.epoch > 0).collect();
    assert!(moved.len() >= 2, "{} recipes moved", moved.len());
    let information = fisher(&problem, &layout.correct(Part::Train), &Silent).unwrap();
    for attempt in moved {
        let again =
            repeat(&task(&problem, &layout), &attempt.setting, &known(Some(&information)), &Silent).unwrap();
        assert_eq!(again.flatten(), attempt.parameters.flatten(), "{}", attempt.setting);
    }
}

/// The default tries its second step size only for a network to which the first does no good.
#[test]
fn another_step_size_is_tried_where_the_first_does_no_good() {
    let problem = problem();
    let layout = layout(&problem);
    let auto = method("auto").unwrap();
    let followed = |recipes: &[Recipe]| {
        search(&task(&problem, &layout), (auto, recipes), &known(None), &Silent).unwrap()
    };
    let good = Recipe { epochs: 4, ..QUICK };
    let [first] = &followed(&[good, Recipe { learning_rate: 1e-4, ..good }])[..] else {
        panic!("one suffices")
    };
    assert!(first.setting.recipe == good && first.setting.epoch > 0, "{}", first.setting);
    let wild = Recipe { learning_rate: 1e38, ..good };
    let both = followed(&[wild, good]);
    assert_eq!(both.iter().map(|a| a.setting.recipe).collect::<Vec<_>>(), [good, wild]);
}

/// Subtypes that look mislabelled are not learned, unless they are what was asked for.
#[test]
fn excluded_subtypes_are_not_learned() {
    let problem = problem();
    let layout = layout(&problem);
    let without = Task { targets: &[], except: &[0], ..task(&problem, &layout) };
    assert!(without.failures(Part::Train).is_empty());
    assert!(!task(&problem, &layout).failures(Part::Train).is_empty());
    let aimed = |targets| Aimed { targets, except: vec![0], analysed: COUNT };
    assert_eq!((aimed(None).excluded(), aimed(Some(vec![0])).excluded()), (vec![0], vec![]));
    assert!(method("auto").is_some());
}

/// Subtypes are learned one after another, those before stay in, and what is repeated is what was chosen.
#[test]
fn one_subtype_after_another() {
    let problem = problem();
    let whole = layout(&problem);
    // Every second failure is of a second subtype.
    let mut failures = (0..).map(|i| i % 2);
    let subtype = whole.failure.iter().map(|&f| if f { failures.next() } else { None }).collect();
    let layout = Layout { subtype, subtypes: 2, ..whole };
    let task = Task { targets: &[0, 1], ..task(&problem, &layout) };
    let recipe = Recipe { failures: Failures::OneByOne(2), epochs: 9, ..QUICK };
    let weights = |targets| {
        let mut seen = Vec::new();
        let task = Task { targets, ..task };
        optimize(&task, &recipe, (problem.parameters(), &known(None)), &Silent, |_, weights| {
            seen.push(weights.flatten());
            Ok(true)
        })
        .unwrap();
        seen
    };
    let (both, first) = (weights(&[0, 1]), weights(&[0]));
    assert_eq!((both.len(), first.len()), (4, 2), "two epochs for each subtype");
    assert_eq!(both[..2], first[..], "the second subtype waits for its turn");
    assert_ne!(both[2], both[1]);
    let found = method("sequential").unwrap().recipes(Given { layers: 4, targeted: true, training: 0 });
    assert!(found.iter().all(|r| matches!(r.failures, Failures::OneByOne(_))));
}
