//! What is known about each case, as fields of one kind: the page colours by them, shows them and counts them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::input::{MetadataValues, Part, ReportInput};

/// Categories that a colour or a table column can show; the rarer ones are joined as "other".
pub(crate) const SHOWN_CATEGORIES: usize = 20;

/// One fact per case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Field {
    /// Name as shown.
    pub name: String,
    /// The facts.
    #[serde(flatten)]
    pub values: FieldValues,
}

/// The facts of a field, one per case.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum FieldValues {
    /// Indices into `names`. With more than [`SHOWN_CATEGORIES`] names the most frequent come first.
    Category { names: Vec<String>, of: Vec<Option<usize>> },
    /// Numbers, all finite.
    Number { of: Vec<Option<f64>> },
}

/// The fields of a report: those that every study has and that are not empty here, then the metadata columns.
pub(crate) fn fields(input: &ReportInput) -> Vec<Field> {
    let cases = &input.cases;
    let parts: Vec<String> = Part::ALL.iter().map(|part| part.name().to_owned()).collect();
    let known = [
        named("prediction", &input.classes, cases.iter().map(|case| case.prediction)),
        named("truth", &input.classes, cases.iter().map(|case| case.truth)),
        named("fine label", &input.fine_labels, cases.iter().map(|case| case.fine_label)),
        named("part", &parts, cases.iter().map(|case| case.part.map(|part| part as usize))),
        words("group", cases.iter().map(|case| case.group.as_deref())),
        numbers("confidence", cases.iter().map(|case| case.confidence)),
        numbers("loss", cases.iter().map(|case| case.loss)),
    ];
    let metadata = input.metadata.iter().map(|column| match &column.values {
        MetadataValues::Text(of) => words(&column.name, per_case(of, cases.len()).map(Option::as_deref)),
        MetadataValues::Number(of) => numbers(&column.name, per_case(of, cases.len()).copied()),
    });
    known.into_iter().chain(metadata).filter(|field| !field.is_empty()).collect()
}

/// Exactly one value per case, whatever the length of the column.
fn per_case<T>(values: &[Option<T>], cases: usize) -> impl Iterator<Item = &Option<T>> {
    values.iter().chain(std::iter::repeat(&None)).take(cases)
}

/// A field of indices into known names; an index without a name is called by its number.
fn named(name: &str, names: &[String], of: impl Iterator<Item = Option<usize>>) -> Field {
    if names.len() > SHOWN_CATEGORIES {
        let texts: Vec<Option<String>> = of.map(|index| index.map(|i| name_of(names, i))).collect();
        return words(name, texts.iter().map(Option::as_deref));
    }
    let known = names.len();
    let mut names = names.to_vec();
    let mut unnamed = BTreeMap::new();
    let mut slot = |i: usize| {
        if i < known {
            return i;
        }
        *unnamed.entry(i).or_insert_with(|| {
            names.push(format!("unnamed {i}"));
            names.len() - 1
        })
    };
    let of = of.map(|index| index.map(&mut slot)).collect();
    Field { name: name.to_owned(), values: FieldValues::Category { names, of } }
}

/// The name with this index, or its number.
pub(crate) fn name_of(names: &[String], index: usize) -> String {
    names.get(index).cloned().unwrap_or_else(|| format!("unnamed {index}"))
}

/// A field of words: in alphabetical order, or the most frequent first where there are many.
fn words<'a>(name: &str, of: impl Iterator<Item = Option<&'a str>>) -> Field {
    let of: Vec<Option<&str>> = of.collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for &word in of.iter().flatten() {
        *counts.entry(word).or_default() += 1;
    }
    let mut names: Vec<(&str, usize)> = counts.into_iter().collect();
    if names.len() > SHOWN_CATEGORIES {
        names.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    }
    let index: BTreeMap<&str, usize> = names.iter().enumerate().map(|(i, &(word, _))| (word, i)).collect();
    let of = of.iter().map(|word| word.and_then(|word| index.get(word).copied())).collect();
    let names = names.into_iter().map(|(word, _)| word.to_owned()).collect();
    Field { name: name.to_owned(), values: FieldValues::Category { names, of } }
}

