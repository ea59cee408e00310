//! Regions of a reconstruction network as cases: their loss, their errors, and planted kinds of them found again.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test fails by panicking")]

use std::f32::consts::TAU;

use modelmend_data::split::Part;
use modelmend_failure::Judge;
use modelmend_failure::finetune::FinetuneSettings;
use modelmend_failure::matrix::{Layout, Row, Target, row};
use modelmend_failure::regions::{Item, Regions, threshold};
use modelmend_failure::represent::{Scaling, gradients};
use modelmend_failure::subtype::{ClusterSettings, EmbeddingSettings, clusters, embed};
use modelmend_learn::monitor::Silent;
use modelmend_learn::scores::adjusted_rand_index;
use modelmend_net::architecture::{DnCnn, dncnn};
use modelmend_net::{Model, Settings, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A small network that almost gives back its input.
fn network(channels: usize) -> Model {
    let spec = DnCnn { channels, width: 12, depth: 3, dropout: 0.0, residual: true, seed: 3 };
    let model = dncnn(&spec).unwrap();
    let mut weights = model.parameters().clone();
    let last = weights.len() - 2;
    weights.iter_mut().skip(last).for_each(|t| t.data_mut().iter_mut().for_each(|w| *w *= 0.02));
    model.with_parameters(weights).unwrap()
}

fn noise(shape: [usize; 4], rng: &mut ChaCha8Rng) -> Tensor<f32> {
    Tensor::new(shape, (0..shape.iter().product()).map(|_| rng.random::<f32>()).collect()).unwrap()
}

/// Items of two shapes, two channels each.
fn mixed() -> Vec<Item> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let shapes = [[1, 2, 12, 9], [1, 2, 12, 9], [1, 2, 8, 14], [1, 2, 12, 9]];
    shapes.map(|s| Item { input: noise(s, &mut rng), target: noise(s, &mut rng) }).to_vec()
}

fn all(judge: &dyn Judge) -> Vec<usize> {
    (0..judge.count()).collect()
}

#[test]
fn the_gradient_of_a_regional_loss_is_that_of_differences_and_nothing_outside() {
    let regions = Regions::new(network(2), mixed(), 5).unwrap();
    for (case, weight) in [(0, 1.0), (3, 0.25), (regions.count() - 1, 2.0)] {
        let item = &regions.items()[regions.regions()[case].item];
        let loss = regions.loss_of(&[case], weight);
        let mut output: Vec<f32> = item.target.data().iter().map(|t| 0.3 + 0.5 * t).collect();
        let mut gradient = vec![f32::NAN; output.len()];
        loss.evaluate(0, &output, &mut gradient);
        let inside: Vec<usize> = regions.regions()[case].spans().into_iter().flatten().collect();
        let mut unused = vec![0.0; output.len()];
        for i in 0..output.len() {
            let (here, step) = (output[i], 0.25);
            let mut at = |value: f32| {
                output[i] = value;
                f64::from(loss.evaluate(0, &output, &mut unused))
            };
            // The loss is quadratic: central differences are exact but for rounding.
            let difference = (at(here + step) - at(here - step)) / f64::from(2.0 * step);
            output[i] = here;
            assert!(
                (difference - f64::from(gradient[i])).abs() < 1e-5,
                "{case}: {difference} {}",
                gradient[i]
            );
            assert_eq!(gradient[i] == 0.0, !inside.contains(&i), "{case}, value {i}");
        }
    }
}

#[test]
fn errors_are_those_of_each_region_alone_and_the_threshold_leaves_the_share() {
    let model = network(2);
    let regions = Regions::new(model.clone(), mixed(), 5).unwrap();
    let cases = all(&regions);
    let errors = regions.errors(regions.parameters(), &cases).unwrap();
    for (region, error) in regions.regions().iter().zip(&errors) {
        let item = &regions.items()[region.item];
        let input = std::slice::from_ref(&item.input);
        let output = &regions.runtime().forward(model.parameters(), input, Settings::default()).unwrap()[0];
        let &[_, channels, height, width] = item.input.shape() else { unreachable!() };
        let (mut sum, mut count) = (0.0, 0);
        for c in 0..channels {
            for y in region.corner[0]..region.corner[0] + region.extent[0] {
                for x in region.corner[1]..region.corner[1] + region.extent[1] {
                    let at = (c * height + y) * width + x;
                    sum += f64::from(output.data()[at] - item.target.data()[at]).powi(2);
                    count += 1;
                }
            }
        }
        assert!((error - (sum / f64::from(count)).sqrt()).abs() < 1e-12);
    }
    // Any order, any company.
    let some = [7, 2, 17, 2, 11];
    let again = regions.errors(regions.parameters(), &some).unwrap();
    assert_eq!(again, some.map(|case| errors[case]));
    let bound = threshold(&errors, 0.2);
    let above = errors.iter().filter(|&&e| e > bound).count();
    assert_eq!(above, (0.2 * errors.len() as f64).round() as usize);
    assert!(regions.correct(regions.parameters(), &cases).unwrap().iter().all(|&c| c));
    let regions = regions.with_threshold(bound);
    let right = regions.correct(regions.parameters(), &cases).unwrap();
    assert_eq!(right, errors.iter().map(|&e| e <= bound).collect::<Vec<_>>());
    assert_eq!((threshold(&[], 0.2), threshold(&[3.0, 1.0], 1.0)), (0.0, 1.0));
}

