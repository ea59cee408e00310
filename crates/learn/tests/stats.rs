//! Intervals and tests against closed forms, published values and simulation.

mod common;

use common::assert_close;
use modelmend_learn::biclustering::spectral_order;
use modelmend_learn::stats::*;
use ndarray::{Array2, array};

fn mean_of(values: &[f64]) -> impl Fn(&[usize]) -> Option<f64> + Sync + '_ {
    |cases: &[usize]| Some(cases.iter().map(|&i| values[i]).sum::<f64>() / cases.len() as f64)
}

#[test]
fn bootstrap_of_a_mean_has_the_normal_width() {
    let values: Vec<f64> = (0..200).map(|i| ((i * 73) % 200) as f64).collect();
    let error = (f64::sqrt(200.0 * 200.0 - 1.0) / f64::sqrt(12.0)) / f64::sqrt(200.0);
    for method in [Method::Percentile, Method::Bca] {
        let params = BootstrapParams { resamples: 4000, method, ..BootstrapParams::default() };
        let found = bootstrap(Units::Cases(200), mean_of(&values), &params).unwrap().unwrap();
        assert_close("estimate", found.estimate, 99.5, 1e-9);
        assert_close("low", found.low, 99.5 - 1.96 * error, 0.1 * error);
        assert_close("high", found.high, 99.5 + 1.96 * error, 0.1 * error);
        assert_eq!(found, bootstrap(Units::Cases(200), mean_of(&values), &params).unwrap().unwrap());
    }
}

/// BCa of a skewed statistic lies to the right of the percentile interval (Efron and Tibshirani 1993, chapter
/// 14).
#[test]
fn bca_corrects_for_skewness() {
    let values: Vec<f64> = (0..40).map(|i| (i as f64 / 8.0).exp()).collect();
    let interval = |method| {
        let params = BootstrapParams { resamples: 4000, method, ..BootstrapParams::default() };
        bootstrap(Units::Cases(40), mean_of(&values), &params).unwrap().unwrap()
    };
    let (percentile, bca) = (interval(Method::Percentile), interval(Method::Bca));
    let mean = values.iter().sum::<f64>() / 40.0;
    let error = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 39.0 / 40.0).sqrt();
    // Bias and acceleration are both about 0.05 here; either alone moves the ends by less than half of this.
    assert!(bca.low > percentile.low + 0.12 * error, "{percentile:?} {bca:?}");
    assert!(bca.high > percentile.high + 0.25 * error, "{percentile:?} {bca:?}");
}

/// Cases that only repeat their group's value carry as much information as one case a group.
#[test]
fn groups_are_drawn_whole() {
    let groups: Vec<usize> = (0..300).map(|case| case % 30).collect();
    let values: Vec<f64> = groups.iter().map(|&g| g as f64).collect();
    let width = |units| {
        let found = bootstrap(units, mean_of(&values), &BootstrapParams::default()).unwrap().unwrap();
        found.high - found.low
    };
    let ratio = width(Units::Groups(&groups)) / width(Units::Cases(300));
    assert_close("ratio of widths", ratio, f64::sqrt(10.0), 0.3);
}

#[test]
fn bootstrap_of_undefined_statistics() {
    let defined_sometimes = |cases: &[usize]| cases.contains(&0).then_some(1.0);
    let found = bootstrap(Units::Cases(3), defined_sometimes, &BootstrapParams::default()).unwrap().unwrap();
    let expected = 2000.0 * (1.0 - (2.0f64 / 3.0).powi(3));
    assert_close("defined resamples", found.resamples as f64, expected, 80.0);
    assert_eq!(bootstrap(Units::Cases(3), |_: &[usize]| None, &BootstrapParams::default()).unwrap(), None);
    assert!(bootstrap(Units::Cases(0), |_: &[usize]| None, &BootstrapParams::default()).is_err());
    let bad = BootstrapParams { level: 1.0, ..BootstrapParams::default() };
    assert!(bootstrap(Units::Cases(3), |_: &[usize]| None, &bad).is_err());
}

/// Newcombe 1998, table I: 81 of 263, and 0 of 20; 1 of 29.
#[test]
fn wilson_intervals_are_newcombes() {
    for (hits, n, low, high) in
        [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (15, 148, 0.0624, 0.1605)]
    {
        let found = wilson(hits, n, 0.95).unwrap();
        assert_close("low", found.0, low, 6e-5);
        assert_close("high", found.1, high, 6e-5);
    }
    assert_eq!(wilson(5, 5, 0.95).unwrap().1, 1.0);
    assert!(wilson(6, 5, 0.95).is_err() && wilson(0, 0, 0.95).is_err());
}

#[test]
fn permutation_p_counts_itself() {
    assert_eq!(permutation_p(3.0, &[1.0, 2.0, 3.0, 4.0]).unwrap(), 0.6);
    assert_eq!(permutation_p(9.0, &[1.0; 99]).unwrap(), 0.01);
    assert!(permutation_p(1.0, &[]).is_err() && permutation_p(f64::NAN, &[1.0]).is_err());
}

/// Six equal differences: all 2^6 sign patterns are known, one reaches the observed sum.
#[test]
fn sign_flip_approaches_the_exact_p() {
    assert_close("p", sign_flip(&[0.1; 6], 20_000, 1).unwrap(), 1.0 / 64.0, 0.003);
    // 1 - 2 and 2 - 1 ...: sums at least 1 + 2 - 3 = 0 in 5 of 8 patterns
    assert_close("p", sign_flip(&[1.0, 2.0, -3.0], 20_000, 1).unwrap(), 5.0 / 8.0, 0.015);
    assert!(sign_flip(&[], 100, 1).is_err());
}

