//! Subtypes that are read off instead of found: the predicted class, a column of metadata.

use std::collections::BTreeMap;

use super::{MIN_FAILURES, Subtyping};

/// Failures by the class that was predicted: false positives and false negatives where there are two classes
/// (FP/FN of Henn et al.).
pub fn by_prediction(predicted: &[usize], class_names: &[String]) -> Subtyping {
    let name = |&class: &usize| class_names.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
    let values: Vec<Option<String>> =
        predicted.iter().map(|c| Some(format!("predicted {}", name(c)))).collect();
    by_value(&values)
}

/// Failures by a value of metadata. Values with fewer than [`MIN_FAILURES`] failures, and failures without a value, are
/// set aside and named.
pub fn by_value(values: &[Option<String>]) -> Subtyping {
    let mut counts = BTreeMap::<&str, usize>::new();
    for value in values.iter().flatten() {
        *counts.entry(value).or_default() += 1;
    }
    let kept: Vec<&str> = counts.iter().filter(|(_, n)| **n >= MIN_FAILURES).map(|(v, _)| *v).collect();
    let few = counts.iter().filter(|(_, n)| **n < MIN_FAILURES);
    let mut notes: Vec<String> =
        few.map(|(v, n)| format!("`{v}` has {n} failure(s), fewer than {MIN_FAILURES}: set aside")).collect();
    let missing = values.iter().filter(|v| v.is_none()).count();
    if missing > 0 {
        notes.push(format!("{missing} failure(s) without a value: set aside"));
    }
    let label = |v: &Option<String>| kept.iter().position(|k| Some(*k) == v.as_deref());
    Subtyping {
        labels: values.iter().map(label).collect(),
        names: kept.into_iter().map(str::to_owned).collect(),
        silhouette: None,
        notes,
    }
}
