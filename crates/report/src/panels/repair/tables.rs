//! The tables of a repair: criteria, subgroups, methods, settings, audit, protocol, hashes.

use maud::{Markup, html};

use crate::evidence::words;
use crate::format;
use crate::input::{
    AuditLine, Criterion, Measure, Protocol, Repair, RepairMethodRow, RepairRun, RepairSubgroup, Tradeoff,
};
use crate::panels::kind_title;

/// A table with more rows than this starts folded.
const UNFOLDED: usize = 14;

/// Words, sign and colour of an outcome.
fn mark(passed: bool) -> Markup {
    html! { span class=(if passed { "pass" } else { "fail" }) { (words::outcome(passed)) } }
}

pub(super) fn criteria(criteria: &[Criterion]) -> Markup {
    html! {
        @if !criteria.is_empty() {
            div class="card scroll" {
                table {
                    caption { "Acceptance criteria" }
                    thead { tr {
                        th { "Criterion" } th class="num" { "Measured (interval)" } th class="num" { "Margin" }
                        th class="num" { "p" } th class="num" { "Cases" } th { "Result" }
                    } }
                    tbody { @for criterion in criteria { (criterion_row(criterion)) } }
                }
            }
        }
    }
}

fn criterion_row(criterion: &Criterion) -> Markup {
    let margin = criterion.margin.map_or_else(|| format::MISSING.to_owned(), |m| format::number(m, 3));
    html! {
        tr {
            th scope="row" class="words" { (criterion.name) @if !criterion.question.is_empty() { span class="muted below" { (criterion.question) } } }
            td class="num" { (words::estimate(criterion)) }
            td class="num" { (margin) }
            td class="num" { (format::p_value(criterion.p)) }
            td class="num" { (words::cases(criterion)) }
            td class="words" {
                (mark(criterion.passed))
                @if !criterion.reason.is_empty() { span class="muted below" { (criterion.reason) } }
            }
        }
    }
}

/// What every run came to, where there are several.
pub(super) fn runs(runs: &[RepairRun]) -> Markup {
    html! {
        @if !runs.is_empty() {
            div class="card scroll" {
                table class="runs" {
                    caption { "Every run" }
                    thead { tr {
                        th class="num" { "Seed" } th { "Target" } th { "Decision" } th class="num" { "Target repaired" }
                        th class="num" { "Correct kept" } th class="num" { "All before" } th class="num" { "All after" } th { "Model" }
                    } }
                    tbody { @for run in runs { tr {
                        td class="num" { (run.seed) }
                        td { (words::kinds(&run.target)) }
                        td class="words" {
                            (words::decision(run.accepted))
                            @if !run.reason.is_empty() { span class="muted below" { (run.reason) } }
                        }
                        @for estimate in [run.repaired, run.kept, run.before, run.after] {
                            td class="num" { (format::with_interval(estimate, 3)) }
                        }
                        td { (run.model.as_deref().unwrap_or(format::MISSING)) }
                    } } }
                }
            }
        }
    }
}

pub(super) fn subgroups(subgroups: &[RepairSubgroup]) -> Markup {
    let failed = subgroups.iter().any(|subgroup| !subgroup.passed);
    html! {
        @if !subgroups.is_empty() {
            details class="card scroll" open[failed || subgroups.len() <= UNFOLDED] {
                summary { (words::subgroups(subgroups)) }
                table {
                    thead { tr {
                        th { "Column" } th { "Value" } th class="num" { "Cases" } th class="num" { "Before" } th class="num" { "After" }
                        th class="num" { "Change" } th class="num" { "p" } th { "Result" }
                    } }
                    tbody { @for subgroup in subgroups { tr {
                        td { (subgroup.column) }
                        td { (subgroup.value) }
                        td class="num" { (format::count(subgroup.cases)) }
                        td class="num" { (format::number(subgroup.before, 3)) }
                        td class="num" { (format::number(subgroup.after, 3)) }
                        td class="num" { (format::change(subgroup.change, 3)) }
                        td class="num" { (format::p_value(subgroup.p)) }
                        td { (mark(subgroup.passed)) }
                    } } }
                }
            }
        }
    }
}

