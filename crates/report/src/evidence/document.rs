//! `repair.md`: the evidence for a repair in the shape of a modification protocol.

use super::markdown::{list, table, text};
use super::words;
use crate::format;
use crate::input::{Criterion, Estimate, Repair, RepairAccuracy, ReportInput};
use crate::panels::kind_title;

/// What a section says that has nothing to say.
const NOTHING: &str = "Not recorded.\n";

/// The evidence document of a repair as Markdown (tables as in GitHub's dialect).
///
/// The decision comes first; then what changed, on which data, the criteria that were fixed beforehand, results, subgroups, methods, residual
/// risks, the self-audit and the hashes. Every text of the input is escaped; what was not computed is a dash.
#[must_use]
pub fn repair_markdown(input: &ReportInput, repair: &Repair) -> String {
    let sections = [
        ("What changed", what_changed(repair)),
        ("On which data", data(repair)),
        ("Acceptance criteria fixed beforehand", criteria(repair)),
        ("Results", results(repair)),
        ("Subgroups", subgroups(repair)),
        ("Methods compared", methods(repair)),
        ("Residual risks", risks(repair)),
        ("Self-audit", audit(repair)),
        ("Hashes", hashes(repair)),
    ];
    let mut document = head(input, repair);
    for (i, (title, body)) in sections.iter().enumerate() {
        let body = if body.is_empty() { NOTHING } else { body };
        document += &format!("\n## {} {title}\n\n{body}", i + 1);
    }
    document
}

fn head(input: &ReportInput, repair: &Repair) -> String {
    let study = [
        ("Study", input.study.as_str()),
        ("Model", input.facts.model.as_str()),
        ("Program", input.provenance.program_version.as_str()),
    ];
    let facts = study.iter().filter(|(_, value)| !value.is_empty());
    let mut facts: Vec<String> = facts.map(|(name, value)| format!("{name}: {}", text(value))).collect();
    facts.push(format!("Seed: {}", input.facts.seed));
    let decision = paragraph(&[format!("**{}.**", words::verdict(repair)), text(&repair.reason)]);
    format!("# {}\n\n{decision}\n{}{}", text(&words::name(repair)), list(&facts), runs(repair))
}

/// The verdict of every run, where there are several.
fn runs(repair: &Repair) -> String {
    let Some(sentence) = words::runs(repair) else { return String::new() };
    let header = [
        "Run",
        "Seed",
        "Target",
        "Decision",
        "Target repaired",
        "Correct kept",
        "All before",
        "All after",
        "Model",
        "Reason",
    ];
    let rows: Vec<Vec<String>> = repair
        .runs
        .iter()
        .enumerate()
        .map(|(index, run)| {
            let mut cells = vec![
                (index + 1).to_string(),
                run.seed.to_string(),
                text(&words::kinds(&run.target)),
                words::decision(run.accepted).to_owned(),
            ];
            let estimates = [run.repaired, run.kept, run.before, run.after];
            cells.extend(estimates.map(|estimate| format::with_interval(estimate, 3)));
            cells.extend([text(run.model.as_deref().unwrap_or(format::MISSING)), text(&run.reason)]);
            cells
        })
        .collect();
    format!("\n{}\n{}", paragraph(&[sentence]), filled(&header, &rows))
}

/// Sentences as one paragraph; nothing where there are none.
fn paragraph(sentences: &[String]) -> String {
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
    if sentences.is_empty() { String::new() } else { format!("{}\n", sentences.join(" ")) }
}

fn what_changed(repair: &Repair) -> String {
    let targets = words::targets(repair);
    let lines = [
        (!targets.is_empty()).then(|| format!("Target: {}.", text(&targets))),
        words::how(repair).map(|how| text(&how)),
        Some(match &repair.model {
            Some(path) => format!("Repaired network: {}", text(path)),
            None => "No repaired network was written.".to_owned(),
        }),
    ];
    let changed = words::changed(repair).into_iter().chain(words::flips(repair));
    let lines: Vec<String> =
        lines.into_iter().flatten().chain(changed.map(|sentence| text(&sentence))).collect();
    list(&lines)
}

fn data(repair: &Repair) -> String {
    let protocol = &repair.protocol;
    let causes = repair.causes.as_ref().map(|causes| causes.summary.as_str()).unwrap_or_default();
    let parts = [
        ("Data", protocol.data.as_str()),
        ("Split", protocol.split.as_str()),
        ("Training cases behind the failures", causes),
    ];
    let parts = parts.iter().filter(|(_, value)| !value.is_empty());
    let parts = parts.map(|(name, value)| format!("{name}: {}", text(value)));
    list(&parts.chain(words::measured(repair).map(|sentence| text(&sentence))).collect::<Vec<_>>())
}

fn criteria(repair: &Repair) -> String {
    let rows: Vec<Vec<String>> =
        repair.criteria.iter().map(|c| vec![text(&c.name), text(&c.question), optional(c.margin)]).collect();
    let fixed = paragraph(&[text(&repair.protocol.criteria_fixed)]);
    join(&[fixed, filled(&["Criterion", "Question", "Margin"], &rows)])
}

fn results(repair: &Repair) -> String {
    let header = ["Criterion", "Measured (interval)", "Margin", "p", "Cases", "Result", "Reason"];
    let criteria: Vec<Vec<String>> = repair.criteria.iter().map(criterion).collect();
    let interval =
        repair.confidence.map_or_else(String::new, |level| format!(" ({} interval)", words::coverage(level)));
    let [before, after] = ["Before", "After"].map(|side| format!("{side}{interval}"));
    join(&[filled(&header, &criteria), filled(&["Accuracy on", &before, &after], &accuracies(repair))])
}