/// A field of numbers; what is not finite counts as missing.
fn numbers(name: &str, of: impl Iterator<Item = Option<f64>>) -> Field {
    let of = of.map(|value| value.filter(|v| v.is_finite())).collect();
    Field { name: name.to_owned(), values: FieldValues::Number { of } }
}

impl Field {
    fn is_empty(&self) -> bool {
        match &self.values {
            FieldValues::Category { of, .. } => of.iter().all(Option::is_none),
            FieldValues::Number { of } => of.iter().all(Option::is_none),
        }
    }

    /// The field as few categories: rare ones joined as "other", numbers cut at their quartiles.
    pub(crate) fn grouped(&self) -> (Vec<String>, Vec<Option<usize>>) {
        match &self.values {
            FieldValues::Category { names, of } if names.len() <= SHOWN_CATEGORIES => {
                (names.clone(), of.clone())
            }
            FieldValues::Category { names, of } => {
                let kept = SHOWN_CATEGORIES - 1;
                let mut shown: Vec<String> = names.iter().take(kept).cloned().collect();
                shown.push(format!("{} others", names.len() - kept));
                (shown, of.iter().map(|index| index.map(|i| i.min(kept))).collect())
            }
            FieldValues::Number { of } => quartiles(of),
        }
    }
}

/// Numbers as up to four ranges with about as many cases in each.
fn quartiles(of: &[Option<f64>]) -> (Vec<String>, Vec<Option<usize>>) {
    let mut sorted: Vec<f64> = of.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..4).filter_map(|q| sorted.get(sorted.len() * q / 4).copied()).collect();
    edges.dedup();
    edges.retain(|&edge| sorted.first().is_some_and(|&least| edge > least));
    let mut names = Vec::new();
    for i in 0..=edges.len() {
        let lower = i.checked_sub(1).and_then(|j| edges.get(j)).map(|&v| short_number(v));
        let upper = edges.get(i).map(|&v| short_number(v));
        names.push(match (lower, upper) {
            (None, None) => "any".to_owned(),
            (None, Some(upper)) => format!("< {upper}"),
            (Some(lower), None) => format!("≥ {lower}"),
            (Some(lower), Some(upper)) => format!("{lower} to {upper}"),
        });
    }
    (names, of.iter().map(|value| value.map(|v| edges.iter().filter(|&&edge| v >= edge).count())).collect())
}

fn short_number(value: f64) -> String {
    let size = value.abs();
    let decimals = if size >= 100.0 || value.fract() == 0.0 {
        0
    } else if size >= 1.0 {
        1
    } else {
        3
    };
    crate::format::number(value, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_indices_get_a_name_of_their_own() {
        let names = ["a".to_owned(), "b".to_owned()];
        let field = named("truth", &names, [Some(1), Some(9), None, Some(9), Some(2)].into_iter());
        let FieldValues::Category { names, of } = field.values else { panic!("not categories") };
        assert_eq!(of, [Some(1), Some(2), None, Some(2), Some(3)]);
        assert_eq!(names, ["a", "b", "unnamed 9", "unnamed 2"]);
    }

    #[test]
    fn rare_words_are_joined() {
        let words_in: Vec<String> = (0..30).flat_map(|i| vec![format!("w{i:02}"); i + 1]).collect();
        let (names, of) = words("group", words_in.iter().map(|w| Some(w.as_str()))).grouped();
        assert_eq!(names.len(), SHOWN_CATEGORIES);
        assert_eq!(names[0], "w29");
        assert_eq!(names[SHOWN_CATEGORIES - 1], "11 others");
        assert_eq!(of[0], Some(SHOWN_CATEGORIES - 1));
    }

    #[test]
    fn quartiles_hold_about_as_many_cases_each() {
        let values: Vec<Option<f64>> = (0..100).map(|i| Some(f64::from(i))).collect();
        let (names, of) = quartiles(&values);
        assert_eq!(names, ["< 25", "25 to 50", "50 to 75", "≥ 75"]);
        for bin in 0..4 {
            assert_eq!(of.iter().filter(|v| **v == Some(bin)).count(), 25);
        }
        let (names, of) = quartiles(&[Some(1.0), Some(1.0), None]);
        assert_eq!((names.len(), of), (1, vec![Some(0), Some(0), None]));
    }
}
