//! Joins the results of several runs: each number becomes `{"mean", "std", "values"}`.

use serde_json::{Map, Value, json};

use super::Results;

/// The document of `results.json` for the results of one study's runs, in the order of their seeds.
///
/// One run stays as it is. Of several, every number becomes its mean, population standard deviation and the value of
/// every run; lists are joined position by position, matrices by the names of their rows and columns. What a run does
/// not have (a fourth subtype where others found four) is `null` among its values and does not count. Texts that
/// differ become a list, one per run; notes, explanations, refusals and the settings of a method are kept run by run.
///
/// # Errors
/// If the results cannot be written as JSON.
pub fn over_runs(runs: &[Results]) -> Result<Value, serde_json::Error> {
    let mut documents = runs.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
    if let [single] = documents.as_mut_slice() {
        return Ok(single.take());
    }
    align_matrices(&mut documents);
    let mut joined = join(&documents.iter().map(Some).collect::<Vec<_>>());
    if let (Value::Object(joined), Some(Value::Object(first))) = (&mut joined, documents.first()) {
        // These name the study and are no results.
        for key in ["schema", "seed"] {
            joined.insert(key.to_owned(), first.get(key).cloned().unwrap_or_default());
        }
        joined.insert("runs".to_owned(), json!(runs.len()));
    }
    Ok(joined)
}

/// Joins what stands at one place of every run's document; `None` where a run has nothing there.
fn join(values: &[Option<&Value>]) -> Value {
    let present: Vec<&Value> = values.iter().flatten().copied().filter(|value| !value.is_null()).collect();
    match present.as_slice() {
        [] => Value::Null,
        all if all.iter().all(|value| value.is_number()) => number(values, all),
        all if all.iter().all(|value| value.is_object()) => object(values),
        all if all.iter().all(|value| value.is_array()) => array(values),
        [first, rest @ ..] if rest.iter().all(|value| value == first) => (*first).clone(),
        _ => per_run(values),
    }
}

fn number(values: &[Option<&Value>], present: &[&Value]) -> Value {
    let numbers: Vec<f64> = present.iter().filter_map(|value| value.as_f64()).collect();
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    json!({"mean": mean, "std": variance.sqrt(), "values": per_run(values)})
}

fn per_run(values: &[Option<&Value>]) -> Value {
    values.iter().map(|value| value.cloned().unwrap_or_default()).collect()
}

fn object(values: &[Option<&Value>]) -> Value {
    let mut joined = Map::new();
    for key in values.iter().flatten().filter_map(|value| value.as_object()).flat_map(Map::keys) {
        if !joined.contains_key(key) {
            let inner: Vec<_> = values.iter().map(|value| value.and_then(|value| value.get(key))).collect();
            let run_by_run = matches!(key.as_str(), "notes" | "explanations" | "settings" | "refusals");
            joined.insert(key.clone(), if run_by_run { per_run(&inner) } else { join(&inner) });
        }
    }
    Value::Object(joined)
}

fn array(values: &[Option<&Value>]) -> Value {
    let length =
        values.iter().flatten().filter_map(|value| value.as_array()).map(Vec::len).max().unwrap_or(0);
    (0..length)
        .map(|i| join(&values.iter().map(|value| value.and_then(|value| value.get(i))).collect::<Vec<_>>()))
        .collect()
}

/// Gives the matrices of one subtyping the same rows and columns in every run, `null` where a run has none.
fn align_matrices(documents: &mut [Value]) {
    let names: Vec<String> =
        documents.iter().filter_map(|d| d["subtypings"].as_object()).flat_map(Map::keys).cloned().collect();
    for name in names {
        let mut matrices: Vec<&mut Value> = documents
            .iter_mut()
            .filter_map(|d| d.get_mut("subtypings")?.get_mut(&name)?.get_mut("matrix"))
            .filter(|matrix| matrix.is_object())
            .collect();
        let rows = all_labels(&matrices, "rows");
        let columns = all_labels(&matrices, "columns");
        for matrix in &mut matrices {
            align(matrix, &rows, &columns);
        }
    }
}

/// Subtypes in the order of their numbers, then the other labels in the order of their first appearance.
fn all_labels(matrices: &[&mut Value], axis: &str) -> Vec<Value> {
    let mut labels: Vec<Value> = Vec::new();
    for label in matrices.iter().filter_map(|matrix| matrix[axis].as_array()).flatten() {
        if !labels.contains(label) {
            labels.push(label.clone());
        }
    }
    labels.sort_by_key(|label| label.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(u64::MAX));
    labels
}

fn align(matrix: &mut Value, rows: &[Value], columns: &[Value]) {
    let own_rows = positions(&matrix["rows"], rows);
    let own_columns = positions(&matrix["columns"], columns);
    let pick = |list: &Value, places: &[Option<usize>]| -> Value {
        places.iter().map(|place| place.and_then(|i| list.get(i)).cloned().unwrap_or_default()).collect()
    };
    for key in ["test", "train", "test_intervals"] {
        let Some(entries) = matrix.get_mut(key).filter(|entries| entries.is_array()) else { continue };
        let picked = pick(entries, &own_rows);
        let rows = picked.as_array().into_iter().flatten();
        *entries = rows.map(|row| pick(row, &own_columns)).collect();
    }
    matrix["counts"] = pick(&matrix["counts"], &own_columns);
    matrix["rows"] = rows.into();
    matrix["columns"] = columns.into();
}

