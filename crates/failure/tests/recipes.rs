//! What a recipe draws, averages, mixes and may move, seen on a linear network in which each case has weights of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use modelmend_data::split::Part;
use modelmend_data::{Cases, Images, Pixels};
use modelmend_failure::matrix::Layout;
use modelmend_failure::repair::knowledge::Knowledge;
use modelmend_failure::repair::methods::method;
use modelmend_failure::repair::optimize::optimize;
use modelmend_failure::repair::recipe::{Failures, Recipe, Replay, Trainable};
use modelmend_failure::repair::search::{Setting, between, ends, repeat, search};
use modelmend_failure::repair::task::Task;
use modelmend_failure::{Judge, Problem};
use modelmend_learn::monitor::Silent;
use modelmend_net::graph::Dim;
use modelmend_net::onnx::{Builder, attribute};
use modelmend_net::tensor::DType;
use modelmend_net::{Model, Parameters, Tensor};

/// Failures, the first of all cases, and correct ones.
const FAILURES: usize = 10;
const CORRECT: usize = 40;
const COUNT: usize = FAILURES + CORRECT;

/// Image `i` has pixel `i` lit and no other, and all are of class 0: the network is the surer of an image, the larger its number, and wrong
/// on the first ones.
fn problem() -> Problem {
    let pixels = (0..COUNT * COUNT).map(|i| if i / COUNT == i % COUNT { 1.0 } else { 0.0 }).collect();
    let images = Images::new("images", &[COUNT, 1, COUNT], Pixels::F32(pixels)).unwrap();
    let cases = Cases::new("all", images, vec![0; COUNT]).unwrap();
    Problem::new(model(), &cases, vec![0; COUNT]).unwrap()
}

fn model() -> Model {
    let logit = |case: usize| (case as f32 - FAILURES as f32 + 0.5) / 10.0;
    let weights = (0..2 * COUNT).map(|i| if i < COUNT { logit(i) } else { 0.0 }).collect();
    let mut builder = Builder::new("linear");
    let dims = [Dim::Free("batch".into()), Dim::Fixed(1), Dim::Fixed(1), Dim::Fixed(COUNT)];
    builder.input("image", DType::Float, &dims);
    builder.weight("weight", &Tensor::new([2, COUNT], weights).unwrap());
    let flat = builder.node("Flatten", vec![attribute::int("axis", 1)], &["image"]);
    builder.push("Gemm", "gemm", vec![attribute::int("transB", 1)], &[&flat, "weight"], &["logits"]);
    builder.output("logits", DType::Float, None);
    Model::from_proto(builder.finish(17)).unwrap()
}

/// Everything is on the training side, and all failures are of one subtype.
fn layout(problem: &Problem) -> Layout {
    let all: Vec<usize> = (0..COUNT).collect();
    let right = problem.correct(problem.parameters(), &all).unwrap();
    let failure: Vec<bool> = right.into_iter().map(|right| !right).collect();
    assert_eq!(failure.iter().filter(|f| **f).count(), FAILURES);
    Layout::new(&[Some(0); FAILURES], 1, &failure, &[Part::Train; COUNT])
}

fn task<'a>(problem: &'a Problem, layout: &'a Layout) -> Task<'a> {
    Task { problem, layout, analysed: COUNT, targets: &[0], except: &[], margin: 1.0, seed: 9 }
}

/// The weights after every epoch.
fn followed(recipe: &Recipe) -> Vec<Parameters<f32>> {
    let problem = problem();
    let layout = layout(&problem);
    let mut seen = Vec::new();
    let given = (problem.parameters(), &Knowledge::default());
    optimize(&task(&problem, &layout), recipe, given, &Silent, |_, weights| {
        seen.push(weights.clone());
        Ok(true)
    })
    .unwrap();
    seen
}

/// The cases whose weights moved.
fn drawn(recipe: &Recipe) -> BTreeSet<usize> {
    let (before, after) = (model().parameters().flatten(), followed(recipe).pop().unwrap().flatten());
    let moved = before.iter().zip(&after).enumerate().filter(|(_, (a, b))| a != b);
    moved.map(|(i, _)| i % COUNT).collect()
}

const ONCE: Recipe = Recipe { learning_rate: 1e-2, epochs: 1, ..Recipe::PLAIN };

