//! Measures of uncertainty maps: reference vectors, cases counted by hand, and what must not change them.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod common;

use common::{assert_close, reference};
use modelmend_learn::metrics::{augrc, augrc_of_losses, aurc, aurc_of_losses, aurc_optimal};
use modelmend_learn::stats::{BootstrapParams, Method};
use modelmend_learn::uncertainty::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn record(output: &[f32], target: &[f32], u: &[f32]) -> ImageRecord {
    ImageRecord::of(&Maps::new(output, target, u).unwrap()).unwrap()
}

fn bounded(output: &[f32], target: &[f32], lo: &[f32], hi: &[f32]) -> IntervalRecord {
    let u: Vec<f32> = lo.iter().zip(hi).map(|(lo, hi)| hi - lo).collect();
    let maps = Maps::new(output, target, &u).unwrap().with_bounds(lo, hi).unwrap();
    ImageRecord::of(&maps).unwrap().interval.unwrap()
}

/// Output, target and u of an image whose errors grow with u.
fn noisy(pixels: usize, seed: u64) -> [Vec<f32>; 3] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let target: Vec<f32> = (0..pixels).map(|_| rng.random()).collect();
    let u: Vec<f32> = (0..pixels).map(|_| rng.random_range(0.01..1.0)).collect();
    let output = target.iter().zip(&u).map(|(y, u)| y + u * rng.random_range(-1.0..1.0f32)).collect();
    [output, target, u]
}

#[test]
fn correlations_match_scipy() {
    let Some(r) = reference("metrics/scores.npz") else { return };
    let (error, u) = (r.vector("u"), r.vector("w"));
    // Errors are magnitudes; a shift to positive values leaves the centred correlation as it is.
    let shift = error.iter().fold(0.0, |least: f64, v| least.min(*v));
    let shifted: Vec<f32> = error.iter().map(|v| (v - shift) as f32).collect();
    let u: Vec<f32> = u.iter().map(|&v| v as f32).collect();
    let found = record(&shifted, &vec![0.0; shifted.len()], &u);
    assert_close("pearson", found.pearson.unwrap(), r.number("pearson"), 1e-6);
}

#[test]
fn selective_areas_match_the_reference() {
    let Some(r) = reference("metrics/scores.npz") else { return };
    let correct = r.flags("correct");
    let loss: Vec<f64> = correct.iter().map(|&hit| if hit { 0.0 } else { 1.0 }).collect();
    let (confidence, tied) = (r.vector("confidence"), r.vector("confidence_tied"));
    let negative: Vec<f64> = loss.iter().map(|l| -l).collect();
    for (name, found) in [
        ("aurc", aurc_of_losses(&loss, &confidence)),
        ("aurc_optimal", aurc_of_losses(&loss, &negative)),
        ("augrc", augrc_of_losses(&loss, &confidence)),
        ("augrc_tied", augrc_of_losses(&loss, &tied)),
    ] {
        assert_close(name, found.unwrap().unwrap(), r.number(name), 1e-10);
    }
    assert_eq!(augrc(&correct, &tied).unwrap(), augrc_of_losses(&loss, &tied).unwrap());
    assert!(aurc(&correct, &confidence).unwrap() > aurc_optimal(&correct));
}

#[test]
fn one_image_by_hand() {
    // |error| = 1, 0, 2, 1 and u = 2, 0, 4, 0
    let found = record(&[1.0, 5.0, 3.0, 0.0], &[0.0, 5.0, 5.0, 1.0], &[2.0, 0.0, 4.0, 0.0]);
    assert_close("mse", found.mse, 6.0 / 4.0, 1e-15);
    assert_close("mean u", found.mean_u, 1.5, 1e-15);
    let cosine = 10.0 / (6.0f64 * 20.0).sqrt();
    assert_close("cosine", found.cosine.unwrap(), cosine, 1e-15);
    assert_close("pwcc", found.pwcc.unwrap(), cosine / 1.5, 1e-15);
    // Centred: (0, -1, 1, 0) and (0.5, -1.5, 2.5, -1.5)
    assert_close("pearson", found.pearson.unwrap(), 4.0 / (2.0f64 * 11.0).sqrt(), 1e-15);
    assert_eq!(found.interval, None);
}

