//! Metadata that explain a subtype: values that it has more of than the failures in all.

use std::collections::BTreeMap;

use modelmend_learn::stats::{enrichment, holm};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// A value of metadata that is more frequent in a subtype than among all failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The subtype, counted from 0.
    pub subtype: usize,
    /// Metadata column.
    pub column: String,
    /// Value in that column.
    pub value: String,
    /// Failures of the subtype with the value.
    pub cases: usize,
    /// Share of the value in the subtype, in `0..=1`.
    pub share: f64,
    /// Share of the value among the other failures.
    pub elsewhere: f64,
    /// Share in the subtype over share among all failures.
    pub lift: f64,
    /// One-sided Fisher test, corrected (Holm) for all values of all subtypes looked at.
    pub p: f64,
}

/// Largest corrected p-value that is reported.
const LEVEL: f64 = 0.05;
/// Values rarer than this among the failures say nothing.
const MIN_CASES: usize = 5;
/// A column with more different values than this share of the failures is a name, not a kind.
const MAX_VALUES: f64 = 0.5;

/// The findings with a corrected p-value of at most 0.05, strongest first within each subtype. `labels` and every column
/// have an entry per failure; cases without a label or a value do not count.
///
/// # Errors
/// Columns of other lengths.
pub fn explain(
    labels: &[Option<usize>],
    subtypes: usize,
    columns: &BTreeMap<String, Vec<Option<String>>>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (column, values) in columns {
        findings.extend(column_findings(labels, subtypes, column, values)?);
    }
    let corrected = holm(&findings.iter().map(|f: &Finding| f.p).collect::<Vec<_>>());
    findings.iter_mut().zip(corrected).for_each(|(f, p)| f.p = p);
    findings.retain(|f| f.p <= LEVEL && f.lift > 1.0);
    findings
        .sort_by(|a, b| (a.subtype, a.p).partial_cmp(&(b.subtype, b.p)).unwrap_or(std::cmp::Ordering::Equal));
    Ok(findings)
}

fn column_findings(
    labels: &[Option<usize>],
    subtypes: usize,
    column: &str,
    values: &[Option<String>],
) -> Result<Vec<Finding>> {
    let cases: Vec<(usize, &str)> =
        labels.iter().zip(values).filter_map(|(l, v)| Some(((*l)?, v.as_deref()?))).collect();
    let mut counts = BTreeMap::<&str, Vec<usize>>::new();
    let mut sizes = vec![0; subtypes];
    for &(subtype, value) in &cases {
        counts.entry(value).or_insert_with(|| vec![0; subtypes])[subtype] += 1;
        sizes[subtype] += 1;
    }
    if counts.len() as f64 > MAX_VALUES * cases.len() as f64 {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    for (value, hits) in counts {
        let with_value: usize = hits.iter().sum();
        for subtype in (0..subtypes).filter(|&s| hits[s] > 0 && with_value >= MIN_CASES) {
            let result = enrichment(hits[subtype], sizes[subtype], with_value, cases.len())?;
            let others = cases.len() - sizes[subtype];
            findings.push(Finding {
                subtype,
                column: column.to_owned(),
                value: value.to_owned(),
                cases: hits[subtype],
                share: hits[subtype] as f64 / sizes[subtype] as f64,
                elsewhere: (with_value - hits[subtype]) as f64 / others.max(1) as f64,
                lift: result.lift,
                p: result.p,
            });
        }
    }
    Ok(findings)
}