pub(super) fn methods(repair: &Repair) -> Markup {
    html! {
        @if !repair.methods.is_empty() {
            div class="card scroll" {
                table class="methods" {
                    caption { "Methods compared: accuracy, mean ± standard deviation over seeds" }
                    thead { tr {
                        th { "Method" }
                        th class="num" { "Target" } th class="num" { "Correct before" } th class="num" { "All" }
                        @for name in &repair.subtypes { th class="num" { (kind_title(&format::shorten(name, 20))) } }
                        th class="num" { "Seconds" }
                    } }
                    tbody { @for row in &repair.methods { (method_row(repair, row)) } }
                }
            }
        }
    }
}

fn method_row(repair: &Repair, row: &RepairMethodRow) -> Markup {
    let columns = row.per_subtype.iter().copied().chain(std::iter::repeat(None)).take(repair.subtypes.len());
    let cell = |value: Option<Measure>| html! { td class="num" { (words::measure(value)) } };
    html! {
        tr class=[row.delivered.then_some("delivered")] {
            th scope="row" class="words" {
                (words::method(&row.method)) @if row.delivered { strong { " – chosen" } }
                @if !row.settings.is_empty() { span class="muted below" { (row.settings) } }
            }
            (cell(row.target)) (cell(row.correct)) (cell(row.all))
            @for value in columns { td class="num" { (format::measure(value)) } }
            td class="num" { (words::seconds(row.seconds)) }
        }
    }
}

/// The numbers of the plot of gain and cost.
pub(super) fn settings(tradeoffs: &[Tradeoff]) -> Markup {
    html! {
        @if !tradeoffs.is_empty() {
            details class="card scroll" {
                summary { "All settings in numbers: changes of accuracy" }
                table {
                    thead { tr {
                        th { "Method" } th { "Setting" } th class="num" { "Target" } th class="num" { "Correct before" } th class="num" { "All cases" }
                        th { "On the front" }
                    } }
                    tbody { @for (tradeoff, front) in tradeoffs.iter().zip(words::front(tradeoffs)) { tr {
                        td { (words::method(&tradeoff.method)) @if tradeoff.chosen { strong { " – chosen" } } }
                        td { (tradeoff.setting) }
                        @for value in [tradeoff.target, tradeoff.correct, tradeoff.all] { td class="num" { (format::change(value, 3)) } }
                        td { @if front { "yes" } }
                    } } }
                }
            }
        }
    }
}

pub(super) fn risks(protocol: &Protocol) -> Markup {
    html! {
        @if !protocol.residual_risks.is_empty() {
            div class="card" {
                h3 { "What this evidence does not exclude" }
                ul class="plain" { @for risk in &protocol.residual_risks { li { (risk) } } }
            }
        }
    }
}

pub(super) fn audit(audit: &[AuditLine]) -> Markup {
    html! {
        @if !audit.is_empty() {
            div class="card scroll" {
                table {
                    caption { "Self-audit: was the repair judged properly?" }
                    thead { tr { th { "Checked" } th { "Result" } th { "Seen" } } }
                    tbody { @for line in audit { tr {
                        th scope="row" class="words" { (line.what) }
                        td { (mark(line.passed)) }
                        td class="words" { (line.detail) }
                    } } }
                }
            }
        }
    }
}

pub(super) fn protocol(protocol: &Protocol) -> Markup {
    let facts =
        [("Data", &protocol.data), ("Split", &protocol.split), ("Criteria fixed", &protocol.criteria_fixed)];
    html! {
        @if facts.iter().any(|(_, text)| !text.is_empty()) {
            div class="card scroll" {
                table class="facts" {
                    caption { "Protocol" }
                    tbody { @for (name, text) in facts { @if !text.is_empty() {
                        tr { th scope="row" { (name) } td class="words" { (text) } }
                    } } }
                }
            }
        }
    }
}

pub(super) fn hashes(hashes: &[(String, String)]) -> Markup {
    html! {
        @if !hashes.is_empty() {
            details class="card scroll" {
                summary { "Hashes (BLAKE3) of what was used and written" }
                table class="facts" {
                    tbody { @for (what, hash) in hashes { tr { th scope="row" { (what) } td class="hash" { (hash) } } } }
                }
            }
        }
    }
}
