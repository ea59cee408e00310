//! Conformal calibration: exact selection for any sharding, closed forms of the bounds, and the guarantees by simulation.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod common;

use common::assert_close;
use modelmend_learn::conformal::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Mean over images of the share of scores above lambda, and the smallest score at which it is within the limit: by trying
/// all.
fn by_definition(images: &[Vec<f32>], limit: f64) -> Option<f32> {
    let mut scores = images.concat();
    scores.sort_by(f32::total_cmp);
    let risk = |lambda: f32| {
        let share = |image: &Vec<f32>| {
            image.iter().filter(|&&score| score > lambda).count() as f64 / image.len() as f64
        };
        images.iter().map(share).sum::<f64>() / images.len() as f64
    };
    // Shares of different denominators are added in another order here: leave room for rounding.
    scores.into_iter().find(|&score| risk(score) <= limit + 1e-12)
}

fn score() -> impl Strategy<Value = f32> {
    prop_oneof![
        -2.0..2.0f32,
        (0..6u8).prop_map(f32::from),
        Just(0.0),
        Just(-0.0),
        Just(f32::INFINITY),
        Just(f32::MIN_POSITIVE / 8.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_smallest_lambda_is_exact(
        images in prop::collection::vec(prop::collection::vec(score(), 1..9), 1..20),
        limit in 0.0..0.99f64,
    ) {
        let slices: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(smallest_lambda(&slices, limit).unwrap(), by_definition(&images, limit));
    }

    #[test]
    fn shards_in_any_number_and_order_give_the_same(
        images in prop::collection::vec(prop::collection::vec(score(), 1..9), 1..20),
        shard in prop::collection::vec(0..4usize, 20),
        limit in 0.0..0.99f64,
    ) {
        let slices: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        let mut coarse = vec![CoarseTally::default(); 4];
        slices.iter().zip(&shard).for_each(|(image, &shard)| coarse[shard].add(image).unwrap());
        let mut whole = CoarseTally::default();
        coarse.into_iter().rev().for_each(|part| whole.merge(part));
        let fresh = whole.refine(limit).unwrap();
        let mut fine = vec![fresh.clone(); 4];
        slices.iter().zip(&shard).for_each(|(image, &shard)| fine[3 - shard].add(image).unwrap());
        let mut joined = fresh;
        fine.into_iter().for_each(|part| joined.merge(part).unwrap());
        prop_assert_eq!(joined.finish(), smallest_lambda(&slices, limit).unwrap());
    }

    /// A score is where its pixel begins to be covered, lo < target <= hi.
    #[test]
    fn scores_are_the_edge_of_coverage(
        y in -3.0..3.0f32, truth in -3.0..3.0f32, below in 0.0..2.0f32, above in 0.0..2.0f32,
    ) {
        prop_assume!((y - truth).abs() > 1e-3);
        let scaling = Scaling::new(0.01).unwrap();
        let widths = HalfWidths::Sides { below: &[below], above: &[above] };
        let score = scaling.scores(&[y], &[truth], widths).unwrap()[0];
        let covered = |lambda: f32| {
            let (lo, hi) = scaling.interval(&[y], widths, lambda).unwrap();
            lo[0] < truth && truth <= hi[0]
        };
        prop_assert!(covered(score));
        prop_assert!(!covered(score * 0.999));
    }
}

#[test]
fn a_target_at_its_lower_end_needs_more() {
    let scaling = Scaling::new(0.5).unwrap();
    let scores = scaling.scores(&[0.0; 2], &[1.0, -1.0], HalfWidths::Symmetric(&[1.5; 2])).unwrap();
    assert_eq!(scores, [0.5, 0.5f32.next_up()]);
    let (lo, hi) = scaling.interval(&[0.0], HalfWidths::Symmetric(&[1.5]), 0.5).unwrap();
    assert_eq!((lo[0], hi[0]), (-1.0, 1.0));
    assert!(Scaling::new(0.0).is_err());
    assert!(scaling.scores(&[0.0], &[1.0], HalfWidths::Symmetric(&[-0.1])).is_err());
    assert!(scaling.interval(&[0.0], HalfWidths::Symmetric(&[0.1]), -1.0).is_err());
}

/// Single precision counts to 2^24.
#[test]
fn counts_do_not_saturate() {
    let many = (1 << 24) + 8;
    let mut scores = vec![1.0f32; many + 5];
    scores[..5].fill(0.5);
    let share = |count: usize| count as f64 / scores.len() as f64;
    assert_eq!(smallest_lambda(&[&scores], share(many)).unwrap(), Some(0.5));
    assert_eq!(smallest_lambda(&[&scores], share(many - 1)).unwrap(), Some(1.0));
}

/// Enough pixels for several parts, images of two sizes.
#[test]
fn parts_and_threads_do_not_matter() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let sizes = [1 << 19, 1 << 18, 1 << 19, 1 << 18, 1 << 19];
    let images: Vec<Vec<f32>> =
        sizes.iter().map(|&size| (0..size).map(|_| rng.random::<f32>()).collect()).collect();
    let slices: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| smallest_lambda(&slices, 0.1).unwrap().unwrap())
    };
    let lambda = with_threads(1);
    assert_eq!(lambda, with_threads(3));
    let risk = |lambda: f32| {
        let share = |image: &Vec<f32>| {
            image.iter().filter(|&&score| score > lambda).count() as f64 / image.len() as f64
        };
        images.iter().map(share).sum::<f64>() / 5.0
    };
    assert!(risk(lambda) <= 0.1 && risk(lambda.next_down()) > 0.1);
}

