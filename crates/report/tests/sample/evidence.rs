//! Invented evidence for a subtyping: matrices, curves, findings.

use modelmend_report::input::{
    CaseSet, Finding, FinetuningCurve, FinetuningSeries, Matrix, MatrixOrder, Measure, Part, Selection, Side,
    Stage, Subtyping, TruthScores,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Fills in everything beyond labels and subtypes; `scores` are the means of L and I to aim at.
pub(crate) fn subtyping(rng: &mut ChaCha8Rng, bare: Subtyping, scores: (f64, f64)) -> Subtyping {
    let (l, i) = scores;
    let baseline = bare.name == "random";
    let clustered = bare.name == "gradients" || bare.name == "features";
    let mean =
        |mean: f64, std: f64| Some(Measure { mean, std, lo: Some(mean - 0.05), hi: Some(mean + 0.05) });
    let n = bare.subtypes.len();
    let names: Vec<String> = bare.subtypes.iter().map(|s| s.name.clone()).collect();
    let mut matrices = Vec::new();
    for stage in [Stage::Before, Stage::After] {
        for side in [Side::Test, Side::Train] {
            matrices.push(matrix(rng, &names, (stage, side), scores));
        }
    }
    Subtyping {
        description: "An invented grouping.".to_owned(),
        silhouette: clustered.then_some(if l > 0.75 { 0.58 } else { 0.41 }),
        learnability: mean(l, 0.08),
        independence: mean(i, 0.09),
        generalisability: mean(0.88, 0.05),
        compatibility: mean(0.92, 0.02),
        p_learnability: (!baseline).then_some(if l > 0.6 { 0.0004 } else { 0.031 }),
        p_independence: (!baseline).then_some(if i > 0.45 { 0.0007 } else { 0.018 }),
        test: "invented numbers, no test behind them".to_owned(),
        stability: clustered.then_some(Measure { mean: 0.83, std: 0.06, lo: None, hi: None }),
        truth: clustered.then_some(TruthScores { ari: l - 0.1, nmi: l - 0.05 }),
        matrices,
        order: clustered.then(|| MatrixOrder { rows: vec![3, 0, 5, 1], columns: vec![3, 0, 5, 1] }),
        curves: names.iter().take(n).chain([&"all".to_owned()]).map(|name| curve(rng, name, l)).collect(),
        findings: if clustered { findings() } else { Vec::new() },
        selection: if clustered { selection() } else { Vec::new() },
        notes: if l > 0.8 {
            vec!["Kind 8: half of these cases look like their predicted class to all other networks; label noise suspected.".to_owned()]
        } else {
            Vec::new()
        },
        ..bare
    }
}

fn matrix(
    rng: &mut ChaCha8Rng,
    names: &[String],
    (stage, side): (Stage, Side),
    (l, i): (f64, f64),
) -> Matrix {
    let others = ["correct".to_owned(), "all".to_owned()];
    let rows: Vec<String> = names.iter().cloned().chain(["all".to_owned(), "none".to_owned()]).collect();
    let columns: Vec<String> = names.iter().cloned().chain(others).collect();
    let bonus = if side == Side::Train { 0.08 } else { 0.0 };
    let mut entry = |row: &String, column: &String| {
        let after = stage == Stage::After && row != "none";
        let mean = match column.as_str() {
            "correct" => {
                if after {
                    0.92
                } else {
                    1.0
                }
            }
            "all" => {
                if after {
                    0.9
                } else {
                    0.958
                }
            }
            _ if !after => 0.0,
            _ if row == column => l + bonus,
            _ if row == "all" => l - 0.2,
            _ => l - i,
        };
        let spread = if mean == 0.0 || mean == 1.0 { 0.0 } else { 0.1 };
        Some((mean + (rng.random::<f64>() - 0.5) * spread).clamp(0.0, 1.0))
    };
    let values: Vec<Vec<Option<f64>>> =
        rows.iter().map(|row| columns.iter().map(|c| entry(row, c)).collect()).collect();
    let shifted = |by: f64| {
        values.iter().map(|r| r.iter().map(|v| v.map(|v| (v + by).clamp(0.0, 1.0))).collect()).collect()
    };
    let counts = (0..names.len() as u64).map(|k| 30 - 3 * k.min(8)).chain([2780, 2926]).collect();
    Matrix { side, stage, rows, columns, lo: shifted(-0.08), hi: shifted(0.07), values, counts }
}

fn curve(rng: &mut ChaCha8Rng, row: &str, l: f64) -> FinetuningCurve {
    let mut series = Vec::new();
    for (part, lag) in [(Part::Train, 0.0), (Part::Validation, 0.06)] {
        for (set, from, to) in [
            (CaseSet::Subtype, 0.0, l + 0.1 - lag),
            (CaseSet::Correct, 1.0, 0.91),
            (CaseSet::All, 0.958, 0.9),
        ] {
            let value = |e: i32| to + (from - to) * (-0.12 * f64::from(e)).exp();
            let values = (0..=40).map(|e| {
                Some((value(e) + if e > 0 { rng.random_range(-0.012..0.012) } else { 0.0 }).clamp(0.0, 1.0))
            });
            series.push(FinetuningSeries { part, set, values: values.collect() });
        }
    }
    FinetuningCurve { row: row.to_owned(), series, chosen_epoch: Some(31), constraint: Some(0.9) }
}

fn findings() -> Vec<Finding> {
    let finding = |subtype, column: &str, value: &str, share_in: f64, share_elsewhere: f64, p| Finding {
        subtype,
        column: column.to_owned(),
        value: value.to_owned(),
        share_in,
        share_elsewhere,
        lift: (share_elsewhere > 0.0).then(|| share_in / share_elsewhere),
        p: Some(p),
    };
    vec![
        finding(4, "stain batch", "B7", 0.9, 0.15, 0.000_01),
        finding(6, "scanner", "Aurora 2", 0.85, 0.1, 0.000_2),
        finding(6, "sharpness", "< 0.5", 1.0, 0.0, 0.000_1),
        finding(1, "fine label", "burr cell", 0.82, 0.04, 0.000_02),
    ]
}

fn selection() -> Vec<Selection> {
    let curve = |criterion: &str, values: [f64; 8], best| Selection {
        criterion: criterion.to_owned(),
        points: (3..=10).zip(values).collect(),
        best: Some(best),
    };
    vec![
        curve("silhouette", [0.61, 0.55, 0.52, 0.54, 0.57, 0.58, 0.53, 0.5], 3),
        curve("validation Learnability x Independence", [0.22, 0.3, 0.35, 0.41, 0.47, 0.51, 0.48, 0.44], 8),
    ]
}