#[test]
fn boundary_cases_are_the_correct_ones_that_the_network_is_least_sure_of() {
    let moved = drawn(&Recipe { replay: Replay::Boundary(2.0), ..ONCE });
    // Twenty correct cases: the ten of the boundary and ten of all.
    let (boundary, rest) = (FAILURES..2 * FAILURES, 2 * FAILURES..COUNT);
    assert!(boundary.clone().all(|case| moved.contains(&case)), "{moved:?}");
    let others = rest.filter(|case| moved.contains(case)).count();
    assert!((1..=10).contains(&others), "{others} of the others");
    assert!((0..FAILURES).all(|case| moved.contains(&case)), "the failures");
}

#[test]
fn cases_are_drawn_as_the_recipe_says() {
    let count = |replay| drawn(&Recipe { replay, ..ONCE }).len();
    assert_eq!(count(Replay::None), FAILURES);
    assert_eq!(count(Replay::PerFailure(1.5)), FAILURES + 15);
    assert_eq!(count(Replay::All), COUNT);
}

#[test]
fn averaged_weights_are_the_mean_of_the_last_epochs() {
    let recipe = Recipe { epochs: 5, replay: Replay::PerFailure(2.0), ..ONCE };
    let single: Vec<Vec<f32>> = followed(&recipe).iter().map(Parameters::flatten).collect();
    let averaged = followed(&Recipe { average: 3, ..recipe });
    assert_eq!(averaged.len(), 5);
    for (epoch, averaged) in averaged.iter().enumerate() {
        let last = &single[(epoch + 1).saturating_sub(3)..=epoch];
        for (i, got) in averaged.flatten().into_iter().enumerate() {
            let mean = last.iter().map(|weights| weights[i]).sum::<f32>() / last.len() as f32;
            assert!((got - mean).abs() < 1e-6, "epoch {epoch}, weight {i}: {got} instead of {mean}");
        }
    }
    assert!(single[4].iter().zip(&single[3]).any(|(a, b)| (a - b).abs() > 1e-4), "nothing to average");
}

#[test]
fn a_blend_lies_so_far_on_the_way() {
    let tensor = |values: [f32; 3]| Parameters::new(vec![Tensor::new([3], values.to_vec()).unwrap()]);
    let (start, end) = (tensor([1.0, -2.0, 0.3]), tensor([3.0, 6.0, 0.3]));
    for (blend, expected) in
        [(0.0, [1.0, -2.0, 0.3]), (0.25, [1.5, 0.0, 0.3]), (0.75, [2.5, 4.0, 0.3]), (1.0, [3.0, 6.0, 0.3])]
    {
        assert_eq!(between(&start, &end, blend).flatten(), expected, "{blend} of the way");
    }
}

#[test]
fn a_setting_is_repeated_with_its_epochs_and_its_blend() {
    let problem = problem();
    let layout = layout(&problem);
    let again = |epoch, blend| {
        let setting = Setting { recipe: Recipe { epochs: 4, ..ONCE }, epoch, blend };
        repeat(&task(&problem, &layout), &setting, &Knowledge::default(), &Silent).unwrap().flatten()
    };
    let whole: Vec<Vec<f32>> =
        followed(&Recipe { epochs: 4, ..ONCE }).iter().map(Parameters::flatten).collect();
    assert_eq!(again(2, 1.0), whole[1]);
    assert_eq!(again(4, 1.0), whole[3]);
    let start = problem.parameters().flatten();
    let pairs = start.iter().zip(&whole[1]);
    let expected: Vec<f32> = pairs.map(|(before, after)| before + 0.25 * (after - before)).collect();
    assert_eq!(again(2, 0.25), expected);
    assert_eq!(again(0, 1.0), start);
}

/// Steps that are too large for the network end their own recipe and no other.
#[test]
fn a_recipe_that_diverges_is_left_out() {
    let problem = problem();
    let layout = layout(&problem);
    let task = task(&problem, &layout);
    let calm = Recipe { epochs: 3, patience: 3, ..ONCE };
    let recipes = [Recipe { learning_rate: 1e38, ..calm }, calm];
    let ends = ends(&task, &recipes, &Knowledge::default(), &Silent).unwrap();
    let [end] = ends.as_slice() else { panic!("{} recipes came to their end", ends.len()) };
    assert_eq!(end.flatten(), followed(&calm)[2].flatten());
    let method = method("f_i").unwrap();
    let attempts = search(&task, (method, &recipes), &Knowledge::default(), &Silent).unwrap();
    let wild = attempts.iter().find(|a| a.setting.recipe == recipes[0]).unwrap();
    assert_eq!((attempts.len(), wild.setting.epoch), (2, 0));
}

