//! Metrics and fine-tuning-matrix metrics against `reference/metrics`.

mod common;

use common::{assert_close, reference};
use modelmend_learn::matrix::{Summary, generalisability, independence, learnability, matrix_metrics};
use modelmend_learn::metrics::*;
use ndarray::{Array2, array};

const TOLERANCE: f64 = 1e-10;

#[test]
fn ranking_matches_scikit_learn() {
    let Some(r) = reference("metrics/scores.npz") else { return };
    let label = r.flags("label");
    for (score, suffix) in [("score", ""), ("score_tied", "_tied")] {
        let score = r.vector(score);
        let check = |name: &str, found: Option<f64>| {
            let name = format!("{name}{suffix}");
            assert_close(&name, found.unwrap(), r.number(&name), TOLERANCE);
        };
        check("auroc", auroc(&label, &score).unwrap());
        check("aupr", average_precision(&label, &score).unwrap());
        check("fpr95", fpr_at_tpr(&label, &score, 0.95).unwrap());
    }
}

#[test]
fn calibration_and_selection_match() {
    let Some(r) = reference("metrics/scores.npz") else { return };
    let correct = r.flags("correct");
    let confidence = r.vector("confidence");
    let tied = r.vector("confidence_tied");
    for bins in [10, 15, 20] {
        let found = expected_calibration_error(&correct, &confidence, bins).unwrap().unwrap();
        assert_close("ece", found, r.number(&format!("ece{bins}")), TOLERANCE);
    }
    let check =
        |name: &str, found: Option<f64>| assert_close(name, found.unwrap(), r.number(name), TOLERANCE);
    check("brier", brier(&correct, &confidence).unwrap());
    check("nll", negative_log_likelihood(&correct, &confidence).unwrap());
    check("aurc", aurc(&correct, &confidence).unwrap());
    check("aurc_tied_stable", aurc(&correct, &tied).unwrap());
    check("aurc_optimal", aurc_optimal(&correct));
    check("augrc", augrc(&correct, &confidence).unwrap());
    check("augrc_tied", augrc(&correct, &tied).unwrap());
}

#[test]
fn adaptive_calibration_cuts_by_mass_and_never_through_ties() {
    let error = |correct: &[bool], confidence: &[f64], bins| {
        adaptive_calibration_error(correct, confidence, bins).unwrap()
    };
    // Two bins of two: |0 - 0.3| and |2 - 1.7| over four cases; in one bin they cancel out.
    let (correct, confidence) = ([true, false, true, false], [0.9, 0.1, 0.8, 0.2]);
    assert_close("two bins", error(&correct, &confidence, 2).unwrap(), 0.6 / 4.0, 1e-15);
    assert_close("one bin", error(&correct, &confidence, 1).unwrap(), 0.0, 1e-15);
    // All of one confidence are one bin, in whatever order they come.
    assert_close("ties", error(&[true, false, false, true], &[0.5; 4], 4).unwrap(), 0.0, 1e-15);
    // More bins than cases: each case alone.
    assert_close("single", error(&correct, &confidence, 9).unwrap(), 0.6 / 4.0, 1e-15);
    assert_eq!(error(&[], &[], 5), None);
    assert!(adaptive_calibration_error(&[true], &[], 5).is_err());
}

#[test]
fn correlations_match_scipy() {
    let Some(r) = reference("metrics/scores.npz") else { return };
    let (u, w) = (r.vector("u"), r.vector("w"));
    for (name, found) in [
        ("pearson", pearson(&u, &w)),
        ("spearman", spearman(&u, &w)),
        ("kendall", kendall(&u, &w)),
        ("cosine", cosine(&u, &w)),
    ] {
        assert_close(name, found.unwrap().unwrap(), r.number(name), TOLERANCE);
    }
}

/// Kendall's tau-b by its definition, over all pairs.
#[test]
fn kendall_with_ties_is_the_pair_count() {
    let x = [1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 5.0, 0.0];
    let y = [2.0, 2.0, 1.0, 4.0, 4.0, 0.0, 4.0, 1.0];
    let (mut sum, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
    for i in 0..x.len() {
        for j in 0..i {
            let sign = |d: f64| if d == 0.0 { 0.0 } else { d.signum() };
            let (dx, dy) = (sign(x[i] - x[j]), sign(y[i] - y[j]));
            sum += dx * dy;
            untied_x += dx * dx;
            untied_y += dy * dy;
        }
    }
    let expected = sum / f64::sqrt(untied_x * untied_y);
    assert_close("tau-b", kendall(&x, &y).unwrap().unwrap(), expected, 1e-14);
}

#[test]
fn undefined_metrics_are_none() {
    assert_eq!(auroc(&[true, true], &[0.1, 0.2]).unwrap(), None);
    assert_eq!(fpr_at_tpr(&[], &[], 0.95).unwrap(), None);
    assert_eq!(average_precision(&[false], &[0.5]).unwrap(), None);
    assert_eq!(pearson(&[1.0, 1.0], &[0.0, 2.0]).unwrap(), None);
    assert_eq!(augrc(&[], &[]).unwrap(), None);
    assert!(auroc(&[true], &[]).is_err());
}

#[test]
fn matrix_metrics_match_the_paper_and_its_formulas() {
    for name in ["paper_bpmnist_metadata", "paper_bpmnist_gradient", "synthetic_matrix"] {
        let Some(r) = reference(&format!("metrics/{name}.npz")) else { return };
        let matrix = r.matrix("matrix").mapv(Some);
        let compatibility: Vec<_> = r.vector("compatibility").into_iter().map(Some).collect();
        let metrics = matrix_metrics(matrix.view(), matrix.view(), &compatibility).unwrap();
        for (key, values) in [
            ("learnability", &metrics.learnability),
            ("independence", &metrics.independence),
            ("compatibility", &metrics.compatibility),
        ] {
            for (found, expected) in values.iter().zip(r.vector(key)) {
                assert_close(key, found.unwrap(), expected, 1e-12);
            }
            let summary = Summary::of(values).unwrap();
            assert_close(key, summary.mean, r.number(&format!("{key}_mean")), 1e-12);
            assert_close(key, summary.std, r.number(&format!("{key}_std")), 1e-12);
        }
    }
}

#[test]
fn generalisability_matches() {
    let Some(r) = reference("metrics/synthetic_matrix.npz") else { return };
    let train: Vec<_> = r.vector("train").into_iter().map(Some).collect();
    let test = learnability(r.matrix("matrix").mapv(Some).view()).unwrap();
    let found = generalisability(&train, &test).unwrap();
    for (found, expected) in found.iter().zip(r.vector("generalizability")) {
        assert_close("generalisability", found.unwrap(), expected, 1e-12);
    }
    assert_close("std", Summary::of(&found).unwrap().std, r.number("generalizability_std"), 1e-12);
}

#[test]
fn missing_entries_are_left_out() {
    let matrix = array![[Some(0.9), None, Some(0.3)], [Some(0.1), None, Some(0.2)], [None, None, Some(0.5)]];
    let found = independence(matrix.view()).unwrap();
    assert_close("row 0", found[0].unwrap(), 0.6, 1e-15);
    assert_eq!(found[1..], [None, None]);
    assert_eq!(Summary::of(&found).unwrap().count, 1);
    assert_eq!(independence(array![[Some(0.7)]].view()).unwrap(), [None]);
    assert!(learnability(Array2::from_elem((2, 3), None).view()).is_err());
}