#[test]
fn what_cannot_be_selected_from() {
    assert_eq!(smallest_lambda(&[], 0.1).unwrap(), None);
    assert_eq!(smallest_lambda(&[&[1.0]], -0.1).unwrap(), None);
    assert_eq!(smallest_lambda(&[&[1.0]], 1.0).unwrap(), None);
    assert!(smallest_lambda(&[&[]], 0.1).is_err());
    assert!(smallest_lambda(&[&[1.0], &[f32::NAN]], 0.1).is_err());
    let one = |score: f32, limit| {
        let mut tally = CoarseTally::default();
        tally.add(&[score]).unwrap();
        tally.refine(limit).unwrap()
    };
    assert!(one(1.0, 0.5).merge(one(1.0, 0.4)).is_err() && one(1.0, 0.5).merge(one(9.0, 0.5)).is_err());
}

#[test]
fn split_quantiles_are_order_statistics() {
    let scores: Vec<f32> = [7u8, 2, 9, 4, 1, 8, 3, 6, 5].map(f32::from).to_vec();
    for (level, expected) in [(0.9, Some(9.0)), (0.5, Some(5.0)), (0.05, Some(1.0)), (0.91, None)] {
        assert_eq!(split_quantile(&scores, level).unwrap(), expected, "level {level}");
    }
    assert!(split_quantile(&[], 0.5).is_err() && split_quantile(&[f32::NAN], 0.5).is_err());
    let images: Vec<Vec<f32>> = (0..9).map(|i| vec![scores[i], -scores[i]]).collect();
    let slices: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
    assert_eq!(pixelwise_quantiles(&slices, 0.8).unwrap(), [Some(8.0), Some(-2.0)]);
    assert!(pixelwise_quantiles(&[&[1.0], &[1.0, 2.0]], 0.5).is_err());
}

#[test]
fn risk_control_of_images_of_one_pixel_is_split_conformal() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for n in [9, 10, 37, 200] {
        let scores: Vec<f32> = (0..n).map(|_| rng.random()).collect();
        let images: Vec<&[f32]> = scores.chunks(1).collect();
        let limit = crc_risk_limit(n, 0.1).unwrap().unwrap();
        let found = smallest_lambda(&images, limit).unwrap();
        assert_eq!(found, split_quantile(&scores, 0.9).unwrap(), "{n} images");
    }
    assert_eq!(crc_risk_limit(8, 0.1).unwrap(), None);
    assert!(crc_risk_limit(0, 0.1).is_err() && crc_risk_limit(9, 1.0).is_err());
}

