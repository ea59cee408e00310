//! The repair panel and the evidence document: decision, numbers, what is missing, hostile texts.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails by panicking, too")]

mod sample;

use modelmend_report::input::{Criterion, Repair, RepairRun, RepairedCase, Tradeoff};
use modelmend_report::{ReportInput, figures, render, repair_markdown};

/// The repair panel of a study with these repairs.
fn panel(repairs: Vec<Repair>) -> String {
    between(&render(&study(repairs)), "<section id=\"repair\"", "</section>").to_owned()
}

fn study(repairs: Vec<Repair>) -> ReportInput {
    ReportInput { repairs, ..sample::report(20) }
}

fn markdown(repair: &Repair) -> String {
    repair_markdown(&study(Vec::new()), repair)
}

/// Everything between two marks, from the first occurrence on.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap() + start.len();
    &text[from..from + text[from..].find(end).unwrap()]
}

/// The text of a section of the document.
fn section<'a>(document: &'a str, title: &str) -> &'a str {
    let from = document.find(&format!("## {title}")).unwrap();
    document[from..].split("\n## ").next().unwrap()
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn without_a_repair_there_is_no_panel() {
    let html = render(&study(Vec::new()));
    assert!(
        !html.contains("id=\"repair\"")
            && !html.contains("href=\"#repair\"")
            && !html.contains("repair-atlas")
    );
    assert!(!figures(&study(Vec::new())).iter().any(|(name, _)| name.starts_with("repair")));
}

#[test]
fn an_accepted_repair_says_so_in_words() {
    contains(
        &panel(vec![sample::repair::accepted()]),
        &[
            "verdict yes",
            "rim and pallor: <span>Accepted.</span>",
            "All criteria are met.",
            "Repaired 201 of 245 target cases (Kind 1, Kind 3).",
            "Keeps 13\u{202f}868 of 14\u{202f}013 formerly correct cases.",
            "accuracy goes from 95.8\u{202f}% to 96.1\u{202f}%",
            "wrong and are now right: 214; cases that were right and are now wrong: 145",
            "cross-fit in 5 folds",
            "elastic weight consolidation (EWC), penalty 100, 40 epochs",
            "<code>repair/rim-and-pallor.onnx</code>",
        ],
    );
}

#[test]
fn a_refused_repair_says_so_and_why() {
    let html = panel(vec![sample::repair::refused()]);
    contains(
        &html,
        &[
            "verdict no",
            "blurred cells: <span>Refused.</span>",
            "lose more than the margin allows",
            "No repaired network was written.",
            "310; about 21\u{202f}500 more needed",
            "1 of 4 subgroups is shown to fall by more than the margin.",
            "58 cases, none shown",
        ],
    );
    assert!(!html.contains("Accepted"));
    assert!(panel(vec![Repair::default()]).contains("Not judged"));
}

#[test]
fn the_summary_names_decision_and_change() {
    let html = render(&study(sample::repair::repairs()));
    let summary = html.split("<section id=\"map\"").next().unwrap();
    contains(
        summary,
        &[
            "rim and pallor: accepted.",
            "Repaired 201 of 245 target cases (Kind 1, Kind 3); keeps 13\u{202f}868 of 14\u{202f}013 formerly correct cases.",
            "blurred cells: refused.",
        ],
    );
}

#[test]
fn criteria_have_numbers_and_marks_that_need_no_colour() {
    let html = panel(vec![sample::repair::refused()]);
    let row = |name: &str| {
        let from = html.find(&format!("class=\"words\">{name}")).unwrap();
        html[from..].split("</tr>").next().unwrap().to_owned()
    };
    contains(
        &row("correct cases"),
        &["−0.065 (−0.069 to −0.061, 90\u{202f}%)", ">0.030<", ">0.99<", "✗ not passed"],
    );
    contains(
        &row("target"),
        &["0.820 (0.770 to 0.870, 95\u{202f}%)", ">245<", "✓ passed", "&lt;\u{a0}0.001"],
    );
    assert_eq!(row("robustness").matches(">–<").count(), 3, "not computed: {}", row("robustness"));
}

