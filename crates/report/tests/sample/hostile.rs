//! Input that lies about itself: texts that are markup, indices that point nowhere, tables with holes.

use modelmend_report::input::{
    Estimate, Measure, MetadataColumn, MetadataValues, ReportInput, StepRecord, Thumbnail, Tradeoff,
};

/// Texts that would do something if a page did not take them for text.
pub(crate) const TEXTS: [&str; 4] = [
    "</script><script>window.attacked = 1</script>",
    "\"><img src=x onerror=\"window.attacked = 1\">",
    "' onmouseover='window.attacked = 1' {{7*7}} ${window.attacked = 1} \u{2028}\u{0}\u{1b}[31m",
    "<!-- <script> ]]> &lt; javascript:window.attacked=1 //example.org/x.js",
];

/// The study with every text, index and table spoiled.
pub(crate) fn spoil(mut input: ReportInput) -> ReportInput {
    let text = |i: usize| TEXTS[i % TEXTS.len()].to_owned();
    input.study = text(0);
    input.facts.model = text(1);
    input.notes = TEXTS.map(str::to_owned).to_vec();
    for (i, name) in input.classes.iter_mut().chain(&mut input.fine_labels).enumerate() {
        *name = text(i);
    }
    for (i, case) in input.cases.iter_mut().enumerate() {
        case.id = format!("{i} {}", text(i));
        case.group = Some(text(i + 1));
        spoil_numbers(i, case);
    }
    input
        .metadata
        .push(MetadataColumn { name: text(3), values: MetadataValues::Text(vec![Some(text(0)); 3]) });
    input.metadata.push(MetadataColumn {
        name: text(2),
        values: MetadataValues::Number(vec![Some(f64::INFINITY), Some(1.0)]),
    });
    spoil_subtypings(&mut input);
    spoil_repairs(&mut input);
    input.provenance.program_version = text(0);
    input.provenance.study_yaml = TEXTS.join("\n");
    input.provenance.steps =
        vec![StepRecord { name: text(1), seconds: f64::NAN, cached: true, key: text(2) }];
    input
}

fn spoil_numbers(i: usize, case: &mut modelmend_report::input::Case) {
    match i % 9 {
        0 => case.x = Some(f64::NAN),
        1 => case.prediction = Some(usize::MAX),
        2 => case.thumbnail = Some(Thumbnail { width: usize::MAX, height: 2, rgb: vec![0; 12] }),
        3 => case.loss = Some(f64::NEG_INFINITY),
        4 => case.fine_label = Some(1_000_000_000),
        _ => {}
    }
}

fn spoil_subtypings(input: &mut ReportInput) {
    for (i, subtyping) in input.subtypings.iter_mut().enumerate() {
        subtyping.name = TEXTS[i % TEXTS.len()].to_owned();
        subtyping.labels.push(Some(usize::MAX));
        subtyping.labels[0] = Some(usize::MAX);
        if let Some(order) = &mut subtyping.order {
            order.rows = vec![usize::MAX, 1, 1, 0];
        }
        for subtype in &mut subtyping.subtypes {
            subtype.name = format!("{} {}", TEXTS[(i + 1) % TEXTS.len()], subtype.name);
            subtype.nearest.insert(0, usize::MAX);
        }
        for matrix in &mut subtyping.matrices {
            matrix.rows[0] = TEXTS[3].to_owned();
            matrix.columns[0] = TEXTS[1].to_owned();
            matrix.values[1].truncate(2);
            matrix.values[2][0] = Some(f64::NAN);
            matrix.values[2][1] = Some(1e300);
            matrix.lo.clear();
            matrix.counts.clear();
        }
        for curve in &mut subtyping.curves {
            curve.row = TEXTS[2].to_owned();
            curve.chosen_epoch = Some(usize::MAX);
        }
        for (k, finding) in subtyping.findings.iter_mut().enumerate() {
            finding.value = TEXTS[k % TEXTS.len()].to_owned();
            finding.subtype = usize::MAX;
        }
        for selection in &mut subtyping.selection {
            selection.criterion = TEXTS[0].repeat(20);
            selection.points.push((usize::MAX, f64::INFINITY));
        }
    }
}

fn spoil_repairs(input: &mut ReportInput) {
    let text = |i: usize| TEXTS[i % TEXTS.len()].to_owned();
    let nowhere = Some(Estimate { value: f64::NAN, lo: Some(f64::NEG_INFINITY), hi: Some(f64::INFINITY) });
    for (i, repair) in input.repairs.iter_mut().enumerate() {
        for (k, field) in [&mut repair.name, &mut repair.method, &mut repair.settings, &mut repair.reason]
            .into_iter()
            .enumerate()
        {
            *field = text(i + k);
        }
        repair.model = Some(text(i));
        repair.target = vec![text(1), "1".to_owned()];
        repair.before.target = nowhere;
        repair.after.correct = Some(Estimate { value: 1e300, lo: Some(-1e300), hi: Some(1e300) });
        repair.after.per_subtype = vec![(text(2), nowhere), (text(2), None), (text(0), nowhere)];
        for criterion in &mut repair.criteria {
            (criterion.name, criterion.question, criterion.reason) = (text(0), text(1), text(2));
            (criterion.estimate, criterion.margin, criterion.p) = (nowhere, Some(f64::NAN), Some(f64::NAN));
        }
        for subgroup in &mut repair.subgroups {
            (subgroup.column, subgroup.value, subgroup.change) = (text(3), text(0), f64::INFINITY);
        }
        for (k, row) in repair.methods.iter_mut().enumerate() {
            (row.method, row.settings, row.seconds) = (text(k), text(k + 1), Some(f64::NAN));
            row.per_subtype.truncate(k);
            row.target = Some(Measure { mean: f64::NAN, ..Measure::default() });
        }
        repair.subtypes.insert(0, text(3));
        repair.tradeoffs.push(Tradeoff {
            method: text(0),
            setting: text(1),
            target: f64::NAN,
            ..Tradeoff::default()
        });
        repair.tradeoffs.push(Tradeoff {
            method: text(1),
            target: 1e300,
            all: -1e300,
            ..Tradeoff::default()
        });
        for (k, case) in repair.fixed.iter_mut().chain(&mut repair.broken).enumerate() {
            (case.id, case.subtype) = (text(k), Some(text(k + 1)));
            (case.truth, case.before) = (Some(usize::MAX), Some(usize::MAX));
            if k == 1 {
                case.picture = Some(Thumbnail { width: usize::MAX, height: 2, rgb: vec![0; 12] });
            }
        }
        if let Some(causes) = &mut repair.causes {
            causes.summary = text(1);
            for (k, case) in causes.cases.iter_mut().enumerate() {
                (case.id, case.label, case.score) = (text(k), Some(usize::MAX), f64::NAN);
            }
        }
        for line in &mut repair.audit {
            (line.what, line.detail) = (text(1), text(3));
        }
        repair.hashes.push((text(0), text(1)));
        repair.protocol.data = text(3);
        repair.protocol.criteria_fixed = text(2);
        repair.protocol.residual_risks = TEXTS.map(str::to_owned).to_vec();
    }
}