#[test]
fn exact_tests_match_hand_counts() {
    // 2 (C(10,0) + C(10,1)) / 2^10
    assert_close("McNemar", mcnemar(1, 9).unwrap(), 22.0 / 1024.0, 1e-12);
    assert_eq!(mcnemar(5, 5).unwrap(), 1.0);
    assert_eq!(mcnemar(0, 0).unwrap(), 1.0);
    // Fisher's tea: 3 of 4 right, 34/70 two-sided, 17/70 one-sided; R: fisher.test(matrix(c(3,1,1,3),2))
    assert_close("tea", fisher_exact([[3, 1], [1, 3]]).unwrap(), 34.0 / 70.0, 1e-10);
    let tea = enrichment(3, 4, 4, 8).unwrap();
    assert_close("tea, one-sided", tea.p, 17.0 / 70.0, 1e-10);
    assert_close("lift", tea.lift, 1.5, 1e-15);
    // R: fisher.test(matrix(c(1,11,9,3),2))$p.value = 0.002759456
    assert_close("diet", fisher_exact([[1, 9], [11, 3]]).unwrap(), 0.002_759_456, 1e-8);
    assert!(enrichment(5, 4, 4, 8).is_err() && enrichment(0, 5, 4, 8).is_err());
    assert_close("none", enrichment(0, 4, 4, 8).unwrap().p, 1.0, 1e-12);
}

#[test]
fn holm_steps_down() {
    // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        assert_close("Holm", *found, expected, 1e-15);
    }
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
}

#[test]
fn paired_changes_match_hand_counts() {
    // 1 gained and 7 lost of 21: (2 - 8) / 23 and its standard error sqrt((10/23 - (6/23)^2) / 23), times 1.959964
    let change = PairedChange::new(1, 7, 21).unwrap();
    assert_close("change", change.estimate(), -6.0 / 21.0, 1e-15);
    let (low, high) = change.interval(0.95, 1.0).unwrap();
    assert_close("low", low, -0.508_361, 1e-5);
    assert_close("high", high, -0.013_379, 1e-5);
    // Four times the variance: twice the width.
    let (wide_low, wide_high) = change.interval(0.95, 4.0).unwrap();
    assert_close("width", (wide_high - wide_low) / (high - low), 2.0, 1e-12);
    // The end of the 95 % interval is where the one-sided test has p = 0.025.
    assert_close("p", change.p_below(high, 1.0), 0.025, 1e-9);
    // Nothing happened on five cases, which proves little, and on five hundred, which proves more.
    let nothing = |total| PairedChange::new(0, 0, total).unwrap().interval(0.9, 1.0).unwrap();
    assert!(nothing(5).0 < -0.3 && nothing(500).0 > -0.005);
    assert!(PairedChange::new(3, 3, 5).is_err() && PairedChange::new(0, 0, 0).is_err());
}

#[test]
fn groups_of_equal_cases_count_once() {
    // Eight pairs of equal values: each pair is one case, with the G / (G - 1) of a sample of eight.
    let values: Vec<f64> = (0..16).map(|i| if i / 2 % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let pairs: Vec<usize> = (0..16).map(|i| i / 2).collect();
    assert_close("pairs", design_effect(&values, &pairs).unwrap(), 2.0 * 8.0 / 7.0, 1e-12);
    // Groups whose members cancel out say more than single cases; that is not believed.
    let opposite: Vec<usize> = (0..16).map(|i| i % 2 + 2 * (i / 4)).collect();
    assert_eq!(design_effect(&values, &opposite).unwrap(), 1.0);
    assert_eq!(design_effect(&[0.0; 4], &[0, 0, 1, 1]).unwrap(), 1.0);
    assert!(design_effect(&[0.0; 4], &[0]).is_err());
}

#[test]
fn levels_expand_for_few_units() {
    // t(0.975, 9) = 2.262157; times sqrt(10 / 9) it is 2.384537, which a normal variable exceeds with 0.855 %
    assert_close("ten", expanded_level(0.95, 10).unwrap(), 1.0 - 2.0 * 0.008_551, 1e-5);
    assert_close("many", expanded_level(0.95, 100_000).unwrap(), 0.95, 1e-4);
    assert!(expanded_level(0.95, 2).unwrap() < 1.0 && expanded_level(0.95, 1).is_err());
}

/// Two blocks, shuffled, come out as blocks.
#[test]
fn biclustering_restores_planted_blocks() {
    let row_block = [0, 1, 0, 1, 1, 0, 0];
    let column_block = [1, 0, 0, 1, 0, 1];
    let matrix = Array2::from_shape_fn((7, 6), |(i, j)| {
        0.1 + 0.01 * ((i * 5 + j * 3) % 7) as f64 + if row_block[i] == column_block[j] { 0.8 } else { 0.0 }
    });
    let order = spectral_order(matrix.view()).unwrap();
    let rows: Vec<_> = order.rows.iter().map(|&i| row_block[i]).collect();
    let columns: Vec<_> = order.columns.iter().map(|&j| column_block[j]).collect();
    assert_eq!(rows, [0, 0, 0, 0, 1, 1, 1]);
    assert_eq!(columns, [0, 0, 0, 1, 1, 1]);
    let with_empty = array![[0.0, 0.0, 0.0], [1.0, 0.0, 0.2], [0.1, 0.0, 1.0]];
    let order = spectral_order(with_empty.view()).unwrap();
    assert_eq!((order.rows[2], order.columns[2]), (0, 1));
    assert_eq!(spectral_order(array![[0.4]].view()).unwrap().rows, [0]);
    assert!(spectral_order(array![[-1.0]].view()).is_err());
}