/// A network of two matrices, with failures of one class to learn.
fn two_layers() -> Problem {
    const SIDE: usize = 12;
    let values = |count: usize, scale: f32| {
        (0..count).map(|i| scale * ((i * 37 % 101) as f32 / 50.0 - 1.0)).collect::<Vec<f32>>()
    };
    let mut builder = Builder::new("two layers");
    let dims = [Dim::Free("batch".into()), Dim::Fixed(1), Dim::Fixed(1), Dim::Fixed(SIDE)];
    builder.input("image", DType::Float, &dims);
    builder.weight("first", &Tensor::new([9, SIDE], values(9 * SIDE, 0.3)).unwrap());
    builder.weight("bias", &Tensor::new([9], values(9, 0.1)).unwrap());
    builder.weight("second", &Tensor::new([8, 9], values(8 * 9, 0.3)).unwrap());
    let flat = builder.node("Flatten", vec![attribute::int("axis", 1)], &["image"]);
    let transposed = || vec![attribute::int("transB", 1)];
    let hidden = builder.node("Gemm", transposed(), &[&flat, "first", "bias"]);
    let hidden = builder.node("Tanh", vec![], &[&hidden]);
    builder.push("Gemm", "gemm", transposed(), &[&hidden, "second"], &["logits"]);
    builder.output("logits", DType::Float, None);
    let model = Model::from_proto(builder.finish(17)).unwrap();
    let pixels = (0..COUNT * SIDE).map(|i| (i * i * 31 % 97) as f32 / 48.0 - 1.0).collect();
    let images = Images::new("images", &[COUNT, 1, SIDE], Pixels::F32(pixels)).unwrap();
    let labels: Vec<i64> = (0..COUNT).map(|i| (i % 8) as i64).collect();
    let targets = labels.iter().map(|&label| label as usize).collect();
    Problem::new(model, &Cases::new("all", images, labels).unwrap(), targets).unwrap()
}

/// The rank of a matrix up to a relative error: rows are made orthogonal to the longest that is left, one after another.
fn rank(mut rows: Vec<Vec<f64>>, tolerance: f64) -> usize {
    let norm = |row: &Vec<f64>| row.iter().map(|v| v * v).sum::<f64>().sqrt();
    let largest = rows.iter().map(norm).fold(0.0, f64::max);
    let mut rank = 0;
    while let Some(longest) = rows.iter().cloned().max_by(|a, b| norm(a).total_cmp(&norm(b))) {
        let length = norm(&longest);
        if length <= tolerance * largest {
            break;
        }
        rank += 1;
        for row in &mut rows {
            let along = row.iter().zip(&longest).map(|(a, b)| a * b).sum::<f64>() / (length * length);
            row.iter_mut().zip(&longest).for_each(|(a, b)| *a -= along * b);
        }
    }
    rank
}

#[test]
fn low_rank_adapters_have_their_rank() {
    let problem = two_layers();
    let all: Vec<usize> = (0..COUNT).collect();
    let right = problem.correct(problem.parameters(), &all).unwrap();
    let failure: Vec<bool> = right.into_iter().map(|right| !right).collect();
    let labels = vec![Some(0); failure.iter().filter(|f| **f).count()];
    let layout = Layout::new(&labels, 1, &failure, &[Part::Train; COUNT]);
    let changes = |trainable| {
        let recipe = Recipe { trainable, failures: Failures::All, epochs: 6, learning_rate: 3e-2, ..ONCE };
        let mut last = problem.parameters().clone();
        let given = (problem.parameters(), &Knowledge::default());
        optimize(&task(&problem, &layout), &recipe, given, &Silent, |_, weights| {
            last = weights.clone();
            Ok(true)
        })
        .unwrap();
        let ranks = last.iter().zip(problem.parameters().iter()).filter(|(w, _)| w.shape().len() == 2);
        let ranks = ranks.map(|(after, before)| {
            let change: Vec<f64> =
                after.data().iter().zip(before.data()).map(|(a, b)| f64::from(a - b)).collect();
            rank(change.chunks(after.row_len()).map(<[f64]>::to_vec).collect(), 1e-4)
        });
        ranks.collect::<Vec<_>>()
    };
    for wanted in [1, 2, 5] {
        assert_eq!(changes(Trainable::LowRank(wanted)), [wanted; 2]);
    }
    assert!(changes(Trainable::All).iter().all(|&rank| rank > 5), "the network itself needs no rank");
}