fn criterion(criterion: &Criterion) -> Vec<String> {
    vec![
        text(&criterion.name),
        words::estimate(criterion),
        optional(criterion.margin),
        format::p_value(criterion.p),
        words::cases(criterion),
        words::outcome(criterion.passed).to_owned(),
        text(&criterion.reason),
    ]
}

fn accuracies(repair: &Repair) -> Vec<Vec<String>> {
    let row = |name: &str, before: Option<Estimate>, after: Option<Estimate>| {
        vec![text(name), format::with_interval(before, 3), format::with_interval(after, 3)]
    };
    let (before, after) = (&repair.before, &repair.after);
    let sets: [(&str, fn(&RepairAccuracy) -> Option<Estimate>); 3] =
        [("target", |a| a.target), ("correct before", |a| a.correct), ("all cases", |a| a.all)];
    let sets = sets.iter().map(|(name, pick)| row(name, pick(before), pick(after)));
    let subtypes = words::subtype_accuracies(repair);
    sets.chain(subtypes.iter().map(|(name, b, a)| row(&kind_title(name), *b, *a))).collect()
}

fn subgroups(repair: &Repair) -> String {
    if repair.subgroups.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = repair
        .subgroups
        .iter()
        .map(|s| {
            let numbers = [s.before, s.after].map(|value| format::number(value, 3));
            let [before, after] = numbers;
            let change = format::change(s.change, 3);
            let cases = format::count(s.cases);
            let outcome = words::outcome(s.passed).to_owned();
            vec![text(&s.column), text(&s.value), cases, before, after, change, format::p_value(s.p), outcome]
        })
        .collect();
    let header = ["Column", "Value", "Cases", "Before", "After", "Change", "p", "Result"];
    join(&[paragraph(&[words::subgroups(&repair.subgroups)]), filled(&header, &rows)])
}

fn methods(repair: &Repair) -> String {
    if repair.methods.is_empty() {
        return settings(repair);
    }
    let fixed = ["Method", "Settings", "Target", "Correct before", "All"].map(str::to_owned);
    let kinds = repair.subtypes.iter().map(|name| text(&kind_title(name)));
    let header: Vec<String> = fixed.into_iter().chain(kinds).chain(["Seconds".to_owned()]).collect();
    let rows: Vec<Vec<String>> = repair
        .methods
        .iter()
        .map(|row| {
            let chosen = if row.delivered { " **(chosen)**" } else { "" };
            let mut cells =
                vec![format!("{}{chosen}", text(&words::method(&row.method))), text(&row.settings)];
            cells.extend([row.target, row.correct, row.all].map(words::measure));
            let subtypes = row.per_subtype.iter().copied().chain(std::iter::repeat(None));
            cells.extend(subtypes.take(repair.subtypes.len()).map(words::measure));
            cells.push(words::seconds(row.seconds));
            cells
        })
        .collect();
    join(&[
        "Accuracy, mean ± standard deviation over seeds.\n".to_owned(),
        table(&header, &rows),
        settings(repair),
    ])
}

/// Every setting of every method: what was to be had for what.
fn settings(repair: &Repair) -> String {
    let front = words::front(&repair.tradeoffs);
    let rows: Vec<Vec<String>> = repair
        .tradeoffs
        .iter()
        .zip(front)
        .map(|(t, front)| {
            let mut cells = vec![text(&words::method(&t.method)), text(&t.setting)];
            cells.extend([t.target, t.correct, t.all].map(|value| format::change(value, 3)));
            let marks = [(front, "front"), (t.chosen, "**chosen**")];
            cells.push(
                marks.iter().filter(|(on, _)| *on).map(|(_, mark)| *mark).collect::<Vec<_>>().join(", "),
            );
            cells
        })
        .collect();
    let table = filled(&["Method", "Setting", "Target", "Correct before", "All cases", ""], &rows);
    if table.is_empty() {
        return table;
    }
    format!(
        "All settings, changes of accuracy on the test side; “front” marks those that no other beats in both target and all cases.\n\n{table}"
    )
}

fn risks(repair: &Repair) -> String {
    list(&repair.protocol.residual_risks.iter().map(|risk| text(risk)).collect::<Vec<_>>())
}

fn audit(repair: &Repair) -> String {
    let row = |line: &crate::input::AuditLine| {
        vec![text(&line.what), words::outcome(line.passed).to_owned(), text(&line.detail)]
    };
    filled(&["Checked", "Result", "Seen"], &repair.audit.iter().map(row).collect::<Vec<_>>())
}

fn hashes(repair: &Repair) -> String {
    let rows: Vec<Vec<String>> =
        repair.hashes.iter().map(|(what, hash)| vec![text(what), text(hash)]).collect();
    filled(&["What", "BLAKE3"], &rows)
}

/// A table, or nothing where it has no rows.
fn filled(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    if rows.is_empty() { String::new() } else { table(&header, rows) }
}

/// Blocks with an empty line between them, without those that are empty.
fn join(blocks: &[String]) -> String {
    let blocks: Vec<&str> = blocks.iter().map(String::as_str).filter(|block| !block.is_empty()).collect();
    blocks.join("\n")
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| format::MISSING.to_owned(), |value| format::number(value, 3))
}
