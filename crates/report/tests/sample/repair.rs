//! Invented repairs of the study: one accepted, one refused.

use modelmend_report::input::{
    AuditLine, CauseCase, Causes, Criterion, Estimate, Measure, PlantedCause, Protocol, Repair,
    RepairAccuracy, RepairCounts, RepairMethodRow, RepairSubgroup, RepairedCase, Tradeoff,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{KINDS, cells};

/// Both repairs.
pub(crate) fn repairs() -> Vec<Repair> {
    vec![accepted(), refused()]
}

/// A repair of kinds 1 and 3 that passes every criterion.
pub(crate) fn accepted() -> Repair {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    Repair {
        name: "rim and pallor".to_owned(),
        target: vec!["1".to_owned(), "3".to_owned()],
        method: "ewc".to_owned(),
        settings: "penalty 100, 40 epochs".to_owned(),
        accepted: Some(true),
        reason: "All criteria are met.".to_owned(),
        model: Some("repair/rim-and-pallor.onnx".to_owned()),
        folds: 5,
        confidence: Some(0.95),
        runs: vec![],
        counts: RepairCounts {
            target: Some(245),
            target_repaired: Some(201),
            correct: Some(14_013),
            correct_kept: Some(13_868),
        },
        before: accuracy(&mut rng, (0.0, 1.0, 0.958), &[]),
        after: accuracy(&mut rng, (0.82, 0.9897, 0.9613), &[0, 2]),
        criteria: criteria(true),
        subgroups: subgroups(true),
        subtypes: (1..=KINDS).map(|i| i.to_string()).collect(),
        methods: methods(&mut rng, "ewc"),
        tradeoffs: tradeoffs(&mut rng, "ewc"),
        fixed: (0..40).map(|i| changed(&mut rng, i, true)).collect(),
        fixed_total: 214,
        broken: (0..14).map(|i| changed(&mut rng, i, false)).collect(),
        broken_total: 145,
        causes: Some(causes(&mut rng)),
        audit: vec![
            line("No case of the test part was seen by the repair", true, "0 of 2 926 cases overlap"),
            line("No group lies on two sides", true, "24 smears"),
            line("Shuffled targets are refused", true, "10 of 10 refused"),
        ],
        hashes: vec![
            ("original network".to_owned(), "1107aa3e90cd5b2268fe4c01c0b1e5d8".to_owned()),
            ("repaired network".to_owned(), "88f20ab1c6e4d7739d52b0ff61ae3c40".to_owned()),
            ("criteria".to_owned(), "5b2de7f09c114aa8e3f6b7c2d1908f6e".to_owned()),
        ],
        protocol: Protocol {
            data: "14,633 cells of 24 smears, 620 of them failures.".to_owned(),
            split: "By smear, five folds.".to_owned(),
            criteria_fixed: "In the study file, before the first repair.".to_owned(),
            residual_risks: vec![
                "Smears from other laboratories were not seen.".to_owned(),
                "Kind 8 has too few cases to exclude a small loss.".to_owned(),
            ],
        },
    }
}

/// A repair of kind 7 that gains much and is refused, with little more than the decision.
pub(crate) fn refused() -> Repair {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    Repair {
        name: "blurred cells".to_owned(),
        target: vec!["7".to_owned()],
        method: "f_i".to_owned(),
        settings: "learning rate 0.001".to_owned(),
        accepted: Some(false),
        reason: "Formerly correct cases lose more than the margin allows.".to_owned(),
        folds: 5,
        counts: RepairCounts {
            target: Some(35),
            target_repaired: Some(31),
            correct: Some(14_013),
            correct_kept: Some(13_102),
        },
        before: accuracy(&mut rng, (0.0, 1.0, 0.958), &[]),
        after: accuracy(&mut rng, (0.886, 0.935, 0.907), &[6]),
        criteria: criteria(false),
        subgroups: subgroups(false),
        tradeoffs: tradeoffs(&mut rng, "f_i"),
        broken: (0..20).map(|i| changed(&mut rng, i, false)).collect(),
        broken_total: 911,
        fixed_total: 58,
        ..Repair::default()
    }
}

fn estimate(value: f64, half: f64) -> Option<Estimate> {
    Some(Estimate { value, lo: Some((value - half).max(-1.0)), hi: Some((value + half).min(1.0)) })
}

fn share(value: f64, half: f64) -> Option<Estimate> {
    estimate(value, half).map(|e| Estimate { lo: e.lo.map(|lo| lo.max(0.0)), ..e })
}

fn accuracy(
    rng: &mut ChaCha8Rng,
    (target, correct, all): (f64, f64, f64),
    repaired: &[usize],
) -> RepairAccuracy {
    let per_subtype = (0..KINDS).map(|kind| {
        let value = match (repaired.is_empty(), repaired.contains(&kind)) {
            (true, _) => 0.0,
            (false, true) => target + rng.random_range(-0.04..0.04),
            (false, false) => rng.random_range(0.03..0.25),
        };
        // The last kind is too small to be measured.
        ((kind + 1).to_string(), if kind + 1 == KINDS { None } else { share(value, 0.06) })
    });
    RepairAccuracy {
        per_subtype: per_subtype.collect(),
        target: share(target, 0.05),
        correct: share(correct, 0.002),
        all: share(all, 0.0035),
    }
}

fn criteria(good: bool) -> Vec<Criterion> {
    let criterion =
        |name: &str, question: &str, value: f64, half, margin, p, passed, reason: &str| Criterion {
            name: name.to_owned(),
            question: question.to_owned(),
            estimate: estimate(value, half),
            level: Some(if margin > 0.0 { 0.9 } else { 0.95 }),
            margin: Some(margin),
            p: Some(p),
            cases: 14_013,
            passed,
            needed: None,
            reason: reason.to_owned(),
        };
    let correct = if good {
        criterion(
            "correct cases",
            "Do the formerly correct cases stay correct?",
            -0.0103,
            0.0017,
            0.03,
            0.000_2,
            true,
            "The whole interval is above −0.03.",
        )
    } else {
        criterion(
            "correct cases",
            "Do the formerly correct cases stay correct?",
            -0.065,
            0.0041,
            0.03,
            0.99,
            false,
            "The loss is larger than the margin.",
        )
    };
    let mut small = criterion(
        "calibration",
        "Do the confidences stay as honest as before?",
        0.004,
        0.03,
        0.02,
        0.21,
        good,
        "The interval reaches beyond the margin.",
    );
    if good {
        small.reason = "The whole interval is below 0.02.".to_owned();
        small.estimate = estimate(0.004, 0.009);
        small.p = None;
    } else {
        small.needed = Some(21_500);
        small.cases = 310;
    }
    vec![
        Criterion {
            cases: 245,
            ..criterion(
                "target",
                "Are more cases of the target right than before?",
                0.82,
                0.05,
                0.0,
                0.000_01,
                true,
                "The whole interval is above 0.",
            )
        },
        correct,
        small,
        Criterion { name: "robustness".to_owned(), passed: good, ..Criterion::default() },
    ]
}

fn subgroups(good: bool) -> Vec<RepairSubgroup> {
    let subgroup =
        |column: &str, value: &str, cases, before: f64, change: f64, passed: bool| RepairSubgroup {
            column: column.to_owned(),
            value: value.to_owned(),
            cases,
            before,
            after: before + change,
            change,
            p: passed.then_some(0.004),
            passed,
        };
    vec![
        subgroup("stain batch", "B1", 2_410, 0.961, 0.004, true),
        subgroup("stain batch", "B7", 2_105, 0.932, if good { 0.0112 } else { -0.0712 }, good),
        subgroup("scanner", "Helios", 9_870, 0.964, 0.002, true),
        subgroup("scanner", "Aurora 2", 4_143, 0.947, 0.006, true),
    ]
}

const METHODS: [&str; 8] = ["none", "f_i", "f_i+c", "f", "f+c", "ewc", "lora", "wise-ft"];

fn methods(rng: &mut ChaCha8Rng, delivered: &str) -> Vec<RepairMethodRow> {
    let mut row = |method: &str| {
        let none = method == "none";
        let mut measure = |mean: f64, spread: f64| {
            let mean = if none { mean } else { mean + rng.random_range(-spread..spread) };
            Some(Measure { mean, std: if none { 0.0 } else { spread / 2.0 }, lo: None, hi: None })
        };
        let target = |kind: usize| {
            if none {
                0.0
            } else if kind == 0 || kind == 2 {
                0.8
            } else {
                0.15
            }
        };
        let mut per_subtype: Vec<Option<Measure>> =
            (0..KINDS).map(|kind| measure(target(kind), 0.08)).collect();
        per_subtype[KINDS - 1] = None;
        RepairMethodRow {
            method: method.to_owned(),
            settings: if none { String::new() } else { "learning rate 0.0003, 40 epochs".to_owned() },
            per_subtype,
            target: measure(target(0), 0.06),
            correct: measure(if none { 1.0 } else { 0.98 }, 0.01),
            all: measure(0.958, 0.006),
            seconds: (!none).then_some(48.2),
            delivered: method == delivered,
        }
    };
    METHODS.iter().map(|method| row(method)).collect()
}

fn tradeoffs(rng: &mut ChaCha8Rng, delivered: &str) -> Vec<Tradeoff> {
    let mut tradeoffs = vec![Tradeoff { method: "none".to_owned(), ..Tradeoff::default() }];
    for (m, method) in METHODS.iter().enumerate().skip(1) {
        for (s, strength) in [0.2, 0.45, 0.7, 0.9].into_iter().enumerate() {
            let target = strength * (0.8 + 0.02 * m as f64) + rng.random_range(-0.05..0.05);
            let all =
                0.012 * target - 0.05 * f64::powi(strength, 3) / m as f64 + rng.random_range(-0.004..0.004);
            tradeoffs.push(Tradeoff {
                method: (*method).to_owned(),
                setting: format!("strength {}", s + 1),
                target,
                correct: all - 0.015 * strength,
                all,
                chosen: *method == delivered && s == 2,
            });
        }
    }
    tradeoffs
}

fn changed(rng: &mut ChaCha8Rng, index: usize, fixed: bool) -> RepairedCase {
    let (right, wrong) = (Some(index % 2), Some(1 - index % 2));
    RepairedCase {
        id: format!("smear{:02}/cell_{:05}", index % 24, index * 7),
        picture: (index != 3).then(|| cells::picture(rng, if fixed { 2 * (index % 2) } else { 5 })),
        truth: right,
        before: if fixed { wrong } else { right },
        after: if fixed { right } else { wrong },
        subtype: fixed.then(|| (1 + 2 * (index % 2)).to_string()),
    }
}

fn causes(rng: &mut ChaCha8Rng) -> Causes {
    let case = |rng: &mut ChaCha8Rng, i: usize| CauseCase {
        id: format!("smear{:02}/train_{:05}", i % 24, i * 11),
        picture: Some(cells::picture(rng, 1)),
        label: Some(i % 2),
        score: 4.2 / (1.0 + i as f64),
        toward: Some((1 + i % 3).to_string()),
    };
    Causes {
        summary: "12 training cases of smear 4 carry the label of the other class.".to_owned(),
        cases: (0..12).map(|i| case(rng, i)).collect(),
        found: vec![PlantedCause {
            kind: "label-noise".to_owned(),
            cases: 12,
            of: 900,
            average_precision: 0.74,
        }],
    }
}

fn line(what: &str, passed: bool, detail: &str) -> AuditLine {
    AuditLine { what: what.to_owned(), passed, detail: detail.to_owned() }
}