fn positions(own: &Value, labels: &[Value]) -> Vec<Option<usize>> {
    labels.iter().map(|label| own.as_array()?.iter().position(|other| other == label)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Matrix, Measure, SubtypingResult};

    fn run(subtypes: usize, accuracy: f64) -> Results {
        let numbers = (1..=subtypes).map(|i| i.to_string());
        let rows: Vec<String> = numbers.clone().chain(["all".into(), "none".into()]).collect();
        let columns: Vec<String> = numbers.chain(["correct".into(), "all".into()]).collect();
        // An entry tells its row and column by its value.
        let code = |label: &str| f64::from(label.as_bytes()[0]) / 100.0;
        let test =
            rows.iter().map(|r| columns.iter().map(|c| Some(code(r) * 10.0 + code(c))).collect()).collect();
        let matrix = Matrix {
            counts: (0..columns.len() as u64).collect(),
            rows,
            columns,
            test,
            train: vec![],
            test_intervals: None,
        };
        let learnability =
            Measure { mean: accuracy, std: 0.0, per_subtype: vec![Some(accuracy); subtypes], interval: None };
        let mut results = Results::new("s", 42);
        results.cases.accuracy = Some(accuracy);
        results.notes = vec![format!("{subtypes} subtypes")];
        let subtyping = SubtypingResult {
            learnability: Some(learnability),
            matrix: Some(matrix),
            sizes: vec![7; subtypes],
            ..Default::default()
        };
        results.subtypings.insert("gradients".to_owned(), subtyping);
        results
    }

    #[test]
    fn one_run_stays_as_it_is() {
        let document = over_runs(&[run(3, 0.5)]).unwrap();
        assert_eq!(serde_json::from_value::<Results>(document).unwrap(), run(3, 0.5));
    }

    #[test]
    fn numbers_become_mean_std_and_values() {
        let document = over_runs(&[run(2, 0.5), run(2, 1.0)]).unwrap();
        assert_eq!(document["cases"]["accuracy"], json!({"mean": 0.75, "std": 0.25, "values": [0.5, 1.0]}));
        assert_eq!(document["subtypings"]["gradients"]["sizes"][1]["values"], json!([7, 7]));
        assert_eq!(
            (&document["seed"], &document["schema"], &document["runs"]),
            (&json!(42), &json!(1), &json!(2))
        );
        assert_eq!(document["study"], "s");
        assert_eq!(document["notes"], json!([["2 subtypes"], ["2 subtypes"]]));
    }

    #[test]
    fn methods_are_joined_by_name_and_their_settings_kept_run_by_run() {
        use crate::record::{MethodResult, RepairResult, SettingResult, ShareResult, SharesResult};
        let repaired = |setting: &str, right: u64, accepted: bool| {
            let all = ShareResult { right, of: 4, share: Some(right as f64 / 4.0) };
            let test = SharesResult { all, ..SharesResult::default() };
            let setting =
                SettingResult { setting: setting.to_owned(), test: test.clone(), ..Default::default() };
            let method = MethodResult { delivered: true, test, settings: vec![setting] };
            let mut results = run(2, 0.5);
            let repair = RepairResult {
                accepted,
                refusals: if accepted { vec![] } else { vec!["all: no.".to_owned()] },
                methods: [("auto".to_owned(), method)].into(),
                ..RepairResult::default()
            };
            results.repairs.insert("repair-auto".to_owned(), repair);
            results
        };
        let document = over_runs(&[repaired("slow", 1, true), repaired("fast", 3, false)]).unwrap();
        let repair = &document["repairs"]["repair-auto"];
        assert_eq!(repair["methods"]["auto"]["test"]["all"]["share"]["mean"], 0.5);
        assert_eq!(repair["methods"]["auto"]["settings"][1][0]["setting"], "fast");
        assert_eq!(repair["methods"]["auto"]["settings"][0][0]["test"]["all"]["right"], 1);
        assert_eq!(repair["accepted"], json!([true, false]));
        assert_eq!(repair["refusals"], json!([null, ["all: no."]]));
    }

    #[test]
    fn runs_with_different_numbers_of_subtypes_meet_by_name() {
        let document = over_runs(&[run(2, 0.5), run(3, 1.0)]).unwrap();
        let gradients = &document["subtypings"]["gradients"];
        assert_eq!(gradients["learnability"]["per_subtype"][2]["values"], json!([null, 1.0]));
        assert_eq!(gradients["learnability"]["per_subtype"][2]["mean"], 1.0);
        let matrix = &gradients["matrix"];
        assert_eq!(matrix["rows"], json!(["1", "2", "3", "all", "none"]));
        assert_eq!(matrix["columns"], json!(["1", "2", "3", "correct", "all"]));
        for (r, row) in matrix["rows"].as_array().unwrap().iter().enumerate() {
            for (c, column) in matrix["columns"].as_array().unwrap().iter().enumerate() {
                let entry = &matrix["test"][r][c];
                let code = |label: &Value| f64::from(label.as_str().unwrap().as_bytes()[0]) / 100.0;
                let expected = json!(code(row) * 10.0 + code(column));
                let first = if *row == "3" || *column == "3" { Value::Null } else { expected.clone() };
                assert_eq!(entry["values"], json!([first, expected]), "{row} {column}");
                assert_eq!(entry["std"], 0.0);
            }
        }
        assert_eq!(matrix["counts"][3]["values"], json!([2, 3]));
    }
}
