//! Input that lies about itself: texts that are markup, indices that point nowhere, tables with holes.

use modelmend_report::input::{MetadataColumn, MetadataValues, ReportInput, StepRecord, Thumbnail};

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