#[test]
fn items_of_several_shapes_give_each_case_its_own_gradient() {
    let regions = Regions::new(network(2), mixed(), 5).unwrap();
    let read =
        |cases: &[usize]| gradients(&regions, regions.parameters(), cases, (6, 5), &Silent).unwrap().matrix;
    let last = regions.count() - 1;
    let cases = [0, last, 14, 1, 9];
    let together = read(&cases);
    for (row, &case) in together.rows().into_iter().zip(&cases) {
        assert_eq!(row, read(&[case]).row(0), "case {case}");
    }
    assert!(together.row(0) != together.row(3), "two regions of one item");
    let odd = Item { input: Tensor::full([1, 2, 8, 8], 0.0), target: Tensor::full([1, 1, 8, 8], 0.0) };
    let refused = Regions::new(network(2), vec![odd], 4).unwrap_err().to_string();
    assert!(refused.contains("[1, 2, 8, 8]") && refused.contains("[1, 1, 8, 8]"), "{refused}");
    assert!(Regions::new(network(2), vec![], 4).is_err());
}

/// Edge of an item and of its regions.
const ITEM: usize = 32;
const EDGE: usize = 8;

/// Items on which a network that gives back its input makes two kinds of mistakes, in about a seventh of the regions each: bright spots
/// that should be brighter, and stripes that should not be there. With them the kind of each region.
fn planted(count: usize) -> (Vec<Item>, Vec<Option<usize>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut items, mut kinds) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let phase: f32 = rng.random();
        let (mut input, mut target) = (vec![0.0; ITEM * ITEM], vec![0.0; ITEM * ITEM]);
        let kind: Vec<Option<usize>> = (0..(ITEM / EDGE).pow(2))
            .map(|_| match rng.random::<f32>() {
                v if v < 0.14 => Some(0),
                v if v < 0.28 => Some(1),
                _ => None,
            })
            .collect();
        for (at, (i, t)) in input.iter_mut().zip(&mut target).enumerate() {
            let (y, x) = (at / ITEM, at % ITEM);
            let background = 0.3 + 0.1 * (TAU * (x + y) as f32 / ITEM as f32 + TAU * phase).sin();
            let from_middle = [y, x].map(|v| (v % EDGE) as f32 - 3.5).map(|d| d * d).iter().sum::<f32>();
            let (measured, truth) = match kind[y / EDGE * (ITEM / EDGE) + x / EDGE] {
                Some(0) if from_middle < 10.0 => (0.7, 0.9),
                Some(1) => (background + if x % 2 == 0 { 0.15 } else { -0.15 }, background),
                _ => (background, background),
            };
            *i = measured + 0.1 * (rng.random::<f32>() - 0.5);
            *t = truth;
        }
        let tensor = |values| Tensor::new([1, 1, ITEM, ITEM], values).unwrap();
        items.push(Item { input: tensor(input), target: tensor(target) });
        kinds.extend(kind);
    }
    (items, kinds)
}

#[test]
fn planted_kinds_of_regions_are_found_and_repaired_one_by_one() {
    let (items, kinds) = planted(24);
    let regions = Regions::new(network(1), items, EDGE).unwrap();
    let cases = all(&regions);
    let errors = regions.errors(regions.parameters(), &cases).unwrap();
    let share = kinds.iter().flatten().count() as f64 / kinds.len() as f64;
    // The planted regions have by far the largest errors; what is repaired need not be as good as the others.
    let regions = regions.with_threshold(2.0 * threshold(&errors, share));
    let failure: Vec<bool> =
        regions.correct(regions.parameters(), &cases).unwrap().iter().map(|c| !c).collect();
    let failures: Vec<usize> = cases.iter().copied().filter(|&c| failure[c]).collect();
    assert_eq!(failure, kinds.iter().map(Option::is_some).collect::<Vec<_>>());
    let truth: Vec<usize> = failures.iter().map(|&c| kinds[c].unwrap()).collect();

    let found = gradients(&regions, regions.parameters(), &failures, (30, 2), &Silent).unwrap();
    let settings = EmbeddingSettings { dims: Some(10), neighbors: 5, min_dist: 0.0 };
    let points = embed(found.scaled(Scaling::Unit).view(), &settings, 2).unwrap();
    let division = clusters(points.view(), &ClusterSettings { k: 2, seed: 2 }).unwrap().subtyping;
    let labels: Vec<usize> = division.labels.iter().map(|l| l.unwrap()).collect();
    let ari = adjusted_rand_index(&truth, &labels).unwrap();
    assert!(ari > 0.9, "ARI {ari}");

    // Whole items on each side.
    let side = |case: usize| {
        [Part::Train, Part::Train, Part::Validation, Part::Test][regions.regions()[case].item % 4]
    };
    let parts: Vec<Part> = cases.iter().map(|&case| side(case)).collect();
    let layout = Layout::new(&division.labels, 2, &failure, &parts);
    let settings = FinetuneSettings {
        learning_rate: 5e-3,
        weight_decay: 0.0,
        batch_size: 8,
        epochs: 30,
        patience: 30,
        keep_correct: 0.9,
    };
    let tuned: Vec<Row> = (0..2)
        .map(|s| row(&regions, &layout, Target::Subtype(s), &settings, 1, &Silent).unwrap().0)
        .collect();
    let repaired = |row: usize, subtype: usize| {
        let own = layout.target(Target::Subtype(subtype), Part::Test);
        own.iter().filter(|&&c| tuned[row].correct[c]).count() as f64 / own.len() as f64
    };
    for (own, other) in [(0, 1), (1, 0)] {
        assert!(repaired(own, own) > 0.7, "subtype {own}: {}", repaired(own, own));
        assert!(repaired(own, other) < 0.5, "subtype {own} on {other}: {}", repaired(own, other));
    }
}