#[test]
fn tables_and_figures_carry_the_numbers() {
    let mut repair = sample::repair::accepted();
    repair.methods[2].target.as_mut().unwrap().mean = 0.4321;
    repair.tradeoffs[3].target = 0.1234;
    let html = panel(vec![repair]);
    contains(
        &html,
        &[
            "0.432 ± 0.030",
            "elastic weight consolidation (EWC)<strong> – chosen</strong>",
            "target +0.123\n",
            "before 0.000 (0.000 to 0.050)",
            "after 0.820 (0.770 to 0.870)",
            "<td class=\"num\">+0.011</td>",
            "average precision of: “label-noise” 0.74 (12 cases, by chance 0.013)",
            "trained as “normal shape”, pull 4.20 toward Kind 1",
            "0 of 2 926 cases overlap",
            "88f20ab1c6e4d7739d52b0ff61ae3c40",
            "Smears from other laboratories were not seen.",
            "Kind 1 (target)",
        ],
    );
}

#[test]
fn pictures_say_how_many_there_are_in_all() {
    let html = panel(vec![sample::repair::accepted()]);
    contains(
        &html,
        &[
            "214 cases, 24 shown",
            "145 cases, 14 shown",
            "predicted abnormal shape → normal shape",
            "grouped as Kind 3",
        ],
    );
    assert_eq!(html.matches("<figure").count(), 24 + 14 + 12);
    assert_eq!(html.matches("no picture").count(), 2, "one fixed and one broken case have none");
    assert_eq!(html.matches("<use href=\"#repair-atlas-0\"").count(), 24 + 14 + 12 - 2);
}

#[test]
fn no_picture_stands_for_two_cases() {
    let html = panel(vec![sample::repair::accepted()]);
    let windows: Vec<&str> =
        html.split("class=\"thumb\"").skip(1).map(|svg| between(svg, "viewBox=\"", "\"")).collect();
    let different: std::collections::BTreeSet<&str> = windows.iter().copied().collect();
    assert_eq!((windows.len(), different.len()), (48, 48));
}