#[test]
fn undefined_measures_are_none_and_bad_maps_are_refused() {
    let perfect = record(&[1.0, 2.0], &[1.0, 2.0], &[0.5, 0.1]);
    assert_eq!((perfect.pearson, perfect.cosine, perfect.pwcc), (None, None, None));
    assert_eq!((perfect.mse, perfect.sparsification), (0.0, None));
    assert_eq!(record(&[1.0, 2.0], &[0.0, 0.0], &[0.5, 0.5]).pearson, None);
    assert!(Maps::new(&[], &[], &[]).is_err() && Maps::new(&[1.0], &[1.0], &[]).is_err());
    let error = Maps::new(&[1.0, 2.0], &[1.0, f32::NAN], &[1.0; 2]).unwrap_err().to_string();
    assert_eq!(error, "target: value 1 is not finite");
    let crossed = Maps::new(&[1.0], &[1.0], &[1.0]).unwrap().with_bounds(&[2.0], &[1.0]);
    assert!(crossed.unwrap_err().to_string().contains("lower end = 2"));
}

#[test]
fn a_target_at_its_lower_end_is_not_covered() {
    let found = bounded(&[0.0; 4], &[-1.0, 1.0, 0.5, 1.5], &[-1.0; 4], &[1.0; 4]);
    assert_close("coverage", found.coverage(), 0.5, 1e-15);
    assert_eq!((found.placement.below, found.placement.above), (1, 1));
    // 1 lies in the last bin, 0.5 at 3/4, the upper edge of bin 14 of 20.
    assert_eq!((found.placement.inside[19], found.placement.inside[14]), (1, 1));
    // Without width nothing is inside: at the end, below; beyond it, above.
    let points = bounded(&[0.0; 2], &[0.0, 0.1], &[0.0; 2], &[0.0; 2]).placement;
    assert_eq!((points.below, points.above, points.covered()), (1, 1, 0));
    let found = bounded(&[0.0, 3.0], &[0.0; 2], &[-1.0, -2.0], &[1.0, 2.0]);
    assert_close("width", found.width, 3.0, 1e-15);
    assert_close("the second output is not enclosed", found.enclosed, 0.5, 1e-15);
}

#[test]
fn direction_accuracy_by_hand() {
    // half-widths (down, up): equal; 1, 1.3; 1, 1.6; 3, 1 (target right at the output); 2, 1; 0, 0
    let lo = [-1.0, -1.0, -1.0, -3.0, -2.0, 0.0];
    let hi = [1.0, 1.3, 1.6, 1.0, 1.0, 0.0];
    let target = [0.5, 0.5, -0.5, 0.0, -9.0, 1.0];
    let found = bounded(&[0.0; 6], &target, &lo, &hi).direction;
    let expected = [
        (1.0, Some(2.0 / 3.0), 3.0 / 6.0),
        (1.25, Some(2.0 / 3.0), 3.0 / 6.0),
        (1.5, Some(1.0 / 2.0), 2.0 / 6.0),
        (1.75, Some(1.0), 1.0 / 6.0),
        (2.0, Some(1.0), 1.0 / 6.0),
    ];
    for (found, (ratio, accuracy, participating)) in found.iter().zip(expected) {
        assert_eq!((found.ratio, found.accuracy), (ratio, accuracy));
        assert_close("participating", found.participating, participating, 1e-15);
    }
    let none = bounded(&[0.0], &[1.0], &[-1.0], &[1.0]).direction;
    assert_eq!((none[0].accuracy, none[0].participating), (None, 0.0));
}