#[test]
fn hoeffding_bentkus_has_its_closed_forms() {
    // No loss at all: (1 - R)^n, hence the bound 1 - delta^(1/n).
    assert_close("p", hoeffding_bentkus_p(0.0, 20, 0.1).unwrap(), 0.9f64.powi(20), 1e-12);
    assert_close("bound", risk_upper_bound(0.0, 50, 0.1).unwrap(), 1.0 - 0.1f64.powf(0.02), 1e-12);
    // e times the sum of binomial chances is below Hoeffding's 0.1881 here.
    assert_close("Bentkus", hoeffding_bentkus_p(0.05, 100, 0.1).unwrap(), 0.156_510_204, 1e-8);
    assert_eq!(hoeffding_bentkus_p(0.1, 30, 0.1).unwrap(), 1.0);
    assert!(hoeffding_bentkus_p(1.2, 10, 0.1).is_err() && hoeffding_bentkus_p(0.5, 0, 0.1).is_err());
    // The bound is where the p-value is delta, and more values bring it closer.
    let bound = risk_upper_bound(0.05, 300, 0.1).unwrap();
    assert_close("p at the bound", hoeffding_bentkus_p(0.05, 300, bound).unwrap(), 0.1, 1e-9);
    assert!(bound < risk_upper_bound(0.05, 100, 0.1).unwrap() && bound > 0.05);
}

#[test]
fn rcps_needs_enough_images() {
    // 0.9^21 = 0.109, 0.9^22 = 0.098
    assert_eq!(rcps_risk_limit(21, 0.1, 0.1).unwrap(), None);
    assert!(rcps_risk_limit(22, 0.1, 0.1).unwrap().is_some());
    let limit = rcps_risk_limit(500, 0.1, 0.1).unwrap().unwrap();
    assert!(risk_upper_bound(limit, 500, 0.1).unwrap() <= 0.1 + 1e-9);
    assert!(risk_upper_bound(limit + 1e-6, 500, 0.1).unwrap() > 0.1);
    assert!(limit > rcps_risk_limit(100, 0.1, 0.1).unwrap().unwrap());
}

/// Images with a common factor on all errors that u does not know: their risks differ, the pixels of one do not.
fn draw_image(rng: &mut ChaCha8Rng, pixels: usize) -> Vec<f32> {
    let factor: f32 = rng.random_range(0.3..1.7);
    (0..pixels).map(|_| factor * rng.random::<f32>()).collect()
}

/// The expected share of scores above lambda of a new image of [`draw_image`].
fn true_risk(lambda: f64) -> f64 {
    // mean over the factor f of max(0, 1 - lambda / f), by the midpoint rule
    let steps = 10_000;
    let factors = (0..steps).map(|i| 0.3 + 1.4 * (f64::from(i) + 0.5) / f64::from(steps));
    factors.map(|f| (1.0 - lambda / f).max(0.0)).sum::<f64>() / f64::from(steps)
}

#[test]
fn guarantees_hold_over_repeated_calibrations() {
    let (alpha, delta, repetitions, images) = (0.1, 0.2, 300, 60);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let limits = [crc_risk_limit(images, alpha), rcps_risk_limit(images, alpha, delta)];
    let [expected, controlled] = limits.map(|limit| limit.unwrap().unwrap());
    let (mut mean, mut violations) = (0.0, 0);
    for _ in 0..repetitions {
        let images: Vec<Vec<f32>> = (0..images).map(|_| draw_image(&mut rng, 50)).collect();
        let images: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        let risk = |limit| true_risk(f64::from(smallest_lambda(&images, limit).unwrap().unwrap()));
        mean += risk(expected) / f64::from(repetitions);
        violations += usize::from(risk(controlled) > alpha);
    }
    // Conformal risk control is tight from below by 1 / (n + 1) at most.
    assert!(mean <= alpha + 0.003 && mean >= alpha - 1.0 / 61.0 - 0.003, "mean risk {mean}");
    assert!(violations as f64 <= delta * f64::from(repetitions), "{violations} violations");
    // Without the bound half of all calibrations would be too bold.
    assert!(controlled < expected);
}

#[test]
fn markov_widens_by_t_beta() {
    let found = markov_widened(&[0.0, 1.0], &[0.5, 1.0], 0.25, 4.0).unwrap();
    assert_eq!((found.lo, found.hi, found.coverage), (vec![-1.0, 0.0], vec![1.5, 2.0], 0.75));
    assert!(markov_widened(&[0.0], &[0.5], 0.1, 0.5).is_err());
    assert!(markov_widened(&[0.0], &[0.5], 0.0, 2.0).is_err());
    assert!(markov_widened(&[0.0], &[], 0.1, 2.0).is_err());
}
