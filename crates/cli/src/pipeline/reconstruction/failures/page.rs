//! The failing regions on the page and in the table of cases.

use std::collections::BTreeMap;

use modelmend_data::split::Part;
use modelmend_data::{Column, Table};
use modelmend_report::input::{self, MetadataColumn, MetadataValues, ReportInput};
use modelmend_study::record::Results;
use ndarray::Array2;

use super::super::super::evidence::Evidence;
use super::super::super::{outputs, report};
use super::Judged;
use super::held::Held;
use super::picture::Look;

/// What is known of each failing region.
pub(super) struct Columns(Vec<MetadataColumn>);

/// The patient, the item, the place in it, and what the region looks like.
pub(super) fn columns(held: &Held, judged: &Judged, looks: &[Look]) -> Columns {
    let regions = || judged.failures.iter().map(|&case| judged.regions.regions()[case]);
    let text = |name: &str, values: Vec<String>| MetadataColumn {
        name: name.to_owned(),
        values: MetadataValues::Text(values.into_iter().map(Some).collect()),
    };
    let numbers = |name: &str, values: Vec<f64>| MetadataColumn {
        name: name.to_owned(),
        values: MetadataValues::Number(values.into_iter().map(Some).collect()),
    };
    let of_look = |pick: fn(&Look) -> f64| looks.iter().map(pick).collect();
    let mut columns = vec![text("item", regions().map(|r| held.names[r.item].clone()).collect())];
    if regions().any(|r| r.whole[1] > 1) {
        columns.push(text("row of regions", regions().map(|r| (r.at[0] + 1).to_string()).collect()));
    }
    columns.extend([
        text("column of regions", regions().map(|r| (r.at[1] + 1).to_string()).collect()),
        numbers("mean of the target", of_look(|look| look.mean)),
        numbers("deviation within the target", of_look(|look| look.spread)),
        numbers("mean of output minus target", of_look(|look| look.bias)),
        numbers("error", judged.failures.iter().map(|&case| judged.errors[case]).collect()),
    ]);
    if held.has_patients() {
        columns.push(text("patient", regions().map(|r| held.groups[r.item].clone()).collect()));
    }
    Columns(columns)
}

impl Columns {
    /// All columns as words, numbers by the quarter of the failures that they are in.
    pub(super) fn words(&self) -> BTreeMap<String, Vec<Option<String>>> {
        let words = |column: &MetadataColumn| match &column.values {
            MetadataValues::Text(words) => words.clone(),
            MetadataValues::Number(numbers) => quarters(numbers),
        };
        self.0.iter().map(|column| (column.name.clone(), words(column))).collect()
    }
}

/// Numbers by their quarter.
fn quarters(numbers: &[Option<f64>]) -> Vec<Option<String>> {
    const NAMES: [&str; 4] =
        ["in the lowest quarter", "in the second quarter", "in the third quarter", "in the highest quarter"];
    let mut sorted: Vec<f64> = numbers.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let place = |number: f64| 4 * sorted.partition_point(|&other| other < number) / sorted.len().max(1);
    let name = |number: &Option<f64>| number.and_then(|n| NAMES.get(place(n))).map(|name| (*name).to_owned());
    numbers.iter().map(name).collect()
}

/// What the page shows of the failures.
pub(super) struct Page {
    cases: Vec<input::Case>,
    metadata: Vec<MetadataColumn>,
    facts: input::RegionFacts,
    constraint: Option<f64>,
}

impl Page {
    pub(super) fn new(
        (held, judged, parts): (&Held, &Judged, &[Part]),
        (looks, columns): (Vec<Look>, Columns),
        picture: &Array2<f32>,
        (edge, constraint): (u32, Option<f64>),
    ) -> Self {
        let one = |(position, (&case, look)): (usize, (&usize, Look))| input::Case {
            id: held.name(&judged.regions, case),
            x: Some(f64::from(picture[[position, 0]])),
            y: Some(f64::from(picture[[position, 1]])),
            group: held.has_patients().then(|| held.groups[judged.regions.regions()[case].item].clone()),
            part: report::part(parts[case]),
            loss: Some(judged.errors[case].powi(2)),
            thumbnail: Some(look.picture),
            ..input::Case::default()
        };
        let cases = judged.failures.iter().zip(looks).enumerate().map(one).collect();
        let facts = input::RegionFacts {
            items: held.items.len() as u64,
            regions: judged.failure.len() as u64,
            edge: u64::from(edge),
            signals: judged.regions.regions().iter().all(|r| r.whole[1] == 1),
            threshold: judged.regions.threshold(),
        };
        let metadata = columns.0.into_iter().filter(|column| column.name != "patient").collect();
        Self { cases, metadata, facts, constraint }
    }

    /// Puts the failures into the input of the page.
    pub(super) fn fill(self, page: &mut ReportInput, (evidence, results): (&Evidence, &Results)) {
        page.facts.failures = self.cases.len() as u64;
        page.regions = Some(self.facts);
        page.cases = self.cases;
        page.metadata = self.metadata;
        page.subtypings = vec![report::subtyping(self.constraint, evidence, results)];
        page.chosen = Some(evidence.name.clone());
    }
}

/// A row for every region.
pub(super) fn table(
    (held, judged, parts): (&Held, &Judged, &[Part]),
    evidence: &Evidence,
    picture: &Array2<f32>,
) -> Table {
    let regions = judged.regions.regions();
    let mut position = vec![None; regions.len()];
    judged.failures.iter().enumerate().for_each(|(i, &case)| position[case] = Some(i));
    let label =
        |i: &Option<usize>| i.and_then(|i| evidence.division.subtyping.labels[i]).map(|s| s as i64 + 1);
    let point = |axis: usize| {
        Column::Float(position.iter().map(|i| i.map(|i| f64::from(picture[[i, axis]]))).collect())
    };
    let of_region = |pick: fn(&modelmend_failure::regions::Region) -> usize| {
        Column::integers(regions.iter().map(|region| pick(region) as i64))
    };
    let columns: [(&str, Column); 13] = [
        ("id", Column::text((0..regions.len()).map(|case| held.name(&judged.regions, case)))),
        ("item", Column::text(regions.iter().map(|region| held.names[region.item].clone()))),
        ("group", Column::text(regions.iter().map(|region| held.groups[region.item].clone()))),
        ("row", of_region(|region| region.corner[0])),
        ("column", of_region(|region| region.corner[1])),
        ("height", of_region(|region| region.extent[0])),
        ("width", of_region(|region| region.extent[1])),
        ("error", Column::Float(judged.errors.iter().copied().map(Some).collect())),
        ("correct", Column::Bool(judged.failure.iter().map(|failure| Some(!failure)).collect())),
        ("subtype", Column::Integer(position.iter().map(label).collect())),
        ("part", Column::text(parts.iter().map(|part| part.name()))),
        ("x", point(0)),
        ("y", point(1)),
    ];
    outputs::table(columns.map(|(name, column)| (name.to_owned(), column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_named_by_their_quarter() {
        let named = quarters(&[Some(4.0), Some(1.0), None, Some(2.0), Some(3.0)]);
        let short: Vec<Option<&str>> =
            named.iter().map(|n| n.as_deref().and_then(|n| n.split(' ').nth(2))).collect();
        assert_eq!(short, [Some("highest"), Some("lowest"), None, Some("second"), Some("third")]);
        assert_eq!(quarters(&[Some(1.0), Some(1.0)])[1].as_deref(), Some("in the lowest quarter"));
        assert!(quarters(&[]).is_empty());
    }
}