#[test]
fn each_repair_has_its_own_pictures() {
    let html = panel(sample::repair::repairs());
    for id in ["repair-atlas-0", "repair-atlas-1"] {
        assert_eq!(html.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    assert_eq!(html.matches("<use href=\"#repair-atlas-1\"").count(), 19);
}

#[test]
fn a_repair_with_nothing_but_a_name_renders() {
    let bare = Repair { name: "bare".to_owned(), fixed: vec![RepairedCase::default()], ..Repair::default() };
    let html = panel(vec![bare.clone()]);
    assert!(!html.contains("<table") && !html.contains("NaN") && !html.contains("Repaired"), "{html}");
    assert!(figures(&study(vec![bare])).iter().all(|(name, _)| !name.starts_with("repair")));
}

#[test]
fn the_document_has_the_shape_of_a_protocol() {
    let document = markdown(&sample::repair::accepted());
    let titles: Vec<&str> = document.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(
        titles,
        [
            "1 What changed",
            "2 On which data",
            "3 Acceptance criteria fixed beforehand",
            "4 Results",
            "5 Subgroups",
            "6 Methods compared",
            "7 Residual risks",
            "8 Self-audit",
            "9 Hashes",
        ]
    );
    assert!(document.starts_with("# rim and pallor\n\n**Accepted.** All criteria are met.\n"), "{document}");
    contains(section(&document, "1"), &["Repaired 201 of 245 target cases", "repair/rim-and-pallor.onnx"]);
    contains(section(&document, "2"), &["five folds", "cross-fit in 5 folds", "14,633 cells"]);
    contains(section(&document, "3"), &["before the first repair", "| correct cases | Do the formerly"]);
    contains(
        section(&document, "4"),
        &[
            "−0.010 (−0.012 to −0.009, 90\u{202f}%) | 0.030 |",
            "| Accuracy on | Before (95\u{202f}% interval) |",
            "✓ passed",
            "| all cases | 0.958 (",
            "| Kind 1 | 0.000 (0.000 to 0.060) | 0.793 (",
            "| Kind 8 | – | – |",
        ],
    );
    contains(
        section(&document, "5"),
        &["None of 4 subgroups is shown to fall", "| stain batch | B7 |", "| +0.011 |"],
    );
    contains(section(&document, "6"), &["elastic weight consolidation (EWC) **(chosen)**", "Kind 8"]);
    contains(section(&document, "7"), &["- Smears from other laboratories"]);
    contains(section(&document, "8"), &["| Shuffled targets are refused | ✓ passed | 10 of 10 refused |"]);
    contains(section(&document, "9"), &["88f20ab1c6e4d7739d52b0ff61ae3c40"]);
}

#[test]
fn the_document_of_a_refused_repair_says_so_at_the_top() {
    let document = markdown(&sample::repair::refused());
    assert!(
        document.starts_with("# blurred cells\n\n**Refused.** Formerly correct cases lose"),
        "{document}"
    );
    contains(section(&document, "4"), &["✗ not passed", "310; about 21\u{202f}500 more needed"]);
    for missing in ["7", "8", "9"] {
        contains(section(&document, missing), &["Not recorded."]);
    }
}

#[test]
fn every_run_has_a_verdict_where_there_are_several() {
    let run = |seed, accepted: bool, reason: &str| RepairRun {
        seed,
        target: vec!["2".to_owned()],
        accepted: Some(accepted),
        reason: reason.to_owned(),
        model: Some(format!("models/of-{seed}.onnx")),
        ..RepairRun::default()
    };
    let runs = vec![run(42, true, "All criteria are met."), run(43, false, "all: a|b.")];
    let several = Repair { runs, ..sample::repair::accepted() };
    let document = markdown(&several);
    let head = document.split("\n## ").next().unwrap();
    contains(
        head,
        &[
            "Accepted in 1 of 2 runs",
            "| 1 | 42 | Kind 2 | Accepted | – | – | – | – | models/of-42.onnx | All criteria are met. |",
            "| 2 | 43 | Kind 2 | Refused | – | – | – | – | models/of-43.onnx | all: a\\|b. |",
        ],
    );
    assert!(render(&study(vec![several.clone()])).contains("accepted.</strong> Accepted in 1 of 2 runs"));
    contains(&panel(vec![several]), &["Accepted in 1 of 2 runs", "models/of-43.onnx", "all: a|b."]);
    assert!(!markdown(&sample::repair::accepted()).contains(" runs"));
}

#[test]
fn all_settings_are_listed_with_the_front() {
    let setting = |setting: &str, target, all, chosen| Tradeoff {
        method: "ewc".to_owned(),
        setting: setting.to_owned(),
        target,
        all,
        chosen,
        ..Tradeoff::default()
    };
    let tradeoffs = vec![
        setting("far", 0.9, 0.01, false),
        setting("beaten", 0.4, 0.01, false),
        setting("near", 0.5, 0.02, true),
        setting("broken", f64::NAN, 0.9, false),
    ];
    let document = markdown(&Repair { tradeoffs, ..sample::repair::accepted() });
    contains(
        section(&document, "6"),
        &[
            "| far | +0.900 | 0.000 | +0.010 | front |",
            "| beaten | +0.400 | 0.000 | +0.010 |  |",
            "| near | +0.500 | 0.000 | +0.020 | front, **chosen** |",
            "| broken | – | 0.000 | +0.900 |  |",
        ],
    );
}

#[test]
fn the_document_keeps_hostile_texts_in_their_cells() {
    let mut repair = sample::repair::accepted();
    let evil = "a|b\n## 9 Hashes\n<script>`x`</script> [y](javascript:z)";
    repair.name = evil.to_owned();
    repair.criteria =
        vec![Criterion { name: evil.to_owned(), reason: evil.to_owned(), ..Criterion::default() }];
    repair.subgroups[0].value = evil.to_owned();
    repair.audit[0].what = evil.to_owned();
    repair.hashes[0].0 = evil.to_owned();
    repair.protocol.residual_risks = vec![evil.to_owned()];
    let document = markdown(&repair);
    assert_eq!(document.lines().filter(|line| line.starts_with("## ")).count(), 9);
    assert_eq!(document.matches("\\<script").count(), document.matches("<script").count());
    for block in document.split("\n\n").filter(|block| block.contains("| --- |")) {
        let rows: Vec<&str> = block.lines().filter(|line| line.starts_with('|')).collect();
        let cells = |row: &str| row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        assert!(rows.iter().all(|row| cells(row) == cells(rows[0])), "{block}");
    }
    let spoiled = sample::hostile::spoil(sample::report(20));
    for repair in &spoiled.repairs {
        let document = repair_markdown(&spoiled, repair);
        assert!(!document.contains("NaN") && !document.contains("inf "), "{document}");
    }
}

#[test]
fn repairs_pass_through_json() {
    let json = serde_json::to_value(sample::repair::accepted()).unwrap();
    assert!(serde_json::from_value::<Repair>(json).unwrap() == sample::repair::accepted());
    assert_eq!(serde_json::from_str::<Repair>("{}").unwrap(), Repair::default());
}