#[test]
fn sparsification_by_hand() {
    // Kept in the order of u: 1, 9, 4 (means 1, 5, 14/3); the oracle keeps 1, 4, 9 (means 1, 2.5, 14/3).
    let found = sparsification(&[9.0, 1.0, 4.0], &[0.2, 0.1, 0.3]).unwrap().unwrap();
    let mse = 14.0 / 3.0;
    assert_close("ause", found.ause, (5.0 - 2.5) / 3.0 / mse, 1e-15);
    assert_close("all", found.curve[0], 1.0, 1e-15);
    assert_close("7/20 of 3 pixels is 1", found.curve[7], 5.0 / mse, 1e-15);
    assert_close("oracle", found.oracle[7], 2.5 / mse, 1e-15);
    assert_close("one left", found.curve[19], 1.0 / mse, 1e-15);
    // A constant u removes no pixel before another: the curve stays at 1.
    let flat = sparsification(&[9.0, 1.0, 4.0], &[0.5; 3]).unwrap().unwrap();
    assert!(flat.curve.iter().all(|v| (v - 1.0).abs() < 1e-15));
    assert_close("no information", flat.ause, 1.0 - (1.0 + 2.5 + mse) / 3.0 / mse, 1e-15);
    let perfect = sparsification(&[9.0, 1.0, 4.0], &[3.0, 1.0, 2.0]).unwrap().unwrap();
    assert_eq!((perfect.ause, perfect.curve), (0.0, perfect.oracle));
}

/// Ranks decide, not values; and pixels have no order.
#[test]
fn rankings_are_invariant() {
    let [output, target, mut u] = noisy(500, 3);
    // Ties must not depend on the order either.
    u.iter_mut().skip(1).step_by(3).for_each(|u| *u = (*u * 8.0).round() / 8.0);
    let mask: Vec<bool> = target.iter().zip(&u).map(|(y, u)| y * u > 0.4).collect();
    let plain = record(&output, &target, &u);
    let grown: Vec<f32> = u.iter().map(|u| (3.0 * u).exp() - 2.0).collect();
    assert_eq!(record(&output, &target, &grown).sparsification, plain.sparsification);
    assert_eq!(rank_against_mask(&mask, &grown).unwrap(), rank_against_mask(&mask, &u).unwrap());
    assert_ne!(record(&output, &target, &grown).pearson, plain.pearson);

    let mut order: Vec<usize> = (0..u.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    let mixed = |v: &[f32]| order.iter().map(|&i| v[i]).collect::<Vec<f32>>();
    let shuffled = record(&mixed(&output), &mixed(&target), &mixed(&u));
    for measure in MEASURES {
        match ((measure.of)(&plain), (measure.of)(&shuffled)) {
            (Some(a), Some(b)) => assert_close(measure.name, a, b, 1e-12),
            (a, b) => assert_eq!(a, b, "{}", measure.name),
        }
    }
}

#[test]
fn masks_by_hand() {
    let found = rank_against_mask(&[true, false, true, false], &[0.9, 0.5, 0.5, 0.1]).unwrap().unwrap();
    assert_close("auroc", found.auroc, 3.5 / 4.0, 1e-15);
    assert_close("average precision", found.average_precision, 0.5 * 1.0 + 0.5 * 2.0 / 3.0, 1e-15);
    assert_eq!(rank_against_mask(&[true, true], &[0.9, 0.5]).unwrap(), None);
    assert!(rank_against_mask(&[true], &[f32::INFINITY]).is_err());
}

/// Three images of one pixel each, errors 1, 2, 3.
fn three(u: [f32; 3]) -> Vec<ImageRecord> {
    (1..4u8).zip(u).map(|(error, u)| record(&[f32::from(error)], &[0.0], &[u])).collect()
}

#[test]
fn selective_risk_by_hand() {
    // The most certain image is the second: RMSE 2, then 1, then 3; means 2, 3/2, 2.
    let found = selective_risk(&three([0.2, 0.1, 0.3]), ImageRisk::Rmse).unwrap().unwrap();
    assert_close("aurc", found.aurc, (2.0 + 1.5 + 2.0) / 3.0, 1e-15);
    assert_close("optimal", found.aurc_optimal, (1.0 + 1.5 + 2.0) / 3.0, 1e-15);
    // Trapezoids over coverage 0, 1/3, 2/3, 1 with generalised risks 0, 2/3, 1, 2
    assert_close("augrc", found.augrc, (1.0 / 3.0 + 5.0 / 6.0 + 1.5) / 3.0, 1e-15);
    assert_close("optimal", found.augrc_optimal, (1.0 / 6.0 + 2.0 / 3.0 + 1.5) / 3.0, 1e-15);
    // Equal u: every order is as likely.
    let tied = selective_risk(&three([0.5; 3]), ImageRisk::Mse).unwrap().unwrap();
    assert_close("tied", tied.aurc, 14.0 / 3.0, 1e-15);
    assert_eq!(selective_risk(&[], ImageRisk::Mse).unwrap(), None);
}

#[test]
fn summaries_join_images_and_runs() {
    let run = |seed: u64| -> Vec<ImageRecord> {
        let image = |i| {
            let [output, target, u] = noisy(64, 100 * seed + i);
            let (lo, hi): (Vec<f32>, Vec<f32>) =
                output.iter().zip(&u).map(|(y, u)| (y - u, y + 2.0 * u)).unzip();
            ImageRecord::of(&Maps::new(&output, &target, &u).unwrap().with_bounds(&lo, &hi).unwrap()).unwrap()
        };
        (0..12).map(image).collect()
    };
    let runs = [run(1), run(2), run(3)];
    let params = BootstrapParams { resamples: 400, ..BootstrapParams::default() };
    let found = summarize(&runs, None, &params).unwrap();
    assert_eq!(found.measures.len(), MEASURES.len());
    let (name, estimate) = found.measures[3];
    let estimate = estimate.unwrap();
    let means: Vec<f64> =
        runs.iter().map(|run| run.iter().map(|image| image.mse).sum::<f64>() / 12.0).collect();
    let mean = means.iter().sum::<f64>() / 3.0;
    assert_eq!((name, estimate.images, estimate.runs.unwrap().runs), ("mse", 12, 3));
    assert_close("mean", estimate.mean, mean, 1e-12);
    let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 2.0;
    assert_close("spread over runs", estimate.runs.unwrap().std, variance.sqrt(), 1e-12);
    let (low, high) = estimate.interval.unwrap();
    assert!(low < mean && mean < high);
    assert_eq!(found.placement.unwrap().total(), 3 * 12 * 64);
    // The upper half-width is twice the lower one in every pixel, but for rounding.
    assert!(found.direction[3].participating.unwrap().mean > 0.99);
    assert_eq!(summarize(&runs, None, &params).unwrap(), summarize(&runs, None, &params).unwrap());
    assert!(summarize(&[run(1), run(2)[..5].to_vec()], None, &params).is_err());
}

#[test]
fn intervals_over_images_know_groups_and_few_images() {
    let params = BootstrapParams { resamples: 2000, ..BootstrapParams::default() };
    let values: Vec<Option<f64>> = (0..60).map(|i| Some(f64::from(i / 10))).collect();
    let groups: Vec<usize> = (0..60).map(|i| i / 10).collect();
    let width = |groups: Option<&[usize]>, method| {
        let found = estimate(std::slice::from_ref(&values), groups, &BootstrapParams { method, ..params });
        let (low, high) = found.unwrap().unwrap().interval.unwrap();
        high - low
    };
    // Six groups of ten equal images are six values.
    for method in [Method::Percentile, Method::Bca] {
        assert!(width(Some(&groups), method) > 2.0 * width(None, method), "{method:?}");
    }
    // One image, or one group, says nothing about others; undefined images do not count.
    let single = estimate(&[vec![Some(2.0), None]], None, &params).unwrap().unwrap();
    assert_eq!((single.mean, single.interval, single.images, single.runs), (2.0, None, 1, None));
    let one_group = estimate(&[vec![Some(1.0), Some(3.0)]], Some(&[7, 7]), &params).unwrap().unwrap();
    assert_eq!((one_group.mean, one_group.interval), (2.0, None));
    assert_eq!(estimate(&[vec![None, None]], None, &params).unwrap(), None);
    assert!(estimate(&[], None, &params).is_err());
    // Two images: the expanded interval reaches from one to the other.
    let two = estimate(&[vec![Some(1.0), Some(3.0)]], None, &params).unwrap().unwrap();
    assert_eq!(two.interval, Some((1.0, 3.0)));
}

#[test]
fn numbers_of_a_set_have_intervals_over_groups_and_a_spread_over_runs() {
    let params = BootstrapParams { resamples: 1000, ..BootstrapParams::default() };
    let values: Vec<f64> = (0..60).map(|i| f64::from(i / 10)).collect();
    let groups: Vec<usize> = (0..60).map(|i| i / 10).collect();
    // The largest value of the set, one more in the second run.
    let largest = |run: usize, drawn: &[usize]| {
        drawn.iter().map(|&i| values[i]).reduce(f64::max).map(|value| value + run as f64)
    };
    let found = estimate_of_set((2, 60), Some(&groups), largest, &params).unwrap().unwrap();
    assert_eq!((found.mean, found.images), (5.5, 60));
    assert_close("spread", found.runs.unwrap().std, 0.5f64.sqrt(), 1e-12);
    let (low, high) = found.interval.unwrap();
    // Of sixty images drawn by themselves one from the last ten is always there; of six groups the last may be missing.
    assert!(low < 5.5 && high == 5.5, "{low} {high}");
    let alone = estimate_of_set((2, 60), None, largest, &params).unwrap().unwrap();
    assert_eq!(alone.interval, Some((5.5, 5.5)));
    // A mean is the same number as that of its images.
    let mean =
        |_: usize, drawn: &[usize]| Some(drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64);
    let of_set = estimate_of_set((1, 60), Some(&groups), mean, &params).unwrap().unwrap();
    let images: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
    assert_eq!(Some(of_set), estimate(&[images], Some(&groups), &params).unwrap());
    assert_eq!(estimate_of_set((1, 0), None, |_, _| None, &params).unwrap(), None);
    assert_eq!(estimate_of_set((1, 1), None, |_, _| Some(2.0), &params).unwrap().unwrap().interval, None);
    assert!(estimate_of_set((0, 1), None, |_, _| Some(2.0), &params).is_err());
    assert!(estimate_of_set((1, 2), Some(&[0]), |_, _| Some(2.0), &params).is_err());
}

#[test]
fn alarms_are_counted_above_what_clean_images_reach() {
    let clean: Vec<f64> = (0..40).map(f64::from).collect();
    // Two of forty may alarm: the threshold is the third highest, 37.
    let found = alarm(&clean, &[37.0, 37.5, 100.0, -1.0], 0.05).unwrap().unwrap();
    assert_eq!(found.rate, 0.5);
    // 37 above 37 clean ones and even with one, 37.5 above 38, 100 above all, -1 above none.
    assert_close("auroc", found.auroc, (37.5 + 38.0 + 40.0) / 160.0, 1e-12);
    assert_eq!(alarm(&[], &[1.0], 0.05).unwrap(), None);
    assert_eq!(alarm(&[1.0], &[1.0, 2.0], 0.05).unwrap().unwrap().rate, 0.5);
}

#[test]
fn a_small_spot_raises_the_peak() {
    let mut u = vec![1.0f32; 300];
    u[17] = 4.0;
    u[250] = 7.0;
    assert_eq!(peak(&u), (4.0 + 7.0 + 1.0) / 3.0);
    assert_eq!((peak(&[2.0, 3.0]), peak(&[])), (3.0, 0.0));
}
